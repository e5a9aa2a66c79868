"""CSV, TSV and TXT: a row of fields a line, below a header or without one."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import BinaryIO

from wit_pipeline.sources.lines import (
    MAX_LINE,
    PEEK,
    TOO_LONG,
    body_of,
    first_lines,
    place,
    ranges,
    split_lines,
    text,
)
from wit_pipeline.sources.lists.columns import Flaw, Row, raws, wanted
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.lists.names import headerless, is_url
from wit_pipeline.sources.packed import NEEDS_ROW, Head, head_of, opened
from wit_pipeline.sources.quoted import Fields, is_escaped, quoted_rows
from wit_pipeline.sources.source import WHOLE, Range, Split, World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject

OTHERS = (";", "\t", "|")  # that programs part fields with in files that they call CSV
TORN = re.compile(r"\s*https?://\S*[;|\t]\s*\S*[\s\"]", re.IGNORECASE)  # a URL with what is none behind it
Get = Callable[[list[str]], Row]  # picks the fields of a row that are wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How a table is written."""

    names: tuple[str, ...]  # of its columns
    body: int  # bytes before the first line, or before the first after a header that is a line
    delimiter: str  # what parts the fields of a row
    header: bool = False
    bare: bool = False  # whether there is nothing but a header
    escaped: bool = False  # whether a backslash stands before quotation marks in fields


def splits(config: ListSource, path: str, world: World, *, kind: str) -> list[Range]:
    """Ranges of bytes of a plain TSV or TXT, else one split: in CSV a line's end may stand within a field.

    A `UserError` where there is no row, or it is not known which column is which.
    """
    with opened(path, world) as stream:
        layout = _layout(head_of(stream, path), config, path, kind)
        wanted(config, layout.names, path, textless=kind == "txt")
        if layout.bare:
            raise UserError(f"{path}: holds no row below its header; {NEEDS_ROW}")
        return [WHOLE] if kind == "csv" else ranges(stream, world.size(path))


def read(config: ListSource, split: Split, world: World, *, kind: str) -> Iterator[Raw | Reject]:
    """The rows of a split; a row that cannot be read is a Reject, and the others go on."""
    with opened(split.path, world) as stream:
        layout = _layout(head_of(stream, split.path), config, split.path, kind)
        columns = wanted(config, layout.names, split.path, textless=kind == "txt")
        yield from raws(_rows(stream, split, layout, columns, kind), place(split), config.texts)


def _layout(head: Head, config: ListSource, path: str, kind: str) -> Layout:
    lines = first_lines(head, path)
    bom = body_of(head)
    blank = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    delimiter = config.delimiter or ("," if kind == "csv" else "\t")
    ended = [line.rstrip(b"\r\n") for line in lines[blank:]]
    escaped = kind == "csv" and is_escaped(ended[:PEEK], delimiter)
    rows = _sample(ended, path, kind, delimiter, escaped)
    layout = partial(Layout, delimiter=delimiter, escaped=escaped)
    if not rows:
        raise UserError(f"{path}: holds nothing but blanks; {NEEDS_ROW}")
    if config.columns:
        _check_width(rows, config.columns, path, kind)
        return layout(names=config.columns, body=bom)
    if kind == "csv" and not config.delimiter:
        _check_delimiter(ended[:PEEK], rows, path)
    if any(map(is_url, rows[0])):
        return layout(names=headerless(rows), body=bom)
    above = lines[: blank if kind == "csv" else blank + 1]  # of CSV the rows are counted, not the lines
    body = bom + sum(map(len, above))
    bare = head.whole and len(rows) == 1
    return layout(names=tuple(rows[0]), header=True, bare=bare, body=body)


def _check_delimiter(lines: list[bytes], rows: list[list[str]], path: str) -> None:
    """A `UserError` where something else parts all rows alike, and commas do not, or tear URLs."""
    widths, torn = {len(row) for row in rows}, any(TORN.search(cell) for row in rows for cell in row)
    if len(widths) == 1 and widths != {1} and not torn:
        return
    for other in OTHERS:
        found = {
            len(row) for row in quoted_rows(iter(lines), other) if row and not isinstance(row, csv.Error)
        }
        if len(found) == 1 and found != {1}:
            raise UserError(
                f"{path}: its fields look parted by {other!r} and not by ',': give the source"
                f" delimiter = {json.dumps(other)}, or ',' if they are not"
            )


def _check_width(rows: list[list[str]], columns: Sequence[str], path: str, kind: str) -> None:
    if kind != "txt" and all(len(row) != len(columns) for row in rows):
        raise UserError(f"{path}: columns names {len(columns)}, and its rows have {len(rows[0])} fields")


def _sample(ended: list[bytes], path: str, kind: str, delimiter: str, escaped: bool) -> list[list[str]]:
    """The first rows of a table that can be read; a `UserError` where the very first cannot."""
    if kind == "csv":
        found = list(islice(quoted_rows(iter(ended), delimiter, escaped=escaped), PEEK))
    else:
        found = [
            csv.Error(TOO_LONG) if len(line) > MAX_LINE else text(line).split(delimiter)
            for line in ended
            if line
        ]
    if found and isinstance(found[0], csv.Error):
        raise UserError(f"{path}: cannot be read: {found[0]}")
    return [row for row in found if row and not isinstance(row, csv.Error)]


def _rows(
    stream: BinaryIO, split: Split, layout: Layout, columns: Sequence[str], kind: str
) -> Iterator[Row | Flaw | None]:
    absent = len(layout.names)  # the place of an empty field that stands behind each row's own
    get = itemgetter(*(layout.names.index(column) if column else absent for column in columns))
    lines = split_lines(stream, split, layout.body)
    if kind == "csv":
        found = quoted_rows(lines, layout.delimiter, escaped=layout.escaped)
        return _quoted(islice(found, 1 if layout.header else 0, None), get, absent)
    return (_loose if kind == "txt" else _strict)(lines, get, absent, layout.delimiter)


def _quoted(rows: Iterator[Fields], get: Get, width: int) -> Iterator[Row | Flaw | None]:
    for fields in rows:
        if isinstance(fields, csv.Error):
            yield Flaw(detail=f"{fields}")
        elif len(fields) == width:
            fields.append("")
            yield get(fields)
        else:
            yield _misfit(len(fields), width) if fields else None


def _strict(
    lines: Iterator[bytes | None], get: Get, width: int, delimiter: str
) -> Iterator[Row | Flaw | None]:
    """The rows of a TSV, which has no quoting: a caption may begin with a quotation mark."""
    for line in lines:
        if not line:
            yield None if line is not None else Flaw(detail=TOO_LONG)
            continue
        fields = line.decode("utf-8", "replace").split(delimiter)
        if len(fields) == width:
            fields.append("")
            yield get(fields)
        else:
            yield _misfit(len(fields), width)


def _loose(
    lines: Iterator[bytes | None], get: Get, width: int, delimiter: str
) -> Iterator[Row | Flaw | None]:
    """The rows of a TXT: a URL may stand alone, and the last field may hold tabs."""
    for line in lines:
        if not line:
            yield None if line is not None else Flaw(detail=TOO_LONG)
            continue
        fields = text(line).split(delimiter, width - 1)
        yield get(fields + [""] * (width + 1 - len(fields)))


def _misfit(found: int, width: int) -> Flaw:
    return Flaw(detail=f"{found} fields where {width} are named")
