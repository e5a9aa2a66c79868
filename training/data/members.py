"""Where in a shard its samples lie: from the tar's headers, read once and kept.

A tar's data begin at multiples of 512 bytes, so a place is a number of blocks, and four numbers of 32 bits
are a sample.
"""

import hashlib
import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from training.data import compressed
from training.data.captions import JSON, TEXTS, USUAL, text_in
from wit_pipeline.vocabulary.errors import RunError

IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "avif")
RULES = 2  # to be counted on where the same shard gives other samples than before
MANY = 64  # shards that are read by several processes; fewer are read before those have begun
TASK = 16  # shards that one is given at a time
KINDS = 20  # endings of members that are told of a shard without samples
LARGEST_JSON = 1 << 24  # bytes of a JSON that is looked into for a caption
LARGEST = 2**32 - 1  # bytes of a member, and blocks before it
SEEN = b"0\0"  # types of a plain file
CHECKSUM = slice(148, 156)

# [samples, 4]: of the image its first block and its bytes, then of the caption.
Rows = NDArray[np.uint32]
Place = tuple[int, int]  # a member's offset and size in bytes


@dataclass(slots=True)
class Members:
    """The members of a tar."""

    samples: dict[str, dict[str, Place]] = field(default_factory=dict)  # by key, by what follows its dot
    doubled: int = 0  # members whose name another has had before; the last is read


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Indexed:
    """The samples of one shard."""

    rows: Rows
    no_image: int = 0
    no_caption: int = 0
    in_json: int = 0  # of those without a caption, samples with a JSON, if the first of them holds one
    doubled: int = 0  # members
    kinds: dict[str, int] = field(default_factory=dict)  # members by ending, of a shard without samples
    wrong: str = ""  # what is wrong with the tar, if it breaks off

    def told(self) -> dict[str, Any]:
        """All but the samples, as JSON has it."""
        names = ("no_image", "no_caption", "in_json", "doubled", "kinds")
        return {name: getattr(self, name) for name in names}


def all_indexed(
    paths: Sequence[Path], kept: Path | None, captions: Sequence[str] = TEXTS
) -> Iterator[Indexed]:
    """The samples of each shard, in order; of those that are not `kept`, by all cores where they are many.

    `captions` are the endings of members that hold a caption.
    """
    files = [place_of(path, kept, captions) for path in paths]
    new = [place for place in enumerate(paths) if not (file := files[place[0]]) or not file.exists()]
    if kept and len(new) > MANY:
        kept.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            wanted = [(path, files[number]) for number, path in new]
            tasks = [wanted[first : first + TASK] for first in range(0, len(wanted), TASK)]
            list(pool.map(partial(index_several, captions=captions), tasks))
    for path, file in zip(paths, files, strict=True):
        yield loaded(file) or indexed(path, file, captions)


def index_several(task: Sequence[tuple[Path, Path | None]], captions: Sequence[str]) -> None:
    """Read some shards and keep what was found."""
    for path, file in task:
        indexed(path, file, captions)


def place_of(path: Path, kept: Path | None, captions: Sequence[str]) -> Path | None:
    """Where an index of a shard is kept: another place for each size and time of change of the shard."""
    if kept is None:
        return None
    try:
        told = path.stat()
    except OSError:
        return None
    name = f"{RULES}\0{','.join(captions)}\0{path.resolve()}\0{told.st_size}\0{told.st_mtime_ns}"
    return kept / f"{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}.npz"


def loaded(file: Path | None) -> Indexed | None:
    """What was kept; None if there is nothing that can be read."""
    if file is None or not file.exists():
        return None
    try:
        with np.load(file) as found:
            return Indexed(rows=found["rows"], **json.loads(found["told"].item()))
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None


