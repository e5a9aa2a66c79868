"""Bytes of a file that may be packed with bzip2, a bounded piece at a time."""

import bz2
from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 1 << 18  # bytes read, and bytes unpacked at most, at a time: a bomb unpacks no faster than it is used
BZ2 = b"BZh"
OTHERS = {
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"PK\x03\x04": "zip",
    b"\xfd7zX": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


class Refused(Exception):
    """The input cannot be read further: a reason that can be counted, and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of `stream`, unpacked where its first bytes say bzip2, also of many streams end to end.

    Raises `Refused` after the last good byte: `not_a_dump`, `truncated` or `broken_compression`.
    """
    head = stream.read(CHUNK)
    if not head:
        raise Refused("not_a_dump", "is empty")
    for magic, kind in OTHERS.items():
        if head.startswith(magic):
            raise Refused("not_a_dump", f"is packed with {kind}; unpack it, or pack it with bzip2")
    chunks = _chunks(head, stream)
    yield from _unpacked(chunks) if head.startswith(BZ2) else chunks


def _chunks(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    while head:
        yield head
        head = stream.read(CHUNK)


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = bz2.BZ2Decompressor()
    started = False  # whether the present stream has any byte yet
    for chunk in chunks:
        while chunk or not unpacker.needs_input:
            started = True
            try:
                data = unpacker.decompress(chunk, CHUNK)
            except OSError as error:
                raise Refused("broken_compression", f"{error}") from None
            if data:
                yield data
            chunk = b""
            if unpacker.eof:
                chunk, unpacker, started = unpacker.unused_data, bz2.BZ2Decompressor(), False
    if started:
        raise Refused("truncated", "the packed data end before their end mark")
