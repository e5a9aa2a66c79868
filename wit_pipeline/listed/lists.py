"""Lists of what may not be kept, in memory, and who is found in them.

Addresses and sums are 16 bytes each, whatever they are in the list: the first 128 bits of a sum, a hash of
128 bits of an address, in sorted arrays. Among five million, what is in none of them is taken for one of them
once in 6.8 · 10^31 times. A PDQ is 33 bytes, a phash 9.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.listed.entries import (
    BITS,
    CODES,
    COMMENT,
    QUALITY,
    SUMS,
    Entry,
    Within,
    line_of,
    names_of,
    plain_url,
)
from wit_pipeline.listed.marks import ASKED, Marks
from wit_pipeline.listed.near import Near
from wit_pipeline.pictures.codes import FLAT
from wit_pipeline.vocabulary.errors import UserError

SIZE = 16  # bytes of an entry
PIECE = 1 << 22  # bytes of a list that are read at once
LONGEST = 1 << 16  # bytes of a line
SHOWN = 80  # characters of a line that a message repeats
WANTED = "no http(s) URL, no domain, no md5, sha1 or sha256 in hex, no PDQ with its quality and no phash"


class Match(NamedTuple):
    """What of a list names something."""

    list: str  # the sha256 of the list, in hex: a list has no other name
    entry: Entry
    bits: int = 0  # by which the picture's code differs from the entry


class Known(Protocol):
    """What is known of a picture, whichever record tells it."""

    @property
    def sha256(self) -> str: ...
    @property
    def stored_sha256(self) -> str: ...
    @property
    def phash(self) -> str: ...
    @property
    def weak(self) -> float: ...


@dataclass
class _Read:
    """A list while it is read."""

    exact: dict[str, bytearray] = field(default_factory=dict)
    codes: dict[str, tuple[bytearray, bytearray]] = field(default_factory=dict)
    within: dict[str, int] = field(default_factory=lambda: dict(BITS))
    passed: int = 0  # PDQs of too low a quality

    def add(self, said: tuple[Entry, ...] | Within) -> None:
        if isinstance(said, Within):
            self.within[said.kind] = said.bits
            return
        for entry in said:
            if entry.quality < QUALITY:
                self.passed += 1
            elif entry.kind in CODES:
                codes, bits = self.codes.setdefault(entry.kind, (bytearray(), bytearray()))
                codes += bytes.fromhex(entry.value)
                bits.append(self.within[entry.kind])
            else:
                self.exact.setdefault(entry.kind, bytearray()).extend(_short(entry))


class List:
    """One list."""

    def __init__(self, digest: str, read: _Read) -> None:
        self.digest = digest
        self.passed = read.passed
        self._exact = {kind: _sorted(content) for kind, content in read.exact.items()}
        self._near = {kind: Near(*_joined(kind, *both)) for kind, both in read.codes.items()}

    def __len__(self) -> int:
        return sum(map(len, self._exact.values())) + sum(map(len, self._near.values()))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        exact = sum(one.nbytes for one in self._exact.values())
        return exact + sum(one.nbytes for one in self._near.values())

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its entries."""
        return frozenset((*self._exact, *self._near))

    def __contains__(self, entry: Entry) -> bool:
        held = self._exact.get(entry.kind)
        if held is None:
            return False
        key = np.array([_short(entry)], held.dtype)
        place = int(np.searchsorted(held, key)[0])
        return place < len(held) and bool(held[place] == key[0])

    def near(self, kind: str, code: str) -> Match | None:
        """The nearest of its codes of a kind, if a code in hex is near enough to it."""
        held = self._near.get(kind)
        found = held.nearest(bytes.fromhex(code)) if held is not None and code else None
        return Match(self.digest, Entry(kind, found[0].hex()), found[1]) if found else None


def _short(entry: Entry) -> bytes:
    if entry.kind in SUMS:
        return bytes.fromhex(entry.value)[:SIZE]
    return hashlib.blake2b(entry.value.encode(), digest_size=SIZE).digest()


def _sorted(content: bytearray) -> NDArray[np.bytes_]:
    """Entries of `SIZE` bytes each, each once, in order; sorted where they lie."""
    found = np.frombuffer(content, f"S{SIZE}")
    found.sort()
    again = found[1:] == found[:-1]
    return np.unique(found) if again.any() else found


def _joined(kind: str, codes: bytearray, bits: bytearray) -> tuple[bytearray, int, bytearray]:
    return codes, CODES[kind] // 2, bits


