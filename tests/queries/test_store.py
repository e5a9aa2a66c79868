"""queries.parquet keeps every column, and what is no query list is refused."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from queries import store
from tests.factories import query
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Kind, Query

QUERIES = [
    Query(query_id=0, query="dog", kind=Kind.WORD, count=5, document_count=2),
    Query(query_id=1, query="new york", kind=Kind.BIGRAM, count=3, document_count=1, npmi=0.5),
    Query(query_id=2, query="犬", kind=Kind.SYNSET, sources=("title", "synset"), title="犬 (x)", lemma="犬"),
]
COLUMNS = ["query_id", "query", "kind", "count", "document_count", "npmi", "views", "rank"]
COLUMNS += ["sources", "pmi", "llr", "title", "lemma", "language"]


@pytest.mark.parametrize("queries", [QUERIES, []])
def test_what_is_written_is_read(tmp_path: Path, queries: list[Query]) -> None:
    store.write(tmp_path / "queries.parquet", queries)
    assert store.read(tmp_path / "queries.parquet") == queries
    assert pq.read_schema(tmp_path / "queries.parquet").names == COLUMNS


def test_the_bytes_depend_on_the_queries_alone(tmp_path: Path) -> None:
    store.write(tmp_path / "a", QUERIES)
    store.write(tmp_path / "b", QUERIES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_ids_may_leave_gaps_and_ascend(tmp_path: Path) -> None:
    path = tmp_path / "queries.parquet"
    store.write(path, QUERIES[::2])
    assert store.read(path) == QUERIES[::2]
    ids, texts = store.texts(path)
    assert (ids.tolist(), texts.to_pylist()) == ([0, 2], ["dog", "犬"])


@pytest.mark.parametrize(
    "queries", [QUERIES[::-1], [QUERIES[1], QUERIES[1]], [replace(QUERIES[0], query_id=-1)]]
)
def test_ids_that_do_not_ascend_are_refused(tmp_path: Path, queries: list[Query]) -> None:
    path = tmp_path / "queries.parquet"
    with pytest.raises(RunError, match=r"has id .* after id"):
        store.write(path, queries)
    assert not path.exists()
    rows.write(path, Query, queries)
    for read in (store.read, store.texts):
        with pytest.raises(RunError, match=r"has id .* after id|do not ascend"):
            read(path)


def test_the_most_trusted_come_first_whatever_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "queries.parquet"
    words = [query(0, "rare", rank=1), query(1, "title", kind=Kind.TITLE), query(7, "often", rank=0)]
    store.write(path, words)
    assert store.by_trust(path) == ["often", "rare", "title"]


@pytest.mark.parametrize("data", [b"", b"query_id,query\n", None])
def test_what_is_not_parquet_is_named(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "queries.parquet").write_bytes(data)
    with pytest.raises(RunError, match=r"queries\.parquet: cannot be read as Parquet"):
        store.read(tmp_path / "queries.parquet")


def test_another_table_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query_id": [0], "query": ["dog"]}), tmp_path / "queries.parquet")
    with pytest.raises(RunError, match="no column kind, count"):
        store.read(tmp_path / "queries.parquet")
