"""Parquet: columns by name, read a row group at a time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
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
BATCH_ROWS = 256  # rows in memory at a time: a dictionary may hide many long texts in few bytes …
BATCH_BYTES = 32 << 20  # … or bytes of the row group's average
BUFFER = 1 << 20  # bytes of a column read at a time
FAILURES = (OSError, pa.ArrowException)


def splits(config: ListSource, path: str, world: World) -> list[Range]:
    """Ranges of row groups. A `UserError` where there is no row, or it is not known which column is which."""
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
        first = sum(file.metadata.row_group(number).num_rows for number in range(split.first))
        for number in range(split.first, split.last):
            yield from raws(_rows(file, number, columns), split.place, config.texts, first)
            first += file.metadata.row_group(number).num_rows


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
    ranges, first, rows, size = [], 0, 0, 0
    for number, (count, length) in enumerate(groups, 1):
        rows, size = rows + count, size + length
        if rows >= SPLIT_ROWS or size >= SPLIT_BYTES:
            ranges.append((first, number))
            first, rows, size = number, 0, 0
    return [*ranges, (first, len(groups))] if first < len(groups) else ranges


def _rows(file: pq.ParquetFile, number: int, columns: Sequence[str]) -> Iterator[Row | Flaw]:
    group = file.metadata.row_group(number)
    average = max(1, group.total_byte_size // max(1, group.num_rows))
    batches = file.iter_batches(
        batch_size=max(1, min(BATCH_ROWS, BATCH_BYTES // average)),
        row_groups=[number],
        columns=sorted({column for column in columns if column}),
    )
    try:
        for batch in batches:
            yield from _batch(batch, columns)
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
