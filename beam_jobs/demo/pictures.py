"""Pictures drawn: coloured shapes on textured ground, each unlike every other to a perceptual code."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from beam_jobs.demo.dice import Dice
from beam_jobs.demo.outlines import outline
from beam_jobs.demo.plan import Picture, Thing
from beam_jobs.demo.vocabulary import COLOURS, RELATIONS, SPOTS, SURFACES

Pixels = NDArray[np.float32]  # [height, width, 3], 0 to 255

SHARP = 2  # masks are drawn at twice the size and reduced: smooth edges
CLOUDS = (7, 9)  # lowest frequencies of the ground: what tells two codes apart
FORMATS = ("JPEG", "JPEG", "JPEG", "JPEG", "JPEG", "JPEG", "PNG", "WEBP", "GIF")
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}


def render(picture: Picture) -> Image.Image:
    """The picture's pixels."""
    pixels = _ground(picture)
    for thing, spot, radius in _placed(picture):
        _paint(pixels, thing, spot, radius, picture.dice)
    noise = picture.dice.generator("noise").normal(0, 4, pixels.shape[:2])
    return Image.fromarray((pixels + noise[..., None]).clip(0, 255).astype(np.uint8))


def format_of(picture: Picture) -> str:
    """The format in which a picture stands in the web: JPEG mostly."""
    return picture.dice.pick("format", FORMATS)


def encode(image: Image.Image, name: str, quality: int = 88) -> bytes:
    """An image's bytes in one of the four formats of the web."""
    buffer = io.BytesIO()
    if name == "GIF":
        image.quantize(128, method=Image.Quantize.FASTOCTREE).save(buffer, "GIF")
    elif name == "PNG":
        image.save(buffer, "PNG", compress_level=3)
    elif name == "WEBP":
        image.save(buffer, "WEBP", quality=quality, method=0)
    else:
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _ground(picture: Picture) -> Pixels:
    """A surface with its texture, clouds of light, and faint clutter."""
    dice, (height, width) = picture.dice, (picture.height, picture.width)
    shade = dice.generator("shade").normal(0, 10, 3)
    base = np.array(SURFACES[picture.surface]) + shade
    texture = _texture(picture.texture, width, height, dice)
    clouds = dice.generator("clouds").normal(0, 1, CLOUDS).astype(np.float32)
    soft = np.asarray(Image.fromarray(clouds).resize((width, height), Image.Resampling.BICUBIC))
    strength = 34 if picture.texture == "cloudy" else 22
    pixels = base + (texture * dice.between("contrast", 6, 14) + soft * strength)[..., None]
    return _clutter(pixels.clip(0, 255), dice)


def _texture(name: str, width: int, height: int, dice: Dice) -> NDArray[np.float64]:
    """A pattern from -1 to 1 over the whole picture."""
    y, x = np.ogrid[0:height, 0:width]
    y, x = (y / min(width, height)).astype(np.float32), (x / min(width, height)).astype(np.float32)
    angle, step = dice.between("angle", 0, np.pi), dice.between("step", 5, 11) * 2 * np.pi
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if name == "striped":
        return np.sign(np.sin(along * step))
    if name == "dotted":
        return np.where(np.sin(along * step) * np.sin(across * step) > 0.5, -1.0, 0.3)
    if name == "checkered":
        return np.sign(np.sin(along * step) * np.sin(across * step))
    if name == "wavy":
        return np.sin(along * step + 1.6 * np.sin(across * step * 0.6))
    if name == "grainy":
        return dice.generator("grain").normal(0, 0.9, (height, width))
    return np.zeros((height, width))


def _clutter(pixels: Pixels, dice: Dice) -> Pixels:
    """Faint lines and blots, as dust and scratches are."""
    image = Image.fromarray(pixels.astype(np.uint8))
    draw, (width, height) = ImageDraw.Draw(image), image.size
    for x, y, dx, dy, light in dice.generator("clutter").uniform(0, 1, (5, 5)):
        grey = round(110 + 120 * light)
        start, end = (x * width, y * height), ((x + dx - 0.5) * width, (y + dy - 0.5) * height)
        draw.line((start, end), fill=(grey, grey, grey - 10), width=1 + round(dx * 2))
    return np.asarray(image).astype(np.float32)


def _placed(picture: Picture) -> list[tuple[Thing, tuple[float, float], float]]:
    """Each thing once for each time it is drawn, with its spot and its radius in shares of the picture."""
    dice, thing = picture.dice, picture.things[0]
    if len(picture.things) == 2:
        spots = RELATIONS[picture.relation]
        return [
            (thing, spot, dice.between(f"radius {i}", 0.19, 0.25))
            for i, (thing, spot) in enumerate(zip(picture.things, spots, strict=True))
        ]
    if thing.count == 1:
        low, high = (0.25, 0.31) if picture.size == "small" else (0.34, 0.41)
        return [(thing, SPOTS[picture.spot], dice.between("radius", low, high))]
    start = dice.between("wheel", 0, 2 * np.pi)
    angles = start + np.arange(thing.count) * 2 * np.pi / thing.count
    return [(thing, (0.5 + 0.29 * np.cos(a), 0.5 + 0.29 * np.sin(a)), 0.15) for a in angles]


def _paint(pixels: Pixels, thing: Thing, spot: tuple[float, float], radius: float, dice: Dice) -> None:
    """Lay one shape on the pixels, in its colour with a little shade."""
    height, width = pixels.shape[:2]
    side, own = min(width, height), f"{spot[0]:.3f} {spot[1]:.3f}"
    points = outline(
        thing.shape,
        radius=radius * side * SHARP,
        turn=dice.between(f"turn {own}", -1, 1),
        squeeze=dice.between(f"squeeze {own}", 0.93, 1.07),
    )
    jitter = [dice.between(f"{axis} {own}", -0.03, 0.03) for axis in "xy"]
    centre = np.array([(spot[0] + jitter[0]) * width, (spot[1] + jitter[1]) * height]) * SHARP
    mask = Image.new("L", (width * SHARP, height * SHARP))
    ImageDraw.Draw(mask).polygon([tuple(point) for point in points + centre], fill=255)
    cover = np.asarray(mask.reduce(SHARP), dtype=np.float32)[..., None] / 255
    hue = np.array(COLOURS[thing.colour]) + dice.generator(f"hue {own}").normal(0, 9, 3)
    light = np.linspace(-14, 14, height, dtype=np.float32)[:, None, None]
    pixels += cover * (hue.astype(np.float32) + light - pixels)
