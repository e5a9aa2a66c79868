"""A packed archive: gzip members or zstd frames, most often one for each record."""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

from isal import igzip_lib

from wit_pipeline.sources.archives.heads import MAX_HEAD, SHOWN, head_at
from wit_pipeline.sources.archives.tape import CHUNK, ENDLESS, Stored, Tape
from wit_pipeline.vocabulary.unpacker import GZIP as ANY_GZIP
from wit_pipeline.vocabulary.unpacker import ZSTD, Unpacker, zstd

SMALL = 2 << 20  # bytes of a member, unpacked, that is read in one go
FIRST, STEP = 1 << 12, 1 << 14  # bytes unpacked at a time: what of them lies behind a member is copied
WARC = b"WARC/"
GZIP = ANY_GZIP + b"\x08"  # deflate, the one method there is: it is looked for in damaged bytes
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # begins a frame that holds no data …
DICTIONARY = b"\x5d\x2a\x4d\x18"  # … and one with the dictionary of a .warc.zst, at its start
MAX_DICTIONARY = 8 << 20  # bytes; no reader has to take more: IIPC, Zstandard Compression for WARC Files 1.0
MAX_WINDOW = 27  # log2 of the bytes that a frame may look back
FAILURES = (cast(type[Exception], igzip_lib.error), zstd.ZstdError)  # the stub has an instance there


class Damage(Exception):
    """Some packed bytes that cannot be read."""

    def __init__(self, offset: int, detail: str, cut: bool = False) -> None:
        super().__init__(detail)
        self.offset = offset  # of the member, or of what stands in its place
        self.detail = detail
        self.cut = cut  # whether it only ends too early: what was read of it is right


@dataclass(frozen=True, kw_only=True, slots=True)
class Packing:
    """A way to pack an archive."""

    magic: bytes  # begins a member
    new: Callable[[], Unpacker]


def packing_of(stored: Stored) -> Packing | None:
    """How the archive that a tape is at is packed; None for one that is not.

    Raises `Damage` for a dictionary that cannot be read.
    """
    start = stored.peek(4)
    if start.startswith(GZIP):
        return Packing(magic=GZIP, new=partial(igzip_lib.IgzipDecompressor, igzip_lib.DECOMP_GZIP))
    if not (start == ZSTD or SKIPPABLE.match(start)):
        return None
    known = _dictionary(stored) if start == DICTIONARY else None
    options = {int(zstd.DecompressionParameter.window_log_max): MAX_WINDOW}
    return Packing(magic=ZSTD, new=lambda: zstd.ZstdDecompressor(zstd_dict=known, options=options))


def _dictionary(stored: Stored) -> zstd.ZstdDict:
    at, size = stored.offset, _frame_size(stored.peek(8))
    data = stored.peek(size)[8:] if size - 8 <= MAX_DICTIONARY else b""
    try:
        if data.startswith(ZSTD):
            data = zstd.ZstdDecompressor().decompress(data, MAX_DICTIONARY + 1)
        if 0 < len(data) <= MAX_DICTIONARY:
            known = zstd.ZstdDict(data)
            zstd.ZstdDecompressor(zstd_dict=known)  # which may find that it is none
            return known
    except (zstd.ZstdError, ValueError) as error:
        raise Damage(at, f"its zstd dictionary cannot be read: {error}") from None
    raise Damage(at, f"its zstd dictionary is empty, or above {MAX_DICTIONARY} bytes")


def _frame_size(start: bytes) -> int:
    return 8 + int(struct.unpack("<I", start[4:8].ljust(4, b"\0"))[0])


