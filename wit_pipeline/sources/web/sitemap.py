"""Sitemaps by the protocol of sitemaps.org, XML or plain text, packed or not, with Google's image extension.

They come from strangers: no entity is defined or resolved, and bytes, addresses, depth and the length of a
tag are bounded, so that no file costs more memory than its share.
"""

import codecs
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import urljoin
from xml.parsers import expat

from wit_pipeline.text.text import valid
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped
from wit_pipeline.vocabulary.unpacker import FAILURES, GZIP

MOST_BYTES = 52_428_800  # of a sitemap, unpacked, by the protocol …
MOST_ADDRESSES = 50_000  # … and addresses
LONGEST = 100_000  # characters of an element or a line that are read
DEEPEST = 16  # elements within elements; image:caption is the fourth
TOKEN = 1 << 20  # bytes of one tag
CHUNK = 1 << 16  # bytes parsed at once
IMAGES = "sitemap-image"  # in the name of the extension, whichever its version


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """An address that a sitemap lists: a page, or in an index another sitemap."""

    url: str
    sitemap: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An image that a sitemap describes."""

    page: str
    loc: str = ""
    caption: str = ""
    title: str = ""
    license: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """Why nothing comes after this."""

    detail: str


Entry = Location | Picture | Broken


class _Wrong(Exception):
    """What a file does that no sitemap does."""


def read_sitemap(stream: BinaryIO) -> Iterator[Entry]:
    """What a sitemap lists, in order; where it is broken, what came before, and a Broken that says so."""
    plain = unpacked(stream)
    try:
        if is_xml(plain):
            yield from _read_xml(plain)
            return
        number = 0
        for number, location in enumerate(read_lines(plain)):
            if number == 0 and not location.url.lower().startswith("http"):
                raise _Wrong("is no sitemap: neither XML nor a list of addresses")
            if number == MOST_ADDRESSES or plain.tell() > MOST_BYTES:
                raise _Wrong(f"is above {MOST_ADDRESSES} addresses or {MOST_BYTES} bytes")
            yield location
    except (*FAILURES, _Wrong) as error:
        yield Broken(detail=str(error) or type(error).__name__)


def unpacked(stream: BinaryIO) -> BinaryIO:
    """The bytes of a file that may be gzipped; to read them may raise one of `FAILURES`."""
    magic = stream.read(len(GZIP))
    stream.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if magic == GZIP else stream


def is_xml(stream: BinaryIO) -> bool:
    """Whether a file begins with a tag, in whatever encoding."""
    head = stream.read(256)
    stream.seek(0)
    return head.translate(None, b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<")


def read_lines(stream: BinaryIO) -> Iterator[Location]:
    """The addresses of a list, one a line; blank lines and those that begin with # are none."""
    while line := stream.readline(LONGEST):
        text = line.decode("utf-8-sig", "replace").strip()
        if text and not text.startswith("#"):
            yield Location(url=text)


def raws(picture: Picture, where: str) -> Iterator[Raw | Reject]:
    """The pairs that a sitemap itself holds: an image with its caption, with its title, or with no text."""
    try:
        url = urljoin(picture.page, picture.loc)
    except ValueError:
        yield dropped(Reason.URL_INVALID, where, picture.loc)
        return
    texts = {"sitemap:caption": picture.caption, "sitemap:title": picture.title}
    for kind, text in {kind: text for kind, text in texts.items() if text}.items() or [("", "")]:
        yield Raw(
            url=url,
            text=text,
            where=where,
            page_url=picture.page,
            license=picture.license,
            text_kind=kind,
        )


def _read_xml(stream: BinaryIO) -> Iterator[Entry]:
    parser = _Parser()
    trouble, begun = "", False
    while True:
        try:
            chunk = stream.read(CHUNK)
            if not begun:  # blanks before the declaration, as one in a thousand has
                bare = chunk.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
                begun, chunk = bool(bare) or not chunk, bare if bare[:1] == b"<" else chunk
            parser.feed(chunk)
        except (*FAILURES, _Wrong) as error:
            trouble = str(error) or type(error).__name__
        except (expat.ExpatError, ValueError, LookupError) as error:  # the last two are odd encodings'
            trouble = f"is no XML: {error}"
        yield from parser.found
        parser.found.clear()
        if trouble:
            yield Broken(detail=trouble)
        if trouble or not chunk:
            return


class _Parser:
    """Expat, and what its elements have given so far."""

    def __init__(self) -> None:
        self.found: list[Entry] = []
        self._fed = self._addresses = self._depth = self._length = 0
        self._index = False  # whether the file lists sitemaps
        self._space = ""  # the root's namespace, in whatever version
        self._page = ""
        self._image: dict[str, str] = {}
        self._text: list[str] = []
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.StartDoctypeDeclHandler = self._doctype
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters

    def feed(self, chunk: bytes) -> None:
        """Reads on; b"" is the end of the file."""
        self._fed += len(chunk)
        if self._fed > MOST_BYTES:
            raise _Wrong(f"is above {MOST_BYTES} bytes")
        self._expat.Parse(chunk, not chunk)
        if self._fed - max(self._expat.CurrentByteIndex, 0) > TOKEN:
            raise _Wrong(f"holds a tag above {TOKEN} bytes")

    def _doctype(self, name: str, *_: object) -> None:
        raise _Wrong(f"declares a document type, {name[:40]}; a sitemap has none")

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if self._depth == 0:
            if local not in ("urlset", "sitemapindex"):
                raise _Wrong(f"is no sitemap: its root is {local[:40]}")
            self._index, self._space = local == "sitemapindex", space
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Wrong(f"holds elements {DEEPEST} deep")
        if local == "image" and IMAGES in space:
            self._image = {}
        elif local == "url" and space == self._space:
            self._page = ""
        self._text, self._length = [], 0

    def _characters(self, data: str) -> None:
        if self._length < LONGEST:
            self._text.append(data)
            self._length += len(data)

    def _end(self, name: str) -> None:
        space, _, local = name.rpartition(" ")
        text = valid("".join(self._text)).strip()
        self._depth -= 1
        self._text, self._length = [], 0
        if IMAGES in space:
            self._end_of_image(local, text)
        elif local == "loc" and space == self._space:
            self._addresses += 1
            if self._addresses > MOST_ADDRESSES:
                raise _Wrong(f"is above {MOST_ADDRESSES} addresses")
            self._page = text
            self.found.append(Location(url=text, sitemap=self._index))

    def _end_of_image(self, local: str, text: str) -> None:
        if local == "image":
            self.found.append(Picture(page=self._page, **self._image))
            self._image = {}
        elif local in ("loc", "caption", "title", "license"):
            self._image[local] = text
