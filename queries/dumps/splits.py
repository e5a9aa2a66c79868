"""A dump in parts that workers read each by itself: together they hold each page once."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from queries.dumps import export_xml
from queries.dumps.page import DumpError, Page
from queries.dumps.unpack import BZ2_STREAM, SIGNATURE, WIDE, text, unpacked
from queries.dumps.wikipedia import pages_in
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.unpacker import BZ2, CHUNK

TARGET = 32 << 20  # bytes as stored
MULTISTREAM = re.compile(r"(.*-multistream)([0-9]*)\.xml(-p[0-9]+p[0-9]+)?\.bz2")
INDEX = re.compile(r".*-multistream-index[0-9]*\.txt(?:-p[0-9]+p[0-9]+)?(?:\.bz2|\.gz)?", re.DOTALL)
LINE = re.compile(rb"([0-9]{1,18}):[0-9]{1,18}:.+", re.DOTALL)
MAX_LINE = 1 << 14  # bytes; a title has 255

Open = Callable[[str], BinaryIO]


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A part of a dump: the pages that begin in it, or in a bz2 file in the streams that begin in it."""

    path: str
    name: str = ""  # of the dump, in what is built: the same however its path is spelled
    start: int = 0  # byte of the file as stored
    end: int = 0  # the byte behind the last; 0: to the end of the file


def is_index(path: str) -> bool:
    """Whether a path is, by its name, the index of a multistream dump and no dump."""
    return INDEX.fullmatch(path) is not None


def index_of(path: str) -> str:
    """The path of the index that belongs, by its name, to a multistream dump; "" for other dumps."""
    found = MULTISTREAM.fullmatch(path)
    return f"{found[1]}-index{found[2]}.txt{found[3] or ''}.bz2" if found else ""


def offsets(stream: BinaryIO) -> Iterator[int]:
    """Where the streams of a dump begin, from its index, packed or not, ascending, each once.

    Raises `ValueError` with the number of the line that is none of an index.
    """
    last = -1
    for number, line in enumerate(_lines(stream), 1):
        found = LINE.fullmatch(line)
        if found is None or (offset := int(found[1])) < last:
            raise ValueError(f"line {number} is not 'offset:page id:title' in order: {line[:80]!r}")
        if offset > last:
            last = offset
            yield offset


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    held, number = b"", 0
    for piece in unpacked(stream):
        if not isinstance(piece, bytes):
            raise ValueError(f"after line {number}: {getattr(piece, 'detail', '')}")
        *lines, held = (held + piece).split(b"\n")
        if len(held) > MAX_LINE:
            raise ValueError(f"line {number + len(lines) + 1} is longer than {MAX_LINE} bytes")
        number += len(lines)
        yield from lines
    if held:
        yield held


def split(path: str, size: int, open_: Open, index: str = "", target: int = TARGET) -> list[Split]:
    """A dump of `size` bytes in parts of about `target` bytes; in one where it cannot be parted or is small.

    A file of bz2 streams is parted at the streams that `index` names, else into equal ranges.
    """
    bounds: list[int] = []
    if size >= 2 * target and (packing := _parts(path, open_)):
        count = size // target
        bounds = [size * number // count for number in range(1, count)]
        if index and packing == "bz2":
            bounds = _indexed(path, open_, index, target)
    edges = [0, *bounds, 0]
    return [Split(path=path, start=start, end=end) for start, end in pairwise(edges)]


def pages_of(split: Split, open_: Open) -> Iterator[Page | DumpError]:
    """The pages and problems of one part of a dump."""
    with open_(split.path) as stream:
        if split.start == 0:
            yield from pages_in(unpacked(stream, end=split.end), split.path)
            return
        head = export_xml.head(text(unpacked(stream)))
        stream.seek(0)
        pieces = unpacked(stream, split.start, split.end)
        yield from export_xml.read(pieces, split.path, head, split.start)


def _parts(path: str, open_: Open) -> str:
    """What a dump can be parted by: "plain" bytes or "bz2" streams of XML; "" for nothing."""
    with open_(path) as stream:
        packing = "bz2" if stream.read(len(BZ2)) == BZ2 else "plain"
        stream.seek(0)
        first = next(unpacked(stream), b"")
        stream.seek(0)
        rooted = export_xml.head(text(unpacked(stream))).rooted
    wide = isinstance(first, bytes) and first.startswith(WIDE)
    return packing if rooted and not wide and (packing == "bz2" or _plain(path, open_)) else ""


def _plain(path: str, open_: Open) -> bool:
    with open_(path) as stream:
        return stream.read(CHUNK).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _indexed(path: str, open_: Open, index: str, target: int) -> list[int]:
    """Offsets of an index at least `target` apart; a `UserError` where they are no streams of the dump."""
    bounds: list[int] = []
    with open_(index) as stream:
        try:
            for offset in offsets(stream):
                if offset - (bounds[-1] if bounds else 0) >= target:
                    bounds.append(offset)
        except ValueError as error:
            raise UserError(f"{index} is no index of a multistream dump: {error}") from None
    with open_(path) as stream:
        for bound in bounds:
            stream.seek(bound)
            if not BZ2_STREAM.match(stream.read(SIGNATURE)):
                raise UserError(f"{index} does not belong to {path}: no bz2 stream begins at byte {bound}")
    return bounds
