"""The pages of a MediaWiki XML dump, streamed: a page at a time in memory, never the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO
from xml.parsers import expat

from queries.namespaces import NUMBERS
from queries.unpack import Refused, unpacked

MAX_PAGE = 1 << 24  # characters; MediaWiki itself refuses a page above 2 MiB ($wgMaxArticleSize)
MAX_TOKEN = 1 << 24  # bytes of one unfinished tag that expat may hold
MAX_DEPTH = 32  # a dump nests 6 deep
ENDED_EARLY = {
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}

WANTED = {("page", "title"), ("page", "ns"), ("revision", "text"), ("namespaces", "namespace")}
REDIRECT = re.compile(r"\s*#[^\W\d_]++\s*+:?\s*+\[\[")  # "#REDIRECT [[…": the word differs by language
NUMBER = re.compile(r"-?[0-9]{1,9}")
DISAMBIGUATION = re.compile(
    r"\{\{[^{}|<>]{0,60}?\b"  # bounded, so that no page makes the search slow
    r"(?:disambig\w{0,20}(?:\s+cleanup)?|dab|hndis|geodis|mathdab|schooldis|hospitaldis|numberdis)\s*+[|}]"
    r"|__DISAMBIG__",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page and the wikitext of its last revision."""

    title: str
    text: str
    namespace: int = 0  # 0 is articles; 10 templates, 14 categories, …
    redirect: bool = False


class Problem(StrEnum):
    """Why the rest of a dump, or one page of it, was not read."""

    NOT_A_DUMP = "not_a_dump"
    TRUNCATED = "truncated"
    BROKEN_COMPRESSION = "broken_compression"
    BROKEN_XML = "broken_xml"
    FORBIDDEN_XML = "forbidden_xml"  # a DOCTYPE: the one way to entity bombs and outside files
    PAGE_TOO_LONG = "page_too_long"  # this page alone; reading goes on


@dataclass(frozen=True, kw_only=True, slots=True)
class DumpError:
    """A problem of a dump, as data: count it by its reason."""

    name: str  # the dump, as the caller named it
    reason: Problem
    detail: str
    pages: int  # read before the problem


def pages(stream: BinaryIO, name: str) -> Iterator[Page | DumpError]:
    """The pages of a dump, plain or bz2, one stream or many; after a problem that ends it, one `DumpError`.

    Export schemas 0.3 to 0.11, with or without the XML namespace. Errors of reading `stream` are not caught.
    """
    reader = _Reader(name)
    try:
        for chunk in unpacked(stream):
            yield from reader.feed(chunk)
        yield from reader.feed(b"", last=True)
    except Refused as refused:
        yield from reader.take()
        yield reader.error(Problem(refused.reason), refused.detail)


def article(page: Page) -> bool:
    """Whether a page is prose about a thing: in namespace 0, no redirect, no disambiguation page."""
    return page.namespace == 0 and not page.redirect and not disambiguation(page)


def disambiguation(page: Page) -> bool:
    """Whether a page only parts the meanings of a title: by title, template or magic word (in English)."""
    return page.title.endswith("(disambiguation)") or DISAMBIGUATION.search(page.text) is not None


class _Reader:
    """Bytes in, pages out. Between two calls it holds one unfinished page and expat's unfinished token."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read = 0
        self.fed = 0
        self.ready: list[Page | DumpError] = []
        self.path: list[str] = []
        self.rooted = False  # whether <mediawiki> was seen
        self.namespaces = dict(NUMBERS)
        self.namespace_key = ""
        self.pieces: list[str] | None = None  # of the element being read, where it is wanted
        self.length = 0
        self.fields: dict[str, str] = {}
        self.parser: expat.XMLParserType | None = None

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Page | DumpError]:
        """The pages that end in `chunk`; raises `Refused` at the first byte that cannot be part of a dump."""
        if self.parser is None:
            self.parser = self._parser(chunk)
        self.fed += len(chunk)
        try:
            self.parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise Refused(self._reason(error), f"{error}") from None
        if self.fed - self.parser.CurrentByteIndex > MAX_TOKEN:
            raise Refused(Problem.BROKEN_XML, f"a tag is longer than {MAX_TOKEN} bytes")
        return self.take()

    def take(self) -> Iterator[Page | DumpError]:
        """What is ready, once."""
        ready, self.ready = self.ready, []
        return iter(ready)

    def error(self, reason: Problem, detail: str) -> DumpError:
        return DumpError(name=self.name, reason=reason, detail=detail, pages=self.read)

    def _parser(self, head: bytes) -> expat.XMLParserType:
        # Only these two encodings: what a declaration names, expat would ask Python's codecs for.
        wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        parser = expat.ParserCreate("utf-16" if wide else "utf-8")
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        return parser

    def _reason(self, error: expat.ExpatError) -> Problem:
        if not self.rooted:
            return Problem.NOT_A_DUMP
        return Problem.TRUNCATED if error.code in ENDED_EARLY else Problem.BROKEN_XML

    def _doctype(self, *_: object) -> None:
        raise Refused(Problem.FORBIDDEN_XML, "has a DOCTYPE, which no dump has and which may define entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        parent = self.path[-1] if self.path else ""
        if not self.path and name != "mediawiki":
            raise Refused(Problem.NOT_A_DUMP, f"the outermost element is <{name[:40]}>, not <mediawiki>")
        if len(self.path) == MAX_DEPTH:
            raise Refused(Problem.BROKEN_XML, f"elements nest deeper than {MAX_DEPTH}")
        self.rooted = True
        self.path.append(name)
        if name == "page":
            self.fields = {}
        elif name == "redirect":
            self.fields["redirect"] = "yes"
        elif (parent, name) in WANTED:
            self.pieces, self.length = [], 0
            self.namespace_key = attributes.get("key", "")

    def _characters(self, text: str) -> None:
        if self.pieces is None:
            return
        self.length += len(text)
        if self.length <= MAX_PAGE:
            self.pieces.append(text)

    def _end(self, _: str) -> None:
        name = self.path.pop()
        if self.pieces is not None:
            self._wanted(name, "".join(self.pieces))
            self.pieces = None
        elif name == "page":
            self._page()

    def _wanted(self, name: str, text: str) -> None:
        if name == "namespace":
            if NUMBER.fullmatch(self.namespace_key):
                self.namespaces[text.casefold()] = int(self.namespace_key)
            return
        self.fields[name] = text  # of several revisions the last stays: histories are in order of time
        self.fields["long"] = "yes" if self.length > MAX_PAGE else ""

    def _page(self) -> None:
        fields, self.fields = self.fields, {}
        title, text = fields.get("title", "").strip(), fields.get("text", "")
        if fields.get("long"):
            detail = f"{title[:200]!r} has more than {MAX_PAGE} characters"
            self.ready.append(self.error(Problem.PAGE_TOO_LONG, detail))
            return
        self.read += 1
        namespace = self._namespace(fields.get("ns", "").strip(), title)
        redirect = "redirect" in fields or REDIRECT.match(text) is not None
        self.ready.append(Page(title=title, text=text, namespace=namespace, redirect=redirect))

    def _namespace(self, stated: str, title: str) -> int:
        if NUMBER.fullmatch(stated):
            return int(stated)
        prefix, colon, _ = title.partition(":")  # schemas before 0.6 state it nowhere else
        return self.namespaces.get(prefix.strip().casefold(), 0) if colon else 0
