import io
import struct
from typing import Any

import pytest
from PIL import Image

from tests.web import FRAMES, JPEG, PICTURES, PNG, PROGRESSIVE, WEBP, chunk, encoded, picture
from wit_pipeline.pictures import jpeg
from wit_pipeline.pictures.structure import (
    MAX_ASIDE,
    MAX_CHUNKS,
    MAX_SCANS,
    extension,
    flood,
    is_whole,
    webp_size,
)

KINDS = {
    "jpeg": "jpg",
    "progressive": "jpg",
    "mpo": "jpg",
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "avif": "avif",
}


def with_chunks(name: bytes, count: int, data: bytes = b"") -> bytes:
    """A PNG with so many chunks more before its pixels."""
    return PNG[:33] + chunk(name, data) * count + PNG[33:]


def webp_with_chunks(count: int) -> bytes:
    extra = (b"JUNK" + struct.pack("<I", 2) + b"xx") * count
    return b"RIFF" + struct.pack("<I", len(WEBP) - 8 + len(extra)) + WEBP[8:] + extra


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_whole_and_no_flood(name: str) -> None:
    assert is_whole(PICTURES[name])
    assert flood(PICTURES[name]) == ""


@pytest.mark.parametrize(
    "name", ["jpeg", "progressive", "png", "gif", "webp", "avif", "webp_moving", "gif_moving", "avif_moving"]
)
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_what_is_cut_is_not_whole(name: str, part: float) -> None:
    body = PICTURES[name]
    assert not is_whole(body[: min(int(len(body) * part), len(body) - 1)])


def test_a_thumbnails_end_is_not_the_pictures() -> None:
    body = encoded(picture(), "JPEG", exif=b"Exif\0\0" + encoded(picture(32, 24), "JPEG"))
    assert is_whole(body)
    assert not is_whole(body[: len(body) // 2])


@pytest.mark.parametrize("name", KINDS)
def test_the_extension_is_the_bytes_own(name: str) -> None:
    assert extension(PICTURES[name]) == KINDS[name]


@pytest.mark.parametrize("content", [b"", b"\xff", b"BM", b"<svg>"])
def test_other_bytes_have_no_extension(content: bytes) -> None:
    assert extension(content) == ""
    assert not is_whole(content)
    assert flood(content) == ""


@pytest.mark.parametrize(
    ("count", "fine"), [(MAX_ASIDE - 2, True), (MAX_ASIDE - 1, False)]
)  # IHDR and IEND are the other two
def test_chunks_beside_those_of_pixels(count: int, fine: bool) -> None:
    assert (flood(with_chunks(b"tEXt", count, b"k\0v")) == "") == fine


@pytest.mark.parametrize(("count", "fine"), [(MAX_CHUNKS - 3, True), (MAX_CHUNKS - 2, False)])
def test_chunks_of_pixels(count: int, fine: bool) -> None:
    assert PNG.count(b"IDAT") == 1
    assert (flood(with_chunks(b"IDAT", count)) == "") == fine


@pytest.mark.parametrize(("count", "fine"), [(MAX_ASIDE, True), (MAX_ASIDE + 1, False)])
def test_chunks_of_a_webp(count: int, fine: bool) -> None:
    assert (flood(webp_with_chunks(count)) == "") == fine


def scanned(count: int) -> bytes:
    start = PROGRESSIVE.rindex(b"\xff\xda")
    return PROGRESSIVE[:start] + PROGRESSIVE[start:-2] * count + PROGRESSIVE[-2:]


@pytest.mark.parametrize(("count", "fine"), [(MAX_SCANS - 9, True), (MAX_SCANS - 8, False)])
def test_scans(count: int, fine: bool) -> None:
    assert jpeg.scans(PROGRESSIVE) == 10
    assert (flood(scanned(count)) == "") == fine


def test_a_scan_of_one_component_may_be_followed_by_many() -> None:
    """Sequential, but not all components at once: a decoder goes on to the end."""
    start = JPEG.index(b"\xff\xda")
    alone = JPEG[: start + 4] + b"\x01" + JPEG[start + 5 :]
    assert flood(alone[:-2] + JPEG[start:-2] * MAX_SCANS + JPEG[-2:])
    assert not flood(JPEG[:-2] + JPEG[start:-2] * MAX_SCANS + JPEG[-2:])  # refused at the second scan


@pytest.mark.parametrize(("name", "frame"), [("jpeg", 0xC0), ("grey", 0xC0), ("progressive", 0xC2)])
def test_frames(name: str, frame: int) -> None:
    assert jpeg.frame(PICTURES[name]) == frame


def test_a_moving_picture_is_no_flood_however_long() -> None:
    frames = [FRAMES[i % 3].resize((8, 8)) for i in range(400)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(buffer.getvalue())) as image:
        assert image.format == "WEBP"
    assert flood(buffer.getvalue()) == ""


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (16_383, 1)])
@pytest.mark.parametrize("how", [{"lossless": True}, {"quality": 80}, {"exif": b"Exif\0\0II*\0"}])
def test_the_size_of_a_webp_is_known_before_it_is_opened(size: tuple[int, int], how: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "WEBP", **how)
    assert webp_size(buffer.getvalue()) == size
    assert webp_size(buffer.getvalue()[:29]) == (0, 0)
