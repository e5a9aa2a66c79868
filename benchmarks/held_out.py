"""Which pictures of a folder a detector must not learn from, where it is to be measured on them."""

import csv
from collections.abc import Iterable
from pathlib import Path

from wit_pipeline.vocabulary.chance import uniform

SHARE = 0.35


def held_out(folder: Path) -> list[Path]:
    """The held-out pictures of `folder`, by a hash of their names.

    Pictures that near_dups_within.tsv there says are one stand on the same side.
    """
    same: dict[str, str] = {}
    table = folder / "near_dups_within.tsv"
    if table.exists():
        with table.open(encoding="utf-8", newline="") as file:
            pairs = [(row["file_a"], row["file_b"]) for row in csv.DictReader(file, delimiter="\t")]
        same = {name: names[0] for names in components(pairs) for name in names}
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    )
    return [folder / name for name in names if is_held_out(same.get(name, name))]


def is_held_out(name: str) -> bool:
    """Whether a picture, or the first of those that are one, is held out."""
    return uniform(name, seed=0, purpose="benchmarks:held_out") < SHARE


def components(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The connected components of a graph of names, each sorted."""
    group: dict[str, list[str]] = {}
    for one, other in edges:
        first, second = group.get(one, [one]), group.get(other, [other])
        joined = sorted({*first, *second})
        group.update(dict.fromkeys(joined, joined))
    return [names for name, names in sorted(group.items()) if name == names[0]]
