"""What of a picture a copy shows: a part, turned, on a ground, each step by an interpolation of its own.

By Pillow, whose resizing sees every pixel it makes smaller, as the programs do that make copies.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from wit_pipeline.copies.detector import square

Draws = np.random.Generator
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom
METHODS = (
    Resampling.BILINEAR,
    Resampling.BICUBIC,
    Resampling.LANCZOS,
    Resampling.BOX,
    Resampling.HAMMING,
    Resampling.NEAREST,
)
TURNED = 0.3  # share of the copies that are turned a little
CROPPED = 0.7
BORDERED = 0.28
BLACK_OR_WHITE = 0.6  # of the grounds


def framed(pictures: Pixels, size: int, draws: Draws) -> Pixels:
    """A part of each picture [B, H, W, 3], badly framed: [B, size, size, 3]."""
    return np.stack([_framed(Image.fromarray(picture), size, draws) for picture in pictures])


def trimmed(pictures: Pixels, size: int, draws: Draws) -> Pixels:
    """Each picture [B, H, W, 3] whole, or all but a little of its edges: [B, size, size, 3]."""
    return np.stack([_trimmed(picture, size, draws) for picture in pictures])


def _framed(image: Image.Image, size: int, draws: Draws) -> Pixels:
    if draws.random() < TURNED:
        image = _turned(image, draws)
    whole = (0.0, 0.0, float(image.width), float(image.height))
    box = _part(image.size, draws) if draws.random() < CROPPED else whole
    if draws.random() < BORDERED:
        return np.asarray(_bordered(image, box, size, draws))
    return np.asarray(image.resize((size, size), _method(draws), box))


def _trimmed(picture: Pixels, size: int, draws: Draws) -> Pixels:
    if draws.random() < 0.4:
        return square(picture, size)
    wide, high = picture.shape[1], picture.shape[0]
    left, top, right, bottom = draws.uniform(0, 0.03, 4) * (draws.random() < 0.6)
    box = (left * wide, top * high, (1 - right) * wide, (1 - bottom) * high)
    return np.asarray(Image.fromarray(picture).resize((size, size), _method(draws), box))


def _method(draws: Draws) -> Resampling:
    return METHODS[int(draws.integers(len(METHODS)))]


def _turned(image: Image.Image, draws: Draws) -> Image.Image:
    """A picture turned by some degrees, on a ground; half of the time without its corners."""
    degrees = float(np.clip(draws.normal(0, 6), -20, 20))
    turned = image.rotate(degrees, Resampling.BILINEAR, fillcolor=colour(draws))
    if draws.random() < 0.5:
        return turned
    lost = abs(np.sin(np.deg2rad(degrees))) / 2 * image.width
    return turned.crop((round(lost), round(lost), round(image.width - lost), round(image.height - lost)))


def _part(sides: tuple[int, int], draws: Draws) -> Box:
    """A part of a picture: smaller in both ways, or (one in four) in one way, as where squares are cut."""
    wide, high = sides
    if draws.random() < 0.25:
        shares = np.array([draws.uniform(0.5, 1.0), 1.0])
        shares = shares[:: int(draws.choice([-1, 1]))]
    else:
        area, aspect = draws.uniform(0.18, 1.0), np.exp(draws.uniform(-0.3, 0.3))
        shares = np.clip(np.sqrt([area * aspect, area / aspect]), 0.2, 1.0)
    place = np.full(2, 0.5) if draws.random() < 0.3 else draws.random(2)
    x, y = place * (1 - shares)
    return float(x * wide), float(y * high), float((x + shares[0]) * wide), float((y + shares[1]) * high)


def _bordered(image: Image.Image, box: Box, size: int, draws: Draws) -> Image.Image:
    """A part of a picture on a ground: a frame, bars of two sides, or as a page has it."""
    left, top, right, bottom = (max(0, round(share * size)) for share in _edges(draws))
    made = Image.new("RGB", (size, size), colour(draws))
    if draws.random() < 0.15:  # a page's head
        made.paste(colour(draws), (0, 0, size, max(1, top * 3 // 4)))
    inner = (size - left - right, size - top - bottom)
    made.paste(image.resize(inner, _method(draws), box), (left, top))
    return made


def _edges(draws: Draws) -> tuple[float, float, float, float]:
    """The ground's shares to the left, above, to the right and below."""
    kind, more = draws.random(), float(draws.uniform(0.02, 0.2))
    if kind < 0.35:
        other = more * float(np.exp(draws.uniform(-0.4, 0.4)))
        return more, other, more, other
    if kind < 0.55:
        return 0.0, more, 0.0, more
    if kind < 0.75:
        return more, 0.0, more, 0.0
    left, top, right, bottom = draws.uniform(0, 0.22, 4).tolist()
    return left, top, right, bottom


def colour(draws: Draws) -> tuple[int, int, int]:
    """Black, white or any other."""
    if draws.random() < BLACK_OR_WHITE:
        return (0, 0, 0) if draws.random() < 0.5 else (255, 255, 255)
    red, green, blue = draws.integers(0, 256, 3).tolist()
    return red, green, blue
