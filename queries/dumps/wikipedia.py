"""The pages of a dump of a wiki, streamed, whatever it is packed with: export XML or CirrusSearch's JSON."""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from queries.dumps import cirrus, export_xml
from queries.dumps.page import DumpError, Page, Problem, article, disambiguation, no_article
from queries.dumps.unpack import Piece, text, unpacked

__all__ = ["DumpError", "Page", "Problem", "article", "disambiguation", "no_article", "pages", "pages_in"]


def pages(stream: BinaryIO, name: str) -> Iterator[Page | DumpError]:
    """The pages of a dump, and a `DumpError` for each part of it that cannot be read.

    Packed with bzip2, gzip, xz, zstd, 7z, or plain. Errors of reading `stream` are not caught.
    """
    return pages_in(unpacked(stream), name)


def pages_in(pieces: Iterator[Piece], name: str) -> Iterator[Page | DumpError]:
    """The pages in unpacked bytes, from the start of a dump on."""
    pieces = text(pieces)
    early: list[Piece] = []
    for piece in pieces:  # usually the first: what is broken may come before the first byte
        early.append(piece)
        if isinstance(piece, bytes):
            break
    json = bool(early) and isinstance(early[-1], bytes) and early[-1].startswith(b"{")
    yield from (cirrus.read if json else export_xml.read)(chain(early, pieces), name)
