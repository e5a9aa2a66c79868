"""PDQ, the perceptual code of published lists, by pdqhash: of the picture as it was decoded.

Made of the pixels before they are made smaller to be stored: of those the code is some 15 bits away, and of
one picture in twenty more than the 31 by which lists are looked up. As those who make lists do, of
the rows as the file has them: a picture that EXIF turns is not turned, and a larger one is first made to fit
512 pixels.
"""

import numpy as np

from wit_pipeline.pictures.resize import Pixels, resize

MODULE = "pdqhash"  # of the extra `pdq`
SIDE = 512  # pixels


def pdq_of(pixels: Pixels) -> tuple[str, int]:
    """64 hex digits and the quality, 0 to 100, of pixels (rows, columns, 1 or 3)."""
    import pdqhash

    rows, columns = pixels.shape[:2]
    if max(rows, columns) > SIDE:
        width, height = (max(1, side * SIDE // max(rows, columns)) for side in (columns, rows))
        pixels = resize(pixels, width, height, covered=(columns, rows))
    rgb = pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)
    bits, quality = pdqhash.compute(np.ascontiguousarray(rgb))
    return np.packbits(bits.astype(np.uint8)).tobytes().hex(), int(quality)
