"""The bytes of a file that may be packed with gzip, bzip2 or zstd, a bounded piece at a time."""

import bz2
import codecs
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from wit_pipeline.sources.source import World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.unpacker import BZ2, CHUNK, FAILURES, GZIP, NEITHER, ZSTD, zstd

HEAD = 2 << 20  # bytes from which a reader tells what a file is
MAGIC = 8  # bytes that tell a packing
NEEDS_ROW = "a source needs at least one row"

PACKINGS: dict[bytes, Callable[[BinaryIO], Any]] = {
    GZIP: lambda stream: gzip.GzipFile(fileobj=stream),
    BZ2: lambda stream: bz2.BZ2File(stream),
    ZSTD: lambda stream: zstd.ZstdFile(stream),
}
UNKNOWN = {**NEITHER, b"7z\xbc\xaf": "7z", b"\xfd7zXZ": "xz"}
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Damaged(Exception):
    """What is packed, or written, is broken from here on; what came before is good."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The beginning of a file, unpacked."""

    data: bytes
    whole: bool  # whether the file ends with it
    damage: str = ""  # why it ends too early, if it does


@contextmanager
def opened(path: str, world: World) -> Iterator[BinaryIO]:
    """The stream of a file; a `UserError` for a directory."""
    try:
        stream = world.open(path)
    except IsADirectoryError:
        raise UserError(f"{path}: is a directory; name the files in it, as in {path}/*") from None
    with stream:
        yield stream


def packing(stream: BinaryIO) -> Callable[[BinaryIO], Any] | None:
    """What unpacks a stream, as its first bytes say, or None; the stream is then at its start."""
    stream.seek(0)
    magic = stream.read(MAGIC)
    stream.seek(0)
    return next((unpack for mark, unpack in PACKINGS.items() if magic.startswith(mark)), None)


def unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream from its start, unpacked; `Damaged` is raised where the packing breaks."""
    unpack = packing(stream)
    if unpack is None:
        yield from pieces(stream)
        return
    with unpack(stream) as packed:
        while piece := _piece(packed):
            yield piece


def _piece(packed: Any) -> bytes:
    try:
        return bytes(packed.read1(CHUNK))  # read() would lose what came before a break
    except FAILURES as error:
        if is_of_the_disk(error):
            raise
        raise Damaged(f"the packing is broken: {error}") from None


def is_of_the_disk(error: Exception) -> bool:
    """Whether the disk or the network fails, and not what is read: that ends the job, and is no record."""
    return isinstance(error, OSError) and bool(error.errno)


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream from where it stands, as they are."""
    while piece := stream.read(CHUNK):
        yield piece


def head_of(stream: BinaryIO, path: str) -> Head:
    """The beginning of a file. A `UserError` where there is none, or it cannot be unpacked or decoded."""
    data, damage, ended = b"", "", True
    try:
        for piece in unpacked(stream):
            data += piece
            if len(data) >= HEAD:
                ended = False
                break
    except Damaged as error:
        damage = f"{error}"
    if not data:
        raise UserError(f"{path}: cannot be read: {damage}" if damage else f"{path}: is empty; {NEEDS_ROW}")
    for mark, name in UNKNOWN.items():
        if data.startswith(mark):
            raise UserError(f"{path}: is packed with {name}; unpack it, or pack it with gzip, bzip2 or zstd")
    if data.startswith(WIDE):
        raise UserError(f"{path}: is UTF-16; convert it to UTF-8")
    return Head(data=data, whole=ended and not damage, damage=damage)
