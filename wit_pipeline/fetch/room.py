"""How many bytes of bodies may be in memory: what is downloaded and not yet dealt with."""

import asyncio
from collections.abc import Callable

BYTES = 64_000_000  # of a process: above, no exchange starts, and all but one of those under way pause


class Ticket:
    """The memory of one body."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self.size = 0

    def grow(self, count: int) -> None:
        """`count` bytes more are held."""
        self.size += count
        self._room.held += count

    def must_pause(self) -> bool:
        """Whether more of this body has to wait for others; one body may always come to its end."""
        room = self._room
        if room.held < room.limit:
            return False
        room.first = room.first or self
        return room.first is not self

    def when_free(self, call: Callable[[], object]) -> None:
        """Calls `call` once, when somebody gives memory back."""
        self._room.when_free(call)

    def give_back(self) -> None:
        """The body is gone."""
        room = self._room
        room.held -= self.size
        self.size = 0
        if room.first is self:
            room.first = None
        room.wake()


class Room:
    """All bodies in memory; who wants to start another waits until there is room."""

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit
        self.held = 0
        self.first: Ticket | None = None
        self._waiting: list[Callable[[], object]] = []

    def ticket(self) -> Ticket:
        return Ticket(self)

    def when_free(self, call: Callable[[], object]) -> None:
        """Calls `call` once, when somebody gives memory back."""
        self._waiting.append(call)

    async def free(self) -> None:
        """Returns when less than the limit is held."""
        while self.held >= self.limit:
            given_back = asyncio.Event()
            self.when_free(given_back.set)
            await given_back.wait()

    def wake(self) -> None:
        """Lets those who wait look again."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()
