"""Bytes of an image file to the pixels a tower sees.

Shapes: H height, W width, C = 3 colours, B images.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from simplejpeg import decode_jpeg, decode_jpeg_header
from torch import Tensor

from wit_pipeline.pictures import colour, exif, jpeg, shown
from wit_pipeline.pictures.resize import BICUBIC, resize

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of red, green and blue in [0, 1], as openai/CLIP
DEVIATION = (0.26862954, 0.26130258, 0.27577711)

PLAIN = ("YCbCr", "Gray")  # colour spaces of JPEGs that have no profile of their own to mind
MOST_PIXELS = 1 << 26  # that are decoded here; more is Pillow's to refuse

# What is raised for files that cannot be read. A bomb is a header that claims over 89 Mpx.
UNREADABLE = (*shown.DAMAGED, *shown.BOMBS)


def square(data: bytes, size: int, place: float) -> NDArray[np.uint8]:
    """The largest square of an image at `place` along its longer side, as uint8 [size, size, 3].

    `place` is in [0, 1]: 0 the left or upper end, 0.5 the centre. Cropping a random square of the image,
    resized to a shorter side of `size`, is CLIP's only augmentation; crop and resize are one pass here.
    It is upright, in sRGB and on white, as the pipeline sees it. Raises one of `UNREADABLE`.
    """
    pixels = np.ascontiguousarray(shown.upright(data, 2 * size))  # a JPEG far too large comes smaller
    rgb = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    side = min(rgb.size)
    left, top = (place * (length - side) for length in rgb.size)
    box = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((size, size), Image.Resampling.BICUBIC, box=box))


def fast_square(data: bytes, size: int, place: float) -> NDArray[np.uint8]:
    """The same to within what JPEG's decoders differ by, at a third of the price for plain JPEGs.

    Decoded by libjpeg-turbo at the smallest fraction that is no smaller than `size`, cut at whole pixels,
    resized by a bicubic of ours; all of it without the GIL. Other files, and JPEGs that are to be turned or
    have colours of their own, as all that turbo refuses, go the way of `square`.
    """
    try:
        pixels = _turbo(data, size)
    except jpeg.TURBO_REFUSES:
        return square(data, size, place)
    rows, columns = pixels.shape[:2]
    side = min(rows, columns)
    top, left = round(place * (rows - side)), round(place * (columns - side))
    return resize(pixels[top : top + side, left : left + side], size, size, BICUBIC)


def _turbo(data: bytes, size: int) -> NDArray[np.uint8]:
    """The pixels of a plain JPEG; a `ValueError` for any other file."""
    rows, columns, colours, _ = decode_jpeg_header(data)
    if colours not in PLAIN or rows * columns > MOST_PIXELS or _is_special(data):
        raise ValueError(f"no plain JPEG: {colours}")
    least = {"min_height": size, "min_width": size} if min(rows, columns) >= 2 * size else {}
    pixels: NDArray[np.uint8] = decode_jpeg(data, "RGB", fastdct=True, fastupsample=True, **least)
    return pixels


def _is_special(data: bytes) -> bool:
    """Whether a JPEG's metadata ask for more than its pixels: to be turned, or made sRGB."""
    block, profile = jpeg.told(data)
    return exif.turn(block) != 1 or colour.srgb_transform(profile, "RGB") is not None


def normalise(image_BHWC: Tensor) -> Tensor:
    """uint8 [B, H, W, C] as float32 [B, C, H, W], mean and deviation taken out; on the tensor's device."""
    mean_C = torch.tensor(MEAN, device=image_BHWC.device)
    deviation_C = torch.tensor(DEVIATION, device=image_BHWC.device)
    return ((image_BHWC.float() / 255 - mean_C) / deviation_C).permute(0, 3, 1, 2)
