"""Samples taken down from shards that stand, and their bytes from the crawl: the lists are kept for ever.

`ROOT/removed/` holds each list as it was given, `TIME-DIGEST.txt`, and beside it `TIME-DIGEST.found.txt`: the
sums of the images that the list named by address, or by another sum or a code than shards tell of. So the
same bytes do not return under another address.
"""

import shutil
import tarfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from wit_pipeline.listed.entries import Entry, entry_hash
from wit_pipeline.listed.lists import BlockList, Match
from wit_pipeline.listed.marks import NO_MARKS, Marks
from wit_pipeline.shard import Row, stats
from wit_pipeline.vocabulary import rows, tar
from wit_pipeline.vocabulary.manifest import (
    Counts,
    File,
    Manifest,
    aside,
    describe,
    load,
    reread,
    sign,
    write_json,
)
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.store import open_ranged, place

FOLDER = "removed"
PIECE = 1 << 20  # bytes copied at once
FOUND = ".found.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """A sample that left its shard, as removed.parquet has it: what names it, and nothing of what it was."""

    key: str
    pair_key: str
    entry: str  # `entry_hash` of the entry that names it; "" where no list does
    list: str  # the file in ROOT/removed/ that has the entry; its name begins with when it was received, UTC
    reason: Reason = Reason.TAKEN_DOWN  # any other was a later round's: its pair is no longer kept as it was


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A list that was received, and the sums that it led to."""

    name: str
    entries: BlockList


class Removals:
    """All lists that a root was given, the oldest first: it is the first that names a sample that counts."""

    def __init__(self, lists: Sequence[Listed]) -> None:
        self.lists = tuple(lists)

    @classmethod
    def read(cls, folder: Path) -> "Removals":
        """The lists of a folder; none where it is not there."""
        return cls([Listed(name=path.name, entries=_read(path)) for path in lists(folder)])

    def names(self, url: str, final_url: str, page_url: str, sha256: str) -> bool:
        """Whether a list names a picture, or the page on which it was found."""
        return any(_names(listed.entries, url, final_url, page_url, sha256) for listed in self.lists)

    def of(self, row: Row) -> Removed | None:
        """The Removed of a sample that is on a list, or None."""
        for listed in self.lists:
            match = _names(listed.entries, row.url, row.final_url, row.page_url, row.sha256)
            if match:
                entry = entry_hash(match.entry)
                return Removed(key=row.key, pair_key=row.pair_key, entry=entry, list=listed.name)
        return None


def _names(entries: BlockList, url: str, final_url: str, page_url: str, sha256: str) -> Match | None:
    return entries.found_url(url, final_url, page_url) or entries.found_sums([Entry("sha256", sha256)])


def lists(folder: Path) -> list[Path]:
    """The lists that a root was given, the oldest first."""
    return sorted(path for path in folder.glob("*.txt") if not path.name.endswith(FOUND))


def manifest_of(paths: Iterable[Path], time: datetime) -> Manifest:
    """What signs for the lists of a root, and for the sums that they led to."""
    said = time.isoformat(timespec="seconds")
    return Manifest(
        stage=FOLDER,
        plan="",
        inputs={},
        recipe={},
        counts=Counts(),
        files=tuple(sorted(map(reread, paths), key=lambda file: file.name)),
        started=said,
        finished=said,
    )


def sign_lists(folder: Path, time: datetime) -> None:
    """Sign for the lists that an earlier release has left, which signed for none."""
    paths = sorted(folder.glob("*.txt")) if folder.exists() else []
    if paths and load(folder) is None:
        sign(folder, manifest_of(paths, time))


def found_of(path: Path) -> Path:
    """Where the sums stand that a list led to."""
    return path.with_name(path.name.removesuffix(".txt") + FOUND)


def files(path: Path) -> list[Path]:
    """A list, and the sums that it led to where there are any."""
    return [path for path in (path, found_of(path)) if path.exists()]


def _read(path: Path) -> BlockList:
    return BlockList.read(map(str, files(path)), lambda name: place(name).open("rb"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An image of a crawl unit, as much as lists and the eraser need."""

    url: str
    status: str
    final_url: str
    sha256: str
    stored_sha256: str
    offset: int
    length: int
    unit: int
    chance: int = 0
    page_urls: tuple[str, ...] = ()  # on which it was found when it was asked for
    phash: str = ""
    weak: float = 0.0
    marks: Marks = NO_MARKS
    bytes_fetched: int = 0
    http_status: int = 0
    content_type: str = ""
    last_modified: str = ""


def named(image: Stored, pages: Iterable[str], marked: Marks, entries: BlockList) -> Match | None:
    """What of a list names an image, or a page on which it was found."""
    by_address = entries.found_url(image.url, image.final_url)
    return by_address or entries.found_image(image, marked) or entries.found_url(*pages)


def told_of(image: Stored, pages: Iterable[str], marked: Marks) -> dict[str, Any]:
    """What of an image a report of matches tells."""
    return {
        "url": image.url,
        "page_urls": sorted({*pages, *image.page_urls} - {""}),
        "final_url": image.final_url,
        "http_status": image.http_status,
        "content_type": image.content_type,
        "last_modified": image.last_modified,
        "bytes": image.bytes_fetched,
        "sha256": image.sha256,
        "md5": marked.md5,
        "sha1": marked.sha1,
        "stored_sha256": image.stored_sha256,
    }


def rewrite_shard(home: Path, name: str, out: Path, gone: Collection[str]) -> tuple[File, ...]:
    """Write shard `name` of `home` anew to `out`, without the keys that are `gone`; no file where none is.

    Everything else keeps its key and its bytes. Where `out` is `home` itself, in a store, a kill may leave
    the files at odds: the table is the first to be another, so what it lacks may still be in the tar.
    """
    if not gone:
        return ()
    tar_path, table_path, stats_path = (out / f"{name}{end}" for end in (".tar", ".parquet", "_stats.json"))
    with (
        aside(tar_path) as tar_aside,
        aside(table_path) as table_aside,  # goes to its place before the tar does
        (home / f"{name}.tar").open("rb") as packed,
        tarfile.open(fileobj=packed) as source,
        tar.Summed(tar_aside) as archive,
        rows.Writer(table_aside, Row) as table,
    ):
        for member in source:
            content = source.extractfile(member)
            if content is not None and member.name.partition(".")[0] not in gone:
                archive.add(member.name, content.read())
        for row in rows.read(home / f"{name}.parquet", Row):
            if row.key not in gone:
                table.write(row)
    write_json(stats_path, stats(table.count, archive.md5))
    return describe(tar_path, table.count), describe(table_path, table.count), describe(stats_path)


def erase(path: Path, out: Path, spans: Iterable[tuple[int, int]]) -> int:
    """Write a copy of a file to `out` with zeros over some (offset, length); returns how many were not zeros.

    There is no copy where that is 0.
    """
    with open_ranged(path) as file:
        wanted = [(offset, length) for offset, length in spans if any(_at(file, offset, length))]
    if wanted:
        with aside(out) as temporary:
            with path.open("rb") as whole, temporary.open("wb") as copy:
                shutil.copyfileobj(whole, copy, PIECE)
            with temporary.open("r+b") as file:
                for offset, length in wanted:
                    file.seek(offset)
                    file.write(bytes(length))
    return len(wanted)


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
