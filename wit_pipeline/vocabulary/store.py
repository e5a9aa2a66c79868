"""Paths that may lie in a store, s3:// or gs://, as well as on this machine.

`place` gives a `Path` for a name of this machine and a `StorePath` for one of a store, which has those
methods of a `Path` that the house calls, on an object store as pyarrow's file systems see it: folders are
what the names of objects begin with, an object appears when its upload ends, and nothing is renamed.

    s3://BUCKET/KEY?region=eu-west-1
    s3://BUCKET/KEY?endpoint_override=HOST:PORT&scheme=http
    gs://BUCKET/KEY          gs://anonymous@BUCKET/KEY

The options are pyarrow's (https://arrow.apache.org/docs/python/filesystems.html); they travel in the text of
a path, as a worker elsewhere has neither our environment nor our flags. Credentials are looked for where each
cloud's own tools look for them. Over plain http a gs:// store is asked without any.
"""

import argparse
import io
import os
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import fs

from wit_pipeline.vocabulary.command import has_scheme, no_uri
from wit_pipeline.vocabulary.errors import UserError

SCHEMES = ("s3", "gs", "gcs")
# What follows the last "?", if it looks so; else the "?" is a pattern's, or of a key itself.
OPTIONS = re.compile(r"\?((?:[a-z_]+=[^?&=]*)(?:&[a-z_]+=[^?&=]*)*)\Z")
RETRIES = "retry_limit_seconds"  # pyarrow's for gs://: a quarter of an hour unless something is said
FIRST, MOST = 1 << 16, 1 << 23  # bytes fetched at once: after a seek, and when reading goes on and on

ANSWERS = 30.0  # seconds within which a bucket is to answer before any work
NO_TOKEN = "Could not create a OAuth2 access token"  # how pyarrow's client for gs:// says it, among much else
AT_ONCE = 32  # objects that are read or moved at once: one after another each costs a round trip


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket, and how it is reached."""

    scheme: str
    bucket: str  # with "USER@" before it where the address has one
    options: str = ""

    @property
    def files(self) -> fs.FileSystem:
        """pyarrow's file system; its paths begin with the bucket's name."""
        return _files(self, os.getpid())  # a fork cannot use its parent's connections

    @property
    def name(self) -> str:
        """The bucket's name alone."""
        return self.bucket.rpartition("@")[2]

    @property
    def settings(self) -> dict[str, str]:
        """The options by name."""
        return dict(item.split("=", 1) for item in self.options.split("&") if item)


