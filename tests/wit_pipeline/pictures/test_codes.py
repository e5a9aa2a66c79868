from itertools import islice
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.web import picture
from wit_pipeline.pictures.codes import CODE_NAME, codes

PHOTOS = Path(__file__).parents[4] / "shared/data/pairs_openstax_ccby/images"


def agree(image: Image.Image) -> None:
    found = codes(image)
    assert found.phash == str(imagehash.phash(image, hash_size=8))
    assert found.phash16 == str(imagehash.phash(image, hash_size=16))


def flat_frames() -> list[Image.Image]:
    """Frames where most coefficients are equal, and a tie at the median is certain."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    frames = [Image.new("RGB", (256, 256), (level,) * 3) for level in (0, 1, 127, 254, 255)]
    frames += [
        Image.fromarray(ramp),
        Image.fromarray(ramp.T),
        Image.fromarray(255 - ramp),
        Image.fromarray(ramp // 32),
    ]
    halves = np.zeros((200, 300), np.uint8)
    halves[:, 150:] = 255
    return [*frames, Image.fromarray(halves), Image.fromarray(halves.T)]


@pytest.mark.parametrize("frame", flat_frames(), ids=range(11))
def test_flat_frames_are_as_imagehash_has_them_and_weak(frame: Image.Image) -> None:
    agree(frame)
    assert codes(frame).weak > 0.35


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (64, 64), (400, 300)])
def test_any_mode_and_size_is_as_imagehash_has_it(mode: str, size: tuple[int, int]) -> None:
    agree(picture(*size).convert(mode))


def test_noise_is_as_imagehash_has_it() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 60, 3), dtype=np.uint8)
    for noise in pixels:
        agree(Image.fromarray(noise))


@pytest.mark.parametrize("step", [30, pytest.param(1, marks=pytest.mark.slow)])
def test_photos_are_as_imagehash_has_them_and_not_weak(step: int) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("no shared photos beside the checkout")
    weak = 0
    for path in islice(sorted(PHOTOS.rglob("*.jpg")), 0, None, step):
        with Image.open(path) as photo:
            agree(photo)
            weak += codes(photo).weak > 0.35
    assert weak == 0


def test_near_ties_are_as_imagehash_has_them() -> None:
    """One pixel that differs, a little or much, and few levels: coefficients next to their median."""
    generator = np.random.default_rng(1)
    for number in range(400):
        pixels = np.full((64, 64), number % 256, np.uint8)
        pixels[tuple(generator.integers(0, 64, 2))] ^= np.uint8(1 << number % 8)
        agree(Image.fromarray(pixels))
        agree(Image.fromarray(generator.integers(0, 2, (64, 64), dtype=np.uint8) * np.uint8(255)))


def test_what_a_mirror_does() -> None:
    image = picture()
    assert codes(ImageOps.mirror(image)).phash16 != codes(image).phash16
    assert codes(ImageOps.mirror(ImageOps.mirror(image))) == codes(image)


def test_the_form_of_a_code() -> None:
    found = codes(picture())
    assert (len(found.phash), len(found.phash16)) == (16, 64)
    assert 0 <= found.weak <= 1
    assert "pillow-12." in CODE_NAME
