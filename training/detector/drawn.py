"""Texts and simple signs, drawn: pictures that a crawl may hold few of, and that codes confuse.

A family has one look, its members other words: what tells them apart is what they say.
"""

import string
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FAMILY = 8  # members
CANVAS = 256  # pixels a side; made smaller by who asks
LETTERS = np.array(list(string.ascii_lowercase))
FREQUENCIES = np.array(
    [
        8.2,
        1.5,
        2.8,
        4.3,
        12.7,
        2.2,
        2.0,
        6.1,
        7.0,
        0.2,
        0.8,
        4.0,
        2.4,
        6.7,
        7.5,
        1.9,
        0.1,
        6.0,
        6.3,
        9.1,
        2.8,
        1.0,
        2.4,
        0.2,
        2.0,
        0.1,
    ]
)  # fmt: skip - per cent, English

Draws = np.random.Generator
Colour = tuple[int, int, int]


def families(count: int, draws: Draws) -> Iterator[list[Image.Image]]:
    """So many families of drawn pictures, texts and signs by turns."""
    for number in range(count):
        yield texts(draws) if number % 3 else signs(draws)


def texts(draws: Draws) -> list[Image.Image]:
    """Pictures of text that differ in their words alone."""
    ground, ink = _colours(draws)
    size, words = int(draws.integers(11, 44)), int(draws.integers(3, 60))
    left, centred = int(draws.integers(4, 30)), bool(draws.random() < 0.5)
    return [_text(ground, ink, size, words, left, centred, draws) for _ in range(FAMILY)]


def _text(
    ground: Colour, ink: Colour, size: int, words: int, left: int, centred: bool, draws: Draws
) -> Image.Image:
    image = Image.new("RGB", (CANVAS, CANVAS), ground)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    per_line = max(1, int((CANVAS - 2 * left) / (size * 0.55) / 6))
    lines = [" ".join(_word(draws) for _ in range(per_line)) for _ in range(-(-words // per_line))]
    fitting = lines[: max(1, (CANVAS - 8) // round(size * 1.25))]
    y = 4 if not centred else max(4, (CANVAS - len(fitting) * round(size * 1.25)) // 2)
    for i, line in enumerate(fitting):
        pen.text((left, y + i * round(size * 1.25)), line, fill=ink, font=font)
    return image


def _word(draws: Draws) -> str:
    length = int(np.clip(draws.poisson(4.5), 1, 12))
    return "".join(draws.choice(LETTERS, length, p=FREQUENCIES / FREQUENCIES.sum()))


def signs(draws: Draws) -> list[Image.Image]:
    """Logos of a few shapes in the same colours, with a word or none."""
    ground, ink = _colours(draws)
    third: Colour = tuple(int(value) for value in draws.integers(0, 256, 3))  # type: ignore[assignment]
    return [_sign(ground, [ink, third], draws) for _ in range(FAMILY)]


def _sign(ground: Colour, inks: list[Colour], draws: Draws) -> Image.Image:
    image = Image.new("RGB", (CANVAS, CANVAS), ground)
    pen = ImageDraw.Draw(image)
    for _ in range(int(draws.integers(1, 6))):
        x, y = (int(value) for value in draws.integers(20, CANVAS - 120, 2))
        w, h = (int(value) for value in draws.integers(30, 150, 2))
        colour, kind = inks[int(draws.integers(2))], int(draws.integers(4))
        box = (x, y, min(x + w, CANVAS - 10), min(y + h, CANVAS - 10))
        if kind == 0:
            pen.ellipse(box, fill=colour)
        elif kind == 1:
            pen.rounded_rectangle(box, radius=int(draws.integers(0, 20)), fill=colour)
        elif kind == 2:
            corners = draws.integers(15, CANVAS - 15, (int(draws.integers(3, 7)), 2))
            pen.polygon([(int(a), int(b)) for a, b in corners], fill=colour)
        else:
            pen.arc(
                box, int(draws.integers(360)), int(draws.integers(360)), colour, int(draws.integers(4, 20))
            )
    if draws.random() < 0.4:
        font = ImageFont.load_default(int(draws.integers(20, 60)))
        pen.text((int(draws.integers(5, 80)), int(draws.integers(20, 200))), _word(draws), inks[0], font=font)
    return image


def _colours(draws: Draws) -> tuple[Colour, Colour]:
    """Ground and ink that can be told apart; half of the time black and white."""
    if draws.random() < 0.5:
        dark, light = (0, 0, 0), (255, 255, 255)
        return (light, dark) if draws.random() < 0.75 else (dark, light)
    while True:
        ground, ink = (tuple(int(value) for value in draws.integers(0, 256, 3)) for _ in range(2))
        if abs(_luma(ground) - _luma(ink)) > 60:
            return ground, ink  # type: ignore[return-value]


def _luma(colour: tuple[int, ...]) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
