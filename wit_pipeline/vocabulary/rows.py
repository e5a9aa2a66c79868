"""Records to Parquet and back. A schema is derived from the record's type, nested records laid flat."""

import dataclasses
import enum
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import compress
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.store import in_store, source

R = TypeVar("R")

ROWS_AT_ONCE = 4096  # a row group: a few MB of captions, so that no reader or writer holds more
SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), bytes: pa.binary()}


def schema_of(record: Any) -> pa.Schema:
    """The Parquet schema of a record type: strings, int64, float64, lists; no nulls anywhere."""
    fields: list[pa.Field] = []
    for name, hint in _hints(record).items():
        if dataclasses.is_dataclass(hint):
            fields.extend(schema_of(hint))
        else:
            fields.append(pa.field(name, _arrow_type(hint), nullable=False))
    names = [field.name for field in fields]
    assert len(names) == len(set(names)), f"{record.__name__} has two columns of one name: {names}"
    return pa.schema(fields)


def _paths_of(record: Any) -> list[str]:
    """Where each column's value stands in a record, in the order of `schema_of`."""
    paths: list[str] = []
    for name, hint in _hints(record).items():
        nested = _paths(hint) if dataclasses.is_dataclass(hint) else [""]
        paths.extend(f"{name}.{path}" if path else name for path in nested)
    return paths


_paths: Callable[[Any], list[str]] = cache(_paths_of)


def _arrow_type(hint: Any) -> pa.DataType:
    if typing.get_origin(hint) is tuple:
        inner = _arrow_type(typing.get_args(hint)[0])
        return pa.list_(pa.field("item", inner, nullable=False))
    if issubclass(hint, enum.StrEnum):
        return pa.string()
    return SCALARS[hint]


def _hints_of(record: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}


_hints: Callable[[Any], dict[str, Any]] = cache(_hints_of)


def to_row(record: Any) -> dict[str, Any]:
    """A record as one flat row; the inverse of `from_row`."""
    return {name: value(record) for name, value in _columns(type(record))}


def _columns_of(record: Any) -> list[tuple[str, Callable[[Any], Any]]]:
    """The name of each column, and what takes its value out of a record."""
    return list(zip(schema_of(record).names, map(attrgetter, _paths(record)), strict=True))


_columns: Callable[[Any], list[tuple[str, Callable[[Any], Any]]]] = cache(_columns_of)


def _make_reader(record: Any) -> Callable[[dict[str, Any]], Any]:
    makers: list[tuple[str, Callable[[dict[str, Any]], Any]]] = []
    defaults = {item.name: item.default for item in dataclasses.fields(record)}
    for name, hint in _hints(record).items():
        if dataclasses.is_dataclass(hint):
            makers.append((name, _reader(hint)))
        else:
            makers.append((name, _value_reader(name, hint, defaults[name])))
    return lambda row: record(**{name: make(row) for name, make in makers})


def _value_reader(name: str, hint: Any, default: Any) -> Callable[[dict[str, Any]], Any]:
    """Takes a value out of a row; a column that an older release did not write has its default."""

    def get(row: dict[str, Any]) -> Any:
        return row.get(name, default)

    value: Callable[[dict[str, Any]], Any] = itemgetter(name) if default is dataclasses.MISSING else get
    if typing.get_origin(hint) is tuple:
        return lambda row: tuple(value(row))
    return (lambda row: hint(value(row))) if issubclass(hint, enum.StrEnum) else value


_reader: Callable[[Any], Callable[[dict[str, Any]], Any]] = cache(_make_reader)


def from_row(record: type[R], row: dict[str, Any]) -> R:
    """The record that a flat row holds; columns the record does not know are left alone."""
    return typing.cast(R, _reader(record)(row))


