"""Pictures that are no photographs: flat frames, sentences, logos; each a file, always the same ones."""

import json
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.transforms import encoded

SIDE = 448  # pixels, as of Rendered SST2
Draws = np.random.Generator


def frames(count: int) -> Iterator[bytes]:
    """Plain colours, gradients, vignettes and halves, in turn: what films fade to."""
    draws = np.random.default_rng(0)
    kinds = (_plain, _gradient, _vignette, _halves)
    for number in range(count):
        yield encoded(Image.fromarray(kinds[number % len(kinds)](draws).clip(0, 255).astype(np.uint8)))


def _colour(draws: Draws) -> NDArray[np.float64]:
    """Grey for one frame in two, black and white among them."""
    if draws.random() < 0.5:
        return np.full(3, draws.choice([0, 255, draws.integers(0, 256)]), np.float64)
    return draws.integers(0, 256, 3).astype(np.float64)


def _plain(draws: Draws) -> NDArray[np.float64]:
    return np.broadcast_to(_colour(draws), (240, 320, 3))


def _gradient(draws: Draws) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:1:240j, 0:1:320j]
    angle = draws.choice([0, np.pi / 2, draws.uniform(0, np.pi)])
    share = np.abs(np.cos(angle) * columns + np.sin(angle) * rows)[:, :, None]
    return (1 - share) * _colour(draws) + share * _colour(draws)


def _vignette(draws: Draws) -> NDArray[np.float64]:
    rows, columns = np.mgrid[-1:1:240j, -1:1:320j]
    dark = 1 - draws.uniform(0.3, 1) * np.hypot(rows, columns)[:, :, None] / np.sqrt(2)
    return _colour(draws) * dark


def _halves(draws: Draws) -> NDArray[np.float64]:
    made = np.broadcast_to(_colour(draws), (240, 320, 3)).copy()
    if draws.random() < 0.5:
        made[:, 160:] = _colour(draws)
    else:
        made[120:] = _colour(draws)
    return made


def sentences(captions: Path, count: int) -> Iterator[bytes]:
    """Different captions of a COCO annotation file, black on white, wrapped as Rendered SST2 wraps."""
    told = json.loads(captions.read_text(encoding="utf-8"))["annotations"]
    different = sorted({" ".join(item["caption"].split()) for item in told})
    font = ImageFont.load_default(32)
    for text in different[:: max(1, len(different) // count)][:count]:
        image = Image.new("RGB", (SIDE, SIDE), "white")
        pen = ImageDraw.Draw(image)
        pen.multiline_text((16, 16), _wrapped(text, font, pen), fill="black", font=font)
        yield encoded(image)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, pen: ImageDraw.ImageDraw) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font=font) <= SIDE - 32:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def logos(count: int) -> Iterator[bytes]:
    """Brands' signs, black on white. Raises ImportError without simpleicons and resvg_py."""
    icons = import_module("simpleicons.all").icons
    draw = import_module("resvg_py").svg_to_bytes
    for _, icon in sorted(icons.items())[:count]:
        drawn = draw(svg_string=icon.svg, background="#ffffff", width=256, height=256)
        with Image.open(BytesIO(bytes(drawn))) as image:
            yield encoded(image.convert("RGB"), "PNG")
