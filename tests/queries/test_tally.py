"""Tables in parts: whatever the number of parts and files, the sums are those of the whole."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries import tally

SCHEMA = pa.schema([("text", pa.string()), ("count", pa.int64())])
ROWS = st.lists(st.tuples(st.text(max_size=3), st.integers(0, 9)), max_size=12)


def table(rows: list[tuple[str, int]]) -> pa.Table:
    return pa.table({"text": [text for text, _ in rows], "count": [n for _, n in rows]}, SCHEMA)


@given(st.lists(ROWS, min_size=1, max_size=3), st.integers(1, 7))
def test_parts_add_up_to_the_whole(files: list[list[tuple[str, int]]], parts: int) -> None:
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.words" for number in range(len(files))]
        for path, rows in zip(paths, files, strict=True):
            assert tally.write(path, table(rows), parts) == len(rows)
        read = [tally.read_part(paths, part, SCHEMA) for part in range(parts)]
    found = [tally.added_up(part).to_pylist() for part in read]
    whole: Counter[str] = Counter()
    for text, count in (row for rows in files for row in rows):
        whole[text] += count
    assert {row["text"]: row["count"] for part in found for row in part} == whole
    assert sum(map(len, found)) == len(whole)  # no key is in two parts
    assert all(part == sorted(part, key=lambda row: row["text"].encode()) for part in found)


def test_numbers_are_keys_too_and_spread_over_the_parts() -> None:
    part = tally.part_of(pa.array(range(64_000)), 64)
    sizes = [int((part == number).sum()) for number in range(64)]
    assert min(sizes) > 800
    assert max(sizes) < 1200


def test_the_part_of_a_key_never_changes() -> None:  # scratch files of a killed run are read by the next
    assert tally.part_of(pa.array(["dog", "cat", "犬"]), 64).tolist() == [63, 12, 27]


@pytest.mark.parametrize(("least", "kept"), [(1, ["a", "b"]), (2, ["b"]), (3, [])])
def test_both_sides_of_a_bound(least: int, kept: list[str]) -> None:
    found = tally.at_least(table([("a", 1), ("b", 2)]), "count", least)
    assert found.column("text").to_pylist() == kept
