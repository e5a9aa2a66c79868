"""When a host may be asked again: how many connections at once, how far apart, and not before it said."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from wit_pipeline.fetch.doors import LONGEST_INTERVAL as LONGEST_INTERVAL
from wit_pipeline.fetch.doors import LONGEST_PAUSE, Doors, number
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

LOOK_AGAIN = 0.02  # seconds between two looks for a connection that another process has
SLOW = 1.0  # seconds between requests that a host's complaints can lead to …
COMPLAINTS = 4  # … unless it does nothing but complain: so many in a row
UNREACHED = 8  # connections in a row that a host did not accept: then it is down …
DOWN = 60.0  # … for so many seconds, before another is tried


@dataclass(frozen=True, slots=True)
class Turn:
    """A request's worth of a host."""

    waited: float  # seconds, out of courtesy
    last: bool  # nobody of this process waits behind, or its connections are not to be kept


class Crowd(Protocol):
    """All exchanges of a process, which have a bound of their own."""

    async def enter(self) -> None:
        """Returns when one more may start; it counts from then on."""

    def leave(self) -> None:
        """It is over."""


def paused(detail: str, seconds: float, http_status: int = 0) -> FetchError:
    """HOST_PAUSED of a host that wants no request for so long. It is not waited for here: others go on."""
    return FetchError(
        Reason.HOST_PAUSED,
        detail,
        http_status=http_status,
        retry_after=seconds,
        not_before=time.time() + min(seconds, LONGEST_PAUSE),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one of several processes, none of which knows what the others ask, may take of a host.

    Each takes so little that all of them together, if all of them come, take what one alone would.
    """

    processes: int
    connections: int  # to the host at once, from all of them

    def rest(self, took: float, interval: float, delay: float) -> float:
        """Seconds from the end of an exchange until this process may begin the next one; all are seconds.

        `took`: what the exchange lasted. `interval`, between two starts, and `delay`, from an end to the next
        start, are what the host is owed by one process alone. As each process has one connection, it is
        `took / (took + rest)` of the time that it uses it: at most connections / processes.
        """
        by_time = took * (self.processes / self.connections - 1)
        return max(self.processes * interval - took, self.processes * delay, by_time, 0.0)


class Gate:
    """The door of one host for all fetches of one event loop; what others do is known through `doors`.

    What those do that have other doors is not known: there it is one of so many `processes`.
    """

    def __init__(self, host: str, connections: int, doors: Doors, processes: int = 1) -> None:
        self._host = number(host)
        self._connections = connections
        self._doors = doors
        self._share = Share(processes=processes, connections=connections)
        self._guests = asyncio.Lock()  # held by the one that may ask, or rests before it does
        self._guests_from = 0.0  # by the monotonic clock: no guest asks before
        self._floor = 0.0  # seconds between the starts of two requests, at least
        self._delay = 0.0  # seconds between the end of one and the start of the next: its crawl-delay
        self._ours: set[int] = set()  # connections that this gate holds …
        self._free: list[int] = []  # … and of them those not in use, promised to who waits
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._looking = False
        self._keeps = True  # connections, for who waits behind
        self._complaints = 0  # in a row
        self._unreached: Counter[int] = Counter()  # connections in a row that a port did not accept
        self._last_unreached = 0.0  # by the monotonic clock

    @asynccontextmanager
    async def turn(
        self, port: int, patience: float, crowd: Crowd, *, guest: bool = False
    ) -> AsyncIterator[Turn]:
        """A connection's worth of the host, when it is free and rested and the crowd lets one more in.

        `port` is that of the server on it which is to be asked. A `guest` comes for a host that any other
        process may be asking as well: it has to keep to its share, besides all that others have to.

        Where the host itself asked for a pause longer than `patience` seconds, HOST_PAUSED at once.
        """
        arrived = time.monotonic()
        alone: AbstractAsyncContextManager[None] = self._one_guest(port, patience) if guest else nullcontext()
        async with alone:
            slot = await self._slot(port, patience)
            try:
                await self._start(patience, crowd)
                began = time.monotonic()
                try:
                    yield Turn(began - arrived, not (self._waiting and self._keeps))
                finally:
                    crowd.leave()
                    if self._delay:
                        self._doors.rest(self._host, self._delay)
                    if guest:
                        self._rest_guests(began)
            finally:
                self._give(slot)

    @asynccontextmanager
    async def _one_guest(self, port: int, patience: float) -> AsyncIterator[None]:
        """This process's one guest, when it is rested; errors where there is nothing to wait for.

        The others wait here, so behind it nobody does, and its connection is not kept through the rest.
        """
        async with self._guests:
            while (left := self._guests_from - time.monotonic()) > 0:
                self._refuse_long_pause(patience)
                self._refuse_if_down(port)
                await asyncio.sleep(left)
            yield

    def _rest_guests(self, began: float) -> None:
        now = time.monotonic()
        reached = self._last_unreached < began  # else nothing was taken of the host
        took = now - began if reached else 0.0
        interval = max(self._floor, self._doors.interval(self._host))
        self._guests_from = max(self._guests_from, now + self._share.rest(took, interval, self._delay))

    async def _start(self, patience: float, crowd: Crowd) -> None:
        while True:
            pause, _ = self._doors.pause(self._host)
            if pause <= 0:
                await crowd.enter()
                pause = self._doors.take(self._host, self._floor)
                if pause <= 0:
                    return
                crowd.leave()
            self._refuse_long_pause(patience)
            await asyncio.sleep(pause)

    def keep_apart(self, interval: float) -> None:
        """Keeps the starts of requests `interval` seconds apart, or as far as they already are."""
        self._floor = max(self._floor, interval)

    @property
    def interval(self) -> float:
        """Seconds between two requests, as far as is known."""
        return max(self._floor, self._delay, self._doors.interval(self._host))

    def crawl_delay(self, seconds: float) -> None:
        """From now on one request at a time, and so long a rest after each, the one just ended included."""
        if seconds > self._delay:
            self._delay = seconds
            self._doors.rest(self._host, seconds)
            all_of_us = self._share.rest(0.0, 0.0, seconds)
            self._guests_from = max(self._guests_from, time.monotonic() + all_of_us)

    def went_well(self, port: int) -> None:
        """An answer came that is no complaint."""
        self._unreached[port] = self._complaints = 0
        self._doors.went_well(self._host)

    def slow_down(self, seconds: float) -> None:
        """The host is overloaded: no request for so long, and fewer afterwards."""
        self._complaints += 1
        slowest = LONGEST_INTERVAL if self._complaints > COMPLAINTS else SLOW
        self._doors.slow_down(self._host, seconds, slowest)

    def keep_none(self) -> None:
        """Its connections are closed after each answer: one that was kept brought no answer."""
        self._keeps = False

    def not_reached(self, port: int) -> None:
        """A connection was not accepted."""
        self._unreached[port] += 1
        self._last_unreached = time.monotonic()

    def _refuse_if_down(self, port: int) -> None:
        """A `FetchError` where the host has accepted no connection for a while: the rest is not tried."""
        if self._unreached[port] >= UNREACHED and time.monotonic() < self._last_unreached + DOWN:
            raise FetchError(Reason.CONNECT_ERROR, f"host is down: {UNREACHED} connections were not accepted")

    def _refuse_long_pause(self, patience: float) -> None:
        pause, asked_for = self._doors.pause(self._host)
        if asked_for and pause > patience:
            raise paused(f"host wants no request for more than {patience:g} s", pause)

    @property
    def _allowed(self) -> int:
        return 1 if self._delay else self._connections

    async def _slot(self, port: int, patience: float) -> int:
        try:
            while True:
                self._refuse_long_pause(patience)
                self._refuse_if_down(port)
                slot = self._enter()
                if slot is not None:
                    return slot
                waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(waiting)
                self._look_again()
                await waiting
        except BaseException:
            self._settle()
            raise

    def _enter(self) -> int | None:
        if self._free:
            return self._free.pop()
        for slot in range(self._allowed):
            if slot not in self._ours and self._doors.enter(self._host, slot):
                self._ours.add(slot)
                return slot
        return None

    def _give(self, slot: int) -> None:
        self._free.append(slot)
        if slot >= self._allowed:  # a crawl-delay was learned since
            self._leave(slot)
        self._settle()

    def _settle(self) -> None:
        """Hands free connections to who waits here, or back to whoever of the machine wants them."""
        if self._free and not self._wake_one():
            for slot in tuple(self._free):
                self._leave(slot)

    def _leave(self, slot: int) -> None:
        self._free.remove(slot)
        self._ours.remove(slot)
        self._doors.leave(self._host, slot)

    def _wake_one(self) -> bool:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return True
        return False

    def _look_again(self) -> None:
        """Another process has connections that we want: nobody tells us when they are free."""
        if not self._looking and len(self._ours) < self._allowed:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self._looked)

    def _looked(self) -> None:
        self._looking = False
        self._wake_one()
