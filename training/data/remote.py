"""Shards that are elsewhere: each is copied once, whole, to a folder of this machine.

Samples are read by their place in any order, which no store answers in time, and a run that goes on must find
what it had: so the shards must fit on a disk.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from wit_pipeline.vocabulary.errors import RunError, UserError

PIPE = "pipe:"  # what follows is a command whose output is a shard, as in WebDataset
REMOTE = re.compile(r"pipe:|s3://|gs://|gcs://")
AT_ONCE = 8  # copies under way
PIECE = 1 << 20  # bytes


def is_remote(name: str) -> bool:
    """Whether a shard's name is a URL, or a command."""
    return REMOTE.match(name) is not None


def place(name: str, cache: Path) -> Path:
    """Where the copy of a shard lies: under its own name, in a folder of those from the same place."""
    if name.startswith(PIPE):
        return cache / "pipe" / f"{_digest(name)}.tar"
    folder, _, file = name.partition("?")[0].rpartition("/")
    return cache / _digest(folder) / file


def copied(names: Sequence[str], cache: Path) -> list[Path]:
    """The copies of remote shards; those that are not there yet are made, by one process of a machine.

    Raises `UserError` for a shard that is not there and `RunError` for one that cannot be copied.
    """
    places = [place(name, cache) for name in names]
    if all(path.exists() for path in places):
        return places
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / "lock"), ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy") as pool:
            list(pool.map(_copy, names, places))
    except OSError as error:
        raise RunError(f"{cache}: cannot hold copies of the shards: {error}") from None
    return places


def _copy(name: str, path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    try:
        if name.startswith(PIPE):
            _run(name, aside)
        else:
            _download(name, aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _run(name: str, aside: Path) -> None:
    with aside.open("wb") as file:
        done = subprocess.run(
            ["/bin/sh", "-c", name.removeprefix(PIPE)], stdout=file, stderr=subprocess.PIPE, check=False
        )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise RunError(f"--shards {name}: the command ended with {done.returncode}: {said or 'no word'}")


def _download(name: str, aside: Path) -> None:
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem

    try:
        store, key = FileSystem.from_uri(name)
        with store.open_input_stream(key) as source, aside.open("wb") as file:
            shutil.copyfileobj(source, file, PIECE)
    except FileNotFoundError:
        raise UserError(f"--shards {name}: there is no such object") from None
    except (OSError, ArrowException) as error:
        reason = str(error).split("\n", 1)[0]
        raise RunError(f"--shards {name}: cannot be copied: {reason}") from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process is inside with the same `path`."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
