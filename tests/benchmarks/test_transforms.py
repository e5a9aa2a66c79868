from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from benchmarks.transforms import ALL, GROUPS, copy, encoded


@pytest.fixture(scope="module")
def image() -> Image.Image:
    """A picture with structure at every scale, no two parts of it alike."""
    draws = np.random.default_rng(3)
    whole = np.zeros((120, 160, 3))
    for side in (3, 8, 30):
        blocks = Image.fromarray(draws.integers(0, 256, (side, side, 3), dtype=np.uint8))
        whole += np.asarray(blocks.resize((160, 120), Image.Resampling.BICUBIC)) / 3
    return Image.fromarray(whole.clip(0, 255).astype(np.uint8))


def test_there_are_more_than_52_in_groups_that_share_none() -> None:
    assert len(ALL) == sum(map(len, GROUPS.values())) >= 52


@pytest.mark.parametrize("name", ALL)
def test_a_copy_is_another_file_that_depends_on_name_and_picture_alone(name: str, image: Image.Image) -> None:
    pixels = image.tobytes()
    made = copy(image, name, "a.jpg")
    assert made == copy(image.copy(), name, "a.jpg")
    assert made != encoded(image)
    assert image.tobytes() == pixels, "the original stays as it is"
    with Image.open(BytesIO(made)) as opened:
        opened.load()
        kind = {"png": "PNG", "webp 60": "WEBP"}.get(name, "JPEG")
        assert (opened.format, opened.mode) == (kind, "RGB")


def test_no_two_treatments_make_the_same_file(image: Image.Image) -> None:
    assert len({copy(image, name, "a.jpg") for name in ALL}) == len(ALL)


@pytest.mark.parametrize("name", ["random 80 %", "random resized", "box", "noise", "rotated 5"])
def test_what_is_drawn_depends_on_the_pictures_name(name: str, image: Image.Image) -> None:
    assert len({copy(image, name, f"{number}.jpg") for number in range(8)}) > 1


def test_treatments_do_not_share_what_is_drawn(image: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        monkeypatch.setitem(ALL, name, lambda image, draws: str(draws.random()).encode())
    assert copy(image, "one", "a.jpg") != copy(image, "other", "a.jpg")
