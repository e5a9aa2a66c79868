"""The page views of a Wikipedia, streamed from Wikimedia's files: a block of lines at a time in memory.

Four formats, told by their first bytes. Of dumps.wikimedia.org/other: pageviews, hourly, `en.m Dog 12 0`;
pageview_complete, `en.wikipedia Dog 4269567 desktop 123 A5B7`; pagecounts-ez, `en.z Dog 123 A5B7`. And
rankings as JSON, as wikimedia.org/api/rest_v1 answers.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO

from queries.dumps.unpack import Broken, Piece, text, unpacked
from wit_pipeline.text.text import valid

MAX_LINE = 1 << 20  # bytes; a title has 255 at most, a month's string of hours some thousand
SAMPLE = 1 << 20  # bytes among which one row at least must be
MAX_JSON = 1 << 26  # bytes of rankings, held whole; a month's ranking of 1,000 titles has 70 KB

# Desktop, mobile and zero-rated Wikipedia, in hourly and in merged files (".z" is Wikipedia). What ends in
# another letter (".d", ".m.b", ".voy") is a sister project.
CODES = ("{}", "{}.m", "{}.zero", "{}.z", "{}.m.z", "{}.zero.z")
COMPLETE = "{}.wikipedia"
# The title, and the count: in a complete row it stands behind the access, and older ones have no page id.
HOURLY_ROW = r"(?:{codes}) ([^ \n]+)"
COMPLETE_ROW = r"{complete} ([^ \n]+)(?: [^ \n]+)? (?:desktop|mobile-web|mobile-app)"
ROW = rf"^(?:{HOURLY_ROW}|{COMPLETE_ROW}) ([0-9]{{{{1,15}}}})(?: [^ \n]*)?\r?$"
ANY_ROW = re.compile(  # by one such line a file is known
    ROW.format(codes=r"[a-z][a-z0-9_-]*(?:\.[a-z]+)*", complete=r"[a-z][a-z0-9_-]*\.[a-z]+").encode(),
    re.MULTILINE,
)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')  # complete files set titles with quotes so: "\"Heroes\"_(album)"
ESCAPED = re.compile(r"\\(.)")
AUTOMATED = re.compile(r"-(?:spider|automated)(?:\.\w+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """How often a title was asked for, in one row; desktop and mobile have a row each."""

    title: str  # as the project spells it, with blanks for underscores
    views: int


class Problem(StrEnum):
    """Why a file, the rest of it, or one row was not read."""

    NOT_PAGE_VIEWS = "not_page_views"
    TRUNCATED = "truncated"
    BROKEN_COMPRESSION = "broken_compression"
    BAD_ROW = "bad_row"  # this row alone; reading goes on


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewsError:
    """A problem of a file of page views, as data: count it by its reason."""

    name: str  # the file, as the caller named it
    reason: Problem
    detail: str


class _Refused(Exception):
    """The file cannot be read further."""

    def __init__(self, reason: Problem, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def views(
    stream: BinaryIO, name: str, project: str = "en", unnamed: bool = True
) -> Iterator[Views | ViewsError]:
    """The rows of `project`'s Wikipedia, packed or plain; other projects' are passed over without a word.

    Those of a ranking that names no project are taken for its own, if `unnamed`.

    A malformed row of the project is one `ViewsError`, and so is what cannot be unpacked, and what ends the
    file early. Errors of reading `stream` are not caught.
    """
    pieces = text(unpacked(stream))
    try:
        head = next(pieces, b"")
        ranking = isinstance(head, bytes) and head.startswith((b"{", b"["))
        whole = chain([head], pieces)
        yield from _ranking(whole, name, project, unnamed) if ranking else _rows(whole, name, project)
    except _Refused as refused:
        yield ViewsError(name=name, reason=refused.reason, detail=refused.detail)


def is_automated(name: str) -> bool:
    """Whether a file's name says that it counts robots: -spider or -automated, beside -user.

    >>> is_automated("pageviews-20230601-spider.bz2"), is_automated("a-spider-b/pageviews-20230601-user.bz2")
    (True, False)
    """
    found = AUTOMATED.search(PurePath(name).name)
    return found is not None and found.end() == len(PurePath(name).name)


def _problem(reason: str) -> Problem:
    return next((problem for problem in Problem if problem == reason), Problem.NOT_PAGE_VIEWS)


def _rows(pieces: Iterator[Piece], name: str, project: str) -> Iterator[Views | ViewsError]:
    codes = [f"{code.format(project)} ".encode() for code in (*CODES, COMPLETE)]
    ours = _ours(project)
    for block in _known(_blocks(pieces)):
        if isinstance(block, Broken):
            yield ViewsError(name=name, reason=_problem(block.reason), detail=block.detail)
        elif any(code in block for code in codes):  # sorted by project: most blocks hold none
            for hourly, complete, count, bad in ours.findall(block):  # a third faster than a match a line
                yield _row(hourly or complete, count) or ViewsError(
                    name=name, reason=Problem.BAD_ROW, detail=f"{(bad or hourly or complete)[:200]!r}"
                )


def _known(blocks: Iterator[bytes | Broken]) -> Iterator[bytes | Broken]:
    """The blocks as they are; raises `_Refused` where none of the first holds a row of any project."""
    seen = 0
    for block in blocks:
        yield block
        if isinstance(block, Broken) or ANY_ROW.search(block):
            yield from blocks
            return
        seen += len(block)
        if seen > SAMPLE:
            break
    raise _Refused(Problem.NOT_PAGE_VIEWS, f"has no row of views in its first {seen} bytes")


def _ours(project: str) -> re.Pattern[bytes]:
    """Finds the project's lines: titles of the two kinds and count, or the line that is malformed."""
    codes = "|".join(re.escape(code.format(project)) for code in CODES)
    complete = re.escape(COMPLETE.format(project))
    row = ROW.format(codes=codes, complete=complete)
    return re.compile(rf"{row}|^((?:{codes}|{complete}) .*)$".encode(), re.MULTILINE)


