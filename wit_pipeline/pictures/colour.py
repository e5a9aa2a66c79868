"""Colours as screens show them: plain pixels of any mode, and ICC profiles to sRGB."""

import struct
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from wit_pipeline.pictures.resize import Pixels

MAX_PROFILE = 4 << 20  # bytes: the printing industry's largest have some 2.7 MB
SAME = 3  # levels: a profile that moves no colour further is sRGB under another name
TRANSFORMS = 64  # profiles whose transforms are kept, of some 100 kB
BAND = 4_000_000  # pixels that are converted at once: no second copy of a large picture

MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # by channels
CLEAR = ("RGBA", "LA", "PA", "RGBa", "La")
BROKEN = (ImageCms.PyCMSError, OSError, TypeError, ValueError, struct.error)


def plain(image: Image.Image) -> Pixels:
    """A loaded image as (rows, columns, channels): 1 of grey, 3 of RGB, 4 of ink; what is clear is white."""
    channels = _channels(image)
    width, height = image.size
    pixels = np.empty((height, width, channels), np.uint8)
    step = max(1, BAND // width)
    for top in range(0, height, step):
        band = image.crop((0, top, width, min(top + step, height))) if step < height else image
        pixels[top : top + step] = np.asarray(_on_white(band, MODES[channels])).reshape(-1, width, channels)
    return pixels


def to_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """What `plain` gave, of whatever size, in grey or sRGB."""
    mode = MODES[pixels.shape[2]]
    transform = srgb_transform(profile, mode)
    if transform is None and mode != "CMYK":
        return pixels
    image = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    return np.array(image.convert("RGB") if transform is None else transform.apply(image))


@lru_cache(TRANSFORMS)
def srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the colours of an ICC profile to sRGB; None where there is nothing to do.

    That is: no profile, sRGB itself by its name or by what it does, or a broken profile, which is as good as
    none, as browsers have it. Ink is never sRGB.
    """
    if not 128 <= len(profile) <= MAX_PROFILE:
        return None
    try:
        known = ImageCms.ImageCmsProfile(BytesIO(profile))
        if mode != "CMYK" and "sRGB" in (known.profile.profile_description or ""):
            return None
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(known, srgb, mode, "RGB")
        moved = np.asarray(transform.apply(_lattice(mode))).astype(np.int16)
    except BROKEN:
        return None
    if mode != "CMYK" and np.abs(moved - np.asarray(_lattice(mode).convert("RGB"))).max() <= SAME:
        return None
    return transform


def _lattice(mode: str) -> Image.Image:
    """Each sixteenth level of each channel with those of the others, or all greys."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    points = np.stack(np.meshgrid(*[levels] * len(mode), indexing="ij"), axis=-1)
    return Image.frombytes(mode, (len(levels), points.size // len(mode) // len(levels)), points.tobytes())


def _channels(image: Image.Image) -> int:
    if image.mode == "CMYK":
        return 4
    clear = image.mode in CLEAR or "transparency" in image.info
    return 1 if not clear and (image.mode in ("1", "L") or image.mode.startswith("I")) else 3


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    """The picture in `mode`, what is transparent laid on white."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow itself would clip to 8 and not scale
        levels = np.asarray(image).astype(np.uint32) >> 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert(mode)
    if image.mode in CLEAR or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert(mode)
    return image.convert(mode)
