"""What a stage wrote, signed last: files with their sums, and counts that must add up."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from wit_pipeline.vocabulary import machine
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.store import AT_ONCE, StorePath, in_store, sizes

T = TypeVar("T")

MANIFEST = "manifest.json"
SEAL = "seal"  # of a manifest's or a receipt's other values; earlier releases wrote none
REMEMBERED = 1024  # files that were uploaded and not described yet; most never are


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file as it was when it was signed."""

    name: str  # within the stage's folder
    rows: int  # records in it; 0 where that means nothing
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What became of the records that a stage, or a unit of its work, read."""

    read: int = 0
    kept: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)  # by reason
    kinds: Mapping[str, int] = field(
        default_factory=dict
    )  # of what was kept, where a unit tells them apart …
    languages: Mapping[str, int] = field(default_factory=dict)  # … and its languages, "" for unknown ones

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            read=self.read + other.read,
            kept=self.kept + other.kept,
            rejected=_added(self.rejected, other.rejected),
            kinds=_added(self.kinds, other.kinds),
            languages=_added(self.languages, other.languages),
        )

    def adds_up(self) -> bool:
        return self.read == self.kept + sum(self.rejected.values())


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Proof that one unit of work is whole: written after the unit's last file."""

    unit: str
    plan: str  # digest of all that decided the unit's content; another plan's receipt counts for nothing
    counts: Counts
    files: tuple[File, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A stage's signature. `digest` is of the files alone, so two runs can be compared."""

    stage: str
    plan: str  # digest of recipe section, code version and inputs: equal means nothing to do
    inputs: Mapping[str, str]  # stage or outside file -> digest
    recipe: Mapping[str, Any]
    counts: Counts
    files: tuple[File, ...]
    started: str  # UTC, ISO 8601
    finished: str

    @property
    def digest(self) -> str:
        return digest([[file.name, file.sha256] for file in self.files])

    def named(self, prefix: str, suffix: str = "") -> list[File]:
        """The stage's files of one kind, in order of name."""
        return [file for file in self.files if file.name.startswith(prefix) and file.name.endswith(suffix)]


def aside(path: Path) -> AbstractContextManager[Path]:
    """A temporary path on this machine, whose file becomes `path` when the block ends without an error.

    Whatever kills the writer, the file is whole or absent. Two processes that write one file do not meet, and
    the last one wins. Here the bytes are on disk before the name is; to a store they go in one upload.
    """
    there = in_store(path)
    return _renamed(path) if there is None else _uploaded(there)


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _to_disk(temporary)
        temporary.replace(path)
        _to_disk(path.parent)  # the name
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _uploaded(path: StorePath) -> Iterator[Path]:
    temporary = machine.on_its_way(path.name)
    try:
        yield temporary
        _uploads.pop(str(path), None)  # last in line
        _uploads[str(path)] = describe(temporary)
        if len(_uploads) > REMEMBERED:
            del _uploads[next(iter(_uploads))]
        forget(path)
        path.upload(temporary)
    finally:
        shutil.rmtree(temporary.parent, ignore_errors=True)


_uploads: dict[str, File] = {}  # what this process put into stores, by path


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def describe(path: Path, rows: int = 0) -> File:
    """A `File` for what this process wrote to `path`. What it put into a store is not read back."""
    uploaded = _uploads.pop(str(path), None) if in_store(path) else None
    return dataclasses.replace(uploaded, rows=rows) if uploaded else reread(path, rows)


def reread(path: Path, rows: int = 0) -> File:
    """A `File` for what lies at `path` now, whoever wrote it; its bytes are read."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return File(name=path.name, rows=rows, bytes=path.stat().st_size, sha256=sha256)


def write_json(path: Path, value: Any) -> None:
    """JSON, whole or absent; keys in the order given, one per line."""
    with aside(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value in a JSON file; a `RunError` where the file cannot be read as JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from None


def read_jsons(paths: Sequence[Path]) -> list[Any]:
    """The values in many JSON files; of a store, many at once."""
    if not paths or in_store(paths[0]) is None:
        return [read_json(path) for path in paths]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="json") as pool:
        return list(pool.map(read_json, paths))


def _files(values: Iterable[Mapping[str, Any]]) -> tuple[File, ...]:
    return tuple(File(**value) for value in values)


def seal_of(value: Mapping[str, Any]) -> str:
    """What all values of a signature come to, but for the seal: of a manifest, or of a receipt."""
    return digest({name: item for name, item in value.items() if name != SEAL})


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a manifest's or a receipt's values, and their seal: what is changed later does not go unseen."""
    write_json(path, {**{name: item for name, item in value.items() if name != SEAL}, SEAL: seal_of(value)})


def write_receipt(path: Path, receipt: Receipt) -> None:
    write_sealed(path, dataclasses.asdict(receipt))


def read_receipt(path: Path, plan: str = "", files: Path | None = None) -> Receipt | None:
    """The receipt at `path` if it belongs to `plan`, or any, and its files are there in full, else None.

    They are there in the folder `files`; in the receipt's own unless that is given.
    """
    if not path.exists():
        return None
    receipt, folder = _receipt(path), files or path.parent
    whole = all(has_size(folder / file.name, file.bytes) for file in receipt.files)
    return receipt if plan in ("", receipt.plan) and whole else None


def read_receipts(paths: Sequence[Path], plan: str = "", files: Path | None = None) -> list[Receipt | None]:
    """`read_receipt` of many receipts of one folder; of a store, by a list of the folder and many at once."""
    if not paths or in_store(paths[0]) is None:
        return [read_receipt(path, plan, files) for path in paths]
    there = sizes(paths[0].parent)
    held = sizes(files) if files is not None and files != paths[0].parent else there
    found = [path for path in paths if path.name in there]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="receipt") as pool:
        receipts = dict(zip(found, pool.map(_receipt, found), strict=True))
    whole = {
        path: receipt
        for path, receipt in receipts.items()
        if plan in ("", receipt.plan) and all(held.get(file.name) == file.bytes for file in receipt.files)
    }
    return [whole.get(path) for path in paths]


