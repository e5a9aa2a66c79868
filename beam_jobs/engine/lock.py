"""One build in a root at a time, and no worker of a killed one still at work beside it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wit_pipeline.vocabulary.errors import UserError

WAIT = 10.0  # seconds: the workers of a killed build end within one


@contextmanager
def building(root: Path) -> Iterator[None]:
    """The root, for this build alone; a `UserError` where another holds it or nobody may write it."""
    build = _open(root, "build.lock")
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
