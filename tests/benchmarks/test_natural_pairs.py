import csv
from pathlib import Path

import pytest

from benchmarks.natural_pairs import coded, labels, merged, verdicts
from benchmarks.pictures import Photo
from tests.dedup_reference import Item, rows_of
from wit_pipeline.dedup import DedupConfig


def found(*items: Item) -> set[frozenset[str]]:
    """The pairs merged among images named a, b, c and so on."""
    photos = [Photo(path=Path(name), name=name) for name in "abc"[: len(items)]]
    return merged(verdicts(photos, rows_of(items), DedupConfig()))


def item(number: int, **fields: int) -> Item:
    return Item(**{"key": f"{number:032x}", "sha256": number, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(("bits", "expected"), [(32, {frozenset("ab")}), (33, set())])
def test_near_pictures_are_merged_up_to_the_distance(bits: int, expected: set[frozenset[str]]) -> None:
    assert found(item(0), item(1, phash16=(1 << bits) - 1)) == expected


def test_flat_pictures_are_merged_by_bytes_alone() -> None:
    assert found(item(0, coded=False), item(1, coded=False), item(2, sha256=0, coded=False)) == {
        frozenset("ac")
    }


def test_every_two_of_a_group_are_merged() -> None:
    pairs = merged([("b", "a"), ("c", "a"), ("e", "d")])
    assert pairs == {frozenset(pair) for pair in ("ab", "ac", "bc", "de")}


def test_the_textbooks_own_pairs_are_found(real_data: Path) -> None:
    folder = real_data / "pairs_openstax_ccby"
    with (folder / "near_dups_within.tsv").open(encoding="utf-8", newline="") as file:
        names = {row[side] for row in csv.DictReader(file, delimiter="\t") for side in ("file_a", "file_b")}
    photos = [Photo(path=folder / name, name=name) for name in sorted(names)]
    codes = coded(photos, DedupConfig())
    found, known = merged(verdicts(photos, codes, DedupConfig())), labels(folder)
    same = {pair for pair, label in known.items() if label == "same_picture"}
    assert len(same) == 34
    assert same <= found
    assert found <= set(known)
