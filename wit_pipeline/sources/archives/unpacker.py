"""What unpackers of one stream or member agree on: those of bz2, lzma, zstd and isal."""

from typing import Protocol


class Unpacker(Protocol):
    """One stream, as much of it at a time as is asked for."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...
