"""WARC files: every `img` of every HTML response, with its alternative text."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fastwarc.warc import ArchiveIterator, WarcRecordType

from wit_pipeline.errors import UserError
from wit_pipeline.html.page import read_page
from wit_pipeline.records import Raw, Reject, unreadable
from wit_pipeline.sources.source import WHOLE, Range, Split, World, needs_path
from wit_pipeline.text import valid

MAX_PAGE = 10 << 20  # bytes of a page that are parsed
HTML_TYPES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, kw_only=True, slots=True)
class WarcSource:
    """`kind = "warc"`: pages of web archives."""

    kind: Literal["warc"] = "warc"
    path: tuple[str, ...]  # globs of .warc .warc.gz

    def __post_init__(self) -> None:
        needs_path(self.path)


def splits(config: WarcSource, path: str, world: World) -> list[Range]:
    """A WARC is one split. A `UserError` for an empty file."""
    with world.open(path) as stream:
        if not stream.read(1):
            raise UserError(f"{path}: is empty; a source needs at least one record")
    return [WHOLE]


def read(config: WarcSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The images of a WARC's pages; where the file is damaged, those before it, and a Reject that says so."""
    with world.open(split.path) as stream:
        try:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                yield from _read_record(record, split.path)
        except (OSError, ValueError, EOFError, zlib.error) as error:
            yield unreadable(split.path, str(error) or type(error).__name__)


def _read_record(record: Any, path: str) -> Iterator[Raw | Reject]:
    headers = record.http_headers
    kind = (record.http_content_type or "").lower()
    if headers is None or headers.status_code != 200 or kind not in HTML_TYPES:
        return
    where = f"{path}#{record.stream_pos}"
    page_url = valid(record.headers.get("WARC-Target-URI") or "").strip("<> ")
    body = record.reader.read(MAX_PAGE)
    robots = [value for name, value in headers.astuples() if name.lower() == "x-robots-tag"]
    yield from read_page(body, page_url, where, robots, charset=record.http_charset or "")
