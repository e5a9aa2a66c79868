"""Perceptual codes: short bit strings that copies of a picture share.

Bit for bit what `imagehash.phash` 4.3.2 gives: grey, LANCZOS to 32 × 32 (64 × 64), an unnormalised DCT-II of
rows and columns, and of its lowest 8 × 8 (16 × 16) coefficients one bit each: above their median or not.
Pillow changed codes by 2 bits between releases and OpenCV's resize moves 3 to 9, hence `CODE_NAME`: the grey
and the LANCZOS are those of the release it names, done here, whichever one is installed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.fft import dct

from wit_pipeline.grey import grey, squares
from wit_pipeline.resize import Pixels

OVERSAMPLING = 4  # pixels a side for each bit a side
NEAR = 80.0  # a coefficient this close to the median may fall on either side in a copy

CODE_NAME = "phash8+phash16/dct2-median/pillow-12.3.0/L-lanczos-of-stored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """The codes of one image. For its mirror image's, take `codes(ImageOps.mirror(image))`."""

    phash: str  # 16 hex digits
    phash16: str  # 64 hex digits
    weak: float  # share of phash16's coefficients near the median; flat images are above 0.35


def codes(image: Image.Image) -> Codes:
    """The codes of `image` as its readers decode it."""
    plain = image if image.mode in ("L", "RGB") else image.convert("L")
    pixels = np.array(plain)  # a copy: what Pillow lends is read-only, another type to compile for
    return codes_of(grey(pixels.reshape(*pixels.shape[:2], -1)))


def codes_of(luma: Pixels) -> Codes:
    """The codes of a picture in grey, (rows, columns)."""
    small8, small16 = squares(luma, 8 * OVERSAMPLING, 16 * OVERSAMPLING)
    lowest8, lowest16 = _lowest(small8, 8), _lowest(small16, 16)
    median8, median16 = _median(lowest8), _median(lowest16)
    near = np.abs(lowest16 - median16) <= NEAR
    return Codes(phash=_bits(lowest8 > median8), phash16=_bits(lowest16 > median16), weak=float(near.mean()))


def _lowest(small: Pixels, side: int) -> npt.NDArray[np.float64]:
    """The `side` × `side` coefficients of lowest frequency."""
    coefficients: npt.NDArray[np.float64] = dct(dct(small.astype(np.float64), axis=0), axis=1)
    return coefficients[:side, :side]


def _median(lowest: npt.NDArray[np.float64]) -> float:
    """numpy's, of an even number, at a third of its price."""
    ordered = np.sort(lowest, axis=None)
    return float(ordered[ordered.size // 2 - 1 : ordered.size // 2 + 1].mean())


def _bits(above: npt.NDArray[np.bool_]) -> str:
    return np.packbits(above).tobytes().hex()
