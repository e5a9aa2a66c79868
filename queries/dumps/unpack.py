"""Bytes of a file that may be packed, a bounded piece at a time, and where the packing is broken."""

import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import BinaryIO, Final

from queries.dumps import sevenzip
from queries.dumps.page import Problem
from wit_pipeline.vocabulary.unpacker import BZ2, CHUNK, FAILURES, GZIP, NEITHER, ZSTD, Unpacker, zstd

XZ_MEMORY = 1 << 28  # bytes; `xz -9` needs 65 MiB
BZ2_STREAM = re.compile(rb"BZh[1-9]1AY&SY")  # begins a stream, on a whole byte; the blocks inside need not
SIGNATURE = 10  # bytes of it
BOM = codecs.BOM_UTF8
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """Some packed bytes that cannot be read; what follows does not join what came before."""

    reason: Problem
    detail: str


class Beyond:
    """Says that what follows begins beyond the range that was asked for."""


BEYOND: Final = Beyond()
Piece = bytes | Broken | Beyond


class Gzip:
    """One member of a gzip file, read as the other unpackers read theirs."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = len(found) < max_length  # zlib may hold more although it has taken all input
        return found


def _xz() -> Unpacker:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


PACKINGS: dict[bytes, Callable[[], Unpacker]] = {
    GZIP: Gzip,
    b"\xfd7zX": _xz,
    ZSTD: zstd.ZstdDecompressor,
}


def unpacked(stream: BinaryIO, start: int = 0, end: int = 0) -> Iterator[Piece]:
    """The bytes of `stream`, unpacked as its first bytes say: bzip2, gzip, xz, zstd, 7z, or not at all.

    Where packed bytes are broken, a `Broken`; only bz2 has streams to go on at. With a range (of plain files
    and bz2 only, of bytes as stored): from there on, and a `BEYOND` where bytes from `end` on follow.
    """
    head = stream.read(CHUNK)
    if head.startswith(sevenzip.MAGIC):
        yield from _seven(stream)
        return
    if start:
        packed = head.startswith(BZ2)
        stream.seek(start)
        head = stream.read(CHUNK)
        yield from (
            _bz2(_chunks(head, stream), start, end) if packed else _plain(_chunks(head, stream), start, end)
        )
        return
    yield from _whole(head, stream, end)


def _whole(head: bytes, stream: BinaryIO, end: int) -> Iterator[Piece]:
    chunks = _chunks(head, stream)
    if not head:
        return iter([Broken(reason=Problem.NOT_A_DUMP, detail="is empty")])
    if head.startswith(BZ2):
        return _bz2(chunks, 0, end)
    for magic, unpacker in PACKINGS.items():
        if head.startswith(magic):
            return _members(chunks, unpacker, "")
    for magic, kind in NEITHER.items():
        if head.startswith(magic):
            detail = f"is packed with {kind}; unpack it, or pack it with bzip2"
            return iter([Broken(reason=Problem.UNSUPPORTED, detail=detail)])
    return _plain(chunks, 0, end)


def text(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Pieces from the start of a file as UTF-8, without a byte order mark and blanks there."""
    for piece in pieces:
        if not isinstance(piece, bytes):
            yield piece
            continue
        if piece.startswith(WIDE):
            yield from text(_narrow(chain([piece], pieces)))
            return
        if found := piece.removeprefix(BOM).lstrip():
            yield found
            yield from pieces
            return


def _narrow(pieces: Iterator[Piece]) -> Iterator[Piece]:
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    for piece in pieces:
        yield decoder.decode(piece).encode() if isinstance(piece, bytes) else piece


def _chunks(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    while head:
        yield head
        head = stream.read(CHUNK)


def _seven(stream: BinaryIO) -> Iterator[Piece]:
    try:
        yield from sevenzip.unpacked(stream)
    except sevenzip.Refused as refused:
        yield Broken(reason=refused.reason, detail=f"{refused}")


def _plain(chunks: Iterator[bytes], start: int, end: int) -> Iterator[Piece]:
    for chunk in chunks:
        if end and start <= end < start + len(chunk):
            yield chunk[: end - start]
            yield BEYOND
            yield chunk[end - start :]
        else:
            yield chunk
        start += len(chunk)


def _bz2(chunks: Iterator[bytes], start: int, end: int) -> Iterator[Piece]:
    beyond = False
    for begun, streams in groupby(_streams(chunks, start, end), key=lambda piece: piece[0]):
        if end and begun >= end and not beyond:
            beyond = True
            yield BEYOND
        yield from _members((data for _, data in streams), bz2.BZ2Decompressor, f"at byte {begun}: ")


def _streams(chunks: Iterator[bytes], start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(where its stream begins, some bytes): the streams that begin at `start` or later."""
    begun, held = -1 if start else 0, b""  # what comes before the first stream is the end of another range's
    for chunk in chunks:
        if begun < 0 and end and start >= end:
            return
        data = held + chunk
        at, keep = 0, max(0, len(data) - SIGNATURE + 1)
        for found in BZ2_STREAM.finditer(data):
            if begun >= 0 and found.start() > at:
                yield begun, data[at : found.start()]
            at, begun = found.start(), start + found.start()
        if begun >= 0 and keep > at:
            yield begun, data[at:keep]
        at = max(at, keep)
        held, start = data[at:], start + at
    if held and begun >= 0:
        yield begun, held


def _members(chunks: Iterator[bytes], new: Callable[[], Unpacker], where: str) -> Iterator[Piece]:
    unpacker, started = new(), False  # whether the present member has any byte yet
    for chunk in chunks:
        while chunk or not unpacker.needs_input:
            started = True
            try:
                data = unpacker.decompress(chunk, CHUNK)
            except FAILURES as error:
                yield Broken(reason=Problem.BROKEN_COMPRESSION, detail=f"{where}{error}")
                return
            if data:
                yield data
            chunk = b""
            if unpacker.eof:
                chunk, unpacker, started = unpacker.unused_data, new(), False
                chunk = chunk if new is bz2.BZ2Decompressor else chunk.lstrip(b"\0")  # padding
    if started:
        detail = f"{where}the packed data end before their end mark"
        yield Broken(reason=Problem.TRUNCATED, detail=detail)
