"""The lines of a text file, whole or by ranges of bytes: a range owns the lines that begin in it."""

import codecs
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import BinaryIO

from wit_pipeline.sources.packed import Head, packing, pieces, unpacked
from wit_pipeline.sources.source import WHOLE, Range, Split
from wit_pipeline.vocabulary.errors import UserError

SPLIT_BYTES = 64 << 20  # of an unpacked file, that a worker reads at a time
MAX_LINE = 1 << 20  # bytes; a longer one is no row, and is not held in memory
TOO_LONG = f"a line longer than {MAX_LINE} bytes"
PEEK = 100  # first lines from which the columns are told
BOM = codecs.BOM_UTF8


def lines_of(pieces: Iterable[bytes], room: int | None = None) -> Iterator[bytes | None]:
    """The lines of some bytes without their ends, LF or CRLF; None in place of one that is too long.

    With `room`: only those that begin within so many bytes.
    """
    held, begin, let_go = b"", 0, 0  # let_go: bytes of the present line that were too many to hold
    for piece in pieces:
        *ended, held = (held + piece).split(b"\n")
        for line in ended:
            if room is not None and begin >= room:
                return
            yield None if let_go or len(line) > MAX_LINE else line.removesuffix(b"\r")
            begin += let_go + len(line) + 1
            let_go = 0
        if len(held) > MAX_LINE:
            held, let_go = b"", let_go + len(held)
        if room is not None and begin >= room:
            return
    if (held or let_go) and (room is None or begin < room):
        yield None if let_go else held.removesuffix(b"\r")


def ranges(stream: BinaryIO, size: int) -> list[Range]:
    """The ranges of bytes in which a text file is read; a packed one cannot be entered half way."""
    if packing(stream) or size <= SPLIT_BYTES:
        return [WHOLE]
    return [(first, min(first + SPLIT_BYTES, size)) for first in range(0, size, SPLIT_BYTES)]


def split_lines(stream: BinaryIO, split: Split, body: int = 0) -> Iterator[bytes | None]:
    """The lines that begin in a split; `body` is where the first row of the file begins, unpacked."""
    if split.first <= body:
        room = split.last - body if split.last else None
        return lines_of(_without(unpacked(stream), body), room)
    stream.seek(split.first - 1)
    lines = lines_of(pieces(stream), split.last - split.first + 1)
    return islice(lines, 1, None)  # what ends at the range's first byte, or in it, began before it


def _without(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[count:]
        count -= min(count, len(piece))


def body_of(head: Head) -> int:
    """The bytes before the first line: a byte order mark, or none."""
    return len(BOM) if head.data.startswith(BOM) else 0


def first_lines(head: Head, path: str) -> list[bytes]:
    """The first lines of a file as they are, ends too; one that is cut off only where it is alone."""
    if b"\r" in head.data and b"\n" not in head.data:
        raise UserError(f"{path}: its lines end in CR alone; convert them to LF")
    lines = BytesIO(head.data[body_of(head) :]).readlines()  # splitlines() would break at a CR too
    return lines[:PEEK] if head.whole or len(lines) == 1 else lines[:-1][:PEEK]


def place(split: Split) -> str:
    """What stands before "#row" in the position of a split's rows, which are counted from its first byte."""
    return f"{split.place}@{split.first}" if split.first else split.place


def text(line: bytes) -> str:
    """A line as text: what is no UTF-8 becomes U+FFFD."""
    return line.decode("utf-8", "replace")
