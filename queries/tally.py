"""Counts that outgrow memory: tables cut into parts by a hash of the key, each part added up by itself.

A table is an Arrow file whose record batch p is part p, so that the reader of a part reads that part alone.
All rows of one key are in the part of one number, in whatever file they are.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wit_pipeline.text.tokens import hashes
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.store import open_native

Array = npt.NDArray[Any]

MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads keys that lie close together
OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


def part_of(keys: pa.Array, parts: int) -> Array:
    """The part of each key, int64 (n,): by hash, so it does not depend on what else there is."""
    numbers = keys.to_numpy().view(np.uint64) if pa.types.is_integer(keys.type) else hashes(keys)
    return ((numbers * MIXER) >> np.uint64(40)).astype(np.int64) % parts


def write(path: Path, table: pa.Table, parts: int) -> int:
    """Write a table, its first column the key, cut into parts, whole or absent; returns its rows."""
    keys = table.column(0).combine_chunks()
    part = part_of(keys, parts)
    ordered = table.take(pa.array(np.argsort(part, kind="stable"))).combine_chunks()
    ends = np.cumsum(np.bincount(part, minlength=parts)).tolist()
    with (
        aside(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=OPTIONS) as writer,
    ):
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            rows = ordered.slice(start, end - start).combine_chunks().to_batches()
            writer.write_batch(rows[0] if rows else pa.RecordBatch.from_pylist([], schema=table.schema))
    return int(table.num_rows)


def read_part(paths: Sequence[Path], part: int, schema: pa.Schema) -> pa.Table:
    """Part number `part` of several files of one schema, one after another; no file, no rows."""
    batches = []
    for path in paths:
        with open_native(path) as file:
            batches.append(pa.ipc.open_file(file).get_batch(part))
    return pa.Table.from_batches(batches, schema)


def added_up(table: pa.Table) -> pa.Table:
    """One row for each key, the first column, with the sums of the other columns; in order of the key."""
    key, *values = table.schema.names
    summed = table.group_by(key, use_threads=False).aggregate([(name, "sum") for name in values])
    renamed = summed.select([key, *(f"{name}_sum" for name in values)]).rename_columns([key, *values])
    return renamed.sort_by(key)


def at_least(table: pa.Table, column: str, least: int) -> pa.Table:
    """The rows with at least `least` in a column."""
    return table.filter(pc.greater_equal(table.column(column), least))
