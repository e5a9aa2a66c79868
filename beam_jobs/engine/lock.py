"""One build in a root at a time, and no worker of a killed one still at work beside it.

On this machine the kernel holds the lock, and gives it back when its holder dies. In a store it is an object,
made on the condition that there is none, that tells who holds it; nobody can know whether that one is dead,
so whoever does know says `--take-over`. Workers need no lock there: what two of them write of one unit is
either the same bytes or under other names.
"""

import fcntl
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from beam_jobs.engine.conditional import Found, Taken, object_at
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.store import StorePath, in_store

BUILD = "build.lock"
WAIT = 10.0  # seconds: the workers of a killed build end within one
LET_GO = 5.0  # seconds that a store has to answer where a build is stopped
LOOK = 10.0  # seconds between two looks at whether a lock in a store is still ours


@contextmanager
def building(root: Path, *, take_over: bool = False) -> Iterator[None]:
    """The root, for this build alone; a `UserError` where another holds it or nobody may write it."""
    there = in_store(root)
    with _here(root) if there is None else _in_store(there, take_over):
        yield


@contextmanager
def _here(root: Path) -> Iterator[None]:
    build = _open(root, BUILD)
    try:
        _take(build, root)
        workers = _open(root, "workers.lock")
        _take(workers, root)  # whoever held it is gone
        os.close(workers)
        yield
    finally:
        os.close(build)


@contextmanager
def working(root: Path) -> Iterator[None]:
    """While a worker writes: the next build of this root waits until it has ended."""
    if in_store(root) is not None:
        yield
        return
    handle = _open(root, "workers.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _open(root: Path, name: str) -> int:
    try:
        (root / ".work").mkdir(parents=True, exist_ok=True)
        return os.open(root / ".work" / name, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise UserError(f"--root {root}: cannot be written: {error.strerror}") from None


def _take(handle: int, root: Path) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise UserError(f"--root {root}: another wit is building here") from None
            time.sleep(0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Who holds a root of a store, as its lock says."""

    host: str
    pid: int
    since: str  # UTC, ISO 8601
    token: str  # no other holder has it

    @classmethod
    def this_process(cls) -> "Holder":
        """This one, from now on."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(host=socket.gethostname(), pid=os.getpid(), since=since, token=secrets.token_hex(8))

    def text(self) -> bytes:
        told = {"host": self.host, "pid": self.pid, "since": self.since, "token": self.token}
        return json.dumps(told, indent=1).encode()


_held: dict[str, "_Lock"] = {}  # by root


class _Lock:
    """The lock of a root in a store, as long as this process holds it."""

    def __init__(self, root: StorePath) -> None:
        self.root = root
        self._object = object_at(root / ".work" / BUILD)
        self._holder = Holder.this_process()
        self._version = ""

    def take(self, take_over: bool) -> None:
        """Take it; a `UserError` names the holder where there is one."""
        for _ in range(3):  # a holder may let go while it is being read
            try:
                self._version = self._object.write(self._holder.text(), instead_of=None)
                return
            except Taken:
                found = self._object.read()
            if found is not None and not take_over:
                raise UserError(f"--root {self.root}: {_told(found)}; if that one is dead: --take-over")
            if found is not None:
                try:
                    self._version = self._object.write(self._holder.text(), instead_of=found.version)
                    return
                except Taken:
                    take_over = False  # by somebody who is alive
        raise UserError(f"--root {self.root}: others take its lock and let it go; run again")

    def lost(self) -> str:
        """Who holds it now, in words; "" as long as we do."""
        found = self._object.read()
        if found is None:
            return "its lock was deleted"
        return "" if found.version == self._version else _told(found)

    def release(self) -> None:
        if not self.lost():
            with suppress(Taken):  # by somebody who took over just now
                self._object.delete(self._version)


def _told(found: Found) -> str:
    try:
        holder = json.loads(found.content)
        return f"process {holder['pid']} of {holder['host']} builds here since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another wit builds here"


@contextmanager
def _in_store(root: StorePath, take_over: bool) -> Iterator[None]:
    try:
        lock, done = _Lock(root), threading.Event()
        lock.take(take_over)
    except OSError as error:  # no credentials, or none that may write there
        raise UserError(f"--root {root}: cannot be locked: {error}") from None
    _held[str(root)] = lock
    watch = threading.Thread(target=_watch, args=(lock, done), name="lock", daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()
        del _held[str(root)]
        lock.release()


def _watch(lock: _Lock, done: threading.Event) -> None:
    """End this process, and its workers with it, soon after another took its root over."""
    while not done.wait(LOOK):
        try:
            lost = lock.lost()
        except OSError:
            continue  # the store does not answer: what is to be written there will say so
        if lost:
            sys.stderr.write(f"wit: --root {lock.root}: was taken over: {lost}\n")
            sys.stderr.flush()
            os._exit(RunError.exit_code)  # files are whole or absent


def let_go() -> None:
    """Give back what this process holds in stores, as it is about to end: for some seconds at most."""

    def release() -> None:
        for lock in list(_held.values()):
            with suppress(OSError):
                lock.release()

    giving = threading.Thread(target=release, name="let go", daemon=True)
    giving.start()
    giving.join(LET_GO)


def check(root: Path) -> None:
    """Before what others rely on is signed: a `RunError` where another has taken the root over."""
    lock = _held.get(str(root))
    if lock is not None and (lost := lock.lost()):
        raise RunError(f"--root {root}: was taken over: {lost}")
