"""One request at a time to one interface, some seconds apart, over all threads and processes of a machine.

A file that is locked while a request is under way holds the moment before which the next one may not start.
The lock is the kernel's, so that a process that dies gives it back.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wit_pipeline.vocabulary import machine

WIDTH = 32  # characters of the moment in the file
LONGEST = 600.0  # seconds: what a file asks for beyond was written before the machine last started


class Pace:
    """The turns of one interface, by the name of its host."""

    def __init__(
        self,
        name: str,
        interval: float,
        folder: Path | None = None,
        *,
        now: Callable[[], float] = time.monotonic,  # one clock for all processes since the machine started
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._file = f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.pace"
        self._interval = interval  # seconds between the starts of two requests, at least
        self._folder = folder
        self._now = now
        self._sleep = sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The turn to send one request: nobody else has one until the block ends."""
        with self._locked() as handle:
            pause = self._left(handle)
            if pause:
                self._sleep(pause)
            self._hold(handle, self._interval)
            yield

    def close_for(self, seconds: float) -> None:
        """Gives nobody a turn for so long: the interface asked for it."""
        with self._locked() as handle:
            self._hold(handle, max(self._left(handle), min(seconds, LONGEST)))

    def _left(self, handle: int) -> float:
        """Seconds before the next request may start; 0 where the file says nothing that can be true."""
        try:
            left = float(os.pread(handle, WIDTH, 0).decode("ascii", "replace")) - self._now()
        except ValueError:
            return 0.0
        return left if 0 < left <= max(LONGEST, self._interval) else 0.0

    def _hold(self, handle: int, seconds: float) -> None:
        os.pwrite(handle, f"{self._now() + seconds:0{WIDTH}.6f}".encode("ascii"), 0)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        folder = self._folder or machine.folder()
        handle = os.open(folder / self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)
