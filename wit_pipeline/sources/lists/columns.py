"""From the rows of a table to records: which column is which, and what a row that holds lists gives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.lists.names import FIELDS, SUMS, recognise
from wit_pipeline.sources.packed import Damaged
from wit_pipeline.text.text import valid
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject, unreadable

LISTED = 100  # URLs, or texts, of one row that are read
SHOWN = 60  # columns that a message names
MAIN = "caption"  # the kind of the text that a list is about

Value = str | list[str]
Row = Sequence[Any]  # Values of FIELDS in order, then of further texts; only URLs and texts may be lists


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaw:
    """A row that cannot be read, and why."""

    detail: str


class Unfit(ValueError):
    """A value that is no text."""


def wanted(config: ListSource, names: Sequence[str], path: str, *, textless: bool = False) -> tuple[str, ...]:
    """The columns of a Row, "" for one that the table lacks.

    A `UserError` where one that the recipe names is not there, or nothing is known to hold URLs, or texts.
    """
    found = recognise(names, config.named())
    columns = (*(found[field] for field in FIELDS), *config.texts)
    for column in filter(None, columns):
        if (count := list(names).count(column)) > 1:
            raise UserError(f"{path}: has {count} columns called {column!r}: which is meant nobody can tell")
    absent = sorted({column for column in columns if column} - set(names))
    if absent:
        raise UserError(f"{path}: has no column {', '.join(map(repr, absent))}; it has {shown(names)}")
    unknown = [field for field in FIELDS[: 1 if textless else 2] if not found[field]]
    if unknown:
        raise UserError(
            f"{path}: no column is known to hold the {' or the '.join(unknown)}: name url and text in the"
            f" recipe, and columns where there is no header; it has {shown(names)}"
        )
    return columns


def shown(names: Sequence[str]) -> str:
    """Names of columns for a message of one line."""
    short = [name if name.isprintable() and len(name) <= 80 else repr(name[:80]) for name in names[:SHOWN]]
    return ", ".join(short + ["…"] * (len(names) > SHOWN)) or "none"


def raws(
    rows: Iterable[Row | Flaw | None], place: str, texts: Sequence[str] = (), first: int = 0
) -> Iterator[Raw | Reject]:
    """The records of rows that are counted from `first`; None is a blank line. What breaks ends them."""
    number = first - 1
    try:
        for number, row in enumerate(rows, first):
            if row is None:
                continue
            where = f"{place}#{number}"
            if isinstance(row, Flaw):
                yield unreadable(where, row.detail)
            elif texts or type(row[0]) is not str or type(row[1]) is not str:
                yield from records_of(row, where, texts)
            else:
                yield _raw(row, where, row[0], row[1], MAIN)
    except Damaged as error:
        yield unreadable(f"{place}#{number + 1}", f"{error}")


def _raw(row: Row, where: str, url: str, text: str, kind: str) -> Raw:
    return Raw(
        url=url,
        text=text,
        where=where,
        page_url=row[2],
        license=row[3],
        attribution=row[4],
        language=row[5],
        text_kind=kind,
        digest=_digest(row),
    )


def _digest(row: Row) -> str:
    """The first sum that a row states, as "sha256:HEX"; "" for none."""
    stated = zip(SUMS, row[len(FIELDS) - len(SUMS) : len(FIELDS)], strict=True)
    return next((f"{name}:{value.strip().lower()}" for name, value in stated if value.strip()), "")


def records_of(row: Row, where: str, texts: Sequence[str]) -> Iterator[Raw | Reject]:
    """A record for each URL and each text of a row, each with a place of its own."""
    further = zip(texts, row[len(FIELDS) :], strict=True)
    count = 0
    for kind, value in [(MAIN, row[1]), *((kind, value) for kind, value in further if value)]:
        for found in _pairs(row[0], value):
            here = f"{where}.{count}" if count else where
            count += 1
            yield unreadable(here, found.detail) if isinstance(found, Flaw) else _raw(row, here, *found, kind)


def _pairs(urls: Value, texts: Value) -> Iterator[tuple[str, str] | Flaw]:
    """Each URL with its text: lists of one length go together, one of either goes with all others."""
    us, ts = ([value] if isinstance(value, str) else value or [""] for value in (urls, texts))
    if len(us) != len(ts) and 1 not in (len(us), len(ts)):
        yield Flaw(detail=f"{len(us)} URLs and {len(ts)} texts: which belong together is not said")
        return
    count = max(len(us), len(ts))
    for number in range(min(count, LISTED)):
        yield us[number % len(us)], ts[number % len(ts)]
    if count > LISTED:
        yield Flaw(detail=f"a list of {count}: those after the first {LISTED} are not read")


def value_of(value: Any) -> Value:
    """A value of any type as text, or a list of texts. Nothing is ""; `Unfit` where it is neither."""
    if isinstance(value, list):
        return [_text(item) for item in value]
    return _text(value)


def single(value: Any) -> str:
    """A value that must be one text."""
    found = value_of(value)
    return found if isinstance(found, str) else "; ".join(found[:LISTED])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return valid(value)
    if value is None or value != value:  # not a number
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict | list):
        raise Unfit("an object, or a list of lists, where a text is wanted")
    return str(value)
