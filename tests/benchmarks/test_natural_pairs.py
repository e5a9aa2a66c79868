import csv
from pathlib import Path

import pytest

from benchmarks.natural_pairs import coded, labels, merged, verdicts
from benchmarks.pictures import Photo
from wit_pipeline.dedup import Code, DedupConfig, Verdict


def code(key: str, *, bits: int = 0, sha256: str = "", pixels: int = 1, weak: float = 0.0) -> Code:
    """A picture whose code has so many bits set, at its end."""
    return Code(
        key=key,
        sha256=sha256 or key,
        phash=f"{0:016x}",
        phash16=f"{(1 << bits) - 1:064x}",
        weak=weak,
        pixels=pixels,
        queries=0,
    )


@pytest.mark.parametrize(("bits", "expected"), [(32, {frozenset("ab")}), (33, set())])
def test_near_pictures_are_merged_up_to_the_distance(bits: int, expected: set[frozenset[str]]) -> None:
    assert merged(verdicts([code("a"), code("b", bits=bits)], DedupConfig())) == expected


def test_flat_pictures_are_merged_by_bytes_alone() -> None:
    codes = [code("a", weak=0.5), code("b", weak=0.5), code("c", weak=0.5, sha256="a")]
    assert merged(verdicts(codes, DedupConfig())) == {frozenset("ac")}


def test_every_two_of_a_group_are_merged() -> None:
    found = [
        Verdict(key=key, kept=kept, reason="", distance=0)
        for key, kept in (("b", "a"), ("c", "a"), ("e", "d"))
    ]
    assert merged(found) == {frozenset(pair) for pair in ("ab", "ac", "bc", "de")}


def test_the_textbooks_own_pairs_are_found(real_data: Path) -> None:
    folder = real_data / "pairs_openstax_ccby"
    with (folder / "near_dups_within.tsv").open(encoding="utf-8", newline="") as file:
        names = {row[side] for row in csv.DictReader(file, delimiter="\t") for side in ("file_a", "file_b")}
    codes = [coded(Photo(path=folder / name, name=name)) for name in sorted(names)]
    found, known = merged(verdicts(codes, DedupConfig())), labels(folder)
    same = {pair for pair, label in known.items() if label == "same_picture"}
    assert len(same) == 34
    assert same <= found
    assert found <= set(known)
