import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.web import encoded, picture
from wit_pipeline.pictures.colour import MAX_PROFILE, plain, srgb_transform, to_srgb
from wit_pipeline.pictures.image import decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
UNNAMED = SRGB.replace("sRGB".encode("utf-16-be"), "some".encode("utf-16-be"))
SWAPPED = UNNAMED.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
RED = Image.new("RGB", (300, 300), (255, 0, 0))


def colour(body: bytes) -> tuple[int, ...]:
    with Image.open(io.BytesIO(decode(body, CrawlConfig()).stored)) as image:
        return tuple(int(level) for level in np.asarray(image)[9, 9])


def near(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return max(abs(one - other) for one, other in zip(found, wanted, strict=True)) < 6


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_colours_of_another_space_are_made_srgb(format: str) -> None:
    """In this one red and green have changed places."""
    assert SWAPPED != UNNAMED != SRGB
    options = {"lossless": True} if format == "WEBP" else {"quality": 95}
    assert near(colour(encoded(RED, format, icc_profile=SWAPPED, **options)), (0, 255, 0))


@pytest.mark.parametrize("size", [(300, 300), (100, 100)])
def test_a_small_original_in_another_space_is_not_kept(size: tuple[int, int]) -> None:
    body = encoded(RED.resize(size), "JPEG", icc_profile=SWAPPED)
    assert near(colour(body), (0, 255, 0))


def test_what_is_clear_is_white_in_any_space() -> None:
    clear = Image.new("RGBA", (300, 300), (255, 0, 0, 0))
    assert near(colour(encoded(clear, "PNG", icc_profile=SWAPPED)), (255, 255, 255))


@pytest.mark.parametrize(
    "profile",
    [b"", SRGB, UNNAMED, SWAPPED[:200], SWAPPED[:127], b"x" * 500, LAB, SWAPPED + bytes(MAX_PROFILE)],
    ids=["none", "by_name", "by_effect", "cut", "shorter_than_its_header", "noise", "lab", "too_large"],
)
def test_nothing_to_do(profile: bytes) -> None:
    assert srgb_transform(profile, "RGB") is None


def test_a_profile_of_another_mode_is_ignored() -> None:
    grey = Image.new("L", (300, 300), 99)
    with Image.open(
        io.BytesIO(decode(encoded(grey, "JPEG", icc_profile=SWAPPED), CrawlConfig()).stored)
    ) as image:
        assert image.mode == "L"
        assert image.getpixel((9, 9)) == 99


def ink_profile() -> bytes:
    """Four inks by a table of their corners (ICC.1 lut8Type): no ink is white, the first alone red."""
    white, red, black = bytes((255, 128, 128)), bytes((136, 208, 195)), bytes((0, 128, 128))  # L*a*b*
    corners = white + black * 7 + red + black * 7  # the last ink varies fastest
    straight = bytes(range(256))
    unity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + unity + straight * 4 + corners + straight * 3
    table += bytes(-len(table) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s", 144 + len(table), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp"
    )
    illuminant = struct.pack(">28x3i", 0xF6D6, 0x10000, 0xD32D)
    start = (header + illuminant).ljust(128, b"\0")
    return start + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def test_ink_is_what_its_profile_says() -> None:
    ink = Image.new("CMYK", (300, 300), (255, 0, 0, 0))
    plain_cyan = colour(encoded(ink, "JPEG", quality=95))
    assert near(plain_cyan, (0, 255, 255))
    assert near(colour(encoded(ink, "JPEG", quality=95, icc_profile=ink_profile())), (250, 0, 9))


def test_ink_without_a_profile_is_as_pillow_has_it() -> None:
    ink = picture(64, 48, "CMYK")
    assert (to_srgb(plain(ink), b"") == np.asarray(ink.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_bands_are_the_whole(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(61, 47).convert(mode)
    whole = plain(image)
    monkeypatch.setattr("wit_pipeline.pictures.colour.BAND", 61 * 10 + 3)
    assert (plain(image) == whole).all()
    assert whole.shape == (47, 61, {"1": 1, "L": 1, "CMYK": 4}.get(mode, 3))
