"""A decoder as its pool sees it: bodies handed to it, its answers checked, its end put into words."""

import asyncio
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from socket import socketpair

from wit_pipeline.pictures.decoders.messages import (
    ANSWER,
    DEPTH,
    FACTS_BYTES,
    NO_MEMORY,
    PICTURE,
    REFUSED,
    REQUEST,
    Inbox,
    NonsenseError,
    slot_bytes,
    unpacked,
    unpacked_error,
)
from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

SIGNALS = {int(known): known.name for known in signal.Signals}


@dataclass(slots=True, eq=False)
class Work:
    """A body on its way."""

    body: bytes | bytearray
    done: asyncio.Future[Decoded]
    suspected: bool = False  # a decoder died of it, or of what was there before it


class DecoderProcess:
    """A decoder that is ordered, alive or dying."""

    def __init__(self, config: CrawlConfig) -> None:
        self._config = config
        self._slot_bytes = slot_bytes(config)
        self.shared = _file_in_memory()  # descriptor
        self.connection, self.theirs = socketpair()
        self.connection.setblocking(False)
        self.pid = 0  # until it is born
        self.due = 0.0  # when it must be born, or have answered: seconds of the loop's clock
        self.works: deque[Work] = deque()  # the first is being decoded
        self.fresh = True  # nothing was handed to it yet
        self.answered = 0
        self.deaf = False  # no longer to be talked to
        self.verdict = ""  # what the pool ended it for
        self._posted: deque[tuple[int, int]] = deque()  # number and slot of each work
        self._handed = 0
        self._inbox = Inbox(self.connection, ANSWER)

    def hand(self, work: Work) -> None:
        """Give it a body. Raises `ConnectionError` if it has ended, another `OSError` if memory has."""
        taken = {slot for _, slot in self._posted}
        slot = next(slot for slot in range(DEPTH) if slot not in taken)
        number = self._handed & 0xFFFFFFFF
        _write(self.shared, work.body, slot * self._slot_bytes)
        self.connection.sendall(REQUEST.pack(number, slot, len(work.body)))
        self._posted.append((number, slot))
        self.works.append(work)
        self._handed += 1
        self.fresh = False

    def answers(self) -> Iterator[tuple[Work, Decoded | ImageError]]:
        """What it has answered since. Raises `ConnectionError` if it has hung up, and `NonsenseError`."""
        while (answers := self._inbox.messages()) is not None:
            for answer in answers:
                found = self._checked(*answer)
                self._posted.popleft()
                self.answered += 1
                yield self.works.popleft(), found

    def _checked(self, number: int, outcome: bytes, stored: int, facts: int) -> Decoded | ImageError:
        if not self._posted or self._posted[0][0] != number or outcome not in (PICTURE, REFUSED):
            raise NonsenseError
        if facts > FACTS_BYTES or stored + facts > self._slot_bytes:
            raise NonsenseError
        # A copy, so that it holds still; and read, not mapped, as a file cut short under a map is a SIGBUS.
        data = os.pread(self.shared, stored + facts, self._posted[0][1] * self._slot_bytes)
        if len(data) < stored + facts:
            raise NonsenseError
        return unpacked(data[:stored], data[stored:]) if outcome == PICTURE else unpacked_error(data[stored:])

    def fairly_tried(self, status: int) -> bool:
        """True if its end is the doing of the body it had, and of nothing else.

        CPU time is the body's own. What else ends a decoder may come of a body before it; and SIGKILL comes
        from outside: the kernel sends it when memory is short, whoever has eaten it.
        """
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if killed == signal.SIGKILL and not self.verdict:
            return False
        return self.answered == 0 or killed == signal.SIGPROF

    def why(self, status: int) -> str:
        """What ended it, in words that are the same each time."""
        if self.verdict:
            return self.verdict
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGPROF:
                return f"took more than {self._config.decode_seconds:g} s of CPU"
            return f"decoder ended by {SIGNALS.get(number, f'signal {number}')}"
        code = os.waitstatus_to_exitcode(status)
        if code == NO_MEMORY:
            return "needs more memory than decode_bytes"
        return f"decoder ended with exit code {code}"

    def close(self) -> None:
        """Let go of it; it ends when it sees that."""
        self.deaf = True
        self.theirs.close()
        self.connection.close()
        os.close(self.shared)


def _file_in_memory() -> int:
    """The descriptor of an empty file without a name."""
    if sys.platform == "linux":
        return os.memfd_create("wit-decoder")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write(shared: int, data: bytes | bytearray, at: int) -> None:
    written = os.pwrite(shared, data, at)
    while written < len(data):
        written += os.pwrite(shared, memoryview(data)[written:], at + written)
