"""The pages of a CirrusSearch dump: JSON, a document a line, whose text is plain text already."""

import json
from collections.abc import Iterator
from typing import Any

from queries.dumps.page import DumpError, Page, Problem, parts_meanings
from queries.dumps.unpack import Broken, Piece
from wit_pipeline.text.text import valid

MAX_LINE = 1 << 26  # bytes; some dumps hold a page three times: its text, its wikitext, its links


def read(pieces: Iterator[Piece], name: str) -> Iterator[Page | DumpError]:
    """The pages in the lines of a dump, each followed by a page for each redirect to it, and its problems.

    Elasticsearch's lines `{"index": …}` may stand before the documents or be left out (as since 2025).
    """
    number, read, page_id = 0, 0, 0
    for line in _lines(pieces):
        number += 1
        try:
            if isinstance(line, Broken):
                raise _Refused(line.reason, line.detail)
            if line.isspace():
                continue
            document = _object(line)
            if "title" not in document and isinstance(document.get("index"), dict):
                page_id = _number(document["index"].get("_id"))
                continue
            found = _pages(document, page_id)
        except _Refused as refused:
            yield DumpError(name=name, reason=refused.reason, detail=f"line {number}: {refused}", pages=read)
        else:
            read += len(found)
            yield from found
        page_id = 0


def stated(pieces: Iterator[Piece]) -> tuple[str, str]:
    """The language and the wiki, such as "dewiki", that the first document of a dump states; "" for none."""
    for line in _lines(pieces):
        try:
            document = {} if isinstance(line, Broken) or line.isspace() else _object(line)
        except _Refused:
            document = {}
        if "title" in document:
            found = (document.get("language"), document.get("wiki"))
            language, wiki = (one if isinstance(one, str) else "" for one in found)
            return language, wiki
    return "", ""


class _Refused(Exception):
    """A line is no document; says why."""

    def __init__(self, reason: Problem, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _lines(pieces: Iterator[Piece]) -> Iterator[bytes | Broken]:
    """Whole lines with their ends, and what stands for lines that are too long or broken."""
    held: list[bytes] = []
    length, joined = 0, True  # joined: whether the line's start is known
    for piece in pieces:
        if isinstance(piece, Broken):
            held, length, joined = [], 0, False
            yield piece
        if not isinstance(piece, bytes):
            continue
        *lines, rest = piece.split(b"\n")
        for line in lines:
            yield from _line([*held, line, b"\n"], length + len(line), joined)
            held, length, joined = [], 0, True
        length += len(rest)
        held = [*held, rest] if length <= MAX_LINE else []
    if length:
        yield from _line(held, length, joined)


def _line(parts: list[bytes], length: int, joined: bool) -> Iterator[bytes | Broken]:
    line = b"".join(parts)
    if length > MAX_LINE:
        yield Broken(reason=Problem.PAGE_TOO_LONG, detail=f"has more than {MAX_LINE} bytes")
    elif joined or line.startswith(b"{"):  # after a gap it may be the end of a line that was told of
        yield line


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        ended = not line.endswith(b"\n")
        raise _Refused(Problem.TRUNCATED if ended else Problem.BROKEN_JSON, f"{error}"[:200]) from None
    if not isinstance(found, dict):
        raise _Refused(Problem.BROKEN_JSON, "is no JSON object")
    return found


def _pages(document: dict[str, Any], page_id: int) -> list[Page]:
    title, text = document.get("title"), document.get("text", "")
    if not isinstance(title, str) or not isinstance(text, str):
        raise _Refused(Problem.BROKEN_JSON, "is no document: its title or its text is no string")
    title = valid(title)
    page = Page(
        title=title,
        text=valid(text),
        namespace=_number(document.get("namespace")),
        page_id=_number(document.get("page_id")) or page_id,
        plain=True,
        ambiguous=any(map(parts_meanings, _templates(document.get("template")))),
    )
    return [page, *_redirects(document.get("redirect"), title)]


def _redirects(found: object, title: str) -> Iterator[Page]:
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and isinstance(name := one.get("title"), str):
            namespace = _number(one.get("namespace"))
            yield Page(title=valid(name), text="", namespace=namespace, redirect=title, plain=True)


def _templates(found: object) -> Iterator[str]:
    for one in found if isinstance(found, list) else ():
        if isinstance(one, str):
            yield one.partition(":")[2] or one  # "Template:Disambiguation", in the wiki's language


def _number(found: object) -> int:
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) <= 9:
        return int(found)
    return found if isinstance(found, int) and abs(found) < 10**9 else 0