def indexed(path: Path, file: Path | None, captions: Sequence[str]) -> Indexed:
    """The samples of a shard, kept in `file` unless the shard breaks off."""
    found, wrong = members_of(path)
    rows: list[tuple[int, int, int, int]] = []
    no_image, mute = 0, list[dict[str, Place]]()
    for members in found.samples.values():
        image = next((members[kind] for kind in IMAGES if kind in members), None)
        caption = next((members[kind] for kind in captions if kind in members), None)
        if image is None or image[1] > LARGEST:
            no_image += 1
        elif caption is None or caption[1] > LARGEST:
            mute.append(members)
        else:
            rows.append(
                (image[0] // tarfile.BLOCKSIZE, image[1], caption[0] // tarfile.BLOCKSIZE, caption[1])
            )
    kinds = Counter(kind for members in found.samples.values() for kind in members) if not rows else Counter()
    result = Indexed(
        rows=np.array(rows, dtype=np.uint32).reshape(-1, 4),
        no_image=no_image,
        no_caption=len(mute),
        in_json=said_in_json(path, [members[JSON] for members in mute if JSON in members]),
        doubled=found.doubled,
        kinds=dict(kinds.most_common(KINDS)),
        wrong=wrong,
    )
    if file and not wrong:
        keep(file, result)
    return result


def said_in_json(path: Path, places: Sequence[Place]) -> int:
    """How many JSONs there are, if the first holds a caption under the usual key."""
    if not places or places[0][1] > LARGEST_JSON:
        return 0
    return len(places) if text_in(read_at(path, *places[0]), USUAL).strip() else 0


def keep(file: Path, found: Indexed) -> None:
    """Write an index whole or not at all; what cannot be kept is read again the next time."""
    aside = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as out:
            np.savez(out, rows=found.rows, told=np.array(json.dumps(found.told())))
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
    found = Members()
    with path.open("rb", buffering=0) as file:
        length, offset = os.fstat(file.fileno()).st_size, 0
        while True:
            header = os.pread(file.fileno(), tarfile.BLOCKSIZE, offset)
            if not any(header):
                if len(header) < tarfile.BLOCKSIZE:
                    raise ValueError("no end mark")
                return found
            if len(header) < tarfile.BLOCKSIZE or header[156] not in SEEN or any(header[345:500]):
                raise ValueError("no plain file")
            told = int(header[CHECKSUM].strip(b" \0"), 8)
            if sum(header) - sum(header[CHECKSUM]) + 8 * ord(" ") != told:
                raise ValueError("no header")
            size = int(header[124:136].strip(b" \0"), 8)
            place = offset + tarfile.BLOCKSIZE, size
            if sum(place) > length:
                raise ValueError("breaks off")
            add(found, header[:100].split(b"\0", 1)[0].decode("utf-8"), place)
            offset = place[0] + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def tarfile_members(path: Path) -> tuple[Members, str]:
    """The members of any tar."""
    found = Members()
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            kind = compressed.by_start(file.read(compressed.LONGEST))
        if kind:
            return found, compressed.refusal(kind, str(path))
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                place = member.offset_data, member.size
                if member.isfile() and sum(place) <= length:
                    add(found, member.name, place)
        if read_at(path, tar.offset, tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            return found, "no end mark after the last whole member"  # tarfile just stops there
    except (OSError, tarfile.TarError) as error:
        return found, str(error)
    return found, ""


def add(found: Members, name: str, place: Place) -> None:
    """Put a member to its sample: they share a name up to the first dot; shadows of macOS have none."""
    folder, _, file = name.rstrip("/").rpartition("/")
    key, _, kind = file.partition(".")
    if key and not name.endswith("/"):
        sample = found.samples.setdefault(f"{folder}/{key}", {})
        found.doubled += kind.lower() in sample
        sample[kind.lower()] = place


def read_at(path: Path, offset: int, size: int) -> bytes:
    """Bytes of a file; raises `RunError` if it cannot be read any more."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise RunError(f"{path}: cannot be read any more: {error.strerror}") from None
