"""Parquet: columns by name, read by rows: whole row groups together, and pieces of one that is large."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, repeat
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from wit_pipeline.sources.lists.columns import Flaw, Row, Value, raws, single, value_of, wanted
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.lists.names import FIELDS
from wit_pipeline.sources.packed import NEEDS_ROW, is_of_the_disk, opened
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject

MAGIC = b"PAR1"
SPLIT_ROWS = 50_000  # rows a worker reads at a time, in whole row groups …
SPLIT_BYTES = 64 << 20  # … or bytes of all columns, whichever comes first
# A row group of so many times as much is read in pieces of that: larger ones would lose more to a kill, and
# smaller ones cost more, as each piece unpacks the rows before it too.
LARGE = 4
BATCH_ROWS = 256  # rows in memory at a time: a dictionary may hide many long texts in few bytes …
BATCH_BYTES = 32 << 20  # … or bytes of the row group's average
BUFFER = 1 << 20  # bytes of a column read at a time
FAILURES = (OSError, pa.ArrowException)


def splits(config: ListSource, path: str, world: World) -> list[Range]:
    """Ranges of rows. A `UserError` where there is no row, or it is not known which column is which."""
    with opened(path, world) as stream, _file(stream, path) as file:
        columns = wanted(config, _names(file, config), path)
        for column in filter(None, columns):
            kind = file.schema_arrow.types[file.schema_arrow.names.index(column)]
            if not _is_text(kind):
                raise UserError(
                    f"{path}: column {column!r} holds {kind}: name one that holds text in the recipe"
                )
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        if not any(group.num_rows for group in groups):
            raise UserError(f"{path}: holds no row; {NEEDS_ROW}")
        return _ranges([(group.num_rows, group.total_byte_size) for group in groups])


def read(config: ListSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The rows of a split; a row group that breaks ends in a Reject, and the others go on."""
    with opened(split.path, world) as stream, _file(stream, split.path) as file:
        columns = wanted(config, _names(file, config), split.path)
        start = 0
        for number in range(file.num_row_groups):
            end = start + file.metadata.row_group(number).num_rows
            first, last = max(start, split.first), min(end, split.last)
            if first < last:
                rows = _rows(file, number, columns, first - start, last - start)
                yield from raws(rows, split.place, config.texts, first)
            start = end


def _file(stream: BinaryIO, path: str) -> pq.ParquetFile:
    magic = stream.read(len(MAGIC))
    stream.seek(0)
    if magic != MAGIC:
        raise UserError(f"{path}: is not a Parquet file: it begins with {magic!r}; name it after what it is")
    try:
        return pq.ParquetFile(stream, buffer_size=BUFFER, page_checksum_verification=True)
    except FAILURES as error:
        if is_of_the_disk(error):
            raise
        raise UserError(f"{path}: is not a Parquet file: {_line(error)}") from None


def _names(file: pq.ParquetFile, config: ListSource) -> list[str]:
    """The columns that hold text, and those that the recipe names."""
    named = {*config.named().values(), *config.texts}
    schema = file.schema_arrow
    usable = [field.name for field in schema if _is_text(field.type) or field.name in named]
    return usable or schema.names


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_dictionary(kind):
        return _is_text(kind.value_type) and not pa.types.is_nested(kind.value_type)
    return not pa.types.is_nested(kind)


def _ranges(groups: list[tuple[int, int]]) -> list[Range]:
    """Ranges of rows, from the rows and bytes of each group."""
    ranges: list[Range] = []
    first = end = size = 0
    for count, length in groups:
        pieces = max(count / (LARGE * SPLIT_ROWS), min(count, length / (LARGE * SPLIT_BYTES)))
        if pieces > 1:
            cuts = [end + count * piece // math.ceil(pieces) for piece in range(math.ceil(pieces) + 1)]
            cuts[0], end, size = first, end + count, 0
            ranges += pairwise(cuts)
            first = end
            continue
        end, size = end + count, size + length
        if end - first >= SPLIT_ROWS or size >= SPLIT_BYTES:
            ranges.append((first, end))
            first, size = end, 0
    return [*ranges, (first, end)] if first < end else ranges


def _rows(
    file: pq.ParquetFile, number: int, columns: Sequence[str], first: int, last: int
) -> Iterator[Row | Flaw]:
    """Some rows of a group, by their places in it."""
    group = file.metadata.row_group(number)
    average = max(1, group.total_byte_size // max(1, group.num_rows))
    batches = file.iter_batches(
        batch_size=max(1, min(BATCH_ROWS, BATCH_BYTES // average)),
        row_groups=[number],
        columns=sorted({column for column in columns if column}),
    )
    at = 0
    try:
        for batch in batches:
            some = batch[max(0, first - at) : max(0, last - at)]
            at += len(batch)
            if len(some):
                yield from _batch(some, columns)
            if at >= last:
                return
    except FAILURES as error:
        if is_of_the_disk(error):
            raise
        yield Flaw(detail=f"row group {number} of {group.num_rows} rows breaks here: {_line(error)}")


def _batch(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[Row | Flaw]:
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    values = (
        _values(arrays[column], single if 2 <= place < len(FIELDS) else value_of) if column else repeat("")
        for place, column in enumerate(columns)
    )
    return zip(*values, strict=False)


def _values(array: pa.Array, convert: Callable[[Any], Value]) -> list[Value]:
    try:
        found = array.to_pylist()
    except UnicodeDecodeError:  # a Parquet string may hold what is no UTF-8
        found = array.cast(_undecoded(array.type)).to_pylist()
    return [value if type(value) is str else convert(value) for value in found]


def _undecoded(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _undecoded(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_undecoded(kind.value_type))
    return pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()


def _line(error: Exception) -> str:
    return " ".join(f"{error}".split())
