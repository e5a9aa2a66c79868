"""The pictures that a detector learns from, as squares in one file: mapped, not read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.image import UNREADABLE
from wit_pipeline.copies import picture_sets
from wit_pipeline.copies.detector import square
from wit_pipeline.copies.neardup import phash16_words
from wit_pipeline.pictures import shown
from wit_pipeline.pictures.codes import FLAT, codes_of
from wit_pipeline.pictures.grey import grey
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.errors import UserError

LEAST = 500  # pictures: fewer tell nothing of what pictures share
HELD_OUT = 20  # one of so many is kept for the calibration


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """Squares of some pictures, no two of equal codes."""

    learnt: NDArray[np.uint8]  # [pictures, side, side, 3]
    codes: NDArray[np.uint64]  # [pictures, 4], phash16 of those learnt
    held_out: NDArray[np.uint8]
    left_out: dict[str, int]  # unreadable, flat or a copy of another


def collect(places: Iterable[str], side: int, most: int, scratch: Path) -> Collected:
    """The squares of the pictures that `places` name: folders, tars, zips, Parquet files or patterns of them.

    Of more than `most` a share is drawn by a hash of their names. Raises `UserError` where there are too few.
    """
    found = [item for place in places for item in picture_sets.pictures("--images", Path(place))]
    ranked = sorted(found, key=lambda item: draw(item.name, seed=0, purpose="detector:drawn"))
    drawn = set(ranked[:most])
    chosen = [item for item in found if item in drawn]
    squares = np.memmap(scratch, np.uint8, "w+", shape=(len(chosen), side, side, 3))
    left_out: Counter[str] = Counter()
    seen: dict[str, None] = {}  # codes, in order
    count = 0
    for _, body in picture_sets.read(chosen):
        reason = _keep(body, squares[count], seen)
        if reason:
            left_out[reason] += 1
        else:
            count += 1
    if count < LEAST:
        told = ", ".join(f"{n} {reason}" for reason, n in left_out.items()) or "none was left out"
        raise UserError(f"--images: {count} pictures to learn from ({told}); wants {LEAST} or more")
    every = np.arange(count) % HELD_OUT == 0
    codes = phash16_words(list(seen))
    return Collected(squares[:count][~every], codes[~every], squares[:count][every], dict(left_out))


def _keep(body: bytes, place: NDArray[np.uint8], seen: dict[str, None]) -> str:
    """Write a picture to its place; returns why not, or ""."""
    try:
        made = picture_square(body, place.shape[0])
    except UNREADABLE:
        return "unreadable"
    found = codes_of(grey(made))
    if found.weak > FLAT:
        return "flat"
    if found.phash16 in seen:
        return "copies"
    seen[found.phash16] = None
    place[:] = made
    return ""


def picture_square(body: bytes, side: int) -> NDArray[np.uint8]:
    """The picture in a file's bytes, squashed to (side, side, 3), as screens show it. Raises `UNREADABLE`."""
    pixels = shown.upright(body, 2 * side)
    return square(np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3))), side)


def stacked(families: Iterable[Sequence[Image.Image]], side: int) -> NDArray[np.uint8]:
    """Drawn pictures as squares, a family's one after another."""
    return np.stack([square(np.asarray(image), side) for family in families for image in family])
