"""A picture in grey, to the bit as Pillow has it, and what is counted on it; compiled."""

from math import log2

import numpy as np

from wit_pipeline.pictures.resize import Pixels, freely, shrink_rows, turned_grey

# Compiled code holds the numbers below: they stay in this file. Shares of 2^16, of ITU-R BT.601.
RED, GREEN, BLUE = np.int32(19595), np.int32(38470), np.int32(7471)
HALF = np.int32(0x8000)
TALL = 100  # times its width: of a picture that is taller, Pillow shrinks the rows first


def grey(pixels: Pixels) -> Pixels:
    """`pixels` (rows, columns, 1 or 3) as (rows, columns) of luma, Pillow's `convert("L")`."""
    return pixels[:, :, 0] if pixels.shape[2] == 1 else _luma(pixels)


def squares(luma: Pixels, *sides: int) -> list[Pixels]:
    """`luma` (rows, columns) at each of `sides`, (side, side): Pillow's `resize` by LANCZOS."""
    rows, columns = luma.shape
    whole = np.ascontiguousarray(luma)
    beside = turned_grey(whole)
    return [
        _across(_down(whole, side), side)
        if rows > TALL * columns and rows > side
        else _down(turned_grey(_down(beside, side)), side)
        for side in sides
    ]


def _down(luma: Pixels, side: int) -> Pixels:
    return shrink_rows(luma, side) if len(luma) != side else luma


def _across(luma: Pixels, side: int) -> Pixels:
    return turned_grey(_down(turned_grey(luma), side))


def entropy(luma: Pixels) -> float:
    """Bits, 0 to 8, of the histogram of `luma`."""
    return float(_entropy(np.ascontiguousarray(luma).reshape(-1)))


@freely
def _luma(pixels):  # type: ignore[no-untyped-def]
    out = np.empty(pixels.shape[:2], np.uint8)
    source, made = pixels.reshape(-1), out.reshape(-1)
    for i in range(len(made)):
        red, green, blue = source[3 * i], source[3 * i + 1], source[3 * i + 2]
        made[i] = (np.int32(red) * RED + np.int32(green) * GREEN + np.int32(blue) * BLUE + HALF) >> 16
    return out


@freely
def _entropy(luma):  # type: ignore[no-untyped-def]
    counts = np.zeros((4, 256), np.int64)  # of every fourth: equal neighbours then do not wait for each other
    for i in range(len(luma)):
        counts[i & 3, luma[i]] += 1
    bits = 0.0
    for level in range(256):
        share = (counts[0, level] + counts[1, level] + counts[2, level] + counts[3, level]) / len(luma)
        if share > 0.0:
            bits -= share * log2(share)
    return max(bits, 0.0)
