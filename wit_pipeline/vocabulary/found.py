"""The files that patterns mean: each once, and under a name that does not depend on how its path is spelled.

A path is not a pattern. What a pattern found is opened by its path and never matched again, and what is there
under the very name that was given, as browsers name copies ("a[1].tsv"), is that file.

A file's *name* is its path below that part of the pattern that is none: of "/data/*/a*.tsv" it is
"en/a1.tsv", of "/data/a.tsv" it is "a.tsv", wherever /data lies and however one came there. It stands in what
is built, in place of the path.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import escape, glob, has_magic
from pathlib import Path

from wit_pipeline.vocabulary.command import has_scheme
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.store import StorePath, given, in_store, reason


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
    """The files that a pattern means, in order, links after what is none; not folders.

    A `UserError`, which begins with `where`, for a link that leads nowhere, or a store that cannot be asked.
    """
    if has_scheme(pattern):
        return _of_a_store(pattern, where)
    plain = _without_needless_parts(pattern)
    begin = _begin(plain)
    paths = sorted(
        glob(_escaped(plain, begin), recursive=True), key=lambda path: (os.path.islink(path), path)
    )
    return [found for path in paths for found in _local(path, begin, where)]


def _of_a_store(pattern: str, where: str) -> list[Found]:
    try:
        whole = in_store(given(pattern))
        assert whole is not None, "it has a scheme"
        plain = "*" not in whole.name and whole.is_file()
        begin, rest = _parted(whole)
        paths = [whole] if plain else sorted(path for path in _walk(begin, rest) if path.is_file())
        begin = whole.parent if plain else begin
        states = [(path, path.stat()) for path in paths]
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except OSError as error:
        raise UserError(f"{where}: {pattern}: {reason(error)}") from None
    return [
        Found(
            path=str(path),
            name=str(path.relative_to(begin)),
            version=f"{state.st_size} bytes, modified {state.st_mtime:.3f}",
            folder=str(begin),
            identity=path,
        )
        for path, state in states
    ]


def _parted(pattern: StorePath) -> tuple[StorePath, list[str]]:
    """The folders of a pattern before the first that is one, and the names that are left."""
    folders = [pattern, *pattern.parents]
    begin = next(path for path in folders[1:] if not has_magic(str(path.relative_to(folders[-1]))))
    return begin, list(pattern.relative_to(begin).parts)


def _walk(folder: StorePath, names: Sequence[str]) -> Iterator[StorePath]:
    """What a pattern means below a folder, as `glob` has it: "**" is any folders, and "*" no hidden file."""
    name, *rest = names
    if name == "**":
        below = [path for path in folder.rglob("*") if "/." not in f"/{path.relative_to(folder)}"]
        if not rest:
            yield from below
        for inner in [folder, *(path for path in below if path.is_dir())] if rest else ():
            yield from _walk(inner, rest)
    elif not has_magic(name):
        yield from _walk(folder / name, rest) if rest else [folder / name]
    else:
        for path in folder.glob(name):
            if name.startswith(".") or not path.name.startswith("."):
                yield from _walk(path, rest) if rest else [path]


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


def _begin(pattern: str) -> str:
    """What stands before the names in a pattern: all folders before the first that is a pattern.

    A folder that is there by this very name is none.
    """
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
