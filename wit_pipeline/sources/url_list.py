"""Lists of URLs and captions: Parquet, CSV, TSV, TXT, JSON lines and JSON, with columns by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from wit_pipeline.sources.lines import first_lines
from wit_pipeline.sources.lists import delimited, json_document, json_lines, parquet
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.packed import Head, head_of, opened
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject

PACKED = (".gz", ".bz2", ".zst")


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How a file of one format is shared out and read."""

    splits: Callable[[ListSource, str, World], list[Range]]
    read: Callable[[ListSource, Split, World], Iterator[Raw | Reject]]


LINES = Format(splits=json_lines.splits, read=json_lines.read)
DOCUMENT = Format(splits=json_document.splits, read=json_document.read)
FORMATS = {
    "parquet": Format(splits=parquet.splits, read=parquet.read),
    **{
        kind: Format(splits=partial(delimited.splits, kind=kind), read=partial(delimited.read, kind=kind))
        for kind in ("csv", "tsv", "txt")
    },
    "jsonl": LINES,
    "ndjson": LINES,
    "json": DOCUMENT,
}


def splits(config: ListSource, path: str, world: World) -> list[Range]:
    """Ranges of row groups or bytes, as the format allows.

    A `UserError` where there is no row, or it is not known which column is which.
    """
    return format_of(path, world).splits(config, path, world)


def read(config: ListSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The rows of a split; a row that cannot be read is a Reject, and the others go on."""
    return format_of(split.path, world).read(config, split, world)


def format_of(path: str, world: World) -> Format:
    """The format that a file's name states, or its first bytes; a `UserError` for another."""
    name = stated(path)
    if name == "parquet":
        return FORMATS[name]
    with opened(path, world) as stream:
        head = head_of(stream, path)
    if name in FORMATS and head.data.startswith(parquet.MAGIC):
        raise UserError(f"{path}: is a Parquet file by its first bytes; name it .parquet, unpacked")
    if name in ("csv", "tsv", "txt"):
        return FORMATS[name]
    found = sniffed(head, path, name)
    if found is None:
        raise UserError(
            f"{path}: a list source is .parquet, .csv, .tsv, .txt, .jsonl or .json"
            f" (all but the first also {' '.join(PACKED)})"
        )
    return found


def stated(path: str) -> str:
    """The last suffix of a file's name but that of its packing, without the dot."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    return next((suffix[1:] for suffix in reversed(suffixes) if suffix not in PACKED), "")


def sniffed(head: Head, path: str, name: str) -> Format | None:
    """The format that the first bytes of a file show: Parquet, JSON lines or one JSON document."""
    if head.data.startswith(parquet.MAGIC):
        return FORMATS["parquet"]
    lines = [line for line in first_lines(head, path) if line.strip()]
    first = lines[0].lstrip()[:1] if lines else b""
    if name in ("jsonl", "ndjson"):
        return DOCUMENT if first == b"[" or lines[:1] == [b"{\n"] else LINES
    if first == b"{" and len(lines) > 1 and isinstance(json_lines.object_of(lines[0]), dict):
        return LINES
    return DOCUMENT if first in (b"[", b"{") or name == "json" else None
