"""WACZ: a ZIP with WARCs in its folder `archive`, read where they lie in it (specs.webrecorder.net/wacz)."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from wit_pipeline.sources.archives.tape import Bytes
from wit_pipeline.vocabulary.errors import UserError

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins one that is empty
FOLDER = "archive/"
WANTED = "a warc source takes a ZIP that is a WACZ, with WARCs in its folder archive"
MOST_READ = 64 << 20  # bytes read at once: a longer directory would fill the memory
REWINDS = 100  # times that a deflated WARC is read again from its start, to pass what is damaged
HEADER = 30  # bytes before the name of a member
ENCRYPTED = 1  # flag of a member
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)  # what reading a member may raise


def warcs(stream: BinaryIO, path: str) -> Iterator[tuple[str, zipfile.ZipInfo, zipfile.ZipFile]]:
    """The files in the folder of archives: name, entry and ZIP. A `UserError` where there is none."""
    try:
        file = zipfile.ZipFile(cast(IO[bytes], _Bounded(stream)))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UserError(f"{path}: is a ZIP that cannot be read: {error}; {WANTED}") from None
    found = [info for info in file.infolist() if info.filename.startswith(FOLDER) and not info.is_dir()]
    if not found:
        raise UserError(f"{path}: is a ZIP without a file in {FOLDER}; {WANTED}")
    for info in found:
        yield info.filename, info, file


def opened(stream: BinaryIO, info: zipfile.ZipInfo, file: zipfile.ZipFile) -> Bytes:
    """A file in a ZIP; opening or reading it may raise one of `DAMAGED`."""
    if info.flag_bits & ENCRYPTED:
        raise zipfile.BadZipFile("is encrypted")
    if info.compress_type != zipfile.ZIP_STORED:
        return _Deflated(file.open(info))
    stream.seek(info.header_offset)
    header = stream.read(HEADER)
    if len(header) < HEADER or not header.startswith(ZIP[0]):
        raise zipfile.BadZipFile("does not lie where the ZIP's directory says")
    name, extra = struct.unpack("<HH", header[-4:])
    return _Part(stream, info.header_offset + HEADER + name + extra, info.compress_size)


class _Bounded:
    """A file that refuses to be read in too large pieces."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1, /) -> bytes:
        if size > MOST_READ:
            raise zipfile.BadZipFile(f"its directory is above {MOST_READ} bytes")
        return self._stream.read(size)


class _Part:
    """The bytes of a file in a range."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size = stream, start, size
        self.seek(0)

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(max(0, min(size, self._size - self._at)))
        self._at += len(data)
        return data

    def seek(self, offset: int, /) -> int:
        self._at = offset
        return self._stream.seek(self._start + offset)


class _Deflated:
    """A file in a ZIP that begins anew for each step back, so that only so many are made."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, REWINDS

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, /) -> int:
        if offset < self._file.tell():
            self._left -= 1
            if self._left < 0:
                raise zipfile.BadZipFile("is too damaged to be read on: pack it without deflating")
        return self._file.seek(offset)