class BlockList:
    """All that may not be kept, by as many lists as there are."""

    def __init__(self, lists: Iterable[List] = ()) -> None:
        self.lists = tuple(lists)

    @classmethod
    def read(cls, paths: Iterable[str], open: Callable[[str], BinaryIO]) -> "BlockList":
        """The entries of some files; a `UserError` names the line that is no entry."""
        return cls([_list_of(path, open) for path in paths])

    @classmethod
    def of(cls, lines: Iterable[str]) -> "BlockList":
        """One list of some lines."""
        content, read = "\n".join(lines).encode(), _Read()
        _read_lines(content, 0, "list", read)
        return cls([List(hashlib.sha256(content).hexdigest(), read)])

    def __len__(self) -> int:
        return sum(map(len, self.lists))

    def __contains__(self, entry: Entry) -> bool:
        return any(entry in one for one in self.lists)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of all entries."""
        return frozenset[str]().union(*(one.kinds for one in self.lists))

    @cached_property
    def asks(self) -> frozenset[str]:
        """Those of them that ask for marks of each picture."""
        return self.kinds & ASKED

    def found_url(self, *urls: str) -> Match | None:
        """What names one of some URLs or its domain: all that can be asked before a fetch."""
        if not self.kinds & {"url", "domain", "md5"}:
            return None
        for url in dict.fromkeys(filter(None, urls)):
            for entry in (*names_of(url), *self._sums_of(url)):
                if found := self._found(entry):
                    return found
        return None

    def found_sums(self, sums: Iterable[Entry]) -> Match | None:
        """What is one of some sums."""
        return next((found for entry in sums if entry.value and (found := self._found(entry))), None)

    def found_image(self, image: Known, marks: Marks) -> Match | None:
        """What names a picture by its bytes, fetched or stored, or by its codes; flat ones have none."""
        if not self.kinds:
            return None
        codes = (("pdq", marks.pdq), ("phash", image.phash if image.weak <= FLAT else ""))
        near = (one.near(kind, code) for kind, code in codes for one in self.lists)
        return self.found_sums(sums_of(image, marks)) or next(filter(None, near), None)

    def _sums_of(self, url: str) -> Iterator[Entry]:
        """Lists tell some addresses by their md5 alone: as they are written, or with either scheme."""
        if "md5" in self.kinds:
            plain = plain_url(url)
            for text in dict.fromkeys((url, f"http://{plain}", f"https://{plain}")):
                digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False)
                yield Entry("md5", digest.hexdigest())

    def _found(self, entry: Entry) -> Match | None:
        return next((Match(one.digest, entry) for one in self.lists if entry in one), None)


def sums_of(image: Known, marks: Marks) -> Iterator[Entry]:
    """All sums of a picture that are known, "" among them."""
    yield Entry("sha256", image.sha256)
    yield Entry("sha256", image.stored_sha256)
    yield from sums_of_marks(marks)


def sums_of_marks(marks: Marks) -> Iterator[Entry]:
    """The sums among marks."""
    yield Entry("md5", marks.md5)
    yield Entry("sha1", marks.sha1)
    yield Entry("md5", marks.stored_md5)
    yield Entry("sha1", marks.stored_sha1)


def _list_of(path: str, open: Callable[[str], BinaryIO]) -> List:
    read, whole, line, rest = _Read(), hashlib.sha256(), 0, b""
    try:
        with open(path) as file:
            while piece := file.read(PIECE):
                whole.update(piece)
                lines, mark, rest = (rest + piece).rpartition(b"\n")
                line = _read_piece(lines + mark, line, path, read)
                if len(rest) > LONGEST:
                    raise UserError(f"{path}: line {line + 1} is longer than {LONGEST} bytes")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    _read_piece(rest, line, path, read)
    return List(whole.hexdigest(), read)


def _read_piece(piece: bytes, line: int, path: str, read: _Read) -> int:
    """Add the whole lines of a piece, before which there are `line`; returns how many there are after it."""
    sums = _sums_in(piece)
    if sums is None:
        return _read_lines(piece, line, path, read)
    kind, content, count = sums
    read.exact.setdefault(kind, bytearray()).extend(content)
    return line + count


def _sums_in(piece: bytes) -> tuple[str, bytes, int] | None:
    """The first `SIZE` bytes of each sum where all lines are sums of one kind, and how many; else None."""
    long = piece.find(b"\n") + 1
    digits = long - 1 - (piece[long - 2 : long - 1] == b"\r")
    kind = next((kind for kind, count in SUMS.items() if count == digits), None)
    if kind is None or len(piece) % long:
        return None
    rows = np.frombuffer(piece, np.uint8).reshape(-1, long)
    if (rows[:, -1] != ord("\n")).any() or (rows[:, digits : long - 1] != ord("\r")).any():
        return None
    try:
        content = bytes.fromhex(rows[:, :digits].tobytes().decode("ascii"))
    except ValueError:
        return None
    if len(content) != len(rows) * digits // 2:  # blanks among them
        return None
    short = np.frombuffer(content, np.uint8).reshape(len(rows), -1)[:, :SIZE]
    return kind, short.tobytes(), len(rows)


def _read_lines(piece: bytes, line: int, path: str, read: _Read) -> int:
    lines = piece.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, content in enumerate(lines, line + 1):
        try:
            text = COMMENT.sub("", content.decode("utf-8-sig" if number == 1 else "utf-8")).strip()
        except UnicodeDecodeError:
            raise UserError(f"{path}: line {number} is not UTF-8") from None
        said = line_of(text) if text else ()
        if text and not said:
            raise UserError(f"{path}: line {number} is {WANTED}: {text[:SHOWN]!r}")
        read.add(said)
    return line + len(lines)
