"""Lists of URLs and captions: Parquet, CSV, TSV, JSON lines, with named columns."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from wit_pipeline.errors import UserError
from wit_pipeline.records import Raw, Reject, unreadable
from wit_pipeline.sources.source import WHOLE, Range, Split, World, needs_path
from wit_pipeline.text import valid

SPLIT_ROWS = 50_000  # rows of Parquet a worker reads at a time, in whole row groups
PEEK = 100  # lines of JSON whose keys are taken for the columns: one row may lack a key, not all
FIELD_LIMIT = 1 << 20  # characters in a field of a text file; a longer one is a broken quote
DAMAGED = (OSError, EOFError, zlib.error)  # what a torn or broken .gz raises
TEXTS = ("url", "text", "page_url", "license", "attribution", "language")  # fields of Raw, and of the recipe

csv.field_size_limit(FIELD_LIMIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListSource:
    """`kind = "list"`: tables of URLs and captions."""

    kind: Literal["list"] = "list"
    path: tuple[str, ...]  # globs of .parquet .csv .tsv .jsonl, the last three also .gz
    url: str = "url"  # names of columns …
    text: str = "caption"
    page_url: str = ""  # … these only where they are named
    license: str = ""
    attribution: str = ""
    language: str = ""
    columns: tuple[str, ...] = ()  # csv, tsv: the columns' names where the file has no header

    def __post_init__(self) -> None:
        needs_path(self.path)
        if self.columns and not {self.url, self.text} <= set(self.columns):
            raise ValueError(f"columns lack {self.url!r} or {self.text!r}: {', '.join(self.columns)}")


def format_of(path: str) -> str:
    """The format that a file's name states: parquet, csv, tsv or jsonl; a `UserError` for another."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes if suffix.lower() != ".gz"]
    found = suffixes[-1][1:] if suffixes else ""
    if found not in ("parquet", "csv", "tsv", "jsonl"):
        raise UserError(f"{path}: a list source is .parquet, .csv, .tsv or .jsonl (the last three also .gz)")
    return found


def splits(config: ListSource, path: str, world: World) -> list[Range]:
    """Ranges of row groups of a Parquet file; a text file is one split.

    A `UserError` where there is no row, or a column that the recipe names is not there.
    """
    with world.open(path) as stream:
        return _splits(stream, path, config)


def _splits(stream: BinaryIO, path: str, config: ListSource) -> list[Range]:
    kind = format_of(path)
    if kind != "parquet":
        if not stream.read(1):
            raise UserError(f"{path}: is empty; a source needs at least one row")
        stream.seek(0)
        with _text(stream) as lines:
            try:
                names = _json_names(lines) if kind == "jsonl" else next(_csv_rows(lines, config, kind), [])
            except (csv.Error, *DAMAGED) as error:
                raise UserError(f"{path}: cannot be read: {error}") from None
        if names:
            _check_columns(names, path, config)
        return [WHOLE]
    with _parquet(stream, path) as file:
        _check_columns(file.schema_arrow.names, path, config)
        if file.metadata.num_rows == 0:
            raise UserError(f"{path}: holds no row; a source needs at least one")
        return _ranges([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)])


