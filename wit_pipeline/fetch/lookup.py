"""The addresses of a name, remembered for a minute, and given up on at the deadline."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.http.wire import Answer, Deadline
from wit_pipeline.fetch.table import PerHost
from wit_pipeline.vocabulary.records import Reason

REMEMBERED = 60.0  # seconds: as long as the shortest lives that name servers usually give
AT_ONCE = 64  # names asked for at once, each on a thread: the C library's resolver cannot be hurried

TEMPORARY = "temporary failure in name resolution"  # as glibc says it; chances are told by these words
MAY_PASS = {socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_MEMORY}  # no answer, SERVFAIL, our own machine

GetAddrInfo = Callable[..., Sequence[tuple[Any, ...]]]


class _Name:
    """What is known of one name: its addresses, or why there are none."""

    def __init__(self) -> None:
        self.expires = 0.0
        self.asked: asyncio.Future[Sequence[Answer]] | None = None


class Lookup:
    """Resolves names, each once however many ask, for one event loop."""

    def __init__(self, getaddrinfo: GetAddrInfo = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._names = PerHost(lambda name: _Name())
        self._threads = asyncio.Semaphore(AT_ONCE)

    async def answers(self, target: Target, deadline: Deadline) -> Sequence[Answer]:
        """All addresses of the target's host, in the order to try. DNS_ERROR or TIMEOUT as `FetchError`."""
        name = self._names[target.authority]
        if name.asked is None or (name.asked.done() and time.monotonic() >= name.expires):
            name.asked = asyncio.ensure_future(self._ask(name, target))
            name.asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            if name.asked.done():
                return name.asked.result()
            return await asyncio.wait_for(asyncio.shield(name.asked), deadline.remaining())
        except FetchError as error:
            raise error.again() from None
        except TimeoutError:
            detail = f"{target.host}: name servers did not answer in time"
            raise FetchError(Reason.TIMEOUT, detail) from None

    async def _ask(self, name: _Name, target: Target) -> Sequence[Answer]:
        try:
            async with self._threads:
                found = await self._on_a_thread(target)
        except (OSError, UnicodeError) as error:
            raise FetchError(Reason.DNS_ERROR, f"{target.host}: {_why(error)}") from None
        finally:
            name.expires = time.monotonic() + REMEMBERED
        return tuple(dict.fromkeys((answer[0], tuple(answer[4])) for answer in found))

    async def _on_a_thread(self, target: Target) -> Sequence[tuple[Any, ...]]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[tuple[Any, ...]]] = loop.create_future()

        def tell(result: Any, failure: Exception | None) -> None:
            if not future.done():
                future.set_exception(failure) if failure else future.set_result(result)

        def ask() -> None:
            result, failure = None, None
            try:
                result = self._getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, result, failure)

        threading.Thread(target=ask, daemon=True, name=f"lookup {target.host}").start()
        return await future


def _why(error: OSError | UnicodeError) -> str:
    """Why there is no address, the same on every C library where it may pass."""
    if isinstance(error, socket.gaierror) and error.errno in MAY_PASS:
        return TEMPORARY
    return (getattr(error, "strerror", None) or str(error)).lower()
