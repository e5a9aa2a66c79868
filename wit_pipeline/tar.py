"""Tar files whose bytes depend on nothing but names and contents, and whose members have known offsets."""

import tarfile
from pathlib import Path

BLOCK = 512  # bytes
END = bytes(2 * BLOCK)


class Writer:
    """Writes members of an uncompressed ustar file: mode 0644, mtime 0, uid 0, no names of users."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._offset = 0

    def add(self, name: str, content: bytes) -> int:
        """Append a member; returns the offset of its first byte of content."""
        info = tarfile.TarInfo(name)
        info.size = len(content)
        header = info.tobuf(format=tarfile.USTAR_FORMAT)
        start = self._offset + len(header)
        padding = bytes(-len(content) % BLOCK)
        self._file.write(header)
        self._file.write(content)
        self._file.write(padding)
        self._offset = start + len(content) + len(padding)
        return start

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write(END)
        self._file.close()
