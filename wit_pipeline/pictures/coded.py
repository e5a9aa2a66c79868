"""Colours by code points, primaries and gamma, as PNG and AVIF declare them, made sRGB.

Numbers of primaries and curves: ITU-T H.273. Which curve a number means to whom, and how high dynamic range
is shown on a screen without: as Chromium 156 has it, measured by `benchmarks/as_browsers.py`.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from wit_pipeline.pictures.resize import Pixels

Floats = npt.NDArray[np.float32]
Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Curve = tuple[float, float, float, float, float]  # g a b c d: x from d on is (a·x + b)^g, below it c·x
Primaries = tuple[float, float, float, float, float, float, float, float]  # x, y of red, green, blue, white

D65 = (0.3127, 0.3290)
ILLUMINANT_C = (0.310, 0.316)
BT709: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)
BT2020: Primaries = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65)
PRIMARIES: dict[int, Primaries] = {
    1: BT709,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *ILLUMINANT_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *ILLUMINANT_C),
    9: BT2020,
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *D65),
}

SRGB: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SMPTE240: Curve = (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913)
SMPTE428: Curve = (2.6, (52.37 / 48) ** (1 / 2.6), 0.0, 0.0, 0.0)
PQ, HLG = "pq", "hlg"  # of high dynamic range: no curve alone
Transfer = Curve | Literal["pq", "hlg"]

WHITE = 203.0  # cd/m²: what is shown as white of a picture of high dynamic range, ITU-R BT.2408 …
PEAK = 1000.0 / WHITE  # … and the brightest of which anything is shown, in whites
HALVED = 0.5  # what becomes of white, to leave room above it …
BEND = 0.65  # … and how far the middle of the curve there leans to its end: SMPTE ST 2094-50, annex C
LUMA_2020 = (0.2627, 0.6780, 0.0593)
SYSTEM_GAMMA = 0.2  # above 1, of HLG at PEAK: ITU-R BT.2100, table 5
STEPS = 65_535  # of linear light: the first is a twentieth of a level of sRGB


def power(exponent: float) -> Curve:
    """A pure power."""
    return (exponent, 1.0, 0.0, 0.0, 0.0)


# By the number that cICP gives: BT.709 and its kin as a studio's monitor shows them (BT.1886) …
OF_PNG: dict[int, Transfer] = {
    1: power(2.4), 4: power(2.2), 5: power(2.8), 6: power(2.4), 7: SMPTE240, 8: power(1.0), 11: power(2.4),
    13: SRGB, 14: power(2.4), 15: power(2.4), 16: "pq", 17: SMPTE428, 18: "hlg",
}  # fmt: skip
# … and by nclx's: as sRGB.
OF_AVIF: dict[int, Transfer] = OF_PNG | dict.fromkeys((1, 6, 11, 14, 15), SRGB)


@dataclass(frozen=True, slots=True)
class Coded:
    """What the numbers of a file's samples mean."""

    primaries: Primaries
    transfer: Transfer

    @property
    def is_srgb(self) -> bool:
        return self.transfer == SRGB and self.primaries == BT709


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """What `to_srgb` needs of a `Coded`, worked out once."""

    light: Floats  # linear, by the value of a sample; in whites where the range is high
    matrix: Floats  # from there to linear sRGB, of row vectors
    to_2020: Floats  # the first part of it, and …
    from_2020: Floats  # … the second: high ranges are brought down between them


def is_sane(primaries: Primaries) -> bool:
    """Whether they span a space at all."""
    x, y = primaries[0::2], primaries[1::2]
    if min(y) < 1e-4 or any(one + other > 1 for one, other in zip(x, y, strict=True)):
        return False
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    return abs(area) > 1e-4


