import hashlib
import io
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFile

from tests.web import CLEAR, JPEG, NO_PICTURES, PICTURES, PNG, chunk, encoded, oriented, picture
from wit_pipeline.pictures import jpeg
from wit_pipeline.pictures.codes import codes
from wit_pipeline.pictures.exif import MAX_BLOCK
from wit_pipeline.pictures.image import Decoded, ImageError, _fast, _fraction, decode, seen
from wit_pipeline.pictures.shown import opened
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

CONFIG = CrawlConfig()
LINES = CrawlConfig(max_aspect=100_000.0)  # lines are pictures, too
DATA = Path(__file__).parents[4] / "shared/data"

damaged = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of damage that it can repair


def stored(decoded: Decoded) -> Image.Image:
    image = Image.open(io.BytesIO(decoded.stored))
    image.load()
    return image


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, in grey levels."""
    return float(np.asarray(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_stored_as_a_plain_jpeg_with_the_codes_its_readers_see(name: str) -> None:
    decoded = decode(PICTURES[name], CONFIG)
    image = stored(decoded)
    assert image.format == "JPEG"
    assert image.size == (decoded.width, decoded.height)
    assert decoded.phash == str(imagehash.phash(image, hash_size=8))
    assert decoded.phash16 == str(imagehash.phash(image, hash_size=16))
    assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}  # no metadata
    assert decode(PICTURES[name], CONFIG) == decoded


@pytest.mark.parametrize("name", NO_PICTURES)
def test_no_picture(name: str) -> None:
    body, reason = NO_PICTURES[name]
    with pytest.raises(ImageError) as caught:
        decode(body, CONFIG)
    assert caught.value.reason == reason
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("jpeg", "JPEG"),
        ("mpo", "JPEG"),
        ("png", "PNG"),
        ("gif_moving", "GIF"),
        ("webp_lossless", "WEBP"),
        ("avif", "AVIF"),
    ],
)
def test_format_as_sniffed(name: str, format: str) -> None:
    assert decode(PICTURES[name], CONFIG).format == format


# --- geometry -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 300), (341, 256)),
        ((300, 400), (256, 341)),
        ((257, 257), (256, 256)),
        ((256, 900), (256, 900)),  # nothing to shrink
        ((100, 50), (100, 50)),  # nothing is enlarged
        ((1, 1), (1, 1)),
        ((1, 3000), (1, 3000)),
        ((2048, 2048), (256, 256)),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_shorter_side_is_256_at_most(size: tuple[int, int], expected: tuple[int, int], format: str) -> None:
    decoded = decode(encoded(picture(*size), format), LINES)
    assert (decoded.width, decoded.height) == expected
    assert (decoded.original_width, decoded.original_height) == size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    decoded = decode(oriented(orientation), CONFIG)
    upright = {
        1: [], 2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM], 5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE], 8: [Image.Transpose.ROTATE_90],
    }[orientation]  # fmt: skip
    expected = picture()
    for turn in upright:
        expected = expected.transpose(turn)
    assert (decoded.original_width, decoded.original_height) == expected.size
    assert difference(stored(decoded), expected.resize((decoded.width, decoded.height))) < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    assert decode(oriented(orientation), CONFIG).original_width == 400


def test_a_side_that_jpeg_cannot_hold() -> None:
    with pytest.raises(ImageError) as caught:
        decode(encoded(Image.new("L", (1, 65_501)), "PNG"), LINES)
    assert (caught.value.reason, caught.value.detail) == (Reason.IMAGE_TOO_LONG, "1 × 65501 pixels to store")


def test_pixels_are_counted_before_they_are_unpacked() -> None:
    at_limit = CrawlConfig(max_pixels=400 * 300)
    assert decode(PNG, at_limit).original_width == 400
    with pytest.raises(ImageError) as caught:
        decode(encoded(picture(401, 300), "PNG"), at_limit)
    assert caught.value.reason == Reason.TOO_MANY_PIXELS


# --- colour ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["grey", "cmyk", "png", "png_16_bit", "png_palette", "gif", "webp", "progressive", "mpo", "gif_moving"],
)
def test_colours_survive(name: str) -> None:
    expected = picture(mode="L") if name in ("grey", "png_16_bit") else picture()
    assert difference(stored(decode(PICTURES[name], CONFIG)), expected.resize((341, 256))) < 16


@pytest.mark.parametrize("name", ["png_alpha", "webp_lossless"])
def test_what_is_transparent_is_white(name: str) -> None:
    white = Image.new("RGBA", CLEAR.size, "white")
    expected = Image.alpha_composite(white, CLEAR).resize((341, 256))
    assert difference(stored(decode(PICTURES[name], CONFIG)), expected) < 4


def test_a_transparent_palette_colour_is_white() -> None:
    clear = Image.new("P", (300, 300), 0)
    clear.putpalette([0, 0, 0])
    decoded = decode(encoded(clear, "GIF", transparency=0), CONFIG)
    assert stored(decoded).getpixel((9, 9)) == (255, 255, 255)


# --- the two ways ---------------------------------------------------------------------------------


def verdict(body: bytes, config: CrawlConfig) -> Decoded | Reason:
    try:
        return decode(body, config)
    except ImageError as error:
        return error.reason


def both_ways(body: bytes, config: CrawlConfig = CONFIG) -> list[Decoded | Reason]:
    """By libjpeg-turbo itself where it may be, and by Pillow alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wit_pipeline.pictures.image._fast", lambda image, body, config: None)
        slow = verdict(body, config)
    return [verdict(body, config), slow]


