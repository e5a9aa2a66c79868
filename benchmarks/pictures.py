"""The photographs that copies are looked for among, and which of them are one picture."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.held_out import components, held_out

DATA = Path(__file__).parents[2] / "shared" / "data"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TOLD = Path(__file__).with_name("same_pictures.tsv")  # pairs that were looked at: one picture, or one scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A picture's file, and its name below the folder that was asked for."""

    path: Path
    name: str


def photos(folder: Path, *, whole: bool) -> list[Photo]:
    """The held-out pictures of a folder, or all."""
    paths = (
        sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES) if whole else held_out(folder)
    )
    return [Photo(path=path, name=path.relative_to(folder).as_posix()) for path in paths]


def same(folders: Sequence[Path], *, look_alikes: bool = False) -> Iterator[tuple[str, str]]:
    """Pairs of names that show one picture: those of the folders' near_dups_within.tsv, and `TOLD`.

    With `look_alikes` also those that a table calls so: maps, charts and drawings, one picture or not.
    """
    for table in (TOLD, *(folder / "near_dups_within.tsv" for folder in folders)):
        if table.exists():
            with table.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t"):
                    if look_alikes or row.get("label", "same_picture") == "same_picture":
                        yield row["file_a"], row["file_b"]


def unlike(names: Sequence[str], pairs: Iterator[tuple[str, str]]) -> NDArray[np.bool_]:
    """Which two of the pictures are different ones, [n, n]: those that no chain of pairs joins."""
    found = ~np.eye(len(names), dtype=bool)
    place = {name: row for row, name in enumerate(names)}
    for group in components(pairs):
        for one, other in combinations((place[name] for name in group if name in place), 2):
            found[one, other] = found[other, one] = False
    return found


def opened(photo: Photo) -> Image.Image:
    """Its pixels, upright."""
    with Image.open(photo.path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")
