"""Outside files through Beam's file systems: local, gs:// with the gcp extra, s3:// with aws."""

import multiprocessing
from collections.abc import Iterable, Mapping
from functools import cache
from os.path import relpath
from pathlib import Path
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.engine import progress
from wit_pipeline.sources import Source
from wit_pipeline.vocabulary import found
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.extras import needs_store
from wit_pipeline.vocabulary.found import Found
from wit_pipeline.vocabulary.paths import has_scheme

FileSystems.set_options(PipelineOptions([]))  # without any, Beam can name no s3:// file


def use(options: PipelineOptions) -> None:
    """Open files as Beam's flags say from now on, such as --s3_endpoint_url."""
    FileSystems.set_options(options)


def match(patterns: Iterable[str], where: str) -> list[Found]:
    """The files that globs mean, each once, by name; a file that is there by a glob's very name is that file.

    A `UserError` says which pattern of the recipe's `where` means nothing.
    """
    matched: list[Found] = []
    for pattern in patterns:
        files = _of_a_store(pattern, where) if has_scheme(pattern) else found.meant(pattern, where)
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


@cache  # the same is asked before the work and after it
def _say(text: str) -> None:
    if multiprocessing.parent_process() is None:  # workers ask, too
        progress.tell("note", text=text)


def _of_a_store(pattern: str, where: str) -> list[Found]:
    needs_store(pattern)  # Beam dies of a client that is not installed, or says to install what is not ours
    try:
        store = FileSystems.get_filesystem(pattern)
        plain = "*" not in pattern and store.exists(pattern)
        listed = [store.metadata(pattern)] if plain else store.match([pattern])[0].metadata_list
    except (BeamIOError, ValueError) as error:
        raise UserError(f"{where}: {pattern}: {_reason(error)}") from None
    begin = pattern[: pattern.rindex("/") + 1] if plain else found.begin_of(pattern)
    return [
        Found(
            path=item.path,
            name=item.path[len(begin) :],
            version=f"{item.size_in_bytes} bytes, modified {item.last_updated_in_seconds:.3f}",
            folder=begin.rstrip("/"),
            identity=item.path,
        )
        for item in sorted(listed, key=lambda item: item.path)
        if not item.path.endswith("/")
    ]


def size_of(path: str) -> int:
    """The bytes of a file that `match` found."""
    return int(FileSystems.get_filesystem(path).size(path))


def _reason(error: Exception) -> str:
    causes = getattr(error, "exception_details", None) or {}
    return "; ".join(str(cause) for cause in cast(Mapping[str, object], causes).values()) or str(error)


def version(paths: Iterable[Path], below: Path) -> str:
    """What tells one state of a folder's files from another: how many, a digest of names, sizes and times."""
    states = [(path, path.stat()) for path in paths]
    table = [[relpath(path, below), state.st_size, state.st_mtime_ns] for path, state in states]
    return f"{len(table)} files, {digest(table)}"


def open_input(path: str) -> BinaryIO:
    """A file's bytes as they are, seekable; the reader finds out about compression itself."""
    return FileSystems.open(path, "application/octet-stream", CompressionTypes.UNCOMPRESSED)
