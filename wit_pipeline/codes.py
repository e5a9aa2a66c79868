"""Perceptual codes: short bit strings that copies of a picture share.

Bit for bit what `imagehash.phash` 4.3.2 gives: grey, LANCZOS to 32 × 32 (64 × 64), an unnormalised DCT-II of
rows and columns, and of its lowest 8 × 8 (16 × 16) coefficients one bit each: above their median or not.
Pillow changed codes by 2 bits between releases and OpenCV's resize moves 3 to 9, hence `CODE_NAME`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image
from scipy.fft import dct

OVERSAMPLING = 4  # pixels a side for each bit a side
NEAR = 80.0  # a coefficient this close to the median may fall on either side in a copy

CODE_NAME = f"phash8+phash16/dct2-median/pillow-{PIL.__version__}/L-lanczos-of-stored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """The codes of one image. For its mirror image's, take `codes(ImageOps.mirror(image))`."""

    phash: str  # 16 hex digits
    phash16: str  # 64 hex digits
    weak: float  # share of phash16's coefficients near the median; flat images are above 0.35


def codes(image: Image.Image) -> Codes:
    """The codes of `image` as its readers decode it."""
    grey = image.convert("L")
    lowest8, lowest16 = _lowest(grey, 8), _lowest(grey, 16)
    near = np.abs(lowest16 - np.median(lowest16)) <= NEAR
    return Codes(phash=_bits(lowest8), phash16=_bits(lowest16), weak=float(near.mean()))


def _lowest(grey: Image.Image, side: int) -> npt.NDArray[np.float64]:
    """The `side` × `side` coefficients of lowest frequency."""
    pixels = np.asarray(grey.resize((side * OVERSAMPLING,) * 2, Image.Resampling.LANCZOS), dtype=np.float64)
    coefficients: npt.NDArray[np.float64] = dct(dct(pixels, axis=0), axis=1)
    return coefficients[:side, :side]


def _bits(lowest: npt.NDArray[np.float64]) -> str:
    return np.packbits(lowest > np.median(lowest)).tobytes().hex()
