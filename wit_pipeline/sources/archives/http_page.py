"""The HTML page in an archived HTTP response, with its transfer and content codings undone."""

import re
import zlib
from typing import NamedTuple

import brotli

from wit_pipeline.fetch.http.media import (
    HEAD_OF_PAGE,
    HTML_TYPES,
    UNTOLD,
    charset_of,
    is_page,
    looks_like_page,
    media_type,
)
from wit_pipeline.sources.archives.heads import END, field, fields
from wit_pipeline.vocabulary.unpacker import GZIP, ZSTD, zstd

MAX_PAGE = 10 << 20  # bytes of a page that are read, coded or not
WINDOW = 23  # log2 of the bytes that a zstd page may look back: RFC 9659
STATUS = re.compile(rb"HTTP/[0-9][0-9.]*[ \t]+([0-9]{3})")
KIND = re.compile(rb"\ncontent-type[ \t]*:(?:[ \t]|\r*\n[ \t])*([^\r\n]*)", re.IGNORECASE)
UNCODED = ("", "identity", "none", "gzip", "x-gzip", "zstd")  # codings, where no sign of one is there
CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]{0,4096})?\r?\n")
FAILURES = (zlib.error, zstd.ZstdError, brotli.error)


class Unreadable(Exception):
    """A page that cannot be read, and why."""


class Page(NamedTuple):
    """An HTML page as its server meant it, cut at `MAX_PAGE`."""

    body: bytes
    charset: str  # as stated, or ""
    robots: list[str]  # X-Robots-Tag headers


class Response(NamedTuple):
    """An HTTP response, its body as it was sent."""

    status: int
    headers: list[tuple[str, str]]  # names in lower case
    body: bytes


def response_of(message: bytes) -> Response | None:
    """A response as far as it goes; None where it is none of HTTP."""
    status = STATUS.match(message)
    if status is None:
        return None
    end = END.search(message)
    head, body = (message[: end.start()], message[end.end() :]) if end else (message, b"")
    return Response(int(status[1]), fields(head), body)


def may_hold_page(message: bytes) -> bool | None:
    """Whether the start of a response leaves it possible that it is a page; None where it is none of HTTP.

    It is asked of each response of an archive, and so parses no more than it has to.
    """
    status = STATUS.match(message)
    if status is None:
        return None
    if status[1] != b"200":
        return False
    end = END.search(message)
    kinds = KIND.findall(message, 0, end.start() if end else len(message))
    if may_be_page(b", ".join(kinds).decode("latin-1")):
        return True
    return end is not None and looks_like_page(message[end.end() : end.end() + HEAD_OF_PAGE])


def may_be_page(kind: str) -> bool:
    """Whether what is stated as a Content-Type leaves it possible that a body is HTML."""
    return media_type(kind).essence in (*HTML_TYPES, *UNTOLD)


def page_of(response: Response) -> Page | None:
    """The page of a response; None where it is no HTML.

    Raises `Unreadable`, also for what looks like a page and is stated to be something else, as browsers show
    none there.
    """
    kind = ", ".join(value for name, value in response.headers if name == "content-type")
    if response.status != 200:
        return None
    body = response.body
    if not may_be_page(kind):
        if looks_like_page(body):
            raise Unreadable(f"it looks like a page, and is stated to be {kind[:80]!r}")
        return None
    if "chunked" in field(response.headers, "transfer-encoding").lower():
        body = unchunked(body)
    codings = ",".join(value for name, value in response.headers if name == "content-encoding")
    for coding in reversed(codings.lower().split(",")):
        body = decoded(body, coding.strip())
    robots = [value for name, value in response.headers if name == "x-robots-tag"]
    return html_page(body, kind, robots)


def html_page(body: bytes, kind: str, robots: list[str]) -> Page | None:
    """A body as a page: by its stated type, or where that says nothing by how it begins."""
    return Page(body[:MAX_PAGE], charset_of(kind), robots) if is_page(kind, body) else None


def unchunked(body: bytes) -> bytes:
    """A chunked body put together; from where it is not chunked, as it is.

    Many archives hold bodies that were put together already, beside the header that says they were not.
    """
    pieces: list[bytes] = []
    at = 0
    while size := CHUNK_SIZE.match(body, at):
        if not (length := int(size[1], 16)):
            return b"".join(pieces)
        pieces.append(body[size.end() : size.end() + length])
        at = size.end() + length
        at += len(body[at : at + 2]) - len(body[at : at + 2].lstrip(b"\r\n"))
    return b"".join([*pieces, body[at:]])


def decoded(body: bytes, coding: str) -> bytes:
    """A body with one content coding undone, as far as it goes and `MAX_PAGE`. Raises `Unreadable`.

    A body that shows that it was never coded, or that the archive's writer decoded it, is as it should be.
    """
    try:
        if coding in ("gzip", "x-gzip") and body.startswith(GZIP):
            return zlib.decompressobj(wbits=31).decompress(body, MAX_PAGE)
        if coding == "deflate":
            return _inflated(body)
        if coding == "br":
            return _unbrotlied(body)
        if coding == "zstd" and body.startswith(ZSTD):
            options = {int(zstd.DecompressionParameter.window_log_max): WINDOW}
            return zstd.ZstdDecompressor(options=options).decompress(body, MAX_PAGE)
    except FAILURES as error:
        if not looks_like_page(body):
            raise Unreadable(f"content coding {coding}: {error}") from None
        return body
    if coding in UNCODED or looks_like_page(body):
        return body
    raise Unreadable(f"content coding {coding[:40]!r} is none that is known")


def _inflated(body: bytes) -> bytes:
    """What `deflate` is by the standard, with zlib's header, or as some servers send it, without."""
    try:
        return zlib.decompressobj().decompress(body, MAX_PAGE)
    except zlib.error:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(body, MAX_PAGE)


def _unbrotlied(body: bytes) -> bytes:
    unpacker, found = brotli.Decompressor(), bytearray()
    while len(found) < MAX_PAGE and (more := unpacker.process(body, output_buffer_limit=MAX_PAGE)):
        found += more
        body = b""  # it holds back what it has decoded of a cut body until it is asked again
    return bytes(found[:MAX_PAGE])
