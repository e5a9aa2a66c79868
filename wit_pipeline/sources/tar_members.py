"""The members of an uncompressed tar, in order, each with where its bytes lie.

Headers are read one by one and of bounded length, so that no tar, however long or odd, fills the memory.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wit_pipeline.sources.packed import Damaged
from wit_pipeline.vocabulary.tar import BLOCK

LONG_NAME, LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
PAX, PAX_GLOBAL = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE), tarfile.XGLTYPE
AHEAD = (*PAX, PAX_GLOBAL, LONG_NAME, LONG_LINK)  # headers that say something of what follows
MAX_HEADER = 1 << 20  # bytes of such a header
EXTENDED = 482, 504  # the bytes that say whether a header, or another block, of GNU's sparse files goes on


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A plain file in a tar."""

    name: str
    offset: int  # of its first byte
    length: int


def members(stream: BinaryIO, size: int) -> Iterator[Member]:
    """The plain files of a tar of `size` bytes. `Damaged` is raised where it breaks or lacks its end mark."""
    at = 0
    facts: dict[str, str] = {}  # by pax's names, of the next member
    while header := _header(stream, at):
        kind, start = header.type, at + BLOCK
        if kind == tarfile.GNUTYPE_SPARSE:
            start = _past_sparse(stream, at)
        length = _length(header, facts)
        if length < 0 or start + length > size:
            raise Damaged(f"the tar is cut short in {facts.get('path', header.name)}")
        at = start + length + -length % BLOCK
        if kind in AHEAD:
            facts |= _facts(kind, _whole(stream, start, length))
            continue
        sparse = kind == tarfile.GNUTYPE_SPARSE or any(name.startswith("GNU.sparse") for name in facts)
        if header.isreg() and not sparse:
            yield Member(name=facts.get("path", header.name), offset=start, length=length)
        facts = {}


def _header(stream: BinaryIO, at: int) -> tarfile.TarInfo | None:
    """The header at a byte; None at the end mark."""
    stream.seek(at)
    block = stream.read(BLOCK)
    if block == bytes(BLOCK):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError as error:
        if len(block) < BLOCK:
            raise Damaged("the tar ends without its end mark: it is cut short") from None
        raise Damaged(f"the tar is broken at byte {at}: {error}") from None


def _length(header: tarfile.TarInfo, facts: dict[str, str]) -> int:
    """The bytes that follow a header; links and folders have none, whatever they state."""
    if header.type in AHEAD:
        return header.size
    if not header.isreg() and header.type in tarfile.SUPPORTED_TYPES:
        return 0
    stated = facts.get("size", "")
    return int(stated) if stated.isdecimal() and len(stated) < 20 else header.size


def _whole(stream: BinaryIO, start: int, length: int) -> bytes:
    if length > MAX_HEADER:
        raise Damaged(f"the tar has a header of {length} bytes at byte {start}")
    stream.seek(start)
    return stream.read(length)


def _facts(kind: bytes, content: bytes) -> dict[str, str]:
    """What a header says of the member that follows: its path, its size and whether it is sparse."""
    if kind == LONG_NAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "replace")}
    found: dict[str, str] = {}
    while kind in PAX and content:
        digits, _, _ = content.partition(b" ")  # "27 path=images/a dog.jpg\n", its own length first
        if not digits.isdigit() or not len(digits) < int(digits[:9]) <= len(content):
            raise Damaged("the tar has a broken pax header")
        record, content = content[len(digits) + 1 : int(digits) - 1], content[int(digits) :]
        name, _, value = record.decode("utf-8", "replace").partition("=")
        found[name] = value
    return found


def _past_sparse(stream: BinaryIO, at: int) -> int:
    """Where the bytes of one of GNU's sparse files begin: its map may go on for some blocks."""
    more = EXTENDED[0]
    while True:
        stream.seek(at)
        block = stream.read(BLOCK)
        at += BLOCK
        if len(block) < BLOCK or not block[more]:
            return at
        more = EXTENDED[1]
