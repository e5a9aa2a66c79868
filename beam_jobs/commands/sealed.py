"""What signatures say, and whether the files that they are for lie there: manifests, receipts, sums."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from beam_jobs.commands import funnel
from beam_jobs.commands.contents import TABLE, Read
from beam_jobs.commands.contents import read as read_file
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.asked import RECEIPT
from wit_pipeline.vocabulary.errors import WitError
from wit_pipeline.vocabulary.manifest import MANIFEST, SEAL, File, Manifest
from wit_pipeline.vocabulary.store import files_below

T = TypeVar("T")


def guarded(path: Path, check: Callable[[], Iterator[str]]) -> Iterator[str]:
    """What a check says; where the files are no such tables as it expects, that."""
    try:
        yield from check()
    except WitError as error:
        yield str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        yield f"{path}: says what no stage writes ({type(error).__name__}: {error})"


def read(path: Path, make: Callable[[Mapping[str, Any]], T]) -> tuple[T | None, list[str]]:
    """What a manifest or receipt says, and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text)
        made = make(value)
        again = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, [f"{path}: cannot be read ({type(error).__name__}: {error})"]
    known = {*made.__slots__, "digest", SEAL} if isinstance(made, Manifest) else {*made.__slots__, SEAL}  # type: ignore[attr-defined]
    if set(value) - known or text != again:
        return made, [f"{path}: is not as it was written"]
    if SEAL in value and value[SEAL] != manifest.seal_of(value):
        return made, [f"{path}: is not what was signed: its seal is another"]
    if isinstance(made, Manifest) and value.get("digest") != made.digest:
        return made, [f"{path}: its digest is not that of the files it names"]
    listed = [file.name for file in made.files]  # type: ignore[attr-defined]
    if len(set(listed)) < len(listed) or any("/" in name or name == MANIFEST for name in listed):
        return made, [f"{path}: names a file twice, or one that lies elsewhere"]
    return made, []


def names(folder: Path) -> set[str]:
    """All files in a folder, and in those in it."""
    return {str(path.relative_to(folder)) for path in files_below(folder)} if folder.exists() else set()


def files_as_signed(folder: Path, files: tuple[File, ...] | list[File], look: Read) -> Iterator[str]:
    """Every file's size and sum; of a table, its rows.

    What is off by `look`, which may be of an hour ago, is read again before it is told.
    """
    for file in files:
        path = folder / file.name
        if not path.exists():
            yield f"{path}: is missing"
            continue
        now = look(path)
        if (now.bytes, now.sha256) != (file.bytes, file.sha256):
            now = read_file(path)
        if (now.bytes, now.sha256) != (file.bytes, file.sha256):
            sums = f"sha256 {now.sha256[:12]}…, not {file.sha256[:12]}…"
            yield f"{path}: is not what was signed ({now.bytes:,} bytes, {sums})"
        elif now.rows != file.rows and path.suffix == TABLE:
            yield from guarded(path, partial(funnel.rows_of, path, file))


def receipts(folder: Path, signed: Manifest | None, files: set[str], look: Read) -> Iterator[str]:
    """The receipts of a crawl's units: each for files that its manifest has too, and none of those without.

    Of a crawl that nobody signed they are all there is, and their files are looked at here.
    """
    named = {file.name: file for file in signed.files} if signed is not None else {}
    told = set()
    for name in sorted(file for file in files if file.endswith(RECEIPT)):
        receipt, wrong = read(folder / name, manifest.receipt_of)
        yield from wrong
        if receipt is None:
            continue
        if f"{receipt.unit}{RECEIPT}" != name:
            yield f"{folder / name}: is of {receipt.unit}"
        told |= {file.name for file in receipt.files}
        if signed is None:
            yield from files_as_signed(folder, receipt.files, look)
        elif not wrong and any(named.get(file.name) != file for file in receipt.files):
            yield f"{folder / name}: is for other files than {MANIFEST} has"
    for name in sorted(named.keys() - told):
        if name.startswith(("unit-", "times-")):
            yield f"{folder / name}: has lost its receipt"


def is_sealed(path: Path) -> bool:
    """Whether a receipt is of this release or a later one."""
    try:
        return SEAL in manifest.read_json(path)
    except (WitError, TypeError):
        return False


def own(folder: Path, look: Read, *, needed: bool) -> Iterator[str]:
    """A folder of no stage that has a manifest of its own, as those of earlier releases have not."""
    files = names(folder)
    if MANIFEST not in files:
        if needed:
            yield f"{folder}: has no {MANIFEST}: nobody signs for what it holds"
        return
    signed, wrong = read(folder / MANIFEST, manifest.manifest_of)
    yield from wrong
    if signed is not None:
        yield from files_as_signed(folder, signed.files, look)
        for name in sorted(files - {file.name for file in signed.files} - {MANIFEST}):
            yield f"{folder / name}: nobody signed for it"
