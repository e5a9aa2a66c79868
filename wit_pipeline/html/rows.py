"""A page's rows: its tags that matter here, by the scan where tokens tell all, by way of a tree elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wit_pipeline.html import references
from wit_pipeline.html.scan import DEPTH, DONE, FULL, HEAD, LONGEST_ROW, scan_rows, weight
from wit_pipeline.html.tree import normal

Row = list[int]

MOST_NUMBERS = 3  # numbers for each byte of a page: "x<b>" in a caption makes a row of HEAD = 10

# A tree costs a look at every open element for each tag, and a new element for each formatting element left
# open: some pages of 10 MB would take hours, or all memory.
MOST_TAGS = 5000  # start tags: at most 0.1 s
MOST_CLONES = 2_000_000  # start tags × formatting elements: at most about 400 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """What a scan found: rows of numbers, whose ranges are of `data`. html/scan.py says what is in them."""

    data: bytes  # UTF-8, if the page was
    items: memoryview  # int32: IMG and SOURCE, in the page's order
    page: memoryview  # int32: all others


def scan(data: bytes, links: bool = False) -> Rows:
    """The tags of a page in UTF-8, below 2 GiB, that matter here; `links`: with every `a[href]`."""
    found = _rows(data, links, settled=False)
    if found is None:  # a tree decides, if one can be had
        found = _rows(normal(data) if light(data) else data, links, settled=True)
    assert found is not None  # what is settled leaves nothing to decide
    return found


def _rows(data: bytes, links: bool, settled: bool) -> Rows | None:
    """None where a tree must decide."""
    array = np.frombuffer(data, np.uint8)
    for room in (len(data) // 8 + 1024, MOST_NUMBERS * len(data) + HEAD * DEPTH + 2 * LONGEST_ROW):
        items, page = np.empty(room, np.int32), np.empty(room, np.int32)
        end, item, row = scan_rows(array, items, page, links, settled)
        if end != FULL:
            break
    assert end != FULL  # the first room is enough for most pages, the second for any
    return Rows(data=data, items=items.data[:item], page=page.data[:row]) if end == DONE else None


def light(data: bytes) -> bool:
    """Whether a tree of the page can be had for bounded time and memory."""
    tags, formats = weight(np.frombuffer(data, np.uint8))
    return bool(tags <= MOST_TAGS and tags * formats <= MOST_CLONES)


def rows_of(view: memoryview) -> Iterator[Row]:
    """Each row's numbers."""
    at = 0
    while at < len(view):
        length = view[at + 1]
        yield view[at : at + length].tolist()
        at += length


def by_kind(view: memoryview) -> dict[int, list[Row]]:
    """The rows of each kind, in order."""
    kinds: dict[int, list[Row]] = {}
    for row in rows_of(view):
        kinds.setdefault(row[0], []).append(row)
    return kinds


def attributes(data: bytes, row: Row) -> dict[int, str]:
    """The values of a row's attributes by their code, but for those in its head."""
    return {row[at]: value(data, row[at + 1], row[at + 2]) for at in range(HEAD, len(row), 3)}


def value(data: bytes, start: int, end: int) -> str:
    """The value of the attribute that stands there; "" where there is none."""
    found = data[start:end].decode() if end > start else ""
    if "&" in found or "\r" in found or "\0" in found:
        return references.attribute(found)
    return found
