"""What a crawl holds, in numbers: for whoever is about to have it asked for again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.crawl.accounts import Outcome
from wit_pipeline.frontier import url_ids
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.records import SUCCESS


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a crawl holds of the URLs that a frontier wants now."""

    asked: int  # URLs that have a status
    pictures: int  # of them, those that gave one
    bytes: int  # that were fetched for them
    again: int  # of them, those that are wanted still
    new: int  # URLs that are wanted and were never asked for


def standing(fetched: Collection[Path], wanted: Iterable[Path]) -> Standing:
    """What a crawl, by its tables, has asked for, and what the parts of a frontier would have asked again."""
    asked = pictures = size = 0
    for path in fetched:
        for item in rows.read(path, Outcome):
            asked += 1
            pictures += item.status == SUCCESS
            size += item.bytes_fetched
    before, now = _urls(fetched), _urls(wanted)
    again = len(np.intersect1d(before, now, assume_unique=True))
    return Standing(asked=asked, pictures=pictures, bytes=size, again=again, new=len(now) - again)


def _urls(paths: Iterable[Path]) -> NDArray[np.uint64]:
    """The URLs of some tables, each once, by their ids: 8 bytes each, where text would not fit in memory."""
    parts = [url_ids(list(set(rows.column(path, "url"))))[0] for path in paths]
    return np.unique(np.concatenate(parts)) if parts else np.array([], np.uint64)


def changed(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The keys of a table whose values are others; a key that `now` lacks decides nothing any more."""
    return sorted(key for key, value in now.items() if before.get(key) != value)


def told(found: Standing) -> str:
    """What would be asked for again, in numbers."""
    kept = f"{found.pictures:,} pictures, {size_in_words(found.bytes)} fetched"
    new = f", and {found.new:,} are new" if found.new else ""
    return f"{found.again:,} of the {found.asked:,} URLs it has asked for ({kept}) would be asked again{new}"


def size_in_words(count: int) -> str:
    """Some bytes as people say it."""
    unit, least = next(
        (item for item in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)) if count >= item[1]), ("bytes", 1)
    )
    return f"{count / least:,.1f} {unit}" if least > 1 else f"{count} {unit}"
