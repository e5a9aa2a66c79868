"""Uniform borders of a picture: frames, and the bars of films."""

import numpy as np

from wit_pipeline.pictures.codes import FLAT, NO_CODES, Codes, codes_of
from wit_pipeline.pictures.resize import Pixels, freely

# Trimming takes the copies with a border that codes find from 1 to 14 % up to 99 to 100 %.
LEVELS = 20  # of grey, 0 to 255: a row or column whose pixels lie within these is border; JPEG blurs by some
MOST = 0.25  # of the height, and of the width, that goes at each end: more may be a sky


def trimmed(luma: Pixels) -> Pixels:
    """`luma` (rows, columns) without its uniform borders; the same array where there are none.

    A picture of which nothing but border is there comes back whole, and so does one with a wider border: what
    a code would see of it is chance.
    """
    top, bottom = _inside(luma)
    left, right = _inside(luma[top:bottom].T)
    return luma if (bottom - top, right - left) == luma.shape else luma[top:bottom, left:right]


def codes_inside(luma: Pixels) -> Codes:
    """The codes of a picture in grey without its borders; `NO_CODES` if it has none, or all else is flat."""
    inside = trimmed(luma)
    if inside is luma:
        return NO_CODES
    found = codes_of(np.ascontiguousarray(inside))
    return NO_CODES if found.weak > FLAT else found


def _inside(luma: Pixels) -> tuple[int, int]:
    """The first row within the borders above and below, and the one after the last."""
    top, bottom = _busy(luma)
    rows = len(luma)
    return (top, bottom) if top < bottom and max(top, rows - bottom) <= MOST * rows else (0, rows)


@freely
def _busy(luma):  # type: ignore[no-untyped-def]
    """The first row that is no border, and the one after the last; rows are read until they show it."""
    top, bottom = 0, len(luma)
    while top < bottom and _is_uniform(luma[top]):
        top += 1
    while bottom > top and _is_uniform(luma[bottom - 1]):
        bottom -= 1
    return top, bottom


@freely
def _is_uniform(row):  # type: ignore[no-untyped-def]
    lowest, highest = row[0], row[0]
    for level in row:
        lowest, highest = min(lowest, level), max(highest, level)
        if np.int64(highest) - np.int64(lowest) > LEVELS:
            return False
    return True