def receipts_of(folder: Path, names: Sequence[str], there: Mapping[str, int]) -> dict[str, Receipt]:
    """The receipts of these names in a folder that has the files `there`: if whole."""
    with ThreadPoolExecutor(AT_ONCE if in_store(folder) else 1, thread_name_prefix="receipt") as pool:
        found = zip(names, pool.map(lambda name: _receipt(folder / name), names), strict=True)
        return {
            name: one for name, one in found if all(there.get(file.name) == file.bytes for file in one.files)
        }


def _receipt(path: Path) -> Receipt:
    return receipt_of(read_json(path))


def receipt_of(value: Mapping[str, Any]) -> Receipt:
    """The receipt that a file's JSON says; a `KeyError` or a `TypeError` where it says none."""
    return Receipt(
        unit=value["unit"],
        plan=value["plan"],
        counts=Counts(**value["counts"]),
        files=_files(value["files"]),
    )


def has_size(path: Path, size: int) -> bool:
    """Whether a file lies at `path` in full."""
    return path.exists() and path.stat().st_size == size


def sign(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a finished folder.

    A `RunError` where the counts do not add up: a record was lost, so nothing may build on this.
    """
    if not manifest.counts.adds_up():
        raise RunError(
            f"{manifest.stage}: {manifest.counts.read} records read, but {manifest.counts.kept} kept and "
            f"{sum(manifest.counts.rejected.values())} rejected: records were lost, nothing was signed"
        )
    write_sealed(folder / MANIFEST, {**dataclasses.asdict(manifest), "digest": manifest.digest})


def load(folder: Path) -> Manifest | None:
    """The manifest of a stage's folder, or None where there is none; parsed once while it does not change."""
    path = folder / MANIFEST
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    version = (state.st_size, state.st_mtime_ns, getattr(state, "st_ino", 0))
    known = _manifests.get(str(path))
    if known is None or known[0] != version:
        known = _manifests[str(path)] = (version, _manifest(path))
    return known[1]


def once(folder: Path, signed: Manifest, what: Callable[..., T], *arguments: str) -> T:
    """`what(signed, *arguments)`, found once while the folder's manifest is this one, and not to be changed.

    A folder of a hundred thousand files is asked about each of them.
    """
    known = _known.get(str(folder))
    if known is None or known[0] is not signed:
        known = _known[str(folder)] = (signed, {})
    if (what, arguments) not in known[1]:
        known[1][what, arguments] = what(signed, *arguments)
    return cast(T, known[1][what, arguments])


def by_name(signed: Manifest) -> Mapping[str, File]:
    """The files of a manifest, by name."""
    return {file.name: file for file in signed.files}


_known: dict[str, tuple[Manifest, dict[Any, Any]]] = {}  # by the folder's path: what follows of its manifest

# By path, with what tells one state from another. A store's time of an object is of seconds: what this
# process writes is forgotten there and then, and one process alone signs in a root (`engine/lock`).
_manifests: dict[str, tuple[tuple[int, int, int], Manifest]] = {}


def forget(path: object) -> None:
    """What was read at `path` is another by now."""
    _manifests.pop(str(path), None)


def _manifest(path: Path) -> Manifest:
    return manifest_of(read_json(path))


def manifest_of(value: Mapping[str, Any]) -> Manifest:
    """The manifest that a file's JSON says; a `KeyError` or a `TypeError` where it says none."""
    value = {name: item for name, item in value.items() if name not in ("digest", SEAL)}
    return Manifest(**{**value, "counts": Counts(**value["counts"]), "files": _files(value["files"])})