@cache
def _files(store: Store, process: int) -> fs.FileSystem:
    settings, bucket = store.settings, store.bucket
    if store.scheme in ("gs", "gcs"):
        settings = {RETRIES: "60", **settings}
        if settings.get("scheme") == "http" and "@" not in bucket:
            bucket = f"anonymous@{bucket}"
    query = "&".join(f"{name}={value}" for name, value in settings.items())
    address = f"{store.scheme}://{bucket}/" + (f"?{query}" if query else "")
    try:
        return fs.FileSystem.from_uri(address)[0]
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{store.scheme}://{store.bucket}: {reason(error)}") from None


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an object, under the names of `os.stat_result`."""

    st_size: int  # bytes
    st_mtime_ns: int  # 0 where the store does not tell

    @property
    def st_mtime(self) -> float:
        return self.st_mtime_ns / 1e9


class StorePath:
    """A path in a store. It pickles as its text; `open(path)` refuses it, as it names no file here."""

    __slots__ = ("_key", "store")

    def __init__(self, store: Store, key: PurePosixPath) -> None:
        self.store = store
        self._key = key  # relative; "." is the bucket itself

    def __str__(self) -> str:
        key = "" if self._key == PurePosixPath() else f"/{self._key}"
        options = f"?{self.store.options}" if self.store.options else ""
        return f"{self.store.scheme}://{self.store.bucket}{key}{options}"

    def __repr__(self) -> str:
        return f"StorePath({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return StorePath, (self.store, self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorePath) and (self.store, self._key) == (other.store, other._key)

    def __hash__(self) -> int:
        return hash((self.store, self._key))

    def __lt__(self, other: "StorePath") -> bool:
        return (self.store.bucket, self._key) < (other.store.bucket, other._key)

    @property
    def key(self) -> str:
        """What pyarrow's file system calls it: the bucket's name, then the key."""
        return str(PurePosixPath(self.store.name) / self._key)

    @property
    def name(self) -> str:
        return self._key.name

    @property
    def stem(self) -> str:
        return self._key.stem

    @property
    def suffix(self) -> str:
        return self._key.suffix

    @property
    def parent(self) -> "StorePath":
        return self._at(self._key.parent)

    @property
    def parents(self) -> list["StorePath"]:
        return [self._at(key) for key in self._key.parents]

    def _at(self, key: PurePosixPath) -> "StorePath":
        return StorePath(self.store, key)

    def __truediv__(self, name: str) -> "StorePath":
        return self._at(self._key / name)

    def with_name(self, name: str) -> "StorePath":
        return self._at(self._key.with_name(name))

    def with_suffix(self, suffix: str) -> "StorePath":
        return self._at(self._key.with_suffix(suffix))

    def relative_to(self, other: "StorePath") -> PurePosixPath:
        return self._key.relative_to(other._key)

    def absolute(self) -> "StorePath":
        return self

    def info(self) -> fs.FileInfo:
        return self.store.files.get_file_info(self.key)

    def exists(self) -> bool:
        return bool(self.info().type != fs.FileType.NotFound)

    def is_file(self) -> bool:
        return bool(self.info().type == fs.FileType.File)

    def is_dir(self) -> bool:
        return bool(self.info().type == fs.FileType.Directory)

    def stat(self) -> State:
        info = self.info()
        if info.type == fs.FileType.NotFound:
            raise FileNotFoundError(2, "there is no such object", str(self))
        return State(info.size or 0, info.mtime_ns or 0)

    def listed(self, *, below: bool = False) -> list[tuple["StorePath", fs.FileInfo]]:
        """What lies in a folder, or anywhere below it, in order of name: a request for each thousand.

        Of gs:// pyarrow lists all that lies below in either case, and then leaves out the folders.
        """
        derived = not below and self.store.scheme in ("gs", "gcs")
        found = self.store.files.get_file_info(
            fs.FileSelector(self.key, allow_not_found=True, recursive=below or derived)
        )
        bucket = PurePosixPath(self.store.name)
        if derived:
            depth = len(PurePosixPath(self.key).parts) + 1
            tops = {info.path: info for info in found if len(PurePosixPath(info.path).parts) == depth}
            for info in found:
                top = "/".join(PurePosixPath(info.path).parts[:depth])
                tops.setdefault(top, fs.FileInfo(top, fs.FileType.Directory))
            found = list(tops.values())
        paths = ((self._at(PurePosixPath(info.path).relative_to(bucket)), info) for info in found)
        return sorted((item for item in paths if item[0] != self), key=lambda item: item[0]._key)

    def iterdir(self) -> Iterator["StorePath"]:
        return iter([path for path, _ in self.listed()])

    def glob(self, pattern: str) -> Iterator["StorePath"]:
        """What lies in the folder under a name that matches; a pattern has no folders."""
        if "/" in pattern or "**" in pattern:
            raise NotImplementedError(f"a pattern of names in one folder, found {pattern!r}")
        return (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    def rglob(self, pattern: str) -> Iterator["StorePath"]:
        """The same in all folders below."""
        return (path for path, _ in self.listed(below=True) if fnmatchcase(path.name, pattern))

    def ranged(self) -> pa.NativeFile:
        """The object for reading at any place: what is asked for is fetched, and nothing else."""
        return self.store.files.open_input_file(self.key)

    def open(self, mode: str = "r", *, encoding: str = "utf-8", newline: str | None = None) -> IO[Any]:
        """The object for reading, from one end to the other or here and there; `manifest.aside` writes."""
        if mode not in ("r", "rb"):
            raise ValueError(f"an object is written by `aside`, whole; found mode {mode!r}")
        stream = io.BufferedReader(_Ahead(self.ranged()), FIRST)
        return stream if mode == "rb" else io.TextIOWrapper(stream, encoding=encoding, newline=newline)

    def read_bytes(self) -> bytes:
        with self.ranged() as file:
            content: bytes = file.read()
        return content

    def read_text(self, encoding: str = "utf-8") -> str:
        return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding=encoding).read()

    def upload(self, source: Path) -> None:
        """Put a file of this machine here. Whatever ends it early, the object is as it was, or absent.

        The bytes are given in one call: pyarrow completes an upload whose writer was left by an error.
        """
        # By itself pyarrow would pack what goes to a name that ends with .gz, once more.
        with self.store.files.open_output_stream(self.key, compression=None) as stream:
            if source.stat().st_size:
                with pa.memory_map(str(source)) as file:
                    stream.write(file.read_buffer())

    def mkdir(self, *, parents: bool = True, exist_ok: bool = True) -> None:
        """Nothing: a folder is there when something lies in it."""

    def unlink(self, *, missing_ok: bool = False) -> None:
        if not missing_ok and not self.is_file():
            raise FileNotFoundError(2, "there is no such object", str(self))
        try:
            self.store.files.delete_file(self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def copy(self, target: Path) -> None:
        """Copy an object within its store, which sends no byte through this machine."""
        there = in_store(target)
        if there is None or there.store != self.store:
            raise ValueError(f"{self} is copied within its bucket, found {target}")
        self.store.files.copy_file(self.key, there.key)

    def replace(self, target: Path) -> None:
        """Copy an object within its store, then delete it: the target is whole or as it was at any moment."""
        self.copy(target)
        self.unlink(missing_ok=True)

    def rename(self, target: "StorePath") -> None:
        """The same of a folder, object by object: for what may be begun again where it is cut short."""
        found = [path for path, info in self.listed(below=True) if info.type == fs.FileType.File]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rename") as pool:
            each = (cast(Path, target / str(path.relative_to(self))) for path in found)
            list(pool.map(StorePath.replace, found, each))
        self.clear()

    def clear(self) -> None:
        """Delete all that lies below."""
        self.store.files.delete_dir_contents(self.key, missing_dir_ok=True)
        for path, info in self.listed(below=True):  # markers of empty folders, which pyarrow leaves behind
            if info.type == fs.FileType.Directory:
                self.store.files.delete_dir(path.key)
        if self._key != PurePosixPath() and self.is_dir():
            self.store.files.delete_dir(self.key)


class _Ahead(io.RawIOBase):
    """Reads on as kernels do: little after a seek, more and more while the reading goes on."""

    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file
        self._size = int(file.size())
        self._place = self._start = 0
        self._window = FIRST
        self._held = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(22, f"cannot seek to {start + offset}")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer).cast("B")
        if not 0 <= self._place - self._start < len(self._held):
            self._fetch(len(wanted))
        first = self._place - self._start
        piece = memoryview(self._held)[first : first + len(wanted)]
        wanted[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def _fetch(self, least: int) -> None:
        on = self._place == self._start + len(self._held)
        self._window = min(2 * self._window, MOST) if on else FIRST
        length = max(0, min(max(least, self._window), self._size - self._place))
        self._start = self._place
        self._held = self._file.read_at(length, self._place) if length else b""

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def in_store(path: object) -> StorePath | None:
    """The path, if it is one of a store."""
    return path if isinstance(path, StorePath) else None


def place(text: str) -> Path:
    """The path that a text names, here or in a store; `place(str(path))` is the path.

    To the type checker all are `Path`: a `StorePath` has of it what the house calls, and no more is called.
    A `UserError` for what is neither.
    """
    if not has_scheme(text):
        return no_uri(Path(text))
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in SCHEMES:
        raise UserError(f"{text}: {scheme}:// cannot be read; name a path on this machine, s3:// or gs://")
    found = OPTIONS.search(rest)
    options = found[1] if found else ""
    bucket, _, key = rest.removesuffix(f"?{options}" if options else "").partition("/")
    if not bucket.rpartition("@")[2]:
        raise UserError(f"{text}: names no bucket; wants {scheme}://BUCKET/KEY")
    return cast(Path, StorePath(Store(scheme.lower(), bucket, options), PurePosixPath(key)))


def anywhere(text: str) -> Path:
    """The same, as the type of an option."""
    if not text:
        raise argparse.ArgumentTypeError("wants a path, found ''")
    try:
        return place(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def given(text: str) -> Path:
    """The same; a `UserError` where its bucket is not there, or nobody answers, or not to us."""
    path = place(text)
    asked = in_store(path)
    if asked is not None and (said := _amiss(asked.store)):
        raise UserError(f"{path}: {said}")
    return path


@cache  # once a process and bucket
def _amiss(store: Store) -> str:
    """What is wrong with a bucket, or "". Clients may wait without end for who would lend credentials."""
    said = list[str | UserError]()

    def ask() -> None:
        try:
            said.append(_asked(store))
        except UserError as error:
            said.append(error)

    asking = threading.Thread(target=ask, name="store", daemon=True)
    asking.start()
    asking.join(ANSWERS)
    if said and isinstance(said[0], UserError):
        raise said[0]
    return str(said[0]) if said else f"no answer within {ANSWERS:g} s, of it or of who would lend credentials"


def _asked(store: Store) -> str:
    if store.scheme != "s3" and RETRIES not in store.settings:  # who is asked before any work answers at once
        store = replace(store, options="&".join(filter(None, (store.options, f"{RETRIES}=5"))))
    bucket = StorePath(store, PurePosixPath())
    try:
        if bucket.exists():
            bucket.listed()  # a bucket may be seen by those who may not look into it
            return ""
    except (OSError, pa.ArrowException) as error:
        said = reason(error)
        return f"there are no credentials for it here: {said}" if NO_TOKEN in said else said
    return f"there is no bucket {store.name}, or none that these credentials may see"


def reason(error: Exception) -> str:
    """What pyarrow says of a failure, in one line."""
    return " ".join(str(error).partition(" error_info=")[0].split())


def source(path: Path) -> Any:
    """What pyarrow's readers take for a path: itself, or an object of a store, open for ranged reads."""
    found = in_store(path)
    return path if found is None else found.ranged()


