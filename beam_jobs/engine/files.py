"""Outside files: of this machine, or of a store."""

import hashlib
import io
import multiprocessing
import posixpath
from collections.abc import Iterable, Sequence
from functools import cache
from os.path import relpath
from pathlib import Path
from typing import Any, BinaryIO, cast

from beam_jobs.engine import progress
from wit_pipeline.sources import Source
from wit_pipeline.vocabulary import found
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.found import Found
from wit_pipeline.vocabulary.store import in_store, open_ranged, place, reason


def match(patterns: Iterable[str], where: str) -> list[Found]:
    """The files that globs mean, each once, by name; a file that is there by a glob's very name is that file.

    A `UserError` says which pattern of the recipe's `where` means nothing.
    """
    matched: list[Found] = []
    for pattern in patterns:
        files = found.meant(pattern, where)
        if not files:
            raise UserError(f"{where}: no file matches {pattern!r}")
        matched += files
    once = found.each_once(matched)
    for item in once:
        for other in item.also:
            again = "named twice" if other == item.path else f"{other} again"
            _say(f"{where}: {item.path} is {again}: it is read once")
    return once


def source_files(source: Source, number: int) -> list[Found]:
    """The files that the globs of one of `[[extract.sources]]` match; none where its kind has no files."""
    patterns = getattr(source, "path", ())
    return match(patterns, f"[[extract.sources]] {number} path") if patterns else []


def block_lists(config: CrawlConfig) -> list[Found]:
    """The files of the recipe's block lists."""
    return match(config.block_lists, "[crawl] block_lists")


def sum_of(file: Found) -> str:
    """The sha256 of a file's bytes, in hex."""
    return _sum(file.path, file.version)


@cache  # several stages read the same
def _sum(path: str, version: str) -> str:
    try:
        with open_input(path) as content:
            return hashlib.file_digest(cast(io.BufferedReader, content), "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {reason(error)}") from None


@cache  # the same is asked before the work and after it
def _say(text: str) -> None:
    if multiprocessing.parent_process() is None:  # workers ask, too
        progress.tell("note", text=text)


def size_of(path: str) -> int:
    """The bytes of a file that `match` found."""
    return place(path).stat().st_size


def version(paths: Sequence[Path], below: Path) -> str:
    """What tells one state of a folder's files from another: how many, a digest of names, sizes and times."""
    folder = in_store(below)
    if folder is None:
        states: list[tuple[str, Any]] = [(relpath(path, below), path.stat()) for path in paths]
        table = [[name, state.st_size, state.st_mtime_ns] for name, state in states]
    else:  # one list of the folder, as it may hold an object for each of a set's images
        listed = dict(folder.listed(below=True)) if len(paths) > 1 else {}
        infos = ((path, listed.get(path) or path.info()) for path in map(in_store, paths) if path is not None)
        table = [[posixpath.relpath(path.key, folder.key), info.size, info.mtime_ns] for path, info in infos]
    return f"{len(table)} files, {digest(table)}"


def open_input(path: str) -> BinaryIO:
    """A file's bytes as they are, seekable; the reader finds out about compression itself."""
    return cast(BinaryIO, place(path).open("rb"))


def open_exactly(path: str) -> BinaryIO:
    """The same for a read of one known place: nothing else is fetched."""
    return open_ranged(place(path))
