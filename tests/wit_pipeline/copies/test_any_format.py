import io

import numpy as np
import pytest
from PIL import Image

from tests.factories import encoded, photograph
from wit_pipeline.copies.any_format import endings, formats, of_the_web
from wit_pipeline.copies.evaluation import describe
from wit_pipeline.pictures.image import seen
from wit_pipeline.pictures.shown import DAMAGED
from wit_pipeline.vocabulary.crawl_config import FORMATS, CrawlConfig

WRITTEN = sorted(set(formats()) & set(Image.SAVE) - {"ICNS"})  # of squares alone
LOSSY = {"JPEG", "WEBP", "AVIF", "GIF", "MPO", "JPEG2000", "PCD"}


def saved(image: Image.Image, name: str) -> bytes:
    body = io.BytesIO()
    image.save(body, name)
    return body.getvalue()


def pixels_of(body: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_format_that_pillow_writes_is_read(name: str) -> None:
    picture = photograph(3, (128, 96))
    for mode in ("RGB", "L", "P", "1", "F"):
        plain = picture.convert(mode)
        try:
            body = saved(plain, name)
            pixels = pixels_of(body)
        except (OSError, ValueError, KeyError):  # not a mode of that format
            continue
        made = of_the_web(body)
        assert name not in FORMATS or made is body
        if mode != "F":
            assert np.abs(pixels_of(made) - pixels).mean() <= (4 if name in LOSSY else 0)
        return
    pytest.skip(f"{name} is written of none of these modes")


def test_ppm_and_pgm_have_the_codes_of_their_png() -> None:
    picture = photograph(5, (60, 48))
    for mode in ("RGB", "L"):
        plain = picture.convert(mode)
        known = describe("gtsrb", "a.png", encoded(plain, "PNG"), CrawlConfig())
        found = describe("gtsrb", "a.ppm", saved(plain, "PPM"), CrawlConfig(formats=("JPEG",)))
        assert found.phash
        assert (found.phash, found.phash16, found.mirror_phash) == (
            known.phash,
            known.phash16,
            known.mirror_phash,
        )
        assert found.sha256 != known.sha256  # of the bytes as they lie there


@pytest.mark.parametrize(("maximum", "mode"), [(255, "L"), (65_535, "I"), (1023, "I")])
def test_grey_of_more_bits_is_its_highest_eight(maximum: int, mode: str) -> None:
    levels = np.linspace(0, maximum, 64 * 64).reshape(64, 64).astype(">u2")
    content = levels.astype(np.uint8) if maximum == 255 else levels
    body = f"P5 64 64 {maximum}\n".encode() + content.tobytes()
    with Image.open(io.BytesIO(body)) as image:
        assert image.mode == mode
    made = pixels_of(of_the_web(body))[..., 0]
    assert np.abs(made - levels.astype(int) * 255 / maximum).max() <= 1


def test_floats_keep_their_range() -> None:
    for low, high in ((0, 1), (0, 255), (-3, 1000)):
        values = np.linspace(low, high, 4096, dtype=np.float32).reshape(64, 64)
        made = pixels_of(of_the_web(saved(Image.fromarray(values), "TIFF")))[..., 0]
        assert made[0, 0] <= 1
        assert made[-1, -1] >= 254
        assert (np.diff(made.reshape(-1)) >= 0).all()


def test_what_turns_a_tiff_turns_it() -> None:
    picture = photograph(7, (80, 40))
    exif = Image.Exif()
    exif[274] = 6
    body = io.BytesIO()
    picture.save(body, "TIFF", exif=exif)
    with Image.open(io.BytesIO(of_the_web(body.getvalue()))) as made:
        assert made.size == (40, 80)


@pytest.mark.parametrize("body", [b"", b"P6 10 10 255\nshort", b"no picture", b"P6 99999 99999 255\n"])
def test_what_is_no_picture_has_no_codes(body: bytes) -> None:
    assert describe("set", "x.ppm", body, CrawlConfig()).phash == ""


def test_a_script_for_another_program_is_not_run() -> None:
    with pytest.raises(DAMAGED):
        of_the_web(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert not {".eps", ".ps", ".wmf", ".h5"} & endings()
    assert {".ppm", ".pgm", ".jp2", ".avif", ".tif", ".bmp", ".jpg"} <= endings()


def test_a_picture_of_the_web_is_itself() -> None:
    body = encoded(photograph(1, (40, 40)))
    assert of_the_web(body) is body
    assert seen(body).shape == (40, 40, 3)