def open_ranged(path: Path) -> BinaryIO:
    """A file's bytes, seekable, for reading at a few places: nothing is read ahead of a store's."""
    found = in_store(path)
    return path.open("rb") if found is None else cast(BinaryIO, found.ranged())


def open_native(path: Path) -> pa.NativeFile:
    """The same for pyarrow's own readers."""
    found = in_store(path)
    return pa.OSFile(str(path)) if found is None else found.ranged()


def array(path: Path) -> NDArray[Any]:
    """The array in a .npy: mapped, so that all processes share one copy; of a store in memory."""
    found = in_store(path)
    if found is None:
        return cast(NDArray[Any], np.load(path, mmap_mode="r"))
    return cast(NDArray[Any], np.load(io.BytesIO(found.read_bytes())))


def link(source: Path, target: Path) -> None:
    """The same file under a second name, as no file of a stage is ever written to; or a copy."""
    there = in_store(source)
    if source == target:
        return None
    if there is not None:
        return there.copy(target)
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_folder(path: Path) -> None:
    """Delete a folder and all in it; it need not be there."""
    found = in_store(path)
    if found is None:
        shutil.rmtree(path, ignore_errors=True)
    else:
        found.clear()


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it, in order."""
    found = in_store(folder)
    if found is None:
        return sorted(path for path in folder.rglob("*") if path.is_file())
    return [cast(Path, path) for path, info in found.listed(below=True) if info.type == fs.FileType.File]


def sizes_below(folder: Path) -> dict[str, int]:
    """All files in a folder and the folders in it, by the way there from it, and the bytes of each."""
    found = in_store(folder)
    if found is None:
        return {str(path.relative_to(folder)): path.stat().st_size for path in files_below(folder)}
    files = ((path, info) for path, info in found.listed(below=True) if info.type == fs.FileType.File)
    return {str(path.relative_to(found)): info.size for path, info in files}


def sizes(folder: Path) -> dict[str, int]:
    """The files right in a folder, by name, and the bytes of each; none where it is not there."""
    found = in_store(folder)
    if found is not None:
        return {path.name: info.size for path, info in found.listed() if info.type == fs.FileType.File}
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    except FileNotFoundError:
        return {}
