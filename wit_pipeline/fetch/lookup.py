"""The addresses of a name, remembered for a minute, and given up on at the deadline."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.table import PerHost
from wit_pipeline.fetch.wire import Answer, Deadline
from wit_pipeline.records import Reason

REMEMBERED = 60.0  # seconds: as long as the shortest lives that name servers usually give

GetAddrInfo = Callable[..., Sequence[tuple[Any, ...]]]


class _Name:
    """What is known of one name. `answers` may be read without the lock: it is replaced, never changed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.expires = 0.0
        self.answers: Sequence[Answer] = ()


class Lookup:
    """Resolves names. The C library's resolver cannot be hurried, so it is asked on a thread of its own."""

    def __init__(self, getaddrinfo: GetAddrInfo = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._names = PerHost(_Name)

    def answers(self, target: Target, deadline: Deadline) -> Sequence[Answer]:
        """All addresses of the target's host, in the order to try. DNS_ERROR or TIMEOUT as `FetchError`."""
        name = self._names[target.authority]
        if not name.lock.acquire(timeout=deadline.remaining()):
            raise _slow(target)
        try:
            if time.monotonic() >= name.expires:
                name.answers = self._ask(target, deadline)
                name.expires = time.monotonic() + REMEMBERED
            return name.answers
        finally:
            name.lock.release()

    def _ask(self, target: Target, deadline: Deadline) -> Sequence[Answer]:
        found: list[Sequence[tuple[Any, ...]] | Exception] = []

        def ask() -> None:
            try:
                found.append(self._getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                found.append(error)

        thread = threading.Thread(target=ask, daemon=True, name=f"lookup {target.host}")
        thread.start()
        thread.join(deadline.remaining())
        if not found:
            raise _slow(target)
        if isinstance(found[0], Exception):
            why = getattr(found[0], "strerror", None) or str(found[0])
            raise FetchError(Reason.DNS_ERROR, f"{target.host}: {why.lower()}")
        return tuple(dict.fromkeys((answer[0], tuple(answer[4])) for answer in found[0]))


def _slow(target: Target) -> FetchError:
    return FetchError(Reason.TIMEOUT, f"{target.host}: name servers did not answer in time")
