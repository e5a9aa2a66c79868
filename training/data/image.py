"""Bytes of an image file to the pixels a tower sees.

Shapes: H height, W width, C = 3 colours, B images.
"""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from simplejpeg import decode_jpeg, decode_jpeg_header
from torch import Tensor

from wit_pipeline.pictures.resize import BICUBIC, resize

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of red, green and blue in [0, 1], as openai/CLIP
DEVIATION = (0.26862954, 0.26130258, 0.27577711)

PLAIN = ("YCbCr", "Gray")  # colour spaces of JPEGs that have no profile of their own to mind
MOST_PIXELS = 1 << 26  # that are decoded here; more is Pillow's to refuse

# What Pillow raises for files it cannot read. A bomb is a header that claims over 179 Mpx.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def square(data: bytes, size: int, place: float) -> NDArray[np.uint8]:
    """The largest square of an image at `place` along its longer side, as uint8 [size, size, 3].

    `place` is in [0, 1]: 0 the left or upper end, 0.5 the centre. Cropping a random square of the image,
    resized to a shorter side of `size`, is CLIP's only augmentation; crop and resize are one pass here.
    Raises one of `UNREADABLE`.
    """
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (2 * size, 2 * size))  # a JPEG far too large is decoded at 1/2, 1/4 or 1/8
        rgb = image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
    side = min(rgb.size)
    left, top = (place * (length - side) for length in rgb.size)
    box = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((size, size), Image.Resampling.BICUBIC, box=box))


def fast_square(data: bytes, size: int, place: float) -> NDArray[np.uint8]:
    """The same to within what JPEG's decoders differ by, at a third of the price for plain JPEGs.

    Decoded by libjpeg-turbo at the smallest fraction that is no smaller than `size`, cut at whole pixels,
    resized by a bicubic of ours; all of it without the GIL. What turbo refuses is Pillow's to judge.
    """
    try:
        pixels = _turbo(data, size)
    except ValueError:
        return square(data, size, place)
    rows, columns = pixels.shape[:2]
    side = min(rows, columns)
    top, left = round(place * (rows - side)), round(place * (columns - side))
    return resize(pixels[top : top + side, left : left + side], size, size, BICUBIC)


def _turbo(data: bytes, size: int) -> NDArray[np.uint8]:
    """The pixels of a plain JPEG; a `ValueError` for any other file."""
    rows, columns, colours, _ = decode_jpeg_header(data)
    if colours not in PLAIN or rows * columns > MOST_PIXELS:
        raise ValueError(f"no plain JPEG: {colours}")
    least = {"min_height": size, "min_width": size} if min(rows, columns) >= 2 * size else {}
    pixels: NDArray[np.uint8] = decode_jpeg(data, "RGB", fastdct=True, fastupsample=True, **least)
    return pixels


def normalise(image_BHWC: Tensor) -> Tensor:
    """uint8 [B, H, W, C] as float32 [B, C, H, W], mean and deviation taken out; on the tensor's device."""
    mean_C = torch.tensor(MEAN, device=image_BHWC.device)
    deviation_C = torch.tensor(DEVIATION, device=image_BHWC.device)
    return ((image_BHWC.float() / 255 - mean_C) / deviation_C).permute(0, 3, 1, 2)
