"""What a unit has fetched so far, on disk: a unit that is cut short goes on where it stopped.

    ROOT/crawl/journal-000012-1f3a9c07.log         unit 12, as one attempt at it went
    ROOT/crawl/journal-000012-1f3a9c07.0003.log    the same in a store: a segment of at most 30 seconds

A record is two lengths, a checksum, what is known of a URL as JSON, and its stored bytes, whose own sum is in
the JSON; the first record says what the others were stored by. A file that was cut short ends with the last
record that is whole. It is the unit's memory, too: bytes for which there is no room wait in it until the
unit's tar is written.
"""

import json
import os
import shutil
import struct
import threading
import uuid
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from wit_pipeline.vocabulary import machine
from wit_pipeline.vocabulary.asked import Asking
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.store import in_store

PREFIX = "journal-"
SUFFIX = ".log"
IN_MEMORY = 32_000_000  # bytes of stored pictures of a unit; what is more is read back
HEAD = struct.Struct("<III")  # lengths of JSON and of bytes, CRC-32 of the JSON
SUM = "stored_sha256"  # of the JSON: the bytes were summed when they were stored, and are not once more
LONGEST = 1 << 30  # of a part of a record: what says more is damaged
SEALED = 20.0  # seconds between two segments in a store, so that with its upload none is older than 30
PIECE = 1 << 20  # bytes copied at once

_json = json.JSONEncoder(ensure_ascii=False).encode

Row = Mapping[str, Any]
Place = bytes | tuple[int, int]  # of stored bytes: they themselves, or start and length in the file


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What a journal's records were made by: those of others count for nothing."""

    plan: str  # of the unit: what decides the bytes of stored pictures
    frontier: str  # digest of the frontier that numbered it


UNNAMED = Made(plan="", frontier="")
NO_UNIT = Asking(0)


class Journal:
    """One attempt at a unit: what it has found, in the order in which that came."""

    def __init__(self, folder: Path, which: Asking, made: Made, room: int = IN_MEMORY) -> None:
        self._room = room
        self._end = 0
        self.path = folder / f"{PREFIX}{which}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        local = self.path if in_store(folder) is None else machine.on_its_way(self.path.name)
        self._file = local.open("xb+", buffering=0)
        self._write({"plan": made.plan, "frontier": made.frontier}, b"")
        self._sealing = None if local is self.path else _Sealing(self, local, self._end)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._sealing is not None:
            self._sealing.close()
        self._file.close()

    def __len__(self) -> int:
        """The bytes of all records that are whole."""
        return self._end

    def put(self, row: Row, stored: bytes) -> Place:
        """Write down what is known of a URL, the sum of its bytes among it; returns where they are."""
        assert not stored or SUM in row, "without its sum it would never be read back"
        place = self._write(row, stored)
        if len(stored) <= self._room:
            self._room -= len(stored)
            return stored
        return place

    def take(self, place: Place) -> bytes:
        """The bytes that were put there."""
        return place if isinstance(place, bytes) else os.pread(self._file.fileno(), place[1], place[0])

    def _write(self, row: Row, stored: bytes) -> tuple[int, int]:
        told = _json(row).encode("utf-8", "surrogatepass")
        head = HEAD.pack(len(told), len(stored), zlib.crc32(told))
        start = self._end + len(head) + len(told)
        for part in (head + told, stored):  # one call each: no copy of a picture is made
            view = memoryview(part)
            while view:
                view = view[self._file.write(view) :]
        self._end = start + len(stored)
        return start, len(stored)


class _Sealing:
    """Puts what a journal has gained into its store, a segment now and then, from a thread of its own.

    A segment that could not be put there is part of the next: a store that is away for a while ends no unit.
    """

    def __init__(self, journal: Journal, local: Path, head: int) -> None:
        self._journal = journal
        self._local = local
        self._head = head  # bytes of the first record, with which each segment begins
        self._start, self._number = head, 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="journal", daemon=True)
        self._thread.start()

    def _go_on(self) -> None:
        while not self._closing.wait(SEALED):
            with suppress(OSError):
                self.seal()

    def seal(self) -> None:
        """Put a segment there, if there is anything new."""
        end = len(self._journal)
        if end == self._start:
            return
        name = self._journal.path.name.removesuffix(SUFFIX)
        with (
            aside(self._journal.path.with_name(f"{name}.{self._number:04d}{SUFFIX}")) as temporary,
            temporary.open("wb") as segment,
            self._local.open("rb") as file,
        ):
            segment.write(file.read(self._head))
            file.seek(self._start)
            left = end - self._start
            while piece := file.read(min(left, PIECE)):
                segment.write(piece)
                left -= len(piece)
        self._start, self._number = end, self._number + 1

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        shutil.rmtree(self._local.parent, ignore_errors=True)


def journals(folder: Path) -> list[Path]:
    """The journals in a crawl's folder."""
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))


def of_unit(path: Path) -> str:
    """The unit and chance that a journal is of, as in its name."""
    return path.name.removeprefix(PREFIX).rpartition("-")[0]


def done(folder: Path, which: Asking, made: Made) -> None:
    """Delete the journals of a unit that is whole."""
    for path in journals(folder):
        if of_unit(path) == str(which):
            with path.open("rb") as file:
                head, _ = next(records(file), ({}, b""))
            if head.get("frontier") in (made.frontier, None):
                path.unlink(missing_ok=True)


def records(file: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The records of a journal, as far as they are whole; its first is the head."""
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, size, sum = HEAD.unpack(head)
        if max(length, size) > LONGEST:
            return
        told, stored = file.read(length), file.read(size)
        if len(told) != length or len(stored) != size or zlib.crc32(told) != sum:
            return
        row = json.loads(told.decode("utf-8", "surrogatepass"))
        if stored and sha256(stored).hexdigest() != row.get(SUM):
            return
        yield row, stored


class Found:
    """What earlier attempts know of some URLs: rows in memory, bytes on disk until they are asked for."""

    def __init__(
        self,
        paths: Iterable[Path] = (),
        which: Asking = NO_UNIT,
        made: Made = UNNAMED,
        wanted: Container[str] = (),
    ) -> None:
        self._rows: dict[str, tuple[dict[str, Any], Path, int, int]] = {}
        for path in paths:
            # Those of units that others end meanwhile go, and were of no use to this one.
            with suppress(FileNotFoundError), path.open("rb") as file:
                self._read(file, path, which, made, wanted)

    def _read(self, file: BinaryIO, path: Path, which: Asking, made: Made, wanted: Container[str]) -> None:
        found = records(file)
        head, _ = next(found, ({}, b""))
        # Of this frontier's units each has its own URLs; one that an earlier frontier numbered may have any.
        if head.get("plan") != made.plan:
            return
        if head.get("frontier") == made.frontier and of_unit(path) != str(which):
            return
        for row, stored in found:
            if row["url"] in wanted:
                self._rows[row["url"]] = row, path, file.tell() - len(stored), len(stored)

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, url: str) -> tuple[dict[str, Any], bytes] | None:
        """What is known of a URL, and its stored bytes; None where nothing is."""
        found = self._rows.pop(url, None)
        if found is None:
            return None
        row, path, start, length = found
        with path.open("rb") as file:
            file.seek(start)
            return row, file.read(length)
