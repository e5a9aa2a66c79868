"""JSON lines: an object a line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from wit_pipeline.sources.lines import PEEK, TOO_LONG, body_of, first_lines, place, ranges, split_lines, text
from wit_pipeline.sources.lists.columns import Flaw, Row, Unfit, raws, single, value_of, wanted
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.lists.names import FIELDS
from wit_pipeline.sources.packed import NEEDS_ROW, Head, head_of, opened
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject

Object = dict[str, Any]


def splits(config: ListSource, path: str, world: World) -> list[Range]:
    """Ranges of bytes, or one split of a packed file.

    A `UserError` where no line is an object, or it is not known which of their keys is which.
    """
    with opened(path, world) as stream:
        _columns(head_of(stream, path), config, path)
        return ranges(stream, world.size(path))


def read(config: ListSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The lines of a split; one that cannot be read is a Reject, and the others go on."""
    with opened(split.path, world) as stream:
        head = head_of(stream, split.path)
        columns = _columns(head, config, split.path)
        lines = split_lines(stream, split, body_of(head))
        yield from raws(rows_of(map(object_of, lines), columns), place(split), config.texts)


def _columns(head: Head, config: ListSource, path: str) -> tuple[str, ...]:
    lines = [line for line in first_lines(head, path) if line.strip()]
    if not lines:
        raise UserError(f"{path}: holds nothing but blanks; {NEEDS_ROW}")
    found = [item for item in map(object_of, lines) if isinstance(item, dict)]
    if not found:
        reason = head.damage or "none of its first lines is a JSON object"
        raise UserError(f"{path}: cannot be read: {reason}")
    return wanted(config, keys_of(found), path)


def keys_of(objects: Iterable[Object | Flaw | None]) -> list[str]:
    """All keys of the first objects: one may lack a key, not all."""
    found = (item for item in islice(objects, PEEK) if isinstance(item, dict))
    return list(dict.fromkeys(key for item in found for key in item))


def object_of(line: bytes | None) -> Object | Flaw | None:
    """The object on a line; None where it is blank."""
    if line is None:
        return Flaw(detail=TOO_LONG)
    if not line or line.isspace():
        return None
    try:
        found = json.loads(text(line))
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more than 4300 digits
        return Flaw(detail=f"{error}")
    return found if isinstance(found, dict) else Flaw(detail="the line is not a JSON object")


def rows_of(objects: Iterable[Object | Flaw | None], columns: Sequence[str]) -> Iterator[Row | Flaw | None]:
    """What stands under the keys that are wanted."""
    keys = [column or None for column in columns]  # None is no object's key
    for found in objects:
        if isinstance(found, dict):
            yield _row(found, keys)
        else:
            yield found


def _row(found: Object, keys: Sequence[str | None]) -> Row | Flaw:
    values = [found.get(key, "") for key in keys]  # type: ignore[arg-type]
    try:
        for place, value in enumerate(values):
            if type(value) is not str or not value.isascii():
                values[place] = single(value) if 2 <= place < len(FIELDS) else value_of(value)
    except Unfit as error:
        return Flaw(detail=f"{keys[place]}: {error}")
    return values
