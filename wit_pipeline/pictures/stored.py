"""The pictures that a crawl stored, read by their places: many at once where each read is a round trip."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wit_pipeline.pictures.structure import extension
from wit_pipeline.vocabulary import machine
from wit_pipeline.vocabulary.asked import Placed, asked_of
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.store import in_store, open_ranged

AT_ONCE = 32  # reads under way
# Pictures this near to one another are one read: a request is worth some kilobytes, and headers lie between.
GAP = 4096  # bytes
SPAN = 8_000_000  # bytes that one read brings at most, where it is of several pictures


class Image(Placed, Protocol):
    """Where a picture lies, whichever record tells it."""

    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Read:
    """One ranged read, and the pictures in it."""

    path: Path
    start: int
    end: int
    images: tuple[Image, ...]


class Pictures:
    """The stored bytes of a crawl's pictures, whose `unit` and `offset` say where they lie."""

    def __init__(self, crawl: Path) -> None:
        self._crawl = crawl
        self._asked = asked_of(crawl)
        self._held: dict[tuple[int, int, int], int] = {}  # where the bytes lie in what was fetched
        self._closing = ExitStack()

    def __enter__(self) -> "Pictures":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def fetch(self, images: Iterable[Image]) -> None:
        """Bring what lies in a store to this machine's disk, where `read` finds it; else do nothing."""
        if in_store(self._crawl) is None:
            return
        file = tempfile.TemporaryFile(dir=machine.folder())  # noqa: SIM115  closed by __exit__
        self._fetched = self._closing.enter_context(file)
        reads = joined((self.path(image), image) for image in images)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="picture") as pool:
            end = 0
            for read, content in zip(reads, pool.map(_content, reads), strict=True):
                os.pwrite(self._fetched.fileno(), content, end)
                for image in read.images:
                    self._held[_place(image)] = end + image.offset - read.start
                end += len(content)

    def path(self, image: Image) -> Path:
        """The tar that holds a picture."""
        return self._asked.tar(image)

    def read(self, image: Image) -> bytes:
        """The bytes of a picture. Raises `RunError` where none lies in its place."""
        content = self.read_unless_erased(image)
        if not content:
            raise self._changed(image)
        return content

    def read_unless_erased(self, image: Image) -> bytes:
        """The same; b"" where zeros stand in its place, as it was taken down."""
        held = self._held.get(_place(image))
        if held is None:
            content = _content(Read(self.path(image), image.offset, image.offset + image.length, ()))
        else:
            content = os.pread(self._fetched.fileno(), image.length, held)
        if len(content) == image.length and not any(content):
            return b""
        if len(content) != image.length or not extension(content):
            raise self._changed(image)
        return content

    def _changed(self, image: Image) -> RunError:
        return RunError(
            f"{self.path(image)}: no image lies at {image.offset}: the file was changed since it was signed"
        )


def _place(image: Image) -> tuple[int, int, int]:
    return image.unit, image.chance, image.offset


def joined(places: Iterable[tuple[Path, Image]]) -> Sequence[Read]:
    """The reads that bring pictures from their tars, in order; near neighbours are brought together.

    What is read for nothing is less than a twentieth of each.
    """
    return list(_joined(sorted(places, key=lambda item: (item[0], item[1].offset))))


def _joined(places: Sequence[tuple[Path, Image]]) -> Iterator[Read]:
    held: list[Image] = []
    path, start, end, gaps = Path(), 0, 0, 0
    for where, image in places:
        last, gap = image.offset + image.length, image.offset - end
        wasted = 20 * (gaps + gap) > last - start
        if held and (where != path or gap > GAP or wasted or last - start > SPAN):
            yield Read(path, start, end, tuple(held))
            held = []
        if not held:
            path, start, end, gaps = where, image.offset, image.offset, 0
        held.append(image)
        gaps += max(0, image.offset - end)
        end = max(end, last)
    if held:
        yield Read(path, start, end, tuple(held))


def _content(read: Read) -> bytes:
    with open_ranged(read.path) as file:
        file.seek(read.start)
        return file.read(read.end - read.start)
