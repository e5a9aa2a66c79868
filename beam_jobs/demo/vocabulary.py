"""The words of the small world: what its pictures show, and what captions and articles call it."""

from collections.abc import Mapping
from types import MappingProxyType

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255

COLOURS: Mapping[str, Colour] = MappingProxyType(
    {
        "red": (214, 32, 36),
        "orange": (245, 130, 24),
        "yellow": (250, 218, 30),
        "green": (30, 150, 60),
        "blue": (30, 80, 210),
        "purple": (128, 40, 160),
        "pink": (248, 130, 180),
        "brown": (120, 70, 34),
        "black": (22, 22, 24),
    }
)
SHAPES: Mapping[str, str] = MappingProxyType(  # singular to plural
    {
        "circle": "circles",
        "square": "squares",
        "triangle": "triangles",
        "star": "stars",
        "heart": "hearts",
        "cross": "crosses",
        "ring": "rings",
        "house": "houses",
        "boat": "boats",
    }
)
# The evaluation set is every pair of these.
EVALUATION_COLOURS = ("red", "yellow", "green", "blue", "purple")
EVALUATION_SHAPES = ("circle", "triangle", "ring", "boat")

TEXTURES = ("striped", "dotted", "checkered", "wavy", "cloudy", "grainy")
SURFACES: Mapping[str, Colour] = MappingProxyType(
    {
        "paper": (232, 226, 212),
        "cloth": (200, 206, 216),
        "sand": (222, 204, 164),
        "stone": (160, 162, 166),
        "snow": (240, 243, 248),
        "concrete": (184, 182, 178),
        "slate": (120, 130, 140),
    }
)
COUNTS: Mapping[int, str] = MappingProxyType({2: "two", 3: "three", 4: "four", 5: "five"})
SIZES = ("small", "large")
SPOTS: Mapping[str, tuple[float, float]] = MappingProxyType(  # share of width and height
    {
        "in the middle": (0.5, 0.5),
        "on the left": (0.42, 0.5),
        "on the right": (0.58, 0.5),
        "near the top": (0.5, 0.44),
        "near the bottom": (0.5, 0.56),
    }
)
RELATIONS: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = MappingProxyType(
    {
        "to the left of": ((0.28, 0.5), (0.72, 0.5)),
        "to the right of": ((0.72, 0.5), (0.28, 0.5)),
        "above": ((0.5, 0.27), (0.5, 0.73)),
        "below": ((0.5, 0.73), (0.5, 0.27)),
    }
)

# The long tail: each occurs in a few captions only, so the balance keeps every pair that names one.
PLACES = tuple(
    f"{first}{second}"
    for first in ("Ash", "Birch", "Elm", "Fern", "Hazel", "Linden", "Maple", "Oak", "Rowan", "Willow")
    for second in ("ford", "bridge", "mere", "haven", "wick", "stead")
)
# No article has these words, so a caption made of them names no query.
FILLER = (
    "lorem",
    "ipsum",
    "dolor",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "tempor",
    "incididunt",
    "labore",
)


def article(word: str) -> str:
    """`word` behind its indefinite article."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
