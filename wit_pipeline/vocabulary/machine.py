"""Where this machine keeps what no other may share: clocks, locks, and files on their way to a store."""

import os
import shutil
import tempfile
from functools import cache
from hashlib import blake2b
from pathlib import Path

from wit_pipeline.vocabulary.errors import RunError


def folder() -> Path:
    """This user's folder on this machine's disk (TMPDIR chooses which); it is made where it is not there."""
    own = Path(tempfile.gettempdir()) / f"wit-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.lstat().st_uid != os.getuid():  # who laid it there could hold us up for ever
        raise RunError(f"{own}: belongs to another user; set TMPDIR to a folder of your own")
    return own


def of_root(root: Path, what: str) -> Path:
    """A folder for one use by the builds of a root. It may not be there."""
    name = blake2b(str(root.absolute()).encode(), digest_size=8).hexdigest()
    return folder() / f"{what}-{name}"


def on_its_way(name: str) -> Path:
    """Where a file of this name may be written before it is uploaded: a new path, in a folder of its own."""
    return Path(tempfile.mkdtemp(dir=_uploads(os.getpid()))) / name


@cache
def _uploads(process: int) -> Path:
    """The folder of a process; those of processes that were killed are deleted, as nobody else does it."""
    own = folder() / f"upload-{process}"
    for other in folder().glob("upload-*"):
        if not _lives(int(other.name.rpartition("-")[2])):
            shutil.rmtree(other, ignore_errors=True)
    own.mkdir(exist_ok=True)
    return own


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
