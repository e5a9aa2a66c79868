"""Bytes of a 7z archive, streamed: py7zr, which pushes what it unpacks, made to wait for the reader."""

import struct
from collections.abc import Iterator
from importlib import import_module
from queue import Queue
from threading import Event, Thread
from typing import Any, BinaryIO

from queries.dumps.page import Problem
from wit_pipeline.vocabulary.extras import install

MAGIC = b"7z\xbc\xaf\x27\x1c"
HEADER = struct.Struct("<12xQQ4x")  # where the list of contents begins behind this header, its length
BLOCK = 1 << 15  # packed bytes at a time; py7zr unpacks 128 MB at most at a time, whatever they claim to hold
MISSING = f"is packed with 7z, which needs py7zr: {install('py7zr')}; or unpack it"


class Refused(Exception):
    """The archive cannot be read further; says why."""

    def __init__(self, reason: Problem, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Closed(Exception):
    """The reader has gone; unwinds py7zr in its thread."""


def unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of the files in an archive, one after the other; raises `Refused` after the last good."""
    try:
        py7zr = import_module("py7zr")  # LGPL: an extra, and loaded by those alone who have such a dump
    except ModuleNotFoundError:
        raise Refused(Problem.UNSUPPORTED, MISSING) from None
    if not stream.seekable():
        raise Refused(Problem.UNSUPPORTED, "is packed with 7z, which can be read from a seekable file only")
    _check(stream)
    pipe = _Pipe()
    thread = Thread(target=_push, args=(py7zr, stream, pipe), daemon=True)
    thread.start()
    try:
        while block := pipe.blocks.get():
            yield block
    finally:
        pipe.leave()
        thread.join()
    if pipe.failure is not None:
        raise pipe.failure


def _check(stream: BinaryIO) -> None:
    stream.seek(0)
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise Refused(Problem.TRUNCATED, "the archive ends within its header")
    offset, length = HEADER.unpack(header)
    if HEADER.size + offset + length > stream.seek(0, 2):
        raise Refused(Problem.TRUNCATED, "the archive ends before its list of contents")
    stream.seek(0)


def _push(py7zr: Any, stream: BinaryIO, pipe: "_Pipe") -> None:
    try:
        with py7zr.SevenZipFile(stream, "r", blocksize=BLOCK) as archive:
            archive.extract(factory=pipe)
    except Closed:
        pass
    except py7zr.exceptions.PasswordRequired:
        pipe.failure = Refused(Problem.UNSUPPORTED, "is packed with 7z and a password")
    except py7zr.exceptions.UnsupportedCompressionMethodError as error:
        pipe.failure = Refused(Problem.UNSUPPORTED, f"is packed with a method that py7zr lacks: {error}")
    except Exception as error:  # noqa: BLE001  on broken bytes py7zr raises what it happens to meet, told to the reader
        pipe.failure = Refused(Problem.BROKEN_COMPRESSION, f"{type(error).__name__}: {error}")
    finally:
        pipe.end()


class _Pipe:
    """What py7zr takes for a factory of files, each of them this pipe: it holds one block."""

    def __init__(self) -> None:
        self.blocks: Queue[bytes] = Queue(maxsize=1)
        self.closed = Event()
        self.failure: Refused | None = None

    def create(self, _: str) -> "_Pipe":
        return self

    def write(self, block: bytes | bytearray) -> int:
        if block:
            self.blocks.put(bytes(block))
        if self.closed.is_set():
            raise Closed
        return len(block)

    def end(self) -> None:
        """Tell the reader that nothing follows."""
        if not self.closed.is_set():
            self.blocks.put(b"")

    def leave(self) -> None:
        """The reader goes: what waits to be written is let go of, once, and the next write raises."""
        self.closed.set()
        if not self.blocks.empty():
            self.blocks.get_nowait()

    def read(self, _: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def flush(self) -> None:
        pass

    def close(self) -> None:
        """One file has ended; others may follow."""

    def size(self) -> int:
        return 0
