"""How the records of web archives begin: a WARC record's header, or an ARC record's line.

WARC is ISO 28500; ARC is the Internet Archive's format before it, version 1 (URL, address, date, type,
length) and version 2 (with a result, a checksum, a location, an offset and a file name before the length).
"""

import re
from typing import NamedTuple

from wit_pipeline.sources.archives.tape import Tape

USUAL_HEAD = 4 << 10  # bytes that hold nearly every head
MAX_HEAD = 64 << 10  # bytes of a head; what is longer is none
MAX_LINE = 16 << 10  # bytes of an ARC record's line
SHOWN = 40  # bytes of what is no record that messages show
VERSION = re.compile(rb"WARC/[0-9]\.[0-9]{1,2}[ \t\r]*\n")
END = re.compile(rb"\n\r*\n")
KIND = re.compile(rb"\nWARC-Type[ \t]*:[ \t]*([a-z]+)", re.IGNORECASE)
LENGTH = re.compile(rb"\nContent-Length[ \t]*:[ \t]*([0-9]{1,18})[ \t\r]*\n", re.IGNORECASE)
ARC = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.-]{1,20}:[^\r\n]{0,8000}?) ([0-9A-Fa-f.:]{1,45}) ([0-9]{12,14}) "
    rb"(?:([^\r\n]{0,4000}?) )?([0-9]{1,18})\r*\n"
)
START = re.compile(rb"\n(?:WARC/[0-9]\.|[A-Za-z][A-Za-z0-9+.-]{1,20}:[^\r\n]{1,13000} [0-9]{1,18}\r*\n)")
FOLD = re.compile(rb"\r*\n[ \t]+")


class Head(NamedTuple):
    """What a record says of itself before its content."""

    kind: str  # "response", "metadata", …; an ARC record is a "response" or "filedesc"
    size: int  # bytes of the head
    length: int  # bytes of the content behind it
    block: bytes  # the head as it stands


def head_at(tape: Tape) -> Head | None:
    """The head that a tape is at, or None; the tape does not move."""
    data = tape.peek(USUAL_HEAD)
    found = head_of(data)
    if found is None and len(data) == USUAL_HEAD and (VERSION.match(data) or b"\n" not in data):
        return head_of(tape.peek(MAX_HEAD))
    return found


def head_of(data: bytes) -> Head | None:
    """The head that some bytes begin with, or None."""
    if not (version := VERSION.match(data)):
        return _arc_head(data)
    end = END.search(data, version.end() - 1)
    if end is None:
        return None
    block = data[: end.start() + 1]
    kind, length = KIND.search(block), LENGTH.search(block)
    if kind is None or length is None or b"\nWARC/" in block:  # another record's head begins in it
        return None
    return Head(kind[1].decode().lower(), end.end(), int(length[1]), block)


def _arc_head(data: bytes) -> Head | None:
    line = ARC.match(data)
    if line is None:
        return None
    kind = "filedesc" if line[1].startswith(b"filedesc:") else "response"
    return Head(kind, line.end(), int(line[5]), line[0])


def target(head: Head) -> str:
    """The URL that a record is about, or ""."""
    if line := ARC.match(head.block):
        return decoded(line[1]).strip()
    return field(fields(head.block), "warc-target-uri").strip("<> ")


def content_type(head: Head) -> str:
    """What a record says its content is, or ""."""
    if line := ARC.match(head.block):
        return decoded(line[4] or b"").partition(" ")[0]
    return field(fields(head.block), "content-type")


def fields(block: bytes) -> list[tuple[str, str]]:
    """The fields behind the first line of a header, names in lower case, folded lines joined."""
    if b"\n " in block or b"\n\t" in block:
        block = FOLD.sub(b" ", block)
    try:
        lines = block.decode().split("\n")
    except UnicodeDecodeError:
        lines = [decoded(line) for line in block.split(b"\n")]
    split = (line.partition(":") for line in lines[1:])
    return [(name.strip().lower(), value.strip()) for name, colon, value in split if colon]


def field(found: list[tuple[str, str]], name: str) -> str:
    """The first value of a field, or ""."""
    return next((value for key, value in found if key == name), "")


def decoded(value: bytes) -> str:
    """The text of a header: UTF-8, or where it is none Latin-1, which HTTP was."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
