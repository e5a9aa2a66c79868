"""One file per kind of source (`list` is url_list: a module may not hide a builtin).

Each lists the splits of a file and reads a split, both from a byte stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wit_pipeline.extract import SourceConfig
from wit_pipeline.records import Raw, Reject
from wit_pipeline.sources import url_list, warc


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A part of a source file that one worker reads: `rows` are row groups where the format has them."""

    source: int  # position in the recipe's sources
    path: str
    first: int = 0
    last: int = 0  # exclusive; 0 is the whole file


Splitter = Callable[[BinaryIO, str, SourceConfig], list[tuple[int, int]]]
Reader = Callable[[BinaryIO, str, SourceConfig, tuple[int, int]], Iterator[Raw | Reject]]

SPLITTERS: dict[str, Splitter] = {"list": url_list.splits, "warc": warc.splits}
READERS: dict[str, Reader] = {"list": url_list.read, "warc": warc.read}