def _blocks(pieces: Iterator[Piece]) -> Iterator[bytes | Broken]:
    """The bytes in blocks of whole lines. What a break cuts off is no line: its count may be half."""
    tail, whole = b"", True  # whether the tail begins where a line does
    for piece in pieces:
        if isinstance(piece, Broken):
            yield piece
            tail, whole = b"", False
        elif isinstance(piece, bytes):
            lines, newline, rest = piece.rpartition(b"\n")
            if newline:
                yield tail + lines if whole else lines.partition(b"\n")[2]
                whole = True
            tail = rest if newline else tail + rest
            if len(tail) > MAX_LINE:
                raise _Refused(Problem.NOT_PAGE_VIEWS, f"a line is longer than {MAX_LINE} bytes")
    if whole and tail:
        yield tail


def _row(title: bytes, count: bytes) -> Views | None:
    try:  # a malformed line has neither
        return Views(title=_title(title.decode()), views=int(count))
    except ValueError:  # bytes that are no UTF-8 are one too
        return None


def _title(written: str) -> str:
    if "\\" in written and QUOTED.fullmatch(written):
        written = ESCAPED.sub(r"\1", written[1:-1])
    return written.replace("_", " ")


def _ranking(pieces: Iterator[Piece], name: str, project: str, unnamed: bool) -> Iterator[Views | ViewsError]:
    """The entries of one JSON document, or of several end to end."""
    names = {code.format(project) for code in (*CODES, COMPLETE)}
    for document in _documents(_whole(pieces)):
        entries = list(_entries(document, ""))
        if not entries:
            raise _Refused(Problem.NOT_PAGE_VIEWS, "is JSON without article_views or items")
        for entry, stated in entries:
            if stated.removesuffix(".org") in names if stated else unnamed:
                yield _entry(entry) or ViewsError(
                    name=name, reason=Problem.BAD_ROW, detail=f"{str(entry)[:200]}"
                )


def _whole(pieces: Iterator[Piece]) -> str:
    data = bytearray()
    for piece in pieces:
        if isinstance(piece, Broken):
            raise _Refused(_problem(piece.reason), piece.detail)
        data += piece if isinstance(piece, bytes) else b""
        if len(data) > MAX_JSON:
            raise _Refused(Problem.NOT_PAGE_VIEWS, f"is JSON of more than {MAX_JSON} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _Refused(Problem.NOT_PAGE_VIEWS, f"is JSON that is not UTF-8: {error}") from None


def _documents(text: str) -> Iterator[object]:
    decoder, text = json.JSONDecoder(), text.rstrip()
    at = 0
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            # An unfinished string is told where it begins, anything else where the text ends.
            cut = error.pos >= len(text) - 1 or error.msg.startswith("Unterminated string")
            raise _Refused(
                Problem.TRUNCATED if cut else Problem.NOT_PAGE_VIEWS, f"is no JSON: {error}"
            ) from None
        except (RecursionError, ValueError):  # [[[[…, or a number of thousands of digits
            raise _Refused(Problem.NOT_PAGE_VIEWS, "is JSON that Python cannot read") from None
        yield document
        while at < len(text) and text[at].isspace():
            at += 1


def _entries(node: object, project: str) -> Iterator[tuple[dict[str, object], str]]:
    """The objects with an article, each with the project that it or an object around it states ("": none)."""
    if isinstance(node, list):
        for part in node:
            yield from _entries(part, project)
    elif isinstance(node, dict):
        project = node["project"] if isinstance(node.get("project"), str) else project
        if "article" in node:
            yield node, project
        for key in ("article_views", "items", "articles"):
            yield from _entries(node.get(key), project)


def _entry(entry: dict[str, object]) -> Views | None:
    title, count = entry["article"], entry.get("views", entry.get("views_ceil"))
    if not isinstance(title, str) or not title or type(count) is not int or not 0 <= count < 10**15:
        return None
    return Views(title=valid(title).replace("_", " "), views=count)
