import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from benchmarks.as_browsers import BOUND, apart, seen, stored
from benchmarks.made_pictures import made, power_space, profile
from tests.factories import photograph
from tests.web import CLEAR, JPEG, PICTURES, PNG, chunk, encoded, picture
from tests.web.pictures import png, rows_of, with_chunks
from wit_pipeline.pictures import shown
from wit_pipeline.pictures.image import decode
from wit_pipeline.pictures.shown import BOMBS, DAMAGED, bends, upright
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

LINEAR = profile(power_space(1, 1.0))


@pytest.mark.parametrize(
    "numbers", [range(0, 1000, 23), pytest.param(range(1000), marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_made_pictures_are_what_they_must_show(numbers: range) -> None:
    for number in numbers:
        one = made(number)
        assert apart(seen(one.body), one.seen) < BOUND / 2, one.label
        assert apart(stored(one.body), one.seen) < BOUND, one.label


# --- what is clear is white -----------------------------------------------------------------------


def keyed(kind: int, depth: int) -> tuple[bytes, np.ndarray]:
    """A PNG of 16 × 4 whose upper half has the colour that is clear, and where that is."""
    most = (1 << depth) - 1
    samples = np.tile(np.arange(16) * most // 15, (4, 1))[..., None].repeat(3 if kind == 2 else 1, axis=2)
    samples[:2, :8] = most // 2
    bits = samples.reshape(4, -1, 1) >> np.arange(depth - 1, -1, -1) & 1
    rows = np.packbits(bits.reshape(4, -1).astype(np.uint8), axis=1)
    key = np.full(3 if kind == 2 else 1, most // 2, ">u2").tobytes()
    body = with_chunks(png(16, 4, depth, kind, rows_of(rows)), chunk(b"tRNS", key))
    return body, (samples == most // 2).all(axis=-1)


@pytest.mark.parametrize(("kind", "depth"), [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
def test_a_clear_colour_is_white_and_no_other_is(kind: int, depth: int) -> None:
    body, clear = keyed(kind, depth)
    white = (upright(body, 1) == 255).all(axis=-1)
    opaque_white = np.tile(np.arange(16) == 15, (4, 1)) & ~clear
    if depth == 1:
        opaque_white |= ~clear & (np.tile(np.arange(16) * 1 // 15, (4, 1)) == 1)
    assert (white == clear | opaque_white).all()


def test_of_a_clear_colour_in_16_bits_all_of_them_count() -> None:
    samples = np.full((2, 2, 3), 0x1234, ">u2")
    samples[0, 0, 2] += 1
    body = with_chunks(png(2, 2, 16, 2, rows_of(samples)), chunk(b"tRNS", b"\x12\x34" * 3))
    assert upright(body, 1)[..., 0].tolist() == [[0x12, 255], [255, 255]]


def test_a_clear_colour_of_bits_that_are_not_there() -> None:
    """Of fewer than 16 the lowest count."""
    body = with_chunks(encoded(Image.new("L", (2, 2), 7), "PNG"), chunk(b"tRNS", b"\x01\x07"))
    assert (upright(body, 1) == 255).all()


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0", bytes(7)])
def test_a_clear_colour_of_another_length_is_none(data: bytes) -> None:
    assert (upright(with_chunks(PNG, chunk(b"tRNS", data)), 1) == np.asarray(picture())).all()


def test_what_the_first_frame_leaves_is_white() -> None:
    """Not the first colour of a GIF's palette, and not a WebP's black."""
    red = Image.new("RGB", (8, 6), (200, 0, 0))
    for options in ({}, {"transparency": 5}):
        gif = encoded(red.quantize(8), "GIF", **options)
        wide = gif[:6] + struct.pack("<HH", 20, 10) + gif[10:]
        assert framed(upright(wide, 1), (0, 0, 8, 6))
    frames = [Image.new("RGBA", (20, 10)), Image.new("RGBA", (20, 10), (0, 200, 0, 255))]
    frames[0].paste((200, 0, 0, 255), (4, 2, 12, 8))
    webp = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert framed(upright(webp, 1), (4, 2, 12, 8))


def framed(pixels: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    """Whether it is red there, and white around it."""
    expected = np.full(pixels.shape, 255)
    expected[box[1] : box[3], box[0] : box[2]] = (200, 0, 0)
    return bool((pixels == expected).all())


def test_all_16_bits_are_read_whatever_else_is_damaged() -> None:
    body, clear = keyed(2, 16)
    broken = with_chunks(body, chunk(b"pHYs", b"\0"), chunk(b"tEXt", b"a\0b")[:-1] + b"?")
    assert (upright(broken, 1) == upright(body, 1)).all()
    assert (upright(broken, 1)[clear] == 255).all()


def test_colours_are_made_right_before_they_are_mixed_with_white() -> None:
    half = Image.new("RGBA", (8, 8), (100, 100, 100, 128))
    made_bright = 168  # 100 of linear light
    expected = (made_bright * 128 + 255 * 127) / 255
    for format in ("PNG", "WEBP"):
        body = encoded(half, format, icc_profile=LINEAR, lossless=True)
        assert np.abs(upright(body, 1).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_stays_grey_in_a_space_of_its_own(mode: str) -> None:
    body = encoded(
        picture(mode="L").convert(mode), "PNG", icc_profile=profile(power_space(1, 1.0), grey=True)
    )
    assert apart(seen(body), seen(encoded(picture(mode="L"), "PNG", icc_profile=LINEAR))) < 0.5


def test_bands_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [
        encoded(CLEAR, "PNG", icc_profile=LINEAR),
        keyed(2, 16)[0],
        with_chunks(PNG, chunk(b"gAMA", b"\0\1\x86\xa0")),
    ]
    whole = [upright(body, 1) for body in bodies]
    monkeypatch.setattr(shown, "BAND", 33)
    assert all((upright(body, 1) == pixels).all() for body, pixels in zip(bodies, whole, strict=True))


# --- twins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("size", [(1200, 900), (300, 256)])
def test_a_picture_in_linear_light_has_the_codes_of_its_twin(format: str, size: tuple[int, int]) -> None:
    """Made small after its colours are right: averages of linear light are others.

    The stripes are what tells: in linear light they would be stored some 60 levels too bright.
    """
    photo = np.asarray(photograph(7, size)).copy()
    photo[:, 1 : size[0] // 2 : 2] //= 4 if size[0] > 1000 else 1
    options = {"lossless": True} if format == "WEBP" else {"quality": 98, "subsampling": "4:4:4"}
    linear = Image.fromarray(np.round(255 * light(photo)).astype(np.uint8))
    twin = decode(encoded(linear, format, icc_profile=LINEAR, **options), CrawlConfig())
    plain = decode(encoded(Image.fromarray(photo), format, **options), CrawlConfig())
    assert (int(twin.phash, 16) ^ int(plain.phash, 16)).bit_count() <= 2
    assert apart(greys(twin.stored), greys(plain.stored)) < 3


def test_of_16_bits_a_twin_has_the_very_codes() -> None:
    """The dark of linear light needs them: of 8 bits, the first is 13 levels of a screen."""
    photo = np.asarray(photograph(7, (300, 256)))
    deep = np.round(65_535 * light(photo)).astype(">u2")
    body = with_chunks(png(300, 256, 16, 2, rows_of(deep)), chunk(b"gAMA", struct.pack(">I", 100_000)))
    assert (
        decode(body, CrawlConfig()).stored
        == decode(encoded(Image.fromarray(photo), "PNG"), CrawlConfig()).stored
    )


def light(levels: np.ndarray) -> np.ndarray:
    values = levels / 255
    return np.asarray(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4))


def test_only_curves_that_are_no_screens_bend() -> None:
    answers = {}
    for exponent in (1.0, 1.8, 2.2, 2.4):
        with shown.opened(
            encoded(picture(), "JPEG", icc_profile=profile(power_space(12, exponent)))
        ) as image:
            answers[exponent] = bends(image)
    assert answers == {1.0: True, 1.8: True, 2.2: False, 2.4: False}


# --- no picture lost ------------------------------------------------------------------------------

SHORT = [
    chunk(name, data)
    for name in (b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"tIME", b"bKGD", b"hIST", b"sBIT",
                 b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL", b"sPLT", b"oFFs", b"tRNS")
    for data in (b"", b"\0", b"\xff" * 5)
]  # fmt: skip


@pytest.mark.parametrize("broken", SHORT, ids=repr)
@pytest.mark.parametrize("is_intact", [True, False])
def test_no_chunk_beside_the_pixels_costs_a_picture(broken: bytes, is_intact: bool) -> None:
    one = broken if is_intact else broken[:-1] + bytes([broken[-1] ^ 1])
    for body in (with_chunks(PNG, one), PNG[:-12] + one + PNG[-12:]):
        assert (upright(body, 1) == np.asarray(picture())).all()
        assert decode(body, CrawlConfig()).stored == decode(PNG, CrawlConfig()).stored


def test_a_wrong_checksum_where_pixels_are_at_stake_does() -> None:
    for at in (29, PNG.index(b"IDAT") + 40):
        body = PNG[:at] + bytes([PNG[at] ^ 1]) + PNG[at + 1 :]
        with pytest.raises(DAMAGED):
            upright(body, 1)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damage that it can repair
@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xEE, 0xE0])
@pytest.mark.parametrize(
    "name", [b"Exif\0\0", b"MPF\0", b"ICC_PROFILE\0", b"Photoshop 3.0\x008BIM", b"Adobe"]
)
def test_no_segment_of_metadata_costs_a_picture(marker: int, name: bytes) -> None:
    for tail in (b"", b"\0", b"\xff" * 9, b"II*\0\xff\xff\xff\xff"):
        piece = struct.pack(">BBH", 0xFF, marker, len(name + tail) + 2) + name + tail
        body = JPEG[:20] + piece + JPEG[20:]
        assert apart(seen(body), seen(JPEG)) == 0 or name == b"Adobe"


@pytest.mark.parametrize("sampling", [(4, 1), (1, 4), (1, 2), (2, 2), (4, 2), (1, 1), (2, 1)])
def test_jpegs_of_any_sampling(sampling: tuple[int, int]) -> None:
    """Uniform, so that the same data fit each: of 4:4:1 simplejpeg has no name, and says a `KeyError`."""
    at = PLAIN_JPEG.index(b"\xff\xc0")
    body = PLAIN_JPEG[: at + 11] + bytes([sampling[0] << 4 | sampling[1]]) + PLAIN_JPEG[at + 12 :]
    decoded = decode(body, CrawlConfig())
    assert (decoded.width, decoded.height) == (32, 32)


PLAIN_JPEG = encoded(Image.new("RGB", (32, 32), (90, 130, 60)), "JPEG", subsampling=0)


@pytest.mark.parametrize("name", PICTURES)
def test_the_trainer_sees_what_is_stored(name: str) -> None:
    """In grey: a stored JPEG has colours of half the resolution."""
    whole = decode(PICTURES[name], CrawlConfig(store="original")).stored
    assert apart(greys(whole), greys(PICTURES[name])) < 4


def greys(body: bytes) -> np.ndarray:
    return np.asarray(np.round(seen(body).mean(axis=2)).astype(np.int64))


def test_a_bomb_is_found_out_before_it_is_unpacked() -> None:
    rows = zlib.compress(bytes(1_000_000), 9)
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    with pytest.raises(BOMBS):
        upright(bomb, 1)
