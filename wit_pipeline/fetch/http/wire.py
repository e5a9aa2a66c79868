"""HTTP exchanges over libcurl, many at once on one event loop.

libcurl moves the bytes, keeps connections and speaks TLS; what may be trusted is decided here. It connects
to no address but those that were checked (`CURLOPT_OPENSOCKETFUNCTION` sees each one after DNS and before
the connection), follows no redirect, reads no proxy, cookie or netrc, and undoes no content coding.
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pycurl

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.http.curl_failure import failure_of
from wit_pipeline.fetch.http.head import Head, HeadReader
from wit_pipeline.fetch.room import Room, Ticket
from wit_pipeline.vocabulary.crawl_config import SLOW_SECONDS, CrawlConfig
from wit_pipeline.vocabulary.records import Reason

BUFFER = 1 << 18  # bytes that libcurl reads at once: a picture in one or two callbacks
SILENCE = 5.0  # seconds without an answer on a kept connection: then it is one that nobody reads any more
IDLE = 30  # seconds that an idle connection is kept, where more is to be asked of its host
HANDLES = 256  # transfers' handles that are kept for reuse

SockAddress = tuple[Any, ...]  # as getaddrinfo gives it
Answer = tuple[int, SockAddress]  # family, address


class Deadline:
    """The moment a fetch must be over, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, above 0; past the deadline a `FetchError` says TIMEOUT."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def extend(self, seconds: float) -> None:
        """Gives back time that was spent on politeness."""
        self._end += seconds

    def passed(self) -> FetchError:
        """What there is to say when time is up."""
        return FetchError(Reason.TIMEOUT, f"not done after {self.seconds:g} s")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One GET."""

    target: Target
    answers: Sequence[Answer]  # the checked addresses, in the order to try
    headers: Mapping[str, str] = field(repr=False)  # a secret may be among them
    deadline: Deadline
    last: bool  # nothing more is to be asked of the host soon: the connection is not kept
    fresh: bool = False  # over a connection of its own


# Called with the head of an answer: how many bytes of body may follow, and what is raised for more.
# A `FetchError` from it ends the exchange before a byte of the body is kept.
Judge = Callable[[Head], tuple[int, FetchError]]


class StaleError(Exception):
    """A kept connection on which no answer comes, though a new one might bring it.

    The server no longer reads it, or sends what is left of an answer before.
    """


class _Transfer:
    """One exchange under way: what libcurl calls back with, and what came so far."""

    def __init__(
        self, handle: pycurl.Curl, request: Request, judge: Judge, ticket: Ticket, config: CrawlConfig
    ) -> None:
        self.handle = handle
        self.started = self.paused_at = time.monotonic()
        self.request = request
        self.judge = judge
        self.ticket = ticket
        self.head = HeadReader(config.max_header_bytes)
        self.failure: FetchError | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.chunks: list[bytes] = []
        self.opened: list[socket.socket] = []
        self._budget = 0
        self._too_much = FetchError(Reason.PROTOCOL_ERROR, "")

    def on_header(self, line: bytes) -> int | None:
        try:
            complete = self.head.feed(line)
            if complete is not None:
                self._budget, self._too_much = self.judge(complete)
        except FetchError as error:
            self.failure = error
            return -1
        return None

    def on_body(self, chunk: bytes) -> int | None:
        if not self.head.complete:
            self.failure = FetchError(Reason.PROTOCOL_ERROR, "a body without a head")
            return -1
        if self.ticket.must_pause():
            self.paused_at = time.monotonic()
            self.ticket.when_free(self.resume)
            return int(pycurl.WRITEFUNC_PAUSE)
        self._budget -= len(chunk)
        if self._budget < 0:
            self.failure = self._too_much
            return -1
        self.chunks.append(chunk)
        self.ticket.grow(len(chunk))
        return None

    def end_if_silent(self) -> None:
        """Gives up where not a byte came, and no connection was made for this exchange."""
        if not self.opened and not self.head.begun and not self.done.done():
            self.done.set_exception(StaleError())

    def failure_of(self, code: int, message: str) -> FetchError:
        """Why it ended: what a callback refused, else what libcurl says."""
        request = self.request
        return self.failure or failure_of(
            self.handle, code, message, request.target, self.head.status, request.deadline.passed()
        )

    def failed(self, failure: FetchError) -> Exception:
        """What it failed of: what came over a kept connection may be no answer to this request."""
        stray = failure.reason is Reason.PROTOCOL_ERROR and not self.opened and not self.head.complete
        return StaleError() if stray else failure

    def resume(self) -> None:
        """Goes on after a pause for lack of memory, which was no fault of the server's."""
        self.request.deadline.extend(time.monotonic() - self.paused_at)
        asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        if not self.done.done():
            whole = time.monotonic() - self.started + self.request.deadline.remaining()
            self.handle.setopt(pycurl.TIMEOUT_MS, _milliseconds(whole))
            self.handle.pause(pycurl.PAUSE_CONT)

    def on_open(self, _purpose: int, address: Any) -> Any:
        """A socket to a checked address; none to any other, whatever libcurl was told."""
        family, kind, protocol, where = address
        if not any(tuple(answer[:2]) == tuple(where[:2]) for _, answer in self.request.answers):
            self.failure = FetchError(Reason.BLOCKED_ADDRESS, f"{self.request.target.authority} moved")
            return pycurl.SOCKET_BAD
        opened = socket.socket(family, kind, protocol)  # no descriptor left is our failure: it falls
        self.opened.append(opened)  # pycurl takes a duplicate of it
        return opened