def to_srgb(samples: Samples, coded: Coded) -> Pixels:
    """`samples` (rows, columns, 1 or 3) of all 8 or 16 bits as 8 bits of sRGB, in the same shape.

    `coded.primaries` must be sane. What sRGB cannot show is cut off, channel by channel.
    """
    way = _way(coded, samples.dtype.itemsize)
    if samples.shape[2] == 1:  # grey stays grey in any space: whites are made white
        every = np.arange(len(way.light))[:, None].repeat(3, axis=1)
        table: Pixels = _shown(way.light[every], coded, way)[:, 1]
        return table[samples]
    return _shown(way.light[samples], coded, way)


def _shown(light: Floats, coded: Coded, way: _Way) -> Pixels:
    if coded.transfer not in (PQ, HLG):
        return _encoded(light @ way.matrix)
    wide = light @ way.to_2020
    if coded.transfer == HLG:
        luminance = np.maximum(wide @ np.array(LUMA_2020, np.float32), 1e-9)[..., None]
        wide = wide * (np.float32(PEAK) * luminance ** np.float32(SYSTEM_GAMMA))
    brightest = np.maximum(wide.max(axis=-1, keepdims=True), 1e-9)
    return _encoded((wide * (_brought_down(brightest) / brightest)) @ way.from_2020)


def _brought_down(light: Floats) -> Floats:
    """Up to white the half of it, then along a curve of Bézier's that is flat at the peak."""
    along, shown = _shoulder()
    above = np.interp(light, along, shown).astype(np.float32)
    return np.where(light <= 1, HALVED * light, above)


@cache
def _shoulder() -> tuple[Floats, Floats]:
    """Light from white to `PEAK`, and what it is shown as: the quadratic curve of ST 2094-50."""
    t = np.linspace(0, 1, 4096)
    middle_x = (1 - BEND) + BEND / HALVED
    middle_y = (1 - BEND) * HALVED + BEND
    x = (1 - t) ** 2 + 2 * t * (1 - t) * middle_x + t**2 * PEAK
    y = (1 - t) ** 2 * HALVED + 2 * t * (1 - t) * middle_y + t**2
    return x.astype(np.float32), y.astype(np.float32)


def _encoded(linear: Floats) -> Pixels:
    steps = (linear.clip(0, 1) * STEPS + 0.5).astype(np.uint16)
    return _levels()[steps]


@cache
def _levels() -> Pixels:
    """The level of sRGB of each step of linear light."""
    x = np.arange(STEPS + 1) / STEPS
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


@lru_cache(16)
def _way(coded: Coded, sample_bytes: int) -> _Way:
    values = np.arange(256**sample_bytes) / (256**sample_bytes - 1)
    to_2020 = np.linalg.solve(_to_xyz(BT2020), _to_xyz(coded.primaries)).T
    from_2020 = np.linalg.solve(_to_xyz(BT709), _to_xyz(BT2020)).T
    return _Way(
        light=_light(values, coded.transfer).astype(np.float32),
        matrix=(to_2020 @ from_2020).astype(np.float32),
        to_2020=to_2020.astype(np.float32),
        from_2020=from_2020.astype(np.float32),
    )


def _light(values: npt.NDArray[np.float64], transfer: Transfer) -> npt.NDArray[np.float64]:
    """Linear light of encoded `values` in [0, 1]: ITU-R BT.2100, tables 4 and 5, for the high ranges."""
    if transfer == PQ:
        root = values ** (1 / (2523 / 32))
        share = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
        return np.asarray(10_000 / WHITE * share ** (1 / (2610 / 16384)))
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    g, a, b, c, d = (float(number) for number in transfer)
    return np.where(values < d, c * values, np.maximum(a * values + b, 0) ** g)


def _to_xyz(primaries: Primaries) -> npt.NDArray[np.float64]:
    """From linear light to XYZ, with white moved to D65 as eyes adapt (Bradford, as ICC profiles have it)."""
    x, y = np.array(primaries[0::2]), np.array(primaries[1::2])
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    own = columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])
    eye = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    white = eye @ np.array([D65[0] / D65[1], 1, (1 - sum(D65)) / D65[1]])
    return np.asarray(np.linalg.solve(eye, (white / (eye @ columns[:, 3]))[:, None] * (eye @ own)))