def _parquet(stream: BinaryIO, path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: is not a Parquet file: {error}") from None


def _ranges(row_counts: list[int]) -> list[Range]:
    ranges, first, rows = [], 0, 0
    for index, count in enumerate(row_counts):
        rows += count
        if rows >= SPLIT_ROWS:
            ranges.append((first, index + 1))
            first, rows = index + 1, 0
    return [*ranges, (first, len(row_counts))] if first < len(row_counts) else ranges


def read(config: ListSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The rows of a split; a row that cannot be read is a Reject, and the others go on."""
    with world.open(split.path) as stream:
        yield from _read(stream, split.path, config, (split.first, split.last))


def _read(stream: BinaryIO, path: str, config: ListSource, split: Range) -> Iterator[Raw | Reject]:
    kind = format_of(path)
    if kind == "parquet":
        yield from _read_parquet(stream, path, config, split)
        return
    with _text(stream) as lines:
        if kind == "jsonl":
            yield from _read_jsonl(lines, path, config)
        else:
            yield from _read_csv(lines, path, config, kind)


@contextmanager
def _text(stream: BinaryIO) -> Iterator[io.TextIOWrapper]:
    """The lines of a text file, unpacked; `stream` stays its opener's to close."""
    magic = stream.read(2)
    stream.seek(0)
    plain = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if magic == b"\x1f\x8b" else stream
    lines = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="")
    try:
        yield lines
    finally:
        lines.detach()


def _read_parquet(stream: BinaryIO, path: str, config: ListSource, split: Range) -> Iterator[Raw | Reject]:
    with _parquet(stream, path) as file:
        columns = sorted({column for column in _columns(config).values() if column})
        number = sum(file.metadata.row_group(i).num_rows for i in range(split[0]))
        groups = list(range(*split))
        for batch in file.iter_batches(batch_size=4096, row_groups=groups, columns=columns):
            for row in _as_bytes(batch).to_pylist():
                yield _raw(row, f"{path}#{number}", config)
                number += 1


def _as_bytes(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its strings undecoded: a Parquet string may hold what is no UTF-8."""
    kinds = [pa.binary() if pa.types.is_string(field.type) else field.type for field in batch.schema]
    return batch.cast(pa.schema(list(zip(batch.schema.names, kinds, strict=True))))


def _read_jsonl(lines: io.TextIOWrapper, path: str, config: ListSource) -> Iterator[Raw | Reject]:
    number = 0
    try:
        for number, line in enumerate(lines):
            if line.strip():
                yield _json_row(line, f"{path}#{number}", config)
    except DAMAGED as error:  # a damaged .gz
        yield unreadable(f"{path}#{number}", str(error))


def _json_row(line: str, where: str, config: ListSource) -> Raw | Reject:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        return unreadable(where, str(error))
    if not isinstance(row, dict):
        return unreadable(where, "the line is not a JSON object")
    return _raw(row, where, config)


def _read_csv(lines: io.TextIOWrapper, path: str, config: ListSource, kind: str) -> Iterator[Raw | Reject]:
    """CSV by RFC 4180. TSV has no quoting, so a caption may begin with a quotation mark."""
    reader = _csv_rows(lines, config, kind)
    names = next(reader, [])
    number = 0
    while True:
        where = f"{path}#{number}"
        number += 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield unreadable(where, str(error))
            continue
        except DAMAGED as error:  # a damaged .gz
            yield unreadable(where, str(error))
            return
        if not values:
            continue
        if len(values) != len(names):
            yield unreadable(where, f"{len(values)} fields where {len(names)} are named")
        else:
            yield _raw(dict(zip(names, values, strict=True)), where, config)


def _csv_rows(lines: Iterable[str], config: ListSource, kind: str) -> Iterator[list[str]]:
    """The rows of a text table, the columns' names first."""
    tabs = kind == "tsv"
    reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(lines)
    return chain([list(config.columns)], reader) if config.columns else reader


def _json_names(lines: Iterable[str]) -> list[str]:
    """All keys of the first lines; none where they are no objects, which reading them will say."""
    names: dict[str, None] = {}
    for line in islice(lines, PEEK):
        with suppress(json.JSONDecodeError, RecursionError):
            row = json.loads(line)
            names.update(dict.fromkeys(row if isinstance(row, dict) else ()))
    return list(names)


def _columns(config: ListSource) -> dict[str, str]:
    return {name: getattr(config, name) for name in TEXTS}


def _check_columns(found: list[str], path: str, config: ListSource) -> None:
    absent = sorted({column for column in _columns(config).values() if column} - set(found))
    if absent:
        raise UserError(
            f"{path}: has no column {', '.join(map(repr, absent))}; it has {', '.join(found) or 'none'}"
        )


def _raw(row: dict[str, Any], where: str, config: ListSource) -> Raw:
    texts = {name: _string(row.get(column)) if column else "" for name, column in _columns(config).items()}
    return Raw(where=where, **texts)


def _string(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return valid(value if isinstance(value, str) else str(value))
