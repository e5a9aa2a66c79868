"""The pages of MediaWiki's export XML, streamed: a page at a time in memory, never the file.

The bytes are cut at each `<page` and one expat parser is fed piece by piece. In text a `<` is written `&lt;`,
so that a cut is always the start of a page; what is broken ends at the next one, where a new parser, told of
a root element, goes on. That, too, is how reading begins in the middle of a file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from queries.dumps.namespaces import NUMBERS
from queries.dumps.page import DumpError, Page, Problem, redirect, target
from queries.dumps.unpack import Beyond, Broken, Piece

MAX_PAGE = 1 << 24  # characters; MediaWiki itself refuses a page above 2 MiB ($wgMaxArticleSize)
MAX_TOKEN = 1 << 24  # bytes of one unfinished tag that are held
MAX_DEPTH = 32  # a dump nests 7 deep
HEAD = 1 << 20  # bytes in which a dump must have said what its first page needs to be known
ENDED_EARLY = {
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}
WANTED = {
    (parent, name): f"content {name}" if parent == "content" else name
    for parent, names in {
        "page": ("title", "ns", "id"),
        "revision": ("text", "model"),
        "content": ("role", "text", "model"),  # 0.11: the slots beside the main one, which stands without it
        "namespaces": ("namespace",),
        "siteinfo": ("dbname",),
    }.items()
    for name in names
}
WIKITEXT = ("", "wikitext")  # schemas before 0.8 name no model
NUMBER = re.compile(r"-?[0-9]{1,9}")
FIRST = re.compile(rb"<([\w.-]{1,40}:)?(?:mediawiki|page)[\s/>]")
START = 1 << 12  # bytes in which the first of these tags is looked for
DELIMITERS = b" \t\r\n/>"


@dataclass(kw_only=True, slots=True)
class Head:
    """What a dump says before its first page."""

    rooted: bool = False  # whether <mediawiki> was seen
    prefix: str = ""  # of the XML namespace, as tags bear it: "m:"
    namespaces: dict[str, int] = field(default_factory=lambda: dict(NUMBERS))
    language: str = ""  # as <mediawiki xml:lang="…"> states it
    database: str = ""  # <dbname>: "dewiki"


class _Refused(Exception):
    """What is read cannot be part of a dump."""

    def __init__(self, reason: Problem, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def head(pieces: Iterator[Piece]) -> Head:
    """What a dump says before its first page, from its first bytes."""
    reader = _Reader("", None, 0)
    for piece in pieces:
        if not isinstance(piece, bytes):
            break
        reader.feed(piece)
        if reader.done or reader.begun or reader.fed >= HEAD:
            break
    return reader.head


def read(
    pieces: Iterator[Piece], name: str, begun: Head | None = None, start: int = 0
) -> Iterator[Page | DumpError]:
    """The pages and problems in bytes that begin a dump, or, where its head is given, at byte `start` of it.

    A page belongs to the range in which its tag begins, with what follows it up to the next.
    """
    reader = _Reader(name, begun, start)
    for piece in pieces:
        if isinstance(piece, bytes):
            reader.feed(piece)
        elif isinstance(piece, Beyond):
            reader.bound()
        else:
            reader.gap(piece)
        yield from reader.take()
        if reader.done:
            return
    reader.end()
    yield from reader.take()


class _Reader:
    """Bytes in, pages out. Between two calls it holds one unfinished page and one unfinished tag."""

    def __init__(self, name: str, begun: Head | None, start: int) -> None:
        self.name = name
        self.head = begun or Head()
        self.start = start
        self.read = 0  # pages
        self.fed = 0  # bytes that are read or passed over; `held` follow
        self.held = b""
        self.limit = -1  # from where on pages are another range's; -1: not come to it yet
        self.begun = False  # whether a page was seen
        self.told = False  # whether a problem was
        self.done = False
        self.pending = ""  # what is wrong with the head, until it is known whether pages follow
        self.ready: list[Page | DumpError] = []
        self.parser: expat.XMLParserType | None = None  # None: nothing to be read up to the next page
        self.origin = 0  # byte at which the parser began
        self.tag = b""
        if begun is None:
            self._parser(b"")
        else:
            self.tag = f"<{begun.prefix}page".encode()

    def take(self) -> list[Page | DumpError]:
        """What is ready, once."""
        ready, self.ready = self.ready, []
        return ready

    def feed(self, chunk: bytes) -> None:
        """Read some bytes, except an unfinished tag at their end."""
        data = self.held + chunk if self.held else chunk
        if not (self.tag or self._named(data)):
            self.held = data
            return
        open_ = data.rfind(b"<")
        whole = len(data) if open_ < 0 or data.find(b">", open_) >= 0 else open_
        at, after, view = 0, 0, memoryview(data)
        while (page := self._page_tag(data, after, whole)) >= 0:
            self._parse(view[at:page])
            self._begin()
            if self.done:
                return
            at, after = page, page + len(self.tag)
        self._parse(view[at:whole])
        self.held = data[whole:]
        if len(self.held) > MAX_TOKEN:
            self._fail(Problem.BROKEN_XML, f"a tag is longer than {MAX_TOKEN} bytes")
            self.fed, self.held = self.fed + len(self.held), b""
        if 0 <= self.limit <= self.fed and self.parser is None:
            self.done = True

    def _named(self, data: bytes) -> bool:
        """Whether enough was seen to know how a page's tag is written."""
        found = FIRST.search(data)
        if found is None and len(data) < START:
            return False
        self.head.prefix = (found[1] or b"").decode("ascii", "replace") if found else ""
        self.tag = f"<{self.head.prefix}page".encode()
        return True

    def bound(self) -> None:
        """From here on pages are another range's."""
        self.limit = self.fed + len(self.held)
        self.done = self.parser is None and not self.held

    def gap(self, broken: Broken) -> None:
        """Some bytes are lost, and with them what is unfinished; nobody counts that a second time."""
        self.parser, self.held = None, b""
        if self.limit >= 0:
            self.done = True
        else:
            self._tell(broken.reason, broken.detail)

    def end(self) -> None:
        """Nothing follows."""
        self._parse(self.held, last=True)
        if self.pending and not self.told:
            self._tell(Problem.NOT_A_DUMP, self.pending)

    def _page_tag(self, data: bytes, at: int, end: int) -> int:
        tag = self.tag
        while (at := data.find(tag, at, end)) >= 0 and data[at + len(tag)] not in DELIMITERS:
            at += 1
        return at

    def _begin(self) -> None:
        """A page begins: what came before it must be whole."""
        if self.parser is not None and len(self.path) > 1:
            self._fail(Problem.BROKEN_XML, f"<{self.path[-1][:40]}> does not end before the next page")
        if 0 <= self.limit <= self.fed:
            self.done = True
            return
        if self.pending:
            self._tell(Problem.BROKEN_XML, self.pending)
            self.pending = ""
        self.begun = True
        if self.parser is None or not self.path:
            self._parser(f"<{self.head.prefix}mediawiki>".encode())

    def _parser(self, root: bytes) -> None:
        # One encoding only: what a declaration names, expat would ask Python's codecs for.
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        self.parser = parser
        self.path: list[str] = []
        self.pieces: list[str] | None = None  # of the element being read, where it is wanted
        self.key = ""  # of that element
        self.number = ""  # of the namespace being read
        self.length = 0
        self.fields: dict[str, str] = {}
        self.long: set[str] = set()  # fields with more than MAX_PAGE characters
        self.origin = self.fed - len(root)
        parser.Parse(root)

    def _parse(self, data: bytes | memoryview, *, last: bool = False) -> None:
        parser = self.parser
        self.fed += len(data)
        if parser is None:
            return
        try:
            parser.Parse(data, last)
        except expat.ExpatError as error:
            self._broken(error.code, parser.ErrorByteIndex, last)
        except _Refused as refused:
            self._fail(refused.reason, refused.detail)
        else:
            index = (
                parser.CurrentByteIndex
            )  # where the token begins that expat holds; -1 if it has not looked
            if index >= 0 and self.fed - self.origin - index > MAX_TOKEN:
                self._fail(Problem.BROKEN_XML, f"a tag is longer than {MAX_TOKEN} bytes")

    def _broken(self, code: int, index: int, last: bool) -> None:
        if last and len(self.path) == 1 and not self.head.rooted:
            return  # pages without a root, which is ours
        ended = last and code in ENDED_EARLY
        detail = f"{expat.ErrorString(code)} at byte {self.start + self.origin + index}"
        self._fail(Problem.TRUNCATED if ended else Problem.BROKEN_XML, detail)

    def _fail(self, reason: Problem, detail: str) -> None:
        """Give up what is being read, up to the next page."""
        if self.parser is None:
            return
        self.parser = None
        if reason is Problem.FORBIDDEN_XML:
            self.done = True
        if self.begun or self.head.rooted or self.done:
            self._tell(reason, detail)
        else:
            self.pending = detail

    def _tell(self, reason: Problem, detail: str) -> None:
        self.told = True
        self.ready.append(DumpError(name=self.name, reason=reason, detail=detail, pages=self.read))

    def _doctype(self, *_: object) -> None:
        raise _Refused(
            Problem.FORBIDDEN_XML, "has a DOCTYPE, which no dump has and which may define entities"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        path = self.path
        if ":" in name:
            name = name.rpartition(":")[2]
        if not path:
            self._root(name, attributes)
        elif len(path) == MAX_DEPTH:
            raise _Refused(Problem.BROKEN_XML, f"elements nest deeper than {MAX_DEPTH}")
        elif key := WANTED.get((path[-1], name)):
            self.pieces, self.length, self.key = [], 0, key
            self.number = attributes.get("key", "")
        elif name == "page":
            self.fields, self.long = {}, set()
        elif name == "revision":
            self._forget("text", "model")
        elif name == "redirect":
            self.fields["redirect"] = attributes.get("title", "")
        path.append(name)

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        if name != "mediawiki":
            detail = f"the outermost element is <{name[:40]}>, not <mediawiki>"
            raise _Refused(Problem.NOT_A_DUMP, detail)
        self.head.rooted = self.head.rooted or not self.begun
        self.head.language = self.head.language or attributes.get("xml:lang", "")

    def _characters(self, text: str) -> None:
        if self.pieces is None:
            return
        self.length += len(text)
        if self.length <= MAX_PAGE:
            self.pieces.append(text)

    def _end(self, _: str) -> None:
        name = self.path.pop()
        if self.pieces is not None:
            self._wanted("".join(self.pieces))
        elif name == "content":
            self._content()
        elif name == "page":
            self._page()

    def _wanted(self, text: str) -> None:
        key, self.pieces = self.key, None
        if key == "namespace":
            if NUMBER.fullmatch(self.number):
                self.head.namespaces[text.casefold()] = int(self.number)
            return
        if key == "dbname":
            self.head.database = text.strip()
            return
        self.fields[key] = text  # of several revisions the last stays: histories are in order of time
        if self.length > MAX_PAGE:
            self.long.add(key)

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self.fields.pop(key, None)
            self.long.discard(key)

    def _content(self) -> None:
        """A slot has ended; the main one is the page, the others are data beside it."""
        if self.fields.get("content role", "").strip() == "main":
            for key in ("text", "model"):
                self.fields[key] = self.fields.get(f"content {key}", "")
                self.long |= {key} & {one.removeprefix("content ") for one in self.long}
        self._forget("content role", "content text", "content model")

    def _page(self) -> None:
        fields, title = self.fields, self.fields.get("title", "").strip()
        self.fields = {}
        if self.long:
            detail = f"{title[:200]!r} has more than {MAX_PAGE} characters"
            self._tell(Problem.PAGE_TOO_LONG, detail)
            return
        self.read += 1
        number = fields.get("id", "").strip()
        text = fields.get("text", "") if fields.get("model", "").strip() in WIKITEXT else ""
        self.ready.append(
            Page(
                title=title,
                text=text,
                namespace=self._namespace(fields.get("ns", "").strip(), title),
                names=self.head.namespaces,
                redirect=_redirect(fields.get("redirect"), text, title),
                page_id=int(number) if NUMBER.fullmatch(number) else 0,
            )
        )

    def _namespace(self, stated: str, title: str) -> int:
        if NUMBER.fullmatch(stated):
            return int(stated)
        prefix, colon, _ = title.partition(":")  # schemas before 0.6 state it nowhere else
        return self.head.namespaces.get(prefix.strip().casefold(), 0) if colon else 0


def _redirect(stated: str | None, text: str, title: str) -> str:
    """The title that a page leads to: as stated, or as written; "" where it has text of its own."""
    if stated:
        return target(stated, title)
    return redirect(text, title) or ("" if stated is None else title)
