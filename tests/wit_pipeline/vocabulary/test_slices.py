from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.vocabulary import slices

SCHEMA = pa.schema([pa.field("number", pa.int64(), nullable=False)])


def write(path: Path, groups: list[int], of: int, run: int, batch: int) -> None:
    with slices.Writer(path, of, SCHEMA, run) as writer:
        for first in range(0, len(groups), batch):
            some = groups[first : first + batch]
            numbers = pa.array(range(first, first + len(some)), pa.int64())
            writer.write(pa.record_batch([numbers], schema=SCHEMA), np.array(some))


def numbers(tables: object) -> list[int]:
    return [number for table in tables for number in table.column("number").to_pylist()]  # type: ignore[attr-defined]


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 50), st.integers(1, 9))
def test_every_group_gives_its_rows_in_order(
    tmp_path_factory: pytest.TempPathFactory, groups: list[int], run: int, batch: int
) -> None:
    path = tmp_path_factory.mktemp("slices") / "a"
    write(path, groups, 6, run, batch)
    for group in range(6):
        wanted = [number for number, of in enumerate(groups) if of == group]
        assert numbers(slices.read(path, group)) == wanted


@pytest.mark.parametrize(("run", "runs"), [(4, 3), (5, 2), (6, 2), (12, 1), (13, 1)])
def test_a_run_is_written_when_it_is_full(tmp_path: Path, run: int, runs: int) -> None:
    write(tmp_path / "a", [0] * 12, 1, run, 2 if run < 12 else 1)
    assert len(list(slices.read(tmp_path / "a", 0))) == runs


def test_a_group_of_several_files(tmp_path: Path) -> None:
    write(tmp_path / "a", [0, 1, 0], 2, 9, 9)
    write(tmp_path / "b", [1, 1], 2, 9, 9)
    assert numbers(slices.gather([tmp_path / "a", tmp_path / "b"], 1)) == [1, 0, 1]
