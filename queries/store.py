"""queries.parquet: the query list as other tools read it, one row a query, in the order of the ids."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Query


def write(path: Path, queries: Sequence[Query]) -> None:
    """Write the queries, whose ids must be their positions; the bytes depend on the queries alone."""
    rows.write(path, Query, _checked(path, queries))


def read(path: Path) -> list[Query]:
    """The queries, by id. Raises `RunError` where the file is no query list or its ids are not 0 … n-1."""
    _check_columns(path, rows.schema_of(Query).names)
    return list(_checked(path, list(rows.read(path, Query))))


def texts(path: Path) -> pa.StringArray:
    """The queries' texts alone, by id. Raises as `read` does."""
    _check_columns(path, ["query_id", "query"])
    table = rows.table(path, ["query_id", "query"])
    if not np.array_equal(table["query_id"].to_numpy(), np.arange(len(table))):
        raise RunError(f"{path}: is no query list: its ids are not their positions")
    return table["query"].combine_chunks()


def _check_columns(path: Path, needed: Sequence[str]) -> None:
    with rows.opened(path) as file:
        columns = file.schema_arrow.names
    missing = [name for name in needed if name not in columns]
    if missing:
        raise RunError(f"{path}: is no query list: has no column {', '.join(missing)}")


def _checked(path: Path, queries: Sequence[Query]) -> Sequence[Query]:
    for position, query in enumerate(queries):
        if query.query_id != position:
            raise RunError(f"{path}: query {query.query!r} has id {query.query_id} at position {position}")
    return queries
