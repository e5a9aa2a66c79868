"""What stands of a crawl when its frontier or its rules change: nothing is asked for twice without a word.

A unit's bytes are decided by its URLs and by how they are asked and stored, not by the captions or the places
in sources that name them: what binds a URL because of where it was found is heard when it is asked for. So a
unit *holds* as long as its URLs are the same; its counts, which are of candidates, are made anew.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.crawl.accounts import Outcome, counted
from wit_pipeline.frontier import url_id
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.records import SUCCESS


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a crawl holds of the URLs that a frontier wants now."""

    asked: int  # URLs that have a status
    pictures: int  # of them, those that gave one
    bytes: int  # that were fetched for them
    again: int  # of them, those that are wanted still
    new: int  # URLs that are wanted and were never asked for


def holds(fetched: Mapping[int, Path], wanted: Mapping[int, Path], whole: Container[int]) -> bool:
    """Whether every unit of a crawl, whose tables are `fetched`, does so for the parts of a frontier.

    Of the units that are not `whole` the table alone is there.
    """
    return all(
        unit in whole
        and unit in wanted
        and set(rows.column(path, "url")) == set(rows.column(wanted[unit], "url"))
        for unit, path in fetched.items()
    )


def standing(fetched: Mapping[int, Path], wanted: Mapping[int, Path]) -> Standing:
    """What a crawl whose units do not hold has asked for, and what a frontier would have asked again."""
    asked = pictures = size = 0
    for path in fetched.values():
        for item in rows.read(path, Outcome):
            asked += 1
            pictures += item.status == SUCCESS
            size += item.bytes_fetched
    before, now = _urls(fetched.values()), _urls(wanted.values())
    again = len(np.intersect1d(before, now, assume_unique=True))
    return Standing(asked=asked, pictures=pictures, bytes=size, again=again, new=len(now) - again)


def _urls(paths: Iterable[Path]) -> NDArray[np.uint64]:
    """The URLs of some tables, each once, by their ids: 8 bytes each, where text would not fit in memory."""
    parts = [
        np.array([int(url_id(url), 16) for url in set(rows.column(path, "url"))], np.uint64) for path in paths
    ]
    return np.unique(np.concatenate(parts)) if parts else np.array([], np.uint64)


def recounted(table: Path, part: Path) -> Counts:
    """The counts of a unit that holds, for the candidates that have its URLs now."""
    outcomes = rows.read(table, Outcome)
    return counted(((item.url, item.status) for item in outcomes), Counter(rows.column(part, "url")))


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
