"""WARC files: every `img` of every HTML response, with its alternative text."""

import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urljoin

from fastwarc.warc import ArchiveIterator, WarcRecordType
from selectolax.lexbor import LexborHTMLParser

from wit_pipeline.errors import UserError
from wit_pipeline.extract import STAGE, SourceConfig
from wit_pipeline.fetch.optout import page_opt_out
from wit_pipeline.records import Raw, Reason, Reject
from wit_pipeline.text import valid

MAX_PAGE = 10 << 20  # bytes of a page that are parsed
HTML_TYPES = ("text/html", "application/xhtml+xml")
WHOLE = (0, 0)


def splits(stream: BinaryIO, path: str, config: SourceConfig) -> list[tuple[int, int]]:
    """A WARC is one split. A `UserError` for an empty file."""
    if not stream.read(1):
        raise UserError(f"{path}: is empty; a source needs at least one record")
    return [WHOLE]


def read(stream: BinaryIO, path: str, config: SourceConfig, split: tuple[int, int]) -> Iterator[Raw | Reject]:
    """The images of a WARC's pages; where the file is damaged, those before it, and a Reject that says so."""
    try:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            yield from _read_record(record, path)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        yield _reject(Reason.SOURCE_UNREADABLE, path, str(error) or type(error).__name__)


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


def read_page(
    body: bytes, page_url: str, where: str, robots: list[str], charset: str = ""
) -> Iterator[Raw | Reject]:
    """The images of an HTML page, in order: each a Raw, or the Reject that says why it is none.

    `robots` are the page's X-Robots-Tag headers; a page that opts out, there or in a meta element,
    gives none of its images.
    """
    tree = LexborHTMLParser(_decode(body, charset))
    base = tree.css_first("base[href]")
    root = urljoin(page_url, base.attributes.get("href") or "") if base is not None else page_url
    metas = [node.attributes.get("content") or "" for node in tree.css('meta[name="robots" i]')]
    refused = page_opt_out([*robots, *metas])
    language = _language(tree)
    for number, node in enumerate(tree.css("img")):
        here = f"{where}.{number}"
        url = _absolute(root, node.attributes.get("src") or "")
        if refused:
            yield _reject(Reason.PAGE_OPTED_OUT, here, refused, url)
        elif url is None:
            yield _reject(Reason.URL_INVALID, here, node.attributes.get("src") or "")
        else:
            text = node.attributes.get("alt") or ""
            yield Raw(url=url, text=text, where=here, page_url=page_url, language=language)


def _language(tree: LexborHTMLParser) -> str:
    root = tree.css_first("html[lang]")
    return (root.attributes.get("lang") or "").lower() if root is not None else ""


def _absolute(root: str, source: str) -> str | None:
    source = source.strip()
    if not source or source.startswith("data:"):
        return source
    try:
        return urljoin(root, source)
    except ValueError:
        return None


def _decode(body: bytes, charset: str) -> str:
    """The page's text by the charset its header states, else UTF-8, else Windows-1252 as browsers do."""
    for name in (charset, "utf-8"):
        try:
            return body.decode(name) if name else body.decode("utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("cp1252", errors="replace")


def _reject(reason: Reason, where: str, detail: str, url: str | None = "") -> Reject:
    return Reject(key="", url=url or "", stage=STAGE, reason=reason, detail=detail[:500], where=where)
