"""Files of a root that change together: written aside, then moved into place, whatever kills the mover.

    ROOT/removed/.pending/           the new files, under their paths in the root
    ROOT/removed/.pending/ready.json which files, in order, and what goes; it is written last

Before ready.json stands, the root is untouched and the folder counts for nothing. Once it stands, moving is
all that is left, and may be begun again as often as it is cut short.
"""

from collections.abc import Sequence
from pathlib import Path

from wit_pipeline.takedown.takedown import FOLDER
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.store import remove_folder

READY = "ready.json"


def folder(root: Path) -> Path:
    """Where a root's new files wait."""
    return root / FOLDER / ".pending"


def check(root: Path) -> None:
    """A `UserError` where files wait to be moved: the root is half of what it was."""
    if (folder(root) / READY).exists():
        raise UserError(f"--root {root}: a `wit remove` was cut short here; run it again first")


def begin(root: Path) -> Path:
    """An empty folder for new files."""
    waiting = folder(root)
    remove_folder(waiting)
    waiting.mkdir(parents=True)
    return waiting


def commit(root: Path, files: Sequence[str], drop: Sequence[str]) -> None:
    """Move the files, in this order, and remove the folders `drop`."""
    manifest.write_json(folder(root) / READY, {"files": list(files), "drop": list(drop)})
    complete(root)


def complete(root: Path) -> None:
    """Do what is left of a commit that was cut short."""
    waiting = folder(root)
    if not (waiting / READY).exists():
        return
    ready = manifest.read_json(waiting / READY)
    for name in ready["drop"]:
        drop(root / name)
    for name in ready["files"]:
        move(waiting / name, root / name)
    (waiting / READY).unlink()
    remove_folder(waiting)


def drop(path: Path) -> None:
    """Remove a folder, its signature first."""
    (path / manifest.MANIFEST).unlink(missing_ok=True)
    remove_folder(path)


def move(source: Path, target: Path) -> None:
    """Move a file, unless that was done."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        manifest.forget(target)  # in a store a copy of the same second may look like what was there
