"""Pictures resized: separable LANCZOS or bicubic with Pillow's weights, in whole numbers, compiled.

Integers give the same pixels on every machine. All loops run along rows, sixteen bytes at a time (`lanes`):
columns are shrunk as the rows of the turned picture. Rows go first, as that leaves the least to turn;
Pillow's columns go first, so the two part by a level here and there, and by more only where both cut off what
overshoots black or white.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from math import ceil, pi, sin
from typing import Any

import numpy as np
import numpy.typing as npt

from wit_pipeline.pictures.lanes import LANES, LOW, PARTS, move, turn, weigh
from wit_pipeline.vocabulary.compiled import compiled

Pixels = npt.NDArray[np.uint8]  # (rows, columns, channels), or (rows, columns)

# Compiled code holds the numbers below: they stay in this file.
LANCZOS, BICUBIC = 3.0, 2.0  # pixels of the result that the window reaches to each side
SHARP = -0.5  # of the cubic: Pillow's
BITS = 2 * LOW  # of a weight, 22: a weighted sum of bytes, overshoot included, stays below 2^31
ONE = 1 << BITS
TILE = 16  # rows turned at once: their lines of the cache are used whole
THREE = np.uintp(3)
KEPT = 512  # pairs of lengths whose weights are kept, of some 10 kB …
KEPT_LENGTH = 4096  # … and 100 kB at most

freely = partial(compiled, nogil=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taps:
    """Of each pixel of the result: its first pixel of the source, how many there are, and their weights."""

    first: npt.NDArray[Any]  # int64 (to,)
    counts: npt.NDArray[Any]  # int64 (to,)
    # In units of 2^-22, int16 (to, half the most, 4): of two weights their lower 11 bits, then their upper.
    parts: npt.NDArray[Any]


def resize(
    pixels: Pixels,
    width: int,
    height: int,
    window: float = LANCZOS,
    covered: tuple[float, float] | None = None,
) -> Pixels:
    """`pixels` (rows, columns, channels) of 1, 3 or 4 channels as (height, width, channels).

    `covered`: how many of its columns and rows the picture covers, where of the last it has a part only.
    """
    rows, columns, channels = pixels.shape
    across, down = covered or (columns, rows)
    made = np.ascontiguousarray(pixels)
    if height != down:
        made = shrink_rows(made.reshape(rows, -1), height, window, down).reshape(height, columns, channels)
    if width != across:
        beside = shrink_rows(turned(made).reshape(columns, -1), width, window, across)
        made = turned(beside.reshape(width, height, channels))
    return made


def shrink_rows(rows: Pixels, to: int, window: float = LANCZOS, covered: float = 0.0) -> Pixels:
    """`rows` (rows, bytes) as (to, bytes); `covered` of them where it is given."""
    weighed, width = taps(len(rows), to, window, covered), rows.shape[1]
    wide = np.ascontiguousarray(rows) if width >= LANES else np.pad(rows, ((0, 0), (0, LANES - width)))
    made: Pixels = _weighed(wide, weighed.first, weighed.counts, weighed.parts)
    return made if width >= LANES else np.ascontiguousarray(made[:, :width])


def taps(length: int, to: int, window: float = LANCZOS, covered: float = 0.0) -> Taps:
    """How `to` pixels are made of `length`, or of as many of them as are `covered`."""
    made = _kept if max(length, to) <= KEPT_LENGTH else _made
    return made(length, to, window, float(covered or length))


def _made(length: int, to: int, window: float, covered: float) -> Taps:
    first, counts, weights = _taps(length, to, window, covered)
    return Taps(first=first, counts=counts, parts=_parts(counts, weights))


_kept = lru_cache(KEPT)(_made)


def turned(pixels: Pixels) -> Pixels:
    """Rows as columns, (columns, rows, channels); channels stay together."""
    rows, columns, channels = pixels.shape
    if channels == 1:
        return turned_grey(pixels.reshape(rows, columns)).reshape(columns, rows, 1)
    if channels == 3:
        return _turned_3(pixels)  # type: ignore[no-any-return]
    whole = pixels.view(np.uint32).reshape(rows, columns)
    return _turned(whole).view(np.uint8).reshape(columns, rows, channels)  # type: ignore[no-any-return]


def turned_grey(grey: Pixels) -> Pixels:
    """The same of one channel, (rows, columns)."""
    return (_turned_blocks if min(grey.shape) >= LANES else _turned)(grey)  # type: ignore[no-any-return]


@freely
def _weight(x, window):  # type: ignore[no-untyped-def]
    if x == 0.0:
        return 1.0
    if window == LANCZOS:
        if -LANCZOS <= x < LANCZOS:
            return sin(x * pi) / (x * pi) * (sin(x / LANCZOS * pi) / (x / LANCZOS * pi))
        return 0.0
    x = abs(x)
    if x < 1.0:
        return ((SHARP + 2.0) * x - (SHARP + 3.0)) * x * x + 1.0
    if x < 2.0:
        return (((x - 5.0) * x + 8.0) * x - 4.0) * SHARP
    return 0.0


@freely
def _taps(length, to, window, covered):  # type: ignore[no-untyped-def]
    scale = covered / to
    stretch = max(scale, 1.0)
    support = window * stretch
    most = ceil(support) * 2 + 1
    first, counts = np.zeros(to, np.int64), np.zeros(to, np.int64)
    weights, exact = np.zeros((to, most), np.int32), np.zeros(most)
    for i in range(to):
        centre = (i + 0.5) * scale
        low, high = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), length)
        total = 0.0
        for k in range(high - low):
            exact[k] = _weight((k + low - centre + 0.5) * (1.0 / stretch), window)
            total += exact[k]
        for k in range(high - low):
            weight = exact[k] / total * ONE
            weights[i, k] = int(weight - 0.5) if weight < 0 else int(weight + 0.5)
        first[i], counts[i] = low, high - low
    return first, counts, weights


@freely
def _parts(counts, weights):  # type: ignore[no-untyped-def]
    out = np.zeros((weights.shape[0], (weights.shape[1] + 1) // 2, PARTS), np.int16)
    for i in range(len(weights)):
        for k in range(counts[i]):
            out[i, k >> 1, k & 1] = weights[i, k] & ((1 << LOW) - 1)
            out[i, k >> 1, 2 + (k & 1)] = weights[i, k] >> LOW
    return out


@freely
def _weighed(rows, first, counts, parts):  # type: ignore[no-untyped-def]
    width, to = rows.shape[1], len(first)
    out = np.empty((to, width), np.uint8)
    source, made, weights = np.uintp(rows.ctypes.data), np.uintp(out.ctypes.data), np.uintp(parts.ctypes.data)
    wide, each = np.uintp(width), np.uintp(2 * PARTS * parts.shape[1])
    for i in range(to):
        begin, there = source + np.uintp(first[i]) * wide, made + np.uintp(i) * wide
        weight, count = weights + np.uintp(i) * each, np.uintp(counts[i])
        for x in range(0, width - LANES, LANES):
            weigh(begin + np.uintp(x), wide, count, weight, there + np.uintp(x))
        rest = np.uintp(width - LANES)  # the last block lies over the one before
        weigh(begin + rest, wide, count, weight, there + rest)
    return out


# Indices without a sign: compiled code looks whether any other is negative, at twice the price.


@freely
def _turned_3(pixels):  # type: ignore[no-untyped-def]
    rows, columns = np.uintp(pixels.shape[0]), np.uintp(pixels.shape[1])
    out = np.empty((pixels.shape[1], pixels.shape[0], 3), np.uint8)
    source, made = np.uintp(pixels.ctypes.data), np.uintp(out.ctypes.data)
    # A pixel goes with the byte behind it, which the next of its row overwrites: the last have no next.
    last = pixels.shape[0] - 1
    for top in range(0, last, TILE):
        bottom = min(top + TILE, last)
        for x in range(pixels.shape[1]):
            there = made + (np.uintp(x) * rows + np.uintp(top)) * THREE
            here = source + (np.uintp(top) * columns + np.uintp(x)) * THREE
            for _ in range(top, bottom):
                move(here, there)
                there += THREE
                here += columns * THREE
    for x in range(pixels.shape[1]):
        for channel in range(3):
            out[x, last, channel] = pixels[last, x, channel]
    return out


@freely
def _turned_blocks(grey):  # type: ignore[no-untyped-def]
    rows, columns = grey.shape
    out = np.empty((columns, rows), np.uint8)
    source, made = np.uintp(grey.ctypes.data), np.uintp(out.ctypes.data)
    wide, high = np.uintp(columns), np.uintp(rows)
    for y in range(0, rows, LANES):
        top = np.uintp(min(y, rows - LANES))  # the last block lies over the one before
        for x in range(0, columns, LANES):
            left = np.uintp(min(x, columns - LANES))
            turn(source + top * wide + left, wide, made + left * high + top, high)
    return out


@freely
def _turned(whole):  # type: ignore[no-untyped-def]
    rows, columns = np.uintp(whole.shape[0]), np.uintp(whole.shape[1])
    out = np.empty((whole.shape[1], whole.shape[0]), whole.dtype)
    source, made = whole.reshape(-1), out.reshape(-1)
    for top in range(0, whole.shape[0], TILE):
        bottom = min(top + TILE, whole.shape[0])
        for x in range(whole.shape[1]):
            there = np.uintp(x) * rows + np.uintp(top)
            here = np.uintp(top) * columns + np.uintp(x)
            for _ in range(top, bottom):
                made[there] = source[here]
                there += np.uintp(1)
                here += columns
    return out
