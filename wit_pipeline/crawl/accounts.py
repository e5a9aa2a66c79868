"""What became of a crawl's URLs, by host and by status: sums over the units' tables, one at a time.

In a round a host's URLs stand in one unit; those of a host larger than a unit in units that follow one
another. So the sums of a host and round are whole once a unit goes by without it, and memory holds the hosts
of two units; those of several rounds are put `together` afterwards.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wit_pipeline.crawl.bounds import ENOUGH
from wit_pipeline.crawl.finality import is_passing
from wit_pipeline.frontier import host_id_of, host_of
from wit_pipeline.pictures.version import FIRST
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.records import SUCCESS

DECODER = "decoder"  # the fact of a unit's table that names it
MESSAGES = 5  # shown of each status
DISTINCT = 1000  # messages of a status that are told apart; the rest count for the status alone
CHARACTERS = 200  # of a message


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a crawl unit's table says of a URL, as much as the accounts need."""

    url: str
    status: str
    error_message: str
    attempts: int
    bytes_fetched: int
    http_status: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A host's URLs, as hosts.parquet has them."""

    host: str  # the authority: with a port where the URL has one; "" of images that need no fetching
    urls: int
    success: int
    statuses: tuple[str, ...]  # most URLs first, success among them …
    counts: tuple[int, ...]  # … and how many URLs have each
    bytes: int  # fetched
    attempts: int
    seconds: float  # of all URLs together, waiting included; 0 where nothing tells it


@dataclass(frozen=True, kw_only=True, slots=True)
class Class:
    """A status, as classes.parquet has it."""

    status: str
    urls: int
    candidates: int  # pairs that have one of the URLs
    bytes: int
    attempts: int
    messages: tuple[str, ...]  # the most frequent …
    counts: tuple[int, ...]  # … and how many URLs have each
    passing: int = 0  # of the URLs, those that may bring another answer later


class _Sums:
    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.bytes = self.attempts = self.passing = 0
        self.seconds = 0.0

    def add(self, item: Outcome, seconds: float) -> None:
        self.statuses[item.status] += 1
        self.bytes += item.bytes_fetched
        self.attempts += item.attempts
        self.passing += is_passing(item.status, item.http_status, item.error_message)
        self.seconds += seconds

    def row(self, host: str) -> Host:
        ranked = sorted(self.statuses.items(), key=lambda entry: (-entry[1], entry[0]))
        return Host(
            host=host,
            urls=self.statuses.total(),
            success=self.statuses[SUCCESS],
            statuses=tuple(status for status, _ in ranked),
            counts=tuple(count for _, count in ranked),
            bytes=self.bytes,
            attempts=self.attempts,
            seconds=round(self.seconds, 3),
        )


class Hosts:
    """The sums of hosts, from units in their order."""

    def __init__(self) -> None:
        self._open: dict[str, _Sums] = {}

    def unit(self, outcomes: Iterable[Outcome], seconds: Mapping[str, float] | None = None) -> Iterator[Host]:
        """Take a unit in; returns the hosts that are whole by now, by name. `seconds` are of URLs."""
        before, now = self._open, dict[str, _Sums]()
        for item in outcomes:
            host = host_of(item.url)
            if host not in now:
                now[host] = before.pop(host) if host in before else _Sums()
            now[host].add(item, (seconds or {}).get(item.url, 0.0))
        self._open = now
        return (before[host].row(host) for host in sorted(before))

    def rest(self) -> Iterator[Host]:
        """The hosts of the last unit, by name."""
        return self.unit(())


