"""Pictures of every format that Pillow reads by itself, for evaluation sets: GTSRB is PPM.

What is none of the web's formats becomes a PNG in memory, pixel for pixel, and goes the way of all others.
The web is asked for none of these: Pillow's other decoders have more holes, and a set is its owner's.
"""

import io
from functools import cache

import numpy as np
from PIL import Image, ImageOps

from wit_pipeline.pictures import shown, structure

# They need a program or a library of their own to be drawn, or Pillow knows their size alone.
NOT_ALONE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
PLAIN = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG has
PRESS = 1  # of zlib: it is read once, at once


@cache
def formats() -> tuple[str, ...]:
    """The formats that are read, as Pillow names them."""
    Image.init()
    return tuple(sorted(set(Image.OPEN) - NOT_ALONE))


@cache
def endings() -> frozenset[str]:
    """How names of such files end, in lower case."""
    known = set(formats())
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in known)


def of_the_web(body: bytes) -> bytes:
    """`body` where it is of a format of the web, else the same picture as a PNG.

    Raises one of `shown.DAMAGED` and `shown.BOMBS` where it is no picture.
    """
    if structure.format_of(body):
        return body
    with shown.opened(body, formats()) as image:
        content = io.BytesIO()
        _plain(ImageOps.exif_transpose(image)).save(content, "PNG", compress_level=PRESS)
    return content.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in PLAIN:
        return image
    if image.mode[0] in "IF":
        return Image.fromarray(_levels(image))
    image.info.pop("icc_profile", None)  # it is of other channels
    return image.convert("RGBA" if image.mode in ("PA", "La", "RGBa") else "RGB")


def _levels(image: Image.Image) -> np.ndarray:
    """Grey of more than 8 bits as the 8 highest: of floats, of the range that they take."""
    values = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(bound) for bound in (values.min(), values.max()))
    if image.mode == "F":
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (min(low, 0.0), max(high, 255.0))
    else:
        low, high = 0.0, 65_535.0 if image.mode != "I" or high > 255 else 255.0
    return np.clip((values - low) * (256 / (high + (high > 1) - low)), 0, 255).astype(np.uint8)
