"""When a host may be asked again: how many connections at once, how far apart, and not before it said."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.records import Reason

LONGEST_INTERVAL = 30.0  # seconds: the longest crawl-delay obeyed, and how slow 429s may make us
LONGEST_PAUSE = 3600.0  # seconds: a Retry-After of a year is a mistake of somebody's


class Gate:
    """The door of one host, shared by all threads."""

    def __init__(self, connections: int) -> None:
        self._slots = threading.BoundedSemaphore(connections)
        self._lock = threading.Lock()
        self._floor = 0.0  # seconds between the starts of two requests, at least …
        self._interval = 0.0  # … and at present
        self._next = 0.0  # monotonic time of the next start
        self._closed_until = 0.0  # monotonic time before which the host wants no request

    @contextmanager
    def turn(self, patience: float) -> Iterator[float]:
        """A connection's worth of the host, when it is free and rested; gives the seconds waited.

        Where the host itself asked for a pause longer than `patience` seconds, a `FetchError` at once.
        """
        arrived = time.monotonic()
        self._refuse_long_pause(patience)
        with self._slots:
            while (pause := self._take()) > 0:
                self._refuse_long_pause(patience)
                time.sleep(pause)
            yield time.monotonic() - arrived

    def _refuse_long_pause(self, patience: float) -> None:
        pause = self._closed_until - time.monotonic()
        if pause > patience:
            raise FetchError(Reason.HTTP_ERROR, f"host wants no request for {pause:.0f} s")

    def _take(self) -> float:
        """0 if a request may start now, and then the next one waits; else seconds to wait."""
        with self._lock:
            now = time.monotonic()
            start = max(self._next, self._closed_until)
            if now < start:
                return start - now
            self._next = now + self._interval
            return 0.0

    def at_least(self, interval: float) -> None:
        """Keeps requests `interval` seconds apart, or as far as they already are."""
        with self._lock:
            self._floor = max(self._floor, interval)
            self._interval = max(self._interval, interval)

    def went_well(self) -> None:
        """Lets an overloaded host come back, slowly, to its ordinary pace."""
        with self._lock:
            self._interval = max(self._floor, 0.9 * self._interval)

    def close_for(self, seconds: float) -> None:
        """Starts no request for so long, and goes slower from then on: the host said 429 or 503."""
        with self._lock:
            until = time.monotonic() + min(seconds, LONGEST_PAUSE)
            self._closed_until = max(self._closed_until, until)
            self._interval = min(max(2 * self._interval, 0.05), LONGEST_INTERVAL)
