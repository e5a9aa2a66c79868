"""The files that patterns mean: each once, and under a name that does not depend on how its path is spelled.

A path is not a pattern. What a pattern found is opened by its path and never matched again, and what is there
under the very name that was given, as browsers name copies ("a[1].tsv"), is that file.

A file's *name* is its path below that part of the pattern that is none: of "/data/*/a*.tsv" it is
"en/a1.tsv", of "/data/a.tsv" it is "a.tsv", wherever /data lies and however one came there. It stands in what
is built, in place of the path.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from glob import escape, glob, has_magic
from pathlib import Path

from wit_pipeline.vocabulary.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A file that patterns mean."""

    path: str  # as it is opened
    name: str  # no other file that the same patterns mean has it
    version: str  # what tells one state of it from another
    folder: str = ""  # what the name is below, links followed: tells namesakes apart
    identity: object = None  # equal for one file under two paths
    also: tuple[str, ...] = ()  # other paths of it that the patterns mean


def meant(pattern: str, where: str) -> list[Found]:
    """The files of this machine that a pattern means, in order, links after what is none; not folders.

    A `UserError`, which begins with `where`, for a link that leads nowhere.
    """
    plain = _without_needless_parts(pattern)
    begin = _begin(plain)
    paths = sorted(
        glob(_escaped(plain, begin), recursive=True), key=lambda path: (os.path.islink(path), path)
    )
    return [found for path in paths for found in _local(path, begin, where)]


def _local(path: str, begin: str, where: str) -> Iterator[Found]:
    try:
        state = os.stat(path)
    except FileNotFoundError:
        raise UserError(f"{where}: {path} is a link that leads nowhere") from None
    if not Path(path).is_dir():
        yield Found(
            path=path,
            name=path[len(begin) :],
            version=f"{state.st_size} bytes, modified {state.st_mtime:.3f}",
            folder=os.path.realpath(begin or "."),
            identity=(state.st_dev, state.st_ino),
        )


def each_once(found: Iterable[Found]) -> list[Found]:
    """The files, the first path of each, by name; of namesakes the later ones have folders before theirs."""
    first: dict[object, Found] = {}
    for item in found:
        known = first.get(item.identity)
        first[item.identity] = replace(known, also=(*known.also, item.path)) if known else item
    named: dict[str, Found] = {}
    for item in first.values():
        name = next(name for name in _names(item) if name not in named)
        named[name] = replace(item, name=name)
    return [named[name] for name in sorted(named)]


def _names(item: Found) -> Iterator[str]:
    name = item.name
    yield name
    for folder in reversed(item.folder.split("/")):
        name = f"{folder}/{name}"
        yield name


def begin_of(pattern: str) -> str:
    """What stands before the names in a pattern: all folders before the first that is a pattern."""
    folders = pattern.split("/")[:-1]
    count = next((place for place, folder in enumerate(folders) if has_magic(folder)), len(folders))
    return "".join(f"{folder}/" for folder in folders[:count])


def _begin(pattern: str) -> str:
    """The same of a pattern of this machine: a folder that is there by this very name is no pattern."""
    begin = ""
    for folder in pattern.split("/")[:-1]:
        if has_magic(folder) and not _stands(f"{begin}{folder}"):
            break
        begin += f"{folder}/"
    return begin


def _escaped(pattern: str, begin: str) -> str:
    rest = pattern[len(begin) :]
    return escape(begin) + (escape(rest) if "/" not in rest and _stands(pattern) else rest)


def _stands(path: str) -> bool:
    """Whether something has this name as it is; "*" always asks for all."""
    return "*" not in os.path.basename(path) and os.path.lexists(path)


def _without_needless_parts(pattern: str) -> str:
    """The pattern without "." and empty folders: "./*.xml" and "*.xml" mean the same."""
    head, *rest = pattern.split("/")
    parts = [part for part in rest if part not in ("", ".")]
    return "/".join(parts if head == "." and rest else [head, *parts])
