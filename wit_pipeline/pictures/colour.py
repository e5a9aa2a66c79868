"""Colours as screens show them: plain pixels of any mode, and ICC profiles to sRGB."""

import struct
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from wit_pipeline.pictures.resize import Pixels

MAX_PROFILE = 4 << 20  # bytes: the printing industry's largest have some 2.7 MB
SAME = 3  # levels: a profile that moves no colour further is sRGB under another name
BENT = 16  # levels: a curve that moves a grey further is no screen's
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
    if transform is not None and mode == "L":
        return _greys(transform)[pixels[..., 0]]
    image = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    return np.array(image.convert("RGB") if transform is None else transform.apply(image))


@lru_cache(TRANSFORMS)
def srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the colours of an ICC profile to sRGB; None where there is nothing to do.

    That is: no profile, sRGB itself by what it does, whatever its name, or a broken profile or one of another
    kind of picture, which is as good as none, as browsers have it. Ink is never sRGB. Grey may have a profile
    of RGB: then the transform is of RGB.
    """
    if not 128 <= len(profile) <= MAX_PROFILE:
        return None
    space = "RGB" if mode == "L" and profile[16:20] == b"RGB " else mode
    try:
        known = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(known, srgb, space, "RGB")
        moved = max(_moved(transform, mode), _moved(transform, "L") if mode == "RGB" else 0)
    except BROKEN:
        return None
    return None if mode != "CMYK" and moved <= SAME else transform


@lru_cache(TRANSFORMS)
def bends(profile: bytes, mode: str) -> bool:
    """Whether a profile moves greys far, as linear light does."""
    transform = srgb_transform(profile, mode) if profile and mode in ("L", "RGB") else None
    return transform is not None and _moved(transform, "L") > BENT


def _moved(transform: ImageCms.ImageCmsTransform, mode: str) -> int:
    """By how many levels it moves the channel of a colour that it moves most; for ink, nonsense."""
    before = _lattice(mode)
    made = transform.apply(before.convert(transform.input_mode) if mode == "L" else before)
    return int(np.abs(np.asarray(made).astype(np.int16) - np.asarray(before.convert("RGB"))).max())


def _greys(transform: ImageCms.ImageCmsTransform) -> Pixels:
    """What becomes of each grey: (256, 1), or (256, 3) where that is a colour."""
    made = np.asarray(transform.apply(_lattice("L").convert(transform.input_mode))).reshape(256, 3)
    return made[:, 1:2] if np.ptp(made.astype(np.int16), axis=1).max() <= SAME else made


def _lattice(mode: str) -> Image.Image:
    """Six levels of each channel with those of the others, or all greys."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    points = np.stack(np.meshgrid(*[levels] * len(mode), indexing="ij"), axis=-1)
    return Image.frombytes(mode, (len(levels), points.size // len(mode) // len(levels)), points.tobytes())


def is_clear(image: Image.Image) -> bool:
    """Whether any of it may be transparent."""
    return image.mode in CLEAR or "transparency" in image.info


def _channels(image: Image.Image) -> int:
    if image.mode == "CMYK":
        return 4
    return 1 if not is_clear(image) and (image.mode in ("1", "L") or image.mode.startswith("I")) else 3


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    """The picture in `mode`, what is transparent laid on white."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow itself would clip to 8 and not scale
        levels = np.asarray(image).astype(np.uint32) >> 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert(mode)
    if is_clear(image):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert(mode)
    return image.convert(mode)
