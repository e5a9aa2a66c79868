import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import bits_between, photograph
from wit_pipeline.pictures.codes import codes_of
from wit_pipeline.pictures.resize import Pixels
from wit_pipeline.pictures.trim import LEVELS, trimmed

PHOTO = np.array(photograph(1).convert("L"))


def framed(luma: Pixels, above: int, below: int, left: int, right: int, level: int) -> Pixels:
    return np.pad(luma, ((above, below), (left, right)), constant_values=np.uint8(level))


BORDERS = st.integers(0, 40)


@given(BORDERS, BORDERS, BORDERS, BORDERS, st.integers(0, 255))
def test_a_frame_of_any_widths_and_level_goes(
    above: int, below: int, left: int, right: int, level: int
) -> None:
    assert np.array_equal(trimmed(framed(PHOTO, above, below, left, right, level)), PHOTO)


def test_a_picture_without_borders_is_the_same() -> None:
    assert trimmed(PHOTO) is PHOTO


@pytest.mark.parametrize(("rows", "gone"), [(25, True), (26, False)])
def test_both_sides_of_how_wide_a_border_is(rows: int, gone: bool) -> None:
    photo = PHOTO[:75] if gone else PHOTO[:74]
    assert (len(trimmed(framed(photo, rows, 0, 0, 0, 0))) == len(photo)) == gone


@pytest.mark.parametrize(("levels", "gone"), [(LEVELS, True), (LEVELS + 1, False)])
def test_both_sides_of_how_even_a_border_is(levels: int, gone: bool) -> None:
    luma = framed(PHOTO, 5, 0, 0, 0, 100)
    luma[:5, ::2] = 100 + levels
    assert (len(trimmed(luma)) == len(PHOTO)) == gone


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (40, 60)])
def test_a_flat_picture_comes_back_whole(shape: tuple[int, int]) -> None:
    flat = np.full(shape, 7, np.uint8)
    assert trimmed(flat) is flat


def test_bars_of_a_film_hide_a_copy_and_trimming_finds_it() -> None:
    film = framed(PHOTO, 24, 24, 0, 0, 0)
    known = codes_of(PHOTO).phash16
    assert bits_between(codes_of(film).phash16, known) > 64
    assert bits_between(codes_of(np.ascontiguousarray(trimmed(film))).phash16, known) == 0
