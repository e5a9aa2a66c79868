"""Perceptual codes: short bit strings that copies of a picture share.

Bit for bit what `imagehash.phash` 4.3.2 gives: grey, LANCZOS to 32 × 32 (64 × 64), an unnormalised DCT-II of
rows and columns, and of its lowest 8 × 8 (16 × 16) coefficients one bit each: above their median or not.
Pillow changed codes by 2 bits between releases and OpenCV's resize moves 3 to 9, hence `CODE_NAME`: the grey
and the LANCZOS are those of the release it names, done here, whichever one is installed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from wit_pipeline.pictures.grey import grey, squares
from wit_pipeline.pictures.resize import Pixels

OVERSAMPLING = 4  # pixels a side for each bit a side
NEAR = 80.0  # a coefficient this close to the median may fall on either side in a copy
FLAT = 0.35  # share of such coefficients above which a picture is flat: 100 % of photographs lie below
DOUBT = 1e-6  # of a coefficient, of up to 4e6: sums of 4,096 products in doubles differ by 1e-8 at most

Bits = npt.NDArray[np.bool_]

CODE_NAME = "phash8+phash16/dct2-median/pillow-12.3.0/L-lanczos-of-stored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """The codes of one image. For its mirror image's, take `codes(ImageOps.mirror(image))`."""

    phash: str  # 16 hex digits
    phash16: str  # 64 hex digits
    weak: float  # share of phash16's coefficients near the median; flat images are above 0.35


NO_CODES = Codes(phash="", phash16="", weak=0.0)


def codes(image: Image.Image) -> Codes:
    """The codes of `image` as its readers decode it."""
    plain = image if image.mode in ("L", "RGB") else image.convert("L")
    pixels = np.array(plain)  # a copy: what Pillow lends is read-only, another type to compile for
    return codes_of(grey(pixels.reshape(*pixels.shape[:2], -1)))


def codes_of(luma: Pixels) -> Codes:
    """The codes of a picture in grey, (rows, columns)."""
    small8, small16 = squares(luma, 8 * OVERSAMPLING, 16 * OVERSAMPLING)
    (above8, _), (above16, near) = _judged(small8), _judged(small16)
    return Codes(phash=_bits(above8), phash16=_bits(above16), weak=np.count_nonzero(near) / near.size)


def _judged(small: Pixels) -> tuple[Bits, Bits]:
    """Which of the lowest frequencies' coefficients are above their median, and which are near it.

    A product of matrices has all but the last bits of the transform at a fifth of its price. Where they might
    decide, as with the ties that flat pictures are full of, the transform itself does.
    """
    side = len(small) // OVERSAMPLING
    pixels = small.astype(np.float64)
    above = _above_median(_cosines(side) @ pixels @ _cosines(side).T)
    if min(np.abs(above).min(), np.abs(np.abs(above) - NEAR).min()) < DOUBT:
        above = _above_median(_dct(_dct(pixels, 0), 1)[:side, :side])
    return above > 0, np.abs(above) <= NEAR


def _above_median(lowest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By how much each coefficient is above their median: numpy's, at a third of its price."""
    ordered = np.sort(lowest, axis=None)
    middle = ordered.size // 2
    above: npt.NDArray[np.float64] = lowest - (ordered[middle - 1] + ordered[middle]) / 2
    return above


@cache
def _cosines(side: int) -> npt.NDArray[np.float64]:
    """The lowest `side` rows of the unnormalised DCT-II of `side` × `OVERSAMPLING` values."""
    length = side * OVERSAMPLING
    rows: npt.NDArray[np.float64] = _dct(np.eye(length), 0)[:side]
    return np.ascontiguousarray(rows)


def _dct(pixels: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    from scipy.fft import dct  # takes a third of a second to load: not where decoders do the decoding

    transformed: npt.NDArray[np.float64] = dct(pixels, axis=axis)
    return transformed


def _bits(above: Bits) -> str:
    return np.packbits(above).tobytes().hex()