class Packed(Tape):
    """The unpacked bytes of one member after another; `offset` is counted in the member."""

    def __init__(self, stored: Stored, packing: Packing) -> None:
        super().__init__()
        self.member = stored.offset  # where the present member begins
        self._stored = stored
        self._packing = packing
        self._unpacker: Unpacker | None = None  # of the present member, once there is one
        self._damage: Damage | None = None

    def find(self, after: int, end: int) -> bool:
        """Whether a member of a range begins with a record, and moves to the first that does."""
        self._stored.seek(after)
        pattern = re.compile(re.escape(self._packing.magic))
        while self._stored.skip_to(pattern, len(self._packing.magic), end):
            self._begin()
            if self._starts_record():
                return True
            self._stored.seek(self.member + 1)
        return False

    def advance(self) -> bool:
        """Whether a member follows, and moves to its start. Raises `Damage` for anything else but the end."""
        if self._unpacker and not self._unpacker.eof:
            self.skip(ENDLESS)
        at, whole = self._pass_padding()
        start = self._stored.peek(len(self._packing.magic))
        if whole and not start:
            return False
        if start != self._packing.magic:
            self._stored.seek(at)
            self._begin()
            detail = f"no packed record begins here: {self._stored.peek(SHOWN)!r}"
            self._damage = Damage(at, detail)
            raise self._damage
        self._begin()
        return True

    def small(self, last: int) -> Iterator[tuple[int, bytes]]:
        """The members from the present one on that are small and whole: where each begins, and all of it.

        Most are, and this is the short way through them; it ends before the first that is not, and at `last`.
        """
        member = self.member
        self._stored.seek(member)
        while member < last and (data := self._small()):
            yield member, data
            member = self._stored.offset
        self.rewind(member)

    def rewind(self, member: int) -> None:
        """Moves to before a member, so that it is the next to advance to."""
        self._stored.seek(member)
        self._unpacker, self._damage, self._held, self._at = None, None, b"", 0

    def _small(self) -> bytes:
        """A member that is small and whole, or b""."""
        stored, unpacker = self._stored, self._packing.new()
        part = stored.take(FIRST)
        if not part.startswith(self._packing.magic):
            return b""
        pieces, size = [], 0
        try:
            while not unpacker.eof and size < SMALL:
                pieces.append(unpacker.decompress(part, CHUNK))
                size += len(pieces[-1])
                part = stored.take(STEP) if unpacker.needs_input and not unpacker.eof else b""
                if unpacker.needs_input and not (part or unpacker.eof):
                    return b""
        except FAILURES:
            return b""
        if not unpacker.eof:
            return b""
        stored.seek(stored.offset - len(unpacker.unused_data))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def torn_head(self) -> bytes:
        """The start of a WARC record's head whose member ends before the head does, or b""."""
        rest = self.peek(MAX_HEAD)
        return rest if WARC.startswith(rest[: len(WARC)]) and len(rest) < MAX_HEAD else b""

    def put_back(self, rest: bytes) -> None:
        """Puts bytes of the member before in front of what follows."""
        self._held, self._base = rest + self._held[self._at :], self.offset - len(rest)
        self._at = 0

    def _pass_padding(self) -> tuple[int, bool]:
        """Passes over what may stand between members; where the last of it begins, and if it is whole."""
        stored, whole = self._stored, True
        while self._packing.magic == GZIP and stored.peek(1) == b"\0":
            zeros = stored.peek(CHUNK)
            stored.skip(len(zeros) - len(zeros.lstrip(b"\0")))
        at = stored.offset
        while self._packing.magic == ZSTD and SKIPPABLE.match(start := stored.peek(8)):
            at, size = stored.offset, _frame_size(start)
            whole = stored.skip(size) == size
        return at, whole

    def _begin(self) -> None:
        self.member = self._stored.offset
        self._unpacker, self._damage = self._packing.new(), None
        self._held, self._at, self._base = b"", 0, 0

    def _starts_record(self) -> bool:
        try:
            self.skip_blank()
            return head_at(self) is not None
        except Damage:
            return False

    def _more(self) -> bytes:
        if not self._damage:
            try:
                return self._unpacked()
            except Damage as damage:
                self._damage = damage
        if self._at == len(self._held):  # what came before it is read first
            raise self._damage
        return b""

    def _unpacked(self) -> bytes:
        unpacker = self._unpacker
        while unpacker and not unpacker.eof:
            part = self._stored.take(STEP) if unpacker.needs_input else b""
            if not part and unpacker.needs_input:
                raise Damage(self.member, "its packed data end before their end mark", cut=True)
            try:
                data = unpacker.decompress(part, CHUNK)
            except FAILURES as error:
                raise Damage(self.member, f"{error}") from None
            if unpacker.eof:
                self._stored.seek(self._stored.offset - len(unpacker.unused_data))
            if data:
                return data
        return b""
