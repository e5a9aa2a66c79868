"""Bytes that are read in order, a bounded piece of them in memory."""

import re
from typing import Protocol

CHUNK = 1 << 17  # bytes read at a time
ENDLESS = 1 << 62  # bytes: to the end


class Bytes(Protocol):
    """A file, or a part of one."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...


class Tape:
    """Bytes in order. What stands before the present place is forgotten."""

    def __init__(self) -> None:
        self._held = b""
        self._at = 0  # the present place in what is held
        self._base = 0  # where what is held begins

    @property
    def offset(self) -> int:
        """How many bytes stand before the present place."""
        return self._base + self._at

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer where they end, without moving."""
        while len(self._held) - self._at < size and (more := self._more()):
            self._base += self._at
            self._held, self._at = self._held[self._at :] + more, 0
        return self._held[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """At most `size` bytes; none only where they end."""
        if self._at == len(self._held):
            self._turn()
        piece = self._held[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def skip(self, size: int) -> int:
        """How many of `size` bytes were passed over: fewer where they end."""
        left = size
        while left and (self._at < len(self._held) or self._turn()):
            step = min(left, len(self._held) - self._at)
            self._at += step
            left -= step
        return size - left

    def skip_blank(self) -> bool:
        """Whether anything but line ends follows, and moves there."""
        while self._at < len(self._held) or self._turn():
            rest = self._held[self._at : self._at + 64]
            text = rest.lstrip(b"\r\n")
            self._at += len(rest) - len(text)
            if text:
                return True
        return False

    def skip_to(self, pattern: re.Pattern[bytes], longest: int, end: int) -> bool:
        """Whether a match of at most `longest` bytes begins before the byte `end`, and moves there."""
        while self.offset < end:
            full = len(self.peek(CHUNK + longest)) == CHUNK + longest
            found = pattern.search(self._held, self._at)
            if found:
                self._at = found.start()
                return self.offset < end
            self._at = max(self._at, len(self._held) - longest) if full else len(self._held)
            if not full:
                break
        return False

    def _turn(self) -> bool:
        """Whether any bytes follow those that are held, which are dropped for them."""
        more = self._more()
        self._base += len(self._held)
        self._held, self._at = more, 0
        return bool(more)

    def _more(self) -> bytes:
        """The bytes that follow those held: some, or none at the end."""
        raise NotImplementedError


class Stored(Tape):
    """A file's bytes as they are."""

    def __init__(self, stream: Bytes) -> None:
        super().__init__()
        self._stream = stream

    def seek(self, offset: int) -> None:
        """Moves to a place; nothing is read again that is held."""
        if 0 <= offset - self._base <= len(self._held):
            self._at = offset - self._base
        else:
            self._stream.seek(offset)
            self._held, self._at, self._base = b"", 0, offset

    def skip(self, size: int) -> int:
        """How many of `size` bytes were passed over; none where they are far and not all there."""
        if size <= len(self._held) - self._at + CHUNK:
            return super().skip(size)
        self.seek(self.offset + size - 1)
        return size if self.take(1) else 0

    def _more(self) -> bytes:
        return self._stream.read(CHUNK)
