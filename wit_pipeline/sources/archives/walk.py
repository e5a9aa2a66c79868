"""What a way through an archive is, record by record, and what it finds."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wit_pipeline.sources.archives.heads import SHOWN, Head, head_at
from wit_pipeline.sources.archives.tape import Tape

LOOK = 16 << 10  # bytes of a content by which to tell whether it is wanted
ENDS_EARLY = "the record ends before its Content-Length"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which records are wanted, and how much of them."""

    kinds: frozenset[str]
    test: Callable[[Head, bytes], bool]  # by the head, and how the content begins
    most: int  # bytes of a content


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A record that was wanted."""

    where: str  # the byte it begins at; of a packed file its member's, and "+" the bytes before it therein
    head: Head
    content: bytes  # as much as was asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A place where no record can be read."""

    where: str
    detail: str


Spot = Head | Broken | None  # what stands at the end of a record; None is the end


class Walk(ABC):
    """A way through a file, record by record."""

    tape: Tape

    @abstractmethod
    def start(self, first: int, last: int) -> Spot:
        """Moves to the first record of a range."""

    @abstractmethod
    def resume(self, last: int) -> Spot:
        """Moves on from what is broken to the next record before `last`."""

    @abstractmethod
    def beyond(self, head: Head, last: int) -> bool:
        """Whether the record here is one that a range from `last` on begins with."""

    @abstractmethod
    def read(self, head: Head, wanted: Wanted) -> tuple[Record | None, Spot]:
        """The record here, if it is wanted and as far as it can be read, and what follows."""

    def records(self, first: int, last: int, wanted: Wanted) -> Iterator[Record | Broken]:
        """The wanted records of a range, and what is broken."""
        spot = self.start(first, last)
        while spot is not None:
            if isinstance(spot, Broken):
                yield spot
                spot = self.resume(last)
            elif self.beyond(spot, last):
                return
            else:
                found, spot = self.read(spot, wanted)
                if found:
                    yield found

    def wants(self, head: Head, wanted: Wanted) -> bool:
        """Whether a content is wanted; moves to its start."""
        self.tape.skip(head.size)
        return head.kind in wanted.kinds and wanted.test(head, self.tape.peek(min(head.length, LOOK)))

    def here(self, where: str) -> Head | Broken:
        """The head that the tape is at, or what is there instead."""
        found = head_at(self.tape)
        return found or Broken(where=where, detail=f"no record begins here: {self.tape.peek(SHOWN)!r}")


def record_of(where: str, head: Head, content: bytes | None) -> Record | None:
    """A record, if its content was wanted."""
    return None if content is None else Record(where=where, head=head, content=content)
