"""What a source is: a `[[extract.sources]]` of one kind, its splits, and the records of a split.

Each kind is a module with a dataclass for its keys in the recipe and two functions:

    splits(config, path, world)   how a file, or what stands in for one, is shared out
    read(config, split, world)    its records in order: a Raw for each text of an image, or a Reject
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from wit_pipeline.fetch.client import Client
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Raw, Reject

WHOLE = (0, 0)  # the range of a file that is read in one go


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A part of a source that one worker reads. What the range counts is the kind's own affair."""

    source: int  # position in the recipe's sources
    path: str  # "" for a source that has no files
    name: str = ""  # of the file, in what is built: the same however its path is spelled
    first: int = 0  # row groups, bytes, queries …
    last: int = 0  # exclusive; 0 is the whole file

    @property
    def place(self) -> str:
        """What `where` begins with."""
        return self.name or self.path


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What a source may ask for besides its split."""

    open: Callable[[str], BinaryIO]  # a file's bytes as they are, seekable
    size: Callable[[str], int]  # bytes of a file
    queries: Callable[[], Sequence[str]] = tuple  # the query list, the most trusted first
    crawl: CrawlConfig = field(default_factory=CrawlConfig)
    client: Callable[[CrawlConfig], Client] = Client  # one a process for each config
    seed: int = 0


Range = tuple[int, int]


def no_lane(config: Any, split: Split, others: Sequence[Split]) -> str:
    """Most sources ask nobody: any process may read any split at any time."""
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What the job knows of a kind of source."""

    config: type[Any]
    splits: Callable[[Any, str, World], list[Range]]
    read: Callable[[Any, Split, World], Iterator[Raw | Reject]]
    fetches: bool = False  # whether it asks servers, so that `[crawl]` decides what it gives
    pages: bool = False  # whether it reads pages, so that `opt_outs` of `[crawl]` does
    # Of a split, among all of its kind: those of one lane may ask one host, so one process does them in turn.
    lane: Callable[[Any, Split, Sequence[Split]], str] = no_lane


def needs_path(path: tuple[str, ...]) -> None:
    """A `ValueError` where a source of files names none."""
    if not path:
        raise ValueError("path names no file")
