"""Web archives: every image of every HTML page in WARC, ARC and WACZ files."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from wit_pipeline.html.page import read_page
from wit_pipeline.sources.archives import records, wacz
from wit_pipeline.sources.archives.heads import MAX_HEAD, Head, content_type, target
from wit_pipeline.sources.archives.http_page import (
    MAX_PAGE,
    Page,
    Unreadable,
    html_page,
    may_hold_page,
    page_of,
    response_of,
)
from wit_pipeline.sources.archives.tape import Bytes
from wit_pipeline.sources.archives.walk import Broken, Record, Wanted
from wit_pipeline.sources.source import WHOLE, Range, Split, World, needs_path
from wit_pipeline.text.text import valid
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.records import Raw, Reject, unreadable


@dataclass(frozen=True, kw_only=True, slots=True)
class WarcSource:
    """`kind = "warc"`: pages of web archives."""

    kind: Literal["warc"] = "warc"
    path: tuple[str, ...] = how()  # globs of .warc .arc, both also .gz, .warc.zst, .wacz

    def __post_init__(self) -> None:
        needs_path(self.path)


def splits(config: WarcSource, path: str, world: World) -> list[Range]:
    """Ranges of bytes, by the size alone; a WACZ is one split.

    A `UserError` for an empty file, and for a ZIP that is no WACZ.
    """
    ranges = records.ranges(path, world)
    if not path.lower().endswith((".wacz", ".zip")):
        return ranges
    with world.open(path) as stream:
        if stream.read(4) in wacz.ZIP:
            next(wacz.warcs(stream, path))
    return [WHOLE]


def read(config: WarcSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The images of a split's pages; a Reject for each page, or place of the file, that cannot be read."""
    with world.open(split.path) as stream:
        zipped = stream.read(4) in wacz.ZIP
        stream.seek(0)
        if not zipped:
            yield from _pages(stream, split.place, split.first, split.last, world.crawl.opt_outs)
        elif split.first == 0:
            yield from _wacz(stream, split, world.crawl.opt_outs)


def _wacz(stream: BinaryIO, split: Split, honoured: Collection[str]) -> Iterator[Raw | Reject]:
    for name, info, file in wacz.warcs(stream, split.path):
        place = f"{split.place}!{name}"
        try:
            yield from _pages(wacz.opened(stream, info, file), place, *WHOLE, honoured)
        except wacz.DAMAGED as error:
            yield unreadable(place, f"{error}")


def _pages(
    stream: Bytes, name: str, start: int, end: int, honoured: Collection[str]
) -> Iterator[Raw | Reject]:
    for item in records.records(stream, start, end, WANTED):
        where = f"{name}#{item.where}"
        if isinstance(item, Broken):
            yield unreadable(where, item.detail)
            continue
        url = valid(target(item.head))
        try:
            page = _page(item)
        except Unreadable as error:
            yield unreadable(where, f"{error}", url)
            continue
        if page:
            yield from read_page(page.body, url, where, page.robots, page.charset, honoured)


def _may_hold_page(head: Head, start: bytes) -> bool:
    found = may_hold_page(start) if head.kind == "response" else None
    return html_page(start, content_type(head), []) is not None if found is None else found


WANTED = Wanted(kinds=frozenset(("response", "resource")), test=_may_hold_page, most=MAX_PAGE + MAX_HEAD)


def _page(record: Record) -> Page | None:
    response = response_of(record.content) if record.head.kind == "response" else None
    return page_of(response) if response else html_page(record.content, content_type(record.head), [])
