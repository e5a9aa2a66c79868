"""The outline of each shape: polygons about the origin, about 1 to the farthest point."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [points, 2]; y grows downwards

UPRIGHT = (
    "house",
    "boat",
    "heart",
    "square",
    "triangle",
    "cross",
)  # turned by little, or it is another thing


def _arc(first: float, last: float, *, radius: float = 1.0, points: int = 40) -> Points:
    angles = np.radians(np.linspace(first, last, points))
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _points(*pairs: tuple[float, float]) -> Points:
    return np.array(pairs, dtype=np.float64)


def _star() -> Points:
    angles = np.radians(np.arange(10) * 36 - 90)
    radii = np.where(np.arange(10) % 2, 0.42, 1.0)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 48)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([16 * np.sin(t) ** 3, y], axis=1) / 17


def _cross() -> Points:
    a, b = 0.3, 0.95
    return _points(
        (-a, -b),
        (a, -b),
        (a, -a),
        (b, -a),
        (b, a),
        (a, a),
        (a, b),
        (-a, b),
        (-a, a),
        (-b, a),
        (-b, -a),
        (-a, -a),
    )


def _ring() -> Points:
    return np.concatenate([_arc(0, 360), _arc(360, 0, radius=0.58)])


def _house() -> Points:
    return _points(
        (0, -1), (0.9, -0.2), (0.7, -0.2), (0.7, 0.85), (0.18, 0.85), (0.18, 0.25), (-0.18, 0.25),
        (-0.18, 0.85), (-0.7, 0.85), (-0.7, -0.2), (-0.9, -0.2),
    )  # fmt: skip


def _boat() -> Points:
    return _points(
        (0, -1), (0.7, 0.2), (0.08, 0.2), (0.08, 0.35), (1, 0.35), (0.6, 0.85), (-0.6, 0.85), (-1, 0.35),
        (-0.04, 0.35), (-0.04, -1),
    )  # fmt: skip


OUTLINES: Mapping[str, Callable[[], Points]] = MappingProxyType(
    {
        "circle": lambda: _arc(0, 360),
        "square": lambda: _points((-0.78, -0.78), (0.78, -0.78), (0.78, 0.78), (-0.78, 0.78)),
        "triangle": lambda: _points((0, -0.95), (0.95, 0.75), (-0.95, 0.75)),
        "star": _star,
        "heart": _heart,
        "cross": _cross,
        "ring": _ring,
        "house": _house,
        "boat": _boat,
    }
)


def outline(shape: str, *, radius: float, turn: float, squeeze: float) -> Points:
    """The shape's polygon in pixels; `turn` is -1 to 1 of what the shape bears, `squeeze` widens it."""
    angle = np.radians(turn * (10 if shape in UPRIGHT else 40))
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (OUTLINES[shape]() * np.array([squeeze, 1 / squeeze]) * radius) @ rotation