def together(read: Callable[[], Iterable[Host]]) -> Iterator[Host]:
    """One row a host, of rows that can be `read` twice. Holds 8 bytes a row, and the hosts of several."""
    ids = np.fromiter((int(host_id_of(item.host), 16) for item in read()), np.uint64)
    found, counts = np.unique(ids, return_counts=True)
    left = dict(zip(found[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))
    begun: dict[int, Host] = {}
    for item, number in zip(read(), ids.tolist(), strict=True):
        if number not in left:
            yield item
            continue
        begun[number] = _sum(begun[number], item) if number in begun else item
        left[number] -= 1
        if not left[number]:
            yield begun.pop(number)


def _sum(one: Host, other: Host) -> Host:
    sums = _Sums()
    for item in (one, other):
        sums.statuses.update(dict(zip(item.statuses, item.counts, strict=True)))
    sums.bytes, sums.attempts = one.bytes + other.bytes, one.attempts + other.attempts
    sums.seconds = one.seconds + other.seconds
    return sums.row(one.host)


class Classes:
    """The sums of statuses."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sums] = {}
        self._candidates: Counter[str] = Counter()
        self._messages: dict[str, Counter[str]] = {}

    def unit(self, outcomes: Iterable[Outcome], weights: Mapping[str, int]) -> None:
        """Take a unit in; `weights` are the candidates of each URL."""
        for item in outcomes:
            self._sums.setdefault(item.status, _Sums()).add(item, 0.0)
            self._candidates[item.status] += weights.get(item.url, 0)
            messages = self._messages.setdefault(item.status, Counter())
            message = ENOUGH.sub("", item.error_message)[:CHARACTERS]  # what is said of all of a host
            if message and (message in messages or len(messages) < DISTINCT):
                messages[message] += 1

    def told(self) -> dict[str, dict[str, Any]]:
        """All that was taken in, by status, as JSON can say it."""
        return {
            status: {
                "urls": sums.statuses.total(),
                "bytes": sums.bytes,
                "attempts": sums.attempts,
                "passing": sums.passing,
                "candidates": self._candidates[status],
                "messages": dict(self._messages[status]),
            }
            for status, sums in self._sums.items()
        }

    def add(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in what others that came after have `told`."""
        for status, item in told.items():
            sums = self._sums.setdefault(status, _Sums())
            sums.statuses[status] += item["urls"]
            sums.bytes += item["bytes"]
            sums.attempts += item["attempts"]
            sums.passing += item["passing"]
            self._candidates[status] += item["candidates"]
            messages = self._messages.setdefault(status, Counter())
            for message, count in item["messages"].items():
                if message in messages or len(messages) < DISTINCT:
                    messages[message] += count

    @property
    def urls(self) -> int:
        """How many URLs were taken in."""
        return sum(sums.statuses.total() for sums in self._sums.values())

    def rows(self) -> Iterator[Class]:
        """The statuses, most URLs first."""
        ranked = sorted(self._sums.items(), key=lambda entry: (-entry[1].statuses.total(), entry[0]))
        for status, sums in ranked:
            top = sorted(self._messages[status].items(), key=lambda entry: (-entry[1], entry[0]))[:MESSAGES]
            yield Class(
                status=status,
                urls=sums.statuses.total(),
                candidates=self._candidates[status],
                bytes=sums.bytes,
                attempts=sums.attempts,
                passing=sums.passing,
                messages=tuple(message for message, _ in top),
                counts=tuple(count for _, count in top),
            )


def counted(statuses: Iterable[tuple[str, str]], weights: Mapping[str, int]) -> Counts:
    """What became of a unit's candidates, from (URL, status); `weights` are the candidates of each URL."""
    found: Counter[str] = Counter()
    for url, status in statuses:
        found[status] += weights[url]
    kept = found.pop(SUCCESS, 0)
    return Counts(read=kept + found.total(), kept=kept, rejected=dict(sorted(found.items())))


def decoders(tables: Iterable[Path]) -> dict[str, int]:
    """How many pictures of some units each decoder stored, most first."""
    found: Counter[str] = Counter()
    for path in tables:
        found[rows.fact(path, DECODER) or FIRST] += rows.column(path, "status").count(SUCCESS)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def totals(classes: Iterable[Class]) -> Counts:
    """What became of the candidates of a crawl, from the rows of all statuses."""
    found = {item.status: item.candidates for item in classes if item.candidates}
    kept = found.pop(SUCCESS, 0)
    return Counts(read=kept + sum(found.values()), kept=kept, rejected=dict(sorted(found.items())))


def check(unit: int, outcomes: Sequence[Outcome], wanted: Mapping[str, int]) -> None:
    """A `RunError` unless every URL that is wanted of a unit has a status."""
    missing = wanted.keys() - {item.url for item in outcomes}
    if missing:
        raise RunError(
            f"crawl: unit {unit:06d}: of {len(wanted)} URLs {len(missing)} have no status; the first is "
            f"{min(missing)}"
        )