class Writer:
    """Writes records, or flat rows of a schema, to a Parquet file, a row group at a time.

    The bytes of the file depend on the rows, their order and the `facts` of all of it alone.
    """

    def __init__(
        self,
        path: Path,
        record: Any,
        facts: Mapping[str, str] | None = None,
        without: Collection[str] = (),
    ) -> None:
        """`without` names columns that are left out: readers find their defaults there."""
        whole = record if isinstance(record, pa.Schema) else schema_of(record)
        schema = pa.schema([item for item in whole if item.name not in without])
        self._kept = [item.name not in without for item in whole]
        self.schema = schema.with_metadata(dict(facts)) if facts else schema
        self.count = 0
        self._writer = pq.ParquetWriter(path, self.schema, compression="zstd")
        self._batch: list[Any] = []

    def write(self, record: Any) -> None:
        """Append a record, or a dict that holds one flat row; one writer takes one of the two."""
        self._batch.append(record)
        self.count += 1
        if len(self._batch) == ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            flat = isinstance(self._batch[0], dict)
            names = self.schema.names if flat else compress(_paths(type(self._batch[0])), self._kept)
            pick = itemgetter if flat else attrgetter
            columns = [
                pa.array(map(pick(name), self._batch), field.type)
                for name, field in zip(names, self.schema, strict=True)
            ]
            self._writer.write_table(pa.table(columns, schema=self.schema))
            self._batch = []

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def write(path: Path, record: Any, records: Iterable[Any]) -> int:
    """Write records, or flat rows where `record` is a schema, to a Parquet file; returns how many."""
    with Writer(path, record) as writer:
        for item in records:
            writer.write(item)
    return writer.count


def read(path: Path, record: type[R]) -> Iterator[R]:
    """The records of a Parquet file, in order, a row group at a time."""
    columns = schema_of(record).names
    return (from_row(record, row) for row in read_rows(path, columns))


def fact(path: Path, name: str) -> str:
    """What a file says of all of its rows; "" where it says nothing."""
    with opened(path) as file:
        said: dict[bytes, bytes] = file.schema_arrow.metadata or {}
    return said.get(name.encode(), b"").decode("utf-8", "replace")


def table(path: Path, columns: Sequence[str] | None = None, where: Any = None) -> pa.Table:
    """Some columns of a Parquet file, or all; the rows for which a pyarrow expression is true, or all."""
    try:
        return pq.read_table(source(path), columns=None if columns is None else list(columns), filters=where)
    except (OSError, pa.ArrowInvalid) as error:
        raise RunError(f"{path}: cannot be read as Parquet: {error}") from None


def column(path: Path, name: str) -> list[Any]:
    """One column of a Parquet file."""
    values: list[Any] = table(path, [name]).column(name).to_pylist()
    return values


def bounds(path: Path, name: str) -> tuple[str, str]:
    """The least and the largest text of a column: by a file's statistics, or else by its rows.

    Of a file without rows they are "~" and "", that is, no time lies within.
    """
    with opened(path) as file:
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        place = file.schema_arrow.get_field_index(name)
        found = [group.column(place).statistics for group in groups if group.num_rows]
        if all(one is not None and one.has_min_max for one in found):
            return min((one.min for one in found), default="~"), max((one.max for one in found), default="")
    values = column(path, name)
    return min(values, default="~"), max(values, default="")


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file; a `RunError` where it is none."""
    try:
        file = pq.ParquetFile(source(path), pre_buffer=in_store(path) is not None)
    except (OSError, pa.ArrowInvalid) as error:
        raise RunError(f"{path}: cannot be read as Parquet: {error}") from None
    with file:
        yield file


def batches(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in batches of a row group or less, in order.

    A group after another: what a store holds is fetched ahead for all the groups that are asked for at once.
    """
    for group in range(file.num_row_groups):
        yield from file.iter_batches(
            batch_size=ROWS_AT_ONCE, columns=None if columns is None else list(columns), row_groups=[group]
        )


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, in order, as dicts of the named columns (all by default)."""
    try:
        with opened(path) as file:
            for batch in batches(file, columns):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise RunError(f"{path}: cannot be read as Parquet: {error}") from None
