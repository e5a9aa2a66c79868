"""What all processes of a build know of the hosts that they ask: who is inside, and when the next may go in.

Two files in a folder of the build's. In `slots`, which stays empty, a locked byte is a connection to a host:
the locks are the kernel's, so that a process that dies gives its connections back. `hosts` is a table of the
times of each host, which outlives any process.
"""

import errno
import fcntl
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

HOSTS = 1 << 17  # records of the table; of two hosts in one place, the one asked later is remembered
SLOTS = 64  # most connections to a host
FORGOTTEN = 600.0  # seconds after which a host's pace is as if it had never been asked
LONGEST_INTERVAL = 30.0  # seconds: the longest crawl-delay obeyed, and how slow a server can make us
LONGEST_PAUSE = 7 * 86_400.0  # seconds: a Retry-After of a year is a mistake of somebody's
FIRST_SLOWER = 0.05  # seconds between requests after a first complaint of a host without an interval
RECOVERY = 0.95  # of the interval is left after an answer that was no complaint

_RECORD = struct.Struct("<Qdddd")  # the host's hash; moments: last asked, next start, closed until; interval
_TABLE = 1 << 60  # bytes from here on lock records of the table
_NAMES = 1 << 61  # … and from here on names
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux

# Locks that belong to an open file, not to a process: two clients of one process exclude each other too.
_OWN_LOCKS = getattr(fcntl, "F_OFD_SETLK", None)


class Doors:
    """The doors of all hosts, as one client sees them; other clients of the folder hold the same files.

    Without a folder they are this client's alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._slots, table = _open(folder, "slots"), _open(folder, "hosts")
        os.ftruncate(table, HOSTS * _RECORD.size)
        self._table = mmap.mmap(table, HOSTS * _RECORD.size)
        os.close(table)

    def close(self) -> None:
        """Give back all connections."""
        os.close(self._slots)
        self._table.close()

    # --- connections ------------------------------------------------------------------------------

    def enter(self, host: int, slot: int) -> bool:
        """Whether connection number `slot` of the host is ours from now on."""
        return self._lock(_slot(host, slot))

    def leave(self, host: int, slot: int) -> None:
        """Somebody else may have that connection."""
        self._unlock(_slot(host, slot))

    @contextmanager
    def alone(self, name: int) -> Iterator[bool]:
        """Whether nobody else is in such a block for that name."""
        place = _NAMES + name % _TABLE
        mine = self._lock(place)
        try:
            yield mine
        finally:
            if mine:
                self._unlock(place)

    # --- times ------------------------------------------------------------------------------------

    def pause(self, host: int) -> tuple[float, bool]:
        """Seconds before a request may start, and whether the host itself asked for that pause."""
        _, start, closed, _ = self._read(host, time.monotonic())
        now = time.monotonic()
        return max(start, closed) - now, closed > max(start, now)

    def interval(self, host: int) -> float:
        """Seconds between the starts of two requests that the host's complaints have led to."""
        return self._read(host, time.monotonic())[3]

    def take(self, host: int, floor: float) -> float:
        """0 if a request may start now, and then the next one waits; else seconds to wait.

        Starts are at least `floor` seconds apart.
        """
        with self._record(host):
            now = time.monotonic()
            _, start, closed, interval = self._read(host, now)
            if now < max(start, closed):
                return max(start, closed) - now
            self._write(host, now, now + max(interval, floor), closed, interval)
            return 0.0

    def rest(self, host: int, seconds: float) -> None:
        """No request starts for so long."""
        with self._record(host):
            now = time.monotonic()
            _, start, closed, interval = self._read(host, now)
            self._write(host, now, max(start, now + seconds), closed, interval)

    def went_well(self, host: int) -> None:
        """Lets an overloaded host come back, slowly, to its ordinary pace."""
        if not self._read(host, time.monotonic())[3]:
            return
        with self._record(host):
            now = time.monotonic()
            _, start, closed, interval = self._read(host, now)
            slower = RECOVERY * interval
            self._write(host, now, start, closed, slower if slower > FIRST_SLOWER / 4 else 0.0)

    def shut(self, host: int, seconds: float) -> None:
        """Starts no request for so long, as the host itself asked before anybody here knew of it."""
        with self._record(host):
            now = time.monotonic()
            _, start, closed, interval = self._read(host, now)
            self._write(host, now, start, max(closed, now + min(seconds, LONGEST_PAUSE)), interval)

    def slow_down(self, host: int, seconds: float, slowest: float) -> None:
        """Starts no request for so long, and goes slower from then on, `slowest` seconds apart at most."""
        with self._record(host):
            now = time.monotonic()
            _, start, closed, interval = self._read(host, now)
            until = max(closed, now + min(seconds, LONGEST_PAUSE))
            slower = max(interval, min(max(2 * interval, FIRST_SLOWER), slowest))
            self._write(host, now, start, until, slower)

    def _read(self, host: int, now: float) -> tuple[float, float, float, float]:
        """Last asked, next start, closed until, interval; zeros where nothing that can be true is known."""
        tag, asked, start, closed, interval = _RECORD.unpack_from(self._table, _place(host))
        plausible = asked <= now and start <= now + 2 * LONGEST_INTERVAL and closed <= now + LONGEST_PAUSE
        if tag != host or not plausible or now > max(asked, closed) + FORGOTTEN:
            return 0.0, 0.0, 0.0, 0.0
        return asked, start, closed, interval

    def _write(self, host: int, asked: float, start: float, closed: float, interval: float) -> None:
        _RECORD.pack_into(self._table, _place(host), host, asked, start, closed, interval)

    @contextmanager
    def _record(self, host: int) -> Iterator[None]:
        place = _TABLE + host % HOSTS
        while not self._lock(place):  # held for microseconds, unless its holder was stopped in between
            time.sleep(0.0005)
        try:
            yield
        finally:
            self._unlock(place)

    # --- the kernel's locks -----------------------------------------------------------------------

    def _lock(self, place: int) -> bool:
        try:
            self._ask(fcntl.F_WRLCK, place)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True

    def _unlock(self, place: int) -> None:
        self._ask(fcntl.F_UNLCK, place)

    def _ask(self, kind: int, place: int) -> None:
        if _OWN_LOCKS is not None:
            fcntl.fcntl(self._slots, _OWN_LOCKS, _FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))
        else:  # macOS: processes exclude each other, but not two clients of one
            command = fcntl.LOCK_UN if kind == fcntl.F_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.lockf(self._slots, command, 1, place)


def _open(folder: Path | None, name: str) -> int:
    if folder is None:
        handle, path = tempfile.mkstemp()
        os.unlink(path)
        return handle
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def number(name: str) -> int:
    """The 64-bit number under which a host, or any name, is known."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def _place(host: int) -> int:
    return host % HOSTS * _RECORD.size


def _slot(host: int, slot: int) -> int:
    return host % (1 << 52) * SLOTS + slot
