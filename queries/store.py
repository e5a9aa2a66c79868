"""queries.parquet: the query list as other tools read it, one row a query, in the order of the ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Kind, Query

NEW = ("language",)  # columns that lists of earlier releases have not

Ids = npt.NDArray[np.int64]


def write(path: Path, queries: Sequence[Query]) -> None:
    """Write the queries, by id; the bytes depend on the queries alone."""
    rows.write(path, Query, _checked(path, queries))


def read(path: Path) -> list[Query]:
    """The queries, by id. Raises `RunError` where the file is no query list or its ids do not ascend."""
    _check_columns(path, rows.schema_of(Query).names)
    return list(_checked(path, list(rows.read(path, Query))))


def texts(path: Path) -> tuple[Ids, pa.StringArray]:
    """The queries' ids, ascending, int64 [N], and their texts alone. Raises as `read` does."""
    ids, spelled, _ = _texts(path, ["query_id", "query"])
    return ids, spelled


def spoken(path: Path) -> tuple[Ids, pa.StringArray, pa.StringArray]:
    """The same, and the language of each, "" in lists of releases that knew one. Raises as `read` does."""
    ids, spelled, table = _texts(path, ["query_id", "query", "language"])
    if "language" not in table.column_names:
        return ids, spelled, pa.array([""] * len(ids), pa.string())
    return ids, spelled, table["language"].combine_chunks()


def _texts(path: Path, columns: list[str]) -> tuple[Ids, pa.StringArray, Any]:
    table = _table(path, columns)
    ids = table["query_id"].to_numpy()
    if len(ids) and (ids[0] < 0 or not (np.diff(ids) > 0).all()):
        raise RunError(f"{path}: is no query list: its ids do not ascend from 0 on")
    return ids, table["query"].combine_chunks(), table


def by_trust(path: Path) -> list[str]:
    """The queries' texts, the most trusted kind first, and by rank within a kind, each once.

    Raises as `read` does.
    """
    table = _table(path, ["query", "kind", "rank"])
    kinds = list(Kind)
    order = np.lexsort(
        (table["rank"].to_numpy(), [kinds.index(Kind(kind)) for kind in table["kind"].to_pylist()])
    )
    return list(dict.fromkeys(table["query"].take(order).to_pylist()))


def _table(path: Path, columns: list[str]) -> Any:
    there = _check_columns(path, columns)
    return rows.table(path, [name for name in columns if name in there])


def _check_columns(path: Path, needed: Sequence[str]) -> list[str]:
    """The columns of a list; a `RunError` where one is missing that is not NEW."""
    with rows.opened(path) as file:
        columns: list[str] = file.schema_arrow.names
    missing = [name for name in needed if name not in (*columns, *NEW)]
    if missing:
        raise RunError(f"{path}: is no query list: has no column {', '.join(missing)}")
    return columns


def _checked(path: Path, queries: Sequence[Query]) -> Sequence[Query]:
    before = -1
    for query in queries:
        if query.query_id <= before:
            raise RunError(f"{path}: query {query.query!r} has id {query.query_id} after id {before}")
        before = query.query_id
    return queries
