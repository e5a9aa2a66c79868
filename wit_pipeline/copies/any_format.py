"""Pictures of every format that Pillow reads by itself, for evaluation sets: GTSRB is PPM.

What is none of the web's formats becomes a PNG in memory, pixel for pixel, and goes the way of all others.
The web is asked for none of these: Pillow's other decoders have more holes, and a set is its owner's.
"""

import io
from dataclasses import replace
from functools import cache
from hashlib import sha256

import numpy as np
from PIL import Image, ImageOps

from wit_pipeline.pictures import shown, structure
from wit_pipeline.pictures.image import Decoded, ImageError, decode
from wit_pipeline.vocabulary.crawl_config import FORMATS, CrawlConfig
from wit_pipeline.vocabulary.records import Reason

# They need a program or a library of their own to be drawn, or Pillow knows their size alone.
NOT_ALONE = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
PLAIN = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG has
PRESS = 1  # of zlib: it is read once, at once


def decoding(config: CrawlConfig) -> CrawlConfig:
    """How pictures are decoded for their codes alone: those that are stored raw have none, but these do."""
    store = "resized" if config.store == "raw" else config.store
    return replace(config, formats=FORMATS, store=store)


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


def decode_any(body: bytes, config: CrawlConfig) -> Decoded:
    """`decode` of a picture of any format; the sum is that of `body`. Raises `ImageError` only."""
    try:
        made = of_the_web(body)
    except (*shown.DAMAGED, *shown.BOMBS) as error:
        raise ImageError(Reason.DECODE_ERROR, " ".join(f"{error}".split())[:200]) from None
    decoded = decode(made, config)
    return decoded if made is body else replace(decoded, sha256=sha256(body).hexdigest())


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
