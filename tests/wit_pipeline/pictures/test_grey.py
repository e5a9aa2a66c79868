import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wit_pipeline.pictures.grey import entropy, grey, squares
from wit_pipeline.pictures.resize import Pixels


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def agree(pixels: Pixels) -> None:
    image = Image.fromarray(pixels).convert("L")
    luma = grey(pixels)
    assert (luma == np.asarray(image)).all()
    for side, found in zip((32, 64), squares(luma, 32, 64), strict=True):
        assert (found == np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))).all()


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 400), st.integers(1, 400))
def test_any_size_is_pillows_to_the_bit(width: int, height: int) -> None:
    agree(noise(width, height))


@pytest.mark.parametrize(
    "size", [(3, 300), (3, 301), (1, 31), (1, 33), (1, 101), (1, 60_000), (60_000, 1), (32, 64), (64, 32)]
)
def test_odd_sizes_are_pillows_to_the_bit(size: tuple[int, int]) -> None:
    agree(noise(*size))


def test_every_level_of_each_channel_is_pillows() -> None:
    levels = np.arange(256, dtype=np.uint8)
    pixels = np.stack(np.meshgrid(levels, levels[::17], levels[::5]), axis=-1).reshape(256, -1, 3)
    assert (grey(pixels) == np.asarray(Image.fromarray(pixels).convert("L"))).all()


@pytest.mark.parametrize("levels", [1, 2, 7, 256])
def test_entropy_is_pillows(levels: int) -> None:
    luma = np.minimum(noise(101, 67)[:, :, 0], np.uint8(levels - 1))
    assert entropy(luma) == pytest.approx(Image.fromarray(luma).entropy(), abs=1e-9)
    assert 0 <= entropy(luma) <= 8


def test_entropy_of_one_level_is_0_and_of_all_equally_8() -> None:
    assert entropy(np.zeros((9, 9), np.uint8)) == 0
    assert entropy(np.arange(256, dtype=np.uint8).reshape(16, 16)) == 8