@pytest.mark.parametrize(
    ("name", "fast"),
    [("jpeg", True), ("progressive", True), ("grey", True), ("orientation6", True), ("mpo", True),
     ("jpeg_then_junk", True), ("small", True), ("cmyk", False), ("png", False), ("gif", False)],
)  # fmt: skip
def test_plain_jpegs_go_the_fast_way(name: str, fast: bool) -> None:
    with Image.open(io.BytesIO(PICTURES[name])) as image:
        assert (_fast(image, PICTURES[name], CONFIG) is not None) == fast


@pytest.mark.parametrize("cut", [1, 2, 3, 500, len(JPEG) // 2])
def test_a_truncated_jpeg_does_not(cut: int) -> None:
    with Image.open(io.BytesIO(JPEG[:-cut])) as image:
        assert _fast(image, JPEG[:-cut], CONFIG) is None
    assert both_ways(JPEG[:-cut]) == [Reason.DECODE_ERROR] * 2


def test_two_headers_that_differ_do_not() -> None:
    """What is bounded is what Pillow reads; libjpeg must read the same."""
    with Image.open(io.BytesIO(JPEG)) as image:
        assert _fast(image, encoded(picture(4000, 3000), "JPEG"), CONFIG) is None


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("config", [CONFIG, CrawlConfig(store_side=40), CrawlConfig(store="original")])
def test_both_ways_are_one(name: str, config: CrawlConfig) -> None:
    fast, slow = both_ways(PICTURES[name], config)
    assert fast == slow


@damaged
@settings(deadline=None)  # a decode takes what it takes
@given(
    st.sampled_from(["jpeg", "progressive", "grey", "mpo", "orientation6"]),
    st.integers(0, 16_000),
    st.binary(max_size=5),
    st.integers(0, 5),
)
def test_both_ways_have_one_verdict_on_damage(name: str, at: int, bytes_there: bytes, lost: int) -> None:
    body = PICTURES[name]
    fast, slow = both_ways(body[:at] + bytes_there + body[at + lost :])
    assert fast == slow


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_both_decoders_give_the_same_pixels_of_photographs(step: int) -> None:
    photos = sorted((DATA / "pairs_openstax_ccby/images").rglob("*.jpg"))[::step]
    if not photos:
        pytest.skip("no shared photos beside the checkout")
    for path in photos:
        with Image.open(path) as photo:
            pixels = np.asarray(photo)
        assert (seen(path.read_bytes()) == pixels.reshape(*pixels.shape[:2], -1)).all()


@pytest.mark.parametrize(
    ("side", "fraction"), [(767, 1), (768, 2), (1535, 2), (1536, 4), (3071, 4), (3072, 8), (9000, 8)]
)
def test_a_fraction_leaves_one_and_a_half_times_the_stored_side(side: int, fraction: int) -> None:
    assert _fraction((side, side), CONFIG) == fraction


@pytest.mark.parametrize("by", ["libjpeg alone", "Pillow"])
@pytest.mark.parametrize("odd", range(8))
@pytest.mark.parametrize(("side", "fraction"), [(800, 2), (1600, 4), (3200, 8)])
def test_of_a_size_that_no_fraction_divides_the_picture_stays_where_it_is(
    side: int, fraction: int, odd: int, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "Pillow":
        monkeypatch.setattr("wit_pipeline.pictures.image._fast", lambda *_: None)
    size = side + odd, side + 7 - odd
    assert _fraction(size, CONFIG) == fraction
    spots = Image.fromarray(np.random.default_rng(5).integers(0, 256, (40, 40), np.uint8))
    whole = spots.resize(size, Image.Resampling.BICUBIC)
    image = stored(decode(encoded(whole, "JPEG", quality=95), CONFIG))
    exact = whole.resize(image.size, Image.Resampling.LANCZOS)
    error = np.square(np.asarray(image, np.float64) - np.asarray(exact)).mean()
    assert error < 255**2 / 10**4.55  # 45.5 dB; 34 to 45 where the picture is stretched by part of a pixel


# --- the longer side ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 300), (256, 192)),
        ((300, 400), (192, 256)),
        ((256, 100), (256, 100)),  # nothing to shrink
        ((257, 1), (256, 1)),
        ((5000, 2), (256, 1)),  # no side is ever 0
        ((2, 5000), (1, 256)),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_longer_side_is_256_at_most(size: tuple[int, int], expected: tuple[int, int], format: str) -> None:
    decoded = decode(encoded(picture(*size), format), replace(LINES, side="longer"))
    assert (decoded.width, decoded.height) == expected
    assert stored(decoded).size == expected


# --- raw ------------------------------------------------------------------------------------------

RAW = CrawlConfig(store="raw")


@pytest.mark.parametrize("name", PICTURES)
def test_raw_bytes_are_stored_as_they_came(name: str) -> None:
    body = PICTURES[name]
    decoded, shown = decode(body, RAW), decode(body, CONFIG)
    assert decoded.stored == body
    assert decoded.sha256 == decoded.stored_sha256 == hashlib.sha256(body).hexdigest()
    assert (decoded.phash, decoded.phash16, decoded.weak, decoded.entropy) == ("", "", 0, 0)
    same = ("format", "original_width", "original_height", "exif", "sha256")
    assert [getattr(decoded, fact) for fact in same] == [getattr(shown, fact) for fact in same]
    with opened(body) as image:
        assert (decoded.width, decoded.height) == image.size


def test_raw_bytes_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pixel(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("wit_pipeline.pictures.image._decoded", no_pixel)
    monkeypatch.setattr(ImageFile.ImageFile, "load", no_pixel)
    assert decode(JPEG, RAW).stored == JPEG


@pytest.mark.parametrize("name", ["jpeg", "progressive", "png", "webp", "gif", "avif"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_raw_truncation_is_a_decode_error(name: str, part: float) -> None:
    body = PICTURES[name]
    with pytest.raises(ImageError) as caught:
        decode(body[: min(int(part * len(body)), len(body) - 1)], RAW)
    assert caught.value.reason in (Reason.DECODE_ERROR, Reason.UNSUPPORTED_FORMAT)
    assert (caught.value.reason == Reason.DECODE_ERROR) == (part > 0)


@pytest.mark.parametrize(
    "name", ["bomb.png", "bomb.webp", "hidden_bomb.avif", "scans.jpg", "tiff.jpg", "header_only.jpg"]
)
def test_raw_bounds_are_those_of_any(name: str) -> None:
    body, reason = NO_PICTURES[name]
    assert verdict(body, RAW) == reason


# --- many frames, many parts ----------------------------------------------------------------------


@damaged
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_alone_is_decoded(format: str) -> None:
    """What lies behind it may be anything."""
    frames = [picture(64, 48), *(picture(64, 48).rotate(9 * turn) for turn in range(1, 30))]
    whole = encoded(frames[0], format, save_all=True, append_images=frames[1:], lossless=True)
    decoded = decode(whole, CONFIG)
    assert difference(stored(decoded), frames[0]) < 12
    noise = bytearray(whole)
    noise[len(noise) * 2 // 3 : len(noise) * 2 // 3 + 400] = b"\xa5" * 400
    assert decode(bytes(noise), CONFIG).stored == decoded.stored


def test_a_gif_of_twenty_thousand_frames() -> None:
    one = encoded(picture(8, 8), "GIF")
    frame = one[one.index(b",") : -1]  # from the image descriptor on
    assert decode(one[:-1] + frame * 20_000 + b";", CONFIG).width == 8


@pytest.mark.parametrize(
    ("size", "fine"),
    [((1, 50), True), ((50, 1), True), ((1, 51), False), ((51, 1), False), ((1, 60_000), False)],
)
@pytest.mark.parametrize("config", [CONFIG, CrawlConfig(store="raw")])
def test_a_line_is_no_picture(size: tuple[int, int], fine: bool, config: CrawlConfig) -> None:
    body = encoded(Image.new("L", size, 9), "PNG")
    if fine:
        assert (decode(body, config).width, decode(body, config).height) == size
    else:
        assert verdict(body, config) == Reason.IMAGE_TOO_LONG


def test_a_line_is_a_picture_where_the_recipe_says_so() -> None:
    body = encoded(Image.new("L", (60_000, 1), 9), "PNG")
    assert decode(body, LINES).width == 60_000


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt", b"eXIf"])
def test_a_flood_of_chunks_is_refused(name: bytes) -> None:
    flood = chunk(name, b"k\0\0" + zlib.compress(b"v")) * 1001
    assert verdict(PNG[:33] + flood + PNG[33:], CONFIG) == Reason.DECODE_ERROR


# --- facts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
def test_facts_of_what_is_stored(name: str) -> None:
    decoded = decode(PICTURES[name], CONFIG)
    assert decoded.stored_sha256 == hashlib.sha256(decoded.stored).hexdigest()
    assert decoded.entropy == pytest.approx(stored(decoded).convert("L").entropy(), abs=1e-4)


# --- originals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_small_original_is_kept_pixel_for_pixel(mode: str) -> None:
    original = encoded(picture(200, 150, mode), "JPEG", quality=71, subsampling="4:4:4", comment=b"secret")
    decoded = decode(original, CONFIG)
    assert b"secret" not in decoded.stored
    assert difference(stored(decoded), Image.open(io.BytesIO(original))) == 0
    assert stored(decoded).mode == mode


def test_every_original_jpeg_is_kept_where_originals_are_stored() -> None:
    keeping = CrawlConfig(store="original")
    decoded = decode(JPEG, keeping)
    assert decoded.stored == JPEG
    assert (decoded.width, decoded.height) == (400, 300)
    assert decode(oriented(6), keeping).width == 300  # turned, so encoded anew
    assert stored(decode(PNG, keeping)).size == (400, 300)


def test_junk_behind_a_small_original_is_not_kept() -> None:
    assert len(decode(encoded(picture(64, 64), "JPEG") + bytes(100_000), CONFIG).stored) < 10_000


# --- EXIF -----------------------------------------------------------------------------------------


def test_exif_says_whose_it_is_but_not_where_it_was() -> None:
    facts = json.loads(decode(oriented(1), CONFIG).exif)
    assert facts == {"Copyright": "© Ada", "Make": "Maker", "Orientation": "1"}


def test_no_exif_is_an_empty_object() -> None:
    assert decode(PNG, CONFIG).exif == "{}"


@damaged
@settings(deadline=None)  # a decode takes what it takes
@given(st.binary(max_size=300))
def test_broken_exif_costs_nothing(block: bytes) -> None:
    decoded = decode(encoded(picture(32, 24), "JPEG", exif=b"Exif\0\0" + block), CONFIG)
    assert all(isinstance(value, str) and value for value in json.loads(decoded.exif).values())


def test_exif_is_bounded() -> None:
    exif = Image.Exif()
    for tag in (0x010E, 0x0131, 0x013B, 0x8298, 0x9C9B, 0x010F, 0x0110):
        exif[tag] = "x" * 9000
    facts = decode(encoded(picture(), "JPEG", exif=exif), CONFIG).exif
    assert len(facts) <= 4096
    assert max(map(len, json.loads(facts).values())) == 256


@pytest.mark.parametrize(("more", "fine"), [(0, True), (MAX_BLOCK, False)])
def test_an_exif_block_is_bounded(more: int, fine: bool) -> None:
    exif = Image.Exif()
    exif[0x8298] = "Ada"
    body = PNG[:33] + chunk(b"eXIf", exif.tobytes()[6:] + bytes(more)) + PNG[33:]
    assert decode(body, CONFIG).exif == ('{"Copyright": "Ada"}' if fine else "{}")


# --- hostile bytes --------------------------------------------------------------------------------


@damaged
@settings(deadline=None)  # a decode takes what it takes
@given(st.sampled_from(sorted(PICTURES)), st.integers(0, 3000), st.binary(max_size=8), st.integers(0, 9))
def test_damage_is_an_image_error_or_a_picture(name: str, at: int, bytes_there: bytes, lost: int) -> None:
    body = PICTURES[name]
    broken = body[:at] + bytes_there + body[at + lost :]
    try:
        decode(broken, CONFIG)
    except ImageError as error:
        assert error.detail  # noqa: PT017  either way is right


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "avif"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_truncation_is_never_a_picture(name: str, part: float) -> None:
    body = PICTURES[name]
    with pytest.raises(ImageError):
        decode(body[: int(len(body) * part)], CONFIG)


# In a child with little memory and time, because a decoder that crashes takes its process along.
CHILD = """
import pathlib, resource, sys, warnings
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.pictures.image import ImageError, decode
pictures = 0
for line in sys.stdin:
    try:
        decode(pathlib.Path(line.rstrip("\\n")).read_bytes(), CrawlConfig())
        pictures += 1
    except ImageError:
        pass
print(pictures)
"""


def torture_files() -> Iterator[Path]:
    return (path for path in sorted((DATA / "images_malformed").rglob("*")) if path.is_file())


def survivors(paths: list[Path]) -> int:
    """How many of the files are pictures, by a child that must not fail."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_the_torture_sets_of_image_libraries(step: int) -> None:
    paths = list(islice(torture_files(), 0, None, step))
    if not paths:
        pytest.skip("no shared torture files beside the checkout")
    assert 0.4 * len(paths) < survivors(paths) < 0.8 * len(paths)


# --- JPEG segments --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "scans"), [("jpeg", 1), ("grey", 1), ("progressive", 10)])
def test_scans(name: str, scans: int) -> None:
    assert jpeg.scans(PICTURES[name]) == scans


def test_a_thumbnail_in_the_metadata_is_no_scan() -> None:
    assert jpeg.scans(encoded(picture(), "JPEG", comment=b"\xff\xda" * 500)) == 1


def test_bare_photos_have_the_same_pixels_and_codes() -> None:
    photos = sorted((DATA / "pairs_openstax_ccby/images").rglob("*.jpg"))[::50]
    if not photos:
        pytest.skip("no shared photos beside the checkout")
    for path in photos:
        body = path.read_bytes()
        with Image.open(path) as before, Image.open(io.BytesIO(jpeg.bare(body))) as after:
            assert before.tobytes() == after.tobytes()
            assert codes(before) == codes(after)


@settings(deadline=None)  # a decode takes what it takes
@given(st.binary())
def test_no_bytes_break_the_walk(body: bytes) -> None:
    jpeg.bare(body)
    jpeg.bare(JPEG[:-2] + body + JPEG[-2:])
