"""Where in a shard its samples lie: from the tar's headers, read once and kept.

A tar's data begin at multiples of 512 bytes, so a place is a number of blocks, and four numbers of 32 bits
are a sample.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.vocabulary.errors import RunError

IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "avif")
CAPTIONS = ("txt", "caption", "text")
RULES = 1  # to be counted on where the same shard gives other samples than before
MANY = 64  # shards that are read by several processes; fewer are read before those have begun
TASK = 16  # shards that one is given at a time
LARGEST = 2**32 - 1  # bytes of a member, and blocks before it
SEEN = b"0\0"  # types of a plain file
CHECKSUM = slice(148, 156)

# [samples, 4]: of the image its first block and its bytes, then of the caption.
Rows = NDArray[np.uint32]
Place = tuple[int, int]  # a member's offset and size in bytes
Members = dict[str, dict[str, Place]]  # by key, and by what stands after the key's dot


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Indexed:
    """The samples of one shard."""

    rows: Rows
    no_image: int = 0
    no_caption: int = 0
    wrong: str = ""  # what is wrong with the tar, if it breaks off


def all_indexed(paths: Sequence[Path], kept: Path | None) -> Iterator[Indexed]:
    """The samples of each shard, in order; of those that are not `kept`, by all cores where they are many."""
    files = [place_of(path, kept) for path in paths]
    new = [place for place in enumerate(paths) if not (file := files[place[0]]) or not file.exists()]
    if kept and len(new) > MANY:
        kept.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            wanted = [(path, files[number]) for number, path in new]
            tasks = [wanted[first : first + TASK] for first in range(0, len(wanted), TASK)]
            list(pool.map(index_several, tasks))
    for path, file in zip(paths, files, strict=True):
        yield loaded(file) or indexed(path, file)


def index_several(task: Sequence[tuple[Path, Path | None]]) -> None:
    """Read some shards and keep what was found."""
    for path, file in task:
        indexed(path, file)


def place_of(path: Path, kept: Path | None) -> Path | None:
    """Where a shard's index is kept: another place for each size and time of change of the shard."""
    if kept is None:
        return None
    try:
        told = path.stat()
    except OSError:
        return None
    name = f"{RULES}\0{path.resolve()}\0{told.st_size}\0{told.st_mtime_ns}"
    return kept / f"{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}.npz"


def loaded(file: Path | None) -> Indexed | None:
    """What was kept; None if there is nothing that can be read."""
    if file is None or not file.exists():
        return None
    try:
        with np.load(file) as found:
            no_image, no_caption = found["lacking"].tolist()
            return Indexed(rows=found["rows"], no_image=no_image, no_caption=no_caption)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def indexed(path: Path, file: Path | None) -> Indexed:
    """The samples of a shard, kept in `file` unless the shard breaks off."""
    samples, wrong = members_of(path)
    rows: list[tuple[int, int, int, int]] = []
    no_image = no_caption = 0
    for members in samples.values():
        image = next((members[kind] for kind in IMAGES if kind in members), None)
        caption = next((members[kind] for kind in CAPTIONS if kind in members), None)
        if image is None or image[1] > LARGEST:
            no_image += 1
        elif caption is None or caption[1] > LARGEST:
            no_caption += 1
        else:
            rows.append(
                (image[0] // tarfile.BLOCKSIZE, image[1], caption[0] // tarfile.BLOCKSIZE, caption[1])
            )
    table = np.array(rows, dtype=np.uint32).reshape(-1, 4)
    if file and not wrong:
        keep(file, table, no_image, no_caption)
    return Indexed(rows=table, no_image=no_image, no_caption=no_caption, wrong=wrong)


def keep(file: Path, rows: Rows, no_image: int, no_caption: int) -> None:
    """Write an index whole or not at all; what cannot be kept is read again the next time."""
    aside = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as out:
            np.savez(out, rows=rows, lacking=np.array([no_image, no_caption]))
        aside.replace(file)
    except OSError:
        aside.unlink(missing_ok=True)


def members_of(path: Path) -> tuple[Members, str]:
    """Offset and size of each whole member; and what is wrong with the tar, if it breaks off."""
    try:
        return plain_members(path), ""
    except (OSError, ValueError):  # not all plain: slower, and knows every dialect
        return tarfile_members(path)


def plain_members(path: Path) -> Members:
    """The members of a tar of plain files alone; a `ValueError` for any other, as for one that breaks off."""
    samples: Members = {}
    with path.open("rb", buffering=0) as file:
        length, offset = os.fstat(file.fileno()).st_size, 0
        while True:
            header = os.pread(file.fileno(), tarfile.BLOCKSIZE, offset)
            if not any(header):
                if len(header) < tarfile.BLOCKSIZE:
                    raise ValueError("no end mark")
                return samples
            if len(header) < tarfile.BLOCKSIZE or header[156] not in SEEN or any(header[345:500]):
                raise ValueError("no plain file")
            told = int(header[CHECKSUM].strip(b" \0"), 8)
            if sum(header) - sum(header[CHECKSUM]) + 8 * ord(" ") != told:
                raise ValueError("no header")
            size = int(header[124:136].strip(b" \0"), 8)
            place = offset + tarfile.BLOCKSIZE, size
            if sum(place) > length:
                raise ValueError("breaks off")
            add(samples, header[:100].split(b"\0", 1)[0].decode("utf-8"), place)
            offset = place[0] + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def tarfile_members(path: Path) -> tuple[Members, str]:
    """The members of any tar."""
    samples: Members = {}
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                place = member.offset_data, member.size
                if member.isfile() and sum(place) <= length:
                    add(samples, member.name, place)
        if read_at(path, tar.offset, tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            return samples, "no end mark after the last whole member"  # tarfile just stops there
    except (OSError, tarfile.TarError) as error:
        return samples, str(error)
    return samples, ""


def add(samples: Members, name: str, place: Place) -> None:
    """Put a member to its sample: they share a name up to the first dot; shadows of macOS have none."""
    folder, _, file = name.rstrip("/").rpartition("/")
    key, _, kind = file.partition(".")
    if key and not name.endswith("/"):
        samples.setdefault(f"{folder}/{key}", {})[kind.lower()] = place


def read_at(path: Path, offset: int, size: int) -> bytes:
    """Bytes of a file; raises `RunError` if it cannot be read any more."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise RunError(f"{path}: cannot be read any more: {error.strerror}") from None
