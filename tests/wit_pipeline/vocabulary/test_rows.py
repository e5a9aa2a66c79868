from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import candidate, pair
from tests.strategies import TEXTS
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Candidate, Image, Pair, Query, Reason, Reject


@given(TEXTS, TEXTS, st.lists(st.integers(0, 2**40), max_size=4))
def test_a_row_holds_the_record(url: str, caption: str, queries: list[int]) -> None:
    record = pair(url, caption, queries=tuple(queries))
    assert rows.from_row(Pair, rows.to_row(record)) == record


def test_a_file_holds_the_records_in_order(tmp_path: Path) -> None:
    records = [candidate(f"http://a.test/{i}", "a dog", queries=(i, i + 1)) for i in range(10_000)]
    assert rows.write(tmp_path / "a.parquet", Candidate, records) == 10_000
    assert list(rows.read(tmp_path / "a.parquet", Candidate)) == records


@given(st.lists(st.datetimes(), max_size=20), st.booleans(), st.integers(1, 7))
def test_the_bounds_of_a_column_are_those_of_its_rows(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime], told: bool, group: int
) -> None:
    """With statistics and without, in one group of rows or in several."""
    texts = [moment.replace(tzinfo=UTC).isoformat(timespec="milliseconds") for moment in moments]
    path = tmp_path_factory.mktemp("bounds") / "a.parquet"
    pq.write_table(pa.table({"x": texts}), path, write_statistics=told, row_group_size=group)
    first, last = rows.bounds(path, "x")
    assert (first, last) == ((min(texts), max(texts)) if texts else ("~", ""))
    assert texts or not any(first <= moment <= last for moment in ("0001-01-01", "9999-12-31"))


def test_the_bytes_depend_on_the_records_alone(tmp_path: Path) -> None:
    records = [pair(f"http://a.test/{i}") for i in range(100)]
    for name in ("a", "b"):
        rows.write(tmp_path / name, Pair, records)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_reason_comes_back_as_one(tmp_path: Path) -> None:
    reject = Reject(key="", url="u", stage="filter", reason=Reason.IMAGE_TOO_SMALL)
    rows.write(tmp_path / "r", Reject, [reject])
    assert next(rows.read(tmp_path / "r", Reject)).reason is Reason.IMAGE_TOO_SMALL


@pytest.mark.parametrize("record", [Query, Candidate, Image, Pair, Reject])
def test_nothing_is_null(record: type) -> None:
    assert not any(field.nullable for field in rows.schema_of(record))


def test_a_pairs_schema_is_flat(tmp_path: Path) -> None:
    rows.write(tmp_path / "p", Pair, [pair()])
    names = pq.read_schema(tmp_path / "p").names
    assert {"key", "url", "caption", "queries", "sha256", "phash16", "offset", "evaluation"} <= set(names)


def test_a_column_that_an_older_release_did_not_write_has_its_default(tmp_path: Path) -> None:
    whole = rows.to_row(pair())
    older = {name: value for name, value in whole.items() if name not in ("digest", "texts")}
    assert rows.from_row(Pair, older) == pair()
    schema = pa.schema(field for field in rows.schema_of(Pair) if field.name in older)
    rows.write(tmp_path / "p", schema, [older])
    assert list(rows.read(tmp_path / "p", Pair)) == [pair()]
    del older["url"]
    with pytest.raises(KeyError, match="url"):
        rows.from_row(Pair, older)


def test_what_is_no_parquet_is_said(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("text")
    with pytest.raises(RunError, match="cannot be read as Parquet"):
        list(rows.read(tmp_path / "x", Pair))
