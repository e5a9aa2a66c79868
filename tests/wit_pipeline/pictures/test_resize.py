import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wit_pipeline.pictures.lanes import LOW
from wit_pipeline.pictures.resize import (
    BICUBIC,
    KEPT_LENGTH,
    LANCZOS,
    ONE,
    Pixels,
    resize,
    shrink_rows,
    taps,
    turned,
)

PHOTOS = Path(__file__).parents[4] / "shared/data/pairs_openstax_ccby/images"
METHODS = {LANCZOS: Image.Resampling.LANCZOS, BICUBIC: Image.Resampling.BICUBIC}

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def noise(width: int, height: int, channels: int, low: int = 0, high: int = 256) -> Pixels:
    return np.random.default_rng(7).integers(low, high, (height, width, channels), dtype=np.uint8)


def by_pillow(pixels: Pixels, width: int, height: int, window: float = LANCZOS) -> Pixels:
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return np.asarray(image.resize((width, height), METHODS[window])).reshape(height, width, -1)


@settings(deadline=None)  # the first call compiles
@given(sizes, sizes, st.sampled_from([1, 3]), st.sampled_from(sorted(METHODS)))
def test_any_size_is_pillows_within_two_levels(
    size: tuple[int, int], to: tuple[int, int], channels: int, window: float
) -> None:
    pixels = noise(
        *size, channels, 96, 160
    )  # nothing overshoots black or white, where the order would matter
    found = resize(pixels, *to, window).astype(int)
    assert found.shape == (to[1], to[0], channels)
    assert np.abs(found - by_pillow(pixels, *to, window)).max() <= 2  # each rounds between its two passes


@settings(deadline=None)
@given(sizes, sizes, st.sampled_from([1, 3, 4]), st.integers(0, 255))
def test_one_colour_stays(size: tuple[int, int], to: tuple[int, int], channels: int, level: int) -> None:
    assert (resize(np.full((*size, channels), level, np.uint8), *to) == level).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_same_size_is_the_same_picture(channels: int) -> None:
    pixels = noise(37, 21, channels)
    assert (resize(pixels, 37, 21) == pixels).all()


@pytest.mark.parametrize("window", sorted(METHODS))
@pytest.mark.parametrize("to", [(60, 300), (400, 60)])
def test_one_side_alone_is_pillows_to_the_bit(to: tuple[int, int], window: float) -> None:
    pixels = noise(400, 300, 3)
    assert (resize(pixels, *to, window) == by_pillow(pixels, *to, window)).all()


def test_a_view_is_read_as_it_looks() -> None:
    pixels = noise(80, 60, 3)
    assert (resize(pixels[::-1], 40, 30) == resize(pixels[::-1].copy(), 40, 30)).all()


@settings(deadline=None)
@given(sizes, st.sampled_from([1, 3, 4]))
def test_turned_is_turned(size: tuple[int, int], channels: int) -> None:
    pixels = noise(*size, channels)
    assert (turned(pixels) == pixels.swapaxes(0, 1)).all()
    assert (turned(turned(pixels)) == pixels).all()


@pytest.mark.parametrize(
    ("length", "to"), [(1, 1), (500, 341), (KEPT_LENGTH, 256), (KEPT_LENGTH + 1, 256), (60_000, 32)]
)
def test_weights_are_one_together(length: int, to: int) -> None:
    found = taps(length, to)
    lower, upper = found.parts[:, :, :2].astype(np.int64), found.parts[:, :, 2:].astype(np.int64)
    assert np.abs((lower + upper * 2**LOW).sum(axis=(1, 2)) - ONE).max() <= found.counts.max() / 2
    assert (found.first >= 0).all()
    assert (found.first + found.counts <= length).all()


def test_photographs_are_pillows_but_for_what_overshoots() -> None:
    photos = list(islice(sorted(PHOTOS.rglob("*.jpg")), 0, None, 40))
    if not photos:
        pytest.skip("no shared photos beside the checkout")
    for path in photos:
        with Image.open(path) as photo:
            pixels = np.array(photo.convert("RGB"))
        to = pixels.shape[1] * 2 // 3, pixels.shape[0] * 2 // 3
        error = np.square(resize(pixels, *to).astype(float) - by_pillow(pixels, *to)).mean()
        assert error < 255**2 / 10**5  # 50 dB; Pillow's own BICUBIC is at 45


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.sampled_from(["noise", "edges"]))
def test_rows_are_the_sums_of_weighed_rows(length: int, width: int, to: int, of: str) -> None:
    rows = noise(width, length, 1)[:, :, 0] if of == "noise" else edges(width, length)
    held = taps(length, to)
    for made, first, count, parts in zip(
        shrink_rows(rows, to), held.first, held.counts, held.parts.astype(np.int64), strict=True
    ):
        weights = (parts[:, :2] + (parts[:, 2:] << LOW)).reshape(-1)[:count]
        sums = weights @ rows[first : first + count].astype(np.int64) + ONE // 2
        assert (made == (sums >> 2 * LOW).clip(0, 255)).all()


def edges(width: int, length: int) -> Pixels:
    """Black and white alone: all that overshoots."""
    return noise(width, length, 1, 0, 2)[:, :, 0] * np.uint8(255)


@pytest.mark.parametrize("window", sorted(METHODS))
@pytest.mark.parametrize("part", [0.125, 0.5, 0.875])
def test_of_a_last_pixel_as_much_counts_as_is_covered(part: float, window: float) -> None:
    pixels = noise(400, 300, 3)
    image = Image.fromarray(pixels)
    for to, covered in (((60, 300), (399 + part, 300)), ((400, 60), (400, 299 + part))):
        theirs = image.resize(to, METHODS[window], box=(0, 0, *covered))
        assert (resize(pixels, *to, window, covered) == np.asarray(theirs)).all()


UNCOMPILED = """
import numpy as np
from wit_pipeline.pictures.resize import resize
for channels in (1, 3):
    pixels = np.random.default_rng(7).integers(0, 256, (33, 40, channels), dtype=np.uint8)
    print(resize(pixels, 19, 17).tobytes().hex())
"""


def test_where_nothing_is_compiled_the_pixels_are_the_same() -> None:
    found = subprocess.run(
        [sys.executable, "-c", UNCOMPILED],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [
        resize(noise(40, 33, channels), 19, 17).tobytes().hex() for channels in (1, 3)
    ]