class Wire:
    """Exchanges on the running event loop. Not for use from another thread."""

    def __init__(self, config: CrawlConfig) -> None:
        self._config = config
        self._room = Room()
        self._places = asyncio.Semaphore(config.connections)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._watched: dict[int, int] = {}  # what libcurl wants to hear of each descriptor
        self._flying: dict[pycurl.Curl, _Transfer] = {}
        self._handles: list[pycurl.Curl] = []
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wait)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * config.connections)
        self._multi.setopt(pycurl.M_PIPELINING, 0)

    async def enter(self) -> None:
        """Returns when one more exchange may start; it counts from then on."""
        await self._places.acquire()
        await self._room.free()

    def leave(self) -> None:
        """An exchange is over."""
        self._places.release()

    async def exchange(self, request: Request, judge: Judge) -> tuple[Head, bytes, Ticket]:
        """The head and the body as sent, and the memory that it takes until the ticket is given back.

        Raises what `judge` raises, and a `FetchError` for all that a server can do; `StaleError` where
        over a kept connection nothing came in a quarter of the time, or what is no answer.
        """
        ticket = self._room.ticket()
        handle = self._handles.pop() if self._handles else self._handle()
        transfer = _Transfer(handle, request, judge, ticket, self._config)
        try:
            self._set_up(handle, transfer)
            self._flying[handle] = transfer
            self._multi.add_handle(handle)
            silence = min(SILENCE, request.deadline.remaining() / 4)
            watch = self._loop.call_later(silence, transfer.end_if_silent)
            try:
                await transfer.done
            finally:
                watch.cancel()
                del self._flying[handle]
                self._multi.remove_handle(handle)
            head = transfer.head.whole()
        except BaseException:
            ticket.give_back()
            raise
        finally:
            for opened in transfer.opened:
                opened.close()
            if len(self._handles) < HANDLES:
                self._handles.append(handle)
        return head, b"".join(transfer.chunks), ticket

    def close(self) -> None:
        """End all connections. Nothing may be under way."""
        if self._timer is not None:
            self._timer.cancel()
        self._multi.close()
        for handle in self._handles:
            handle.close()

    def _handle(self) -> pycurl.Curl:
        """A handle with all that is the same for every exchange."""
        handle = pycurl.Curl()
        for option, value in (
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.NOSIGNAL, 1),
            (pycurl.BUFFERSIZE, BUFFER),
            (pycurl.MAXAGE_CONN, IDLE),
            (pycurl.LOW_SPEED_LIMIT, self._config.min_speed),
            (pycurl.LOW_SPEED_TIME, int(SLOW_SECONDS)),
            *_certificates(os.environ.get("SSL_CERT_FILE", "")),
        ):
            handle.setopt(option, value)
        return handle

    def _set_up(self, handle: pycurl.Curl, transfer: _Transfer) -> None:
        """All that is this exchange's own: each of it set anew every time."""
        request = transfer.request
        target, left = request.target, request.deadline.remaining()
        # libcurl would write the path its own way, `%3a` as `%3A`: what was judged is handed over as it is.
        handle.setopt(pycurl.URL, f"{target.origin}/")
        handle.setopt(pycurl.REQUEST_TARGET, target.path)
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {text}" for name, text in request.headers.items()])
        handle.setopt(pycurl.FORBID_REUSE, int(request.last))
        handle.setopt(pycurl.FRESH_CONNECT, int(request.fresh))
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, _milliseconds(min(self._config.connect_timeout, left)))
        handle.setopt(pycurl.TIMEOUT_MS, _milliseconds(left))
        handle.setopt(pycurl.HEADERFUNCTION, transfer.on_header)
        handle.setopt(pycurl.WRITEFUNCTION, transfer.on_body)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, transfer.on_open)
        named = target.host != request.answers[0][1][0]  # not by its address
        handle.setopt(pycurl.RESOLVE, [_resolved(target, request.answers)] if named else [])

    # --- what libcurl asks of the event loop ------------------------------------------------------

    def _watch(self, what: int, descriptor: int, _multi: Any, _data: Any) -> None:
        before = self._watched.pop(descriptor, 0)
        wanted = 0 if what == pycurl.POLL_REMOVE else what
        if wanted:
            self._watched[descriptor] = wanted
        if wanted & pycurl.POLL_IN:
            self._loop.add_reader(descriptor, self._act, descriptor, pycurl.CSELECT_IN)
        elif before & pycurl.POLL_IN:
            self._loop.remove_reader(descriptor)
        if wanted & pycurl.POLL_OUT:
            self._loop.add_writer(descriptor, self._act, descriptor, pycurl.CSELECT_OUT)
        elif before & pycurl.POLL_OUT:
            self._loop.remove_writer(descriptor)

    def _wait(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, mask: int) -> None:
        self._multi.socket_action(descriptor, mask)
        while True:
            left, good, bad = self._multi.info_read()
            for handle in good:
                self._end(handle, None)
            for handle, code, message in bad:
                self._end(handle, self._flying[handle].failure_of(code, message))
            if not left:
                return

    def _end(self, handle: pycurl.Curl, failure: FetchError | None) -> None:
        transfer = self._flying[handle]
        if transfer.done.done():  # cancelled
            return
        if failure is None:
            transfer.done.set_result(None)
        else:
            transfer.done.set_exception(transfer.failed(failure))


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)


def _resolved(target: Target, answers: Sequence[Answer]) -> str:
    """The checked addresses, as libcurl takes them in place of asking for the name."""
    addresses = ",".join(
        f"[{address[0]}]" if family == socket.AF_INET6 else str(address[0]) for family, address in answers
    )
    return f"+{target.host}:{target.port}:{addresses}"


@cache
def _certificates(named: str) -> tuple[tuple[int, str], ...]:
    """The options that name whom we trust: the system's store, or what SSL_CERT_FILE names."""
    paths = ssl.get_default_verify_paths()
    file = named or paths.cafile
    if file:
        return ((pycurl.CAINFO, file),)
    return ((pycurl.CAPATH, paths.capath),) if paths.capath else ()
