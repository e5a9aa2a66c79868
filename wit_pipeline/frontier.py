"""What is worth fetching, in units: a host's URLs together, many hosts in a unit."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.balance import Limits, is_kept, limit
from wit_pipeline.fetch import guard
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.chance import draw, fingerprint
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.records import Candidate, Reason, Reject, reject

STAGE = "frontier"
SPELLED = re.compile(r"[a-z0-9.-]*[a-z0-9]")  # a host that is spelled in one way, at its scheme's own port
HOSTS = "hosts-"  # of the names of the tables of the hosts of each unit
HOST = "frontier:host"  # purposes of draws
SPREAD = "frontier:spread"
WORST = 0.05  # of measured success: a round that failed does not make the next ask for everything


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierConfig:
    """The recipe's `[frontier]`."""

    unit_urls: int = 2000  # URLs of one unit of crawling: the atom of work and of resume
    expected_success: float = (
        0.7  # share of URLs that still give an image; lists of a year ago give 0.8 to 0.2
    )
    measured: tuple[str, ...] = how(())  # roots of earlier builds, whose crawls say it instead

    def __post_init__(self) -> None:
        if self.unit_urls < 1:
            raise ValueError(f"unit_urls is at least 1, found {self.unit_urls}")
        if not 0 < self.expected_success <= 1:
            raise ValueError(
                f"expected_success is a share above 0 and up to 1, found {self.expected_success}"
            )


def fetch_limit(count: int, per_query: int, config: FrontierConfig) -> int:
    """The limit of a query with `count` candidates such that after losses `per_query` pairs are left."""
    return limit(count, round(per_query / config.expected_success))


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryFetch:
    """A query's candidates, and how many of them are fetched, as counts.parquet has it."""

    query_id: int
    candidates: int  # without duplicates
    limit: int  # in draws: what draws below it is fetched for this query's sake; SCALE is all
    fetched: int  # for its sake, or another's
    per_query: int = 0  # t, of which the limit is made; 0: not told, as in earlier releases


def measured_success(crawls: Iterable[Counts]) -> float:
    """The share of candidates that gave an image in earlier crawls, pooled; `WORST` at least."""
    whole = sum(crawls, Counts())
    return max(WORST, whole.kept / whole.read) if whole.read else WORST


def after(crawls: Sequence[Counts], config: FrontierConfig) -> FrontierConfig:
    """The knobs of a round that follows earlier crawls: what they measured stands for what was expected."""
    return replace(config, expected_success=measured_success(crawls)) if crawls else config


def host_of(url: str) -> str:
    """The authority whose server answers for a URL, however it is spelled: what politeness is owed to.

    >>> [host_of(url) for url in ("http://A.test.:80/x", "https://faß.de", "https://a.test:80/")]
    ['a.test', 'xn--fa-hia.de', 'a.test:80']
    """
    parts = urlsplit(url)
    host = parts.netloc.lower().rpartition("@")[2]
    if SPELLED.fullmatch(host):  # nearly all
        return host
    try:
        return guard.parse(f"{parts.scheme}://{host}/").host_header
    except FetchError:  # nobody will ask it
        return host


def host_id(url: str) -> str:
    """16 hex digits for a URL's host: what goes through a shuffle in its place."""
    return host_id_of(host_of(url))


def host_id_of(host: str) -> str:
    """16 hex digits for a host."""
    return fingerprint(host)[:16]


def url_id(url: str) -> str:
    """24 hex digits for a URL: of 10^9 of them no two are one by chance."""
    return fingerprint(url)[:24]


def url_ids(urls: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """The ids of some URLs, as their first 16 digits and the rest."""
    ids = [url_id(url) for url in urls]
    first = np.array([int(name[:16], 16) for name in ids], dtype=np.uint64)
    return first, np.array([int(name[16:], 16) for name in ids], dtype=np.uint32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """The units that a host's URLs go to: `units` of them from `first`."""

    host: str  # its `host_id`
    first: int
    units: int


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class HostUnit:
    """A unit that has URLs of a host."""

    host: str  # its `host_id`
    unit: int


def pack(urls_by_host: Mapping[str, int], config: FrontierConfig, seed: int, first: int = 0) -> list[Share]:
    """Hosts to units of about `unit_urls` URLs, from number `first`, in an order that is a hash of the host.

    A host's URLs stay together: a host larger than a unit gets units of its own, every other one exactly
    one, shared with other hosts.
    """
    order = sorted(urls_by_host, key=lambda host: (draw(host, seed=seed, purpose=HOST), host))
    shares, unit, room = [], first, config.unit_urls
    large = [host for host in order if urls_by_host[host] > config.unit_urls]
    for host in [host for host in order if urls_by_host[host] <= config.unit_urls]:
        if urls_by_host[host] > room:
            unit, room = unit + 1, config.unit_urls
        shares.append(Share(host=host, first=unit, units=1))
        room -= urls_by_host[host]
    unit += room < config.unit_urls
    for host in large:
        units = -(-urls_by_host[host] // config.unit_urls)
        shares.append(Share(host=host, first=unit, units=units))
        unit += units
    return shares


def unit_of(url: str, share: Share, seed: int) -> int:
    """The unit of one URL of a host."""
    return share.first + draw(url, seed=seed, purpose=SPREAD) % share.units


@dataclass(frozen=True, slots=True)
class Known:
    """The URLs that a crawl has asked for, each with its unit: 16 bytes a URL, in the order of their ids."""

    first: NDArray[np.uint64]
    rest: NDArray[np.uint32]  # of the ids
    units: NDArray[np.int32]

    @classmethod
    def sorted(cls, tables: Iterable[tuple[int, Sequence[str]]]) -> "Known":
        """From the URLs of each unit."""
        parts = [(*url_ids(urls), np.full(len(urls), unit, np.int32)) for unit, urls in tables]
        empty = [(np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.int32))]
        first, rest, units = (np.concatenate(each) for each in zip(*(parts or empty), strict=True))
        order = np.lexsort((rest, first))
        return cls(first[order], rest[order], units[order])

    def of(self, urls: Sequence[str]) -> NDArray[np.int64]:
        """The unit of each URL; -1 of one that was never asked for."""
        first, rest = url_ids(urls)
        found = np.full(len(urls), -1, dtype=np.int64)
        places, left = np.searchsorted(self.first, first), np.arange(len(urls))
        while len(left):  # more than once where ids have the same first digits
            left = left[places[left] < len(self.first)]
            left = left[self.first[places[left]] == first[left]]
            same = self.rest[places[left]] == rest[left]
            found[left[same]] = self.units[places[left[same]]]
            left = left[~same]
            places[left] += 1
        return found


NOTHING = Known.sorted(())


class Route:
    """The unit of every URL. Holds 16 bytes a host, and the path of a URL goes through no dict of hosts."""

    def __init__(self, shares: Iterable[Share], seed: int, known: Known = NOTHING) -> None:
        ordered = sorted((int(share.host, 16), share.first, share.units) for share in shares)
        self._hosts = np.array([host for host, _, _ in ordered], dtype=np.uint64)
        self._firsts = np.array([first for _, first, _ in ordered], dtype=np.int32)
        self._units = np.array([units for _, _, units in ordered], dtype=np.int32)
        self._seed = seed
        self._known = known

    @property
    def units(self) -> int:
        """One more than the highest number of a unit."""
        known = int(self._known.units.max(initial=-1)) + 1
        return int((self._firsts + self._units).max(initial=known))

    def of(self, urls: Sequence[str]) -> NDArray[np.int64]:
        """The unit of each URL: that which asked for it, or that which is to."""
        found = self._known.of(urls)
        new = np.flatnonzero(found < 0)
        hosts = np.array([int(host_id(urls[i]), 16) for i in new.tolist()], dtype=np.uint64)
        places = np.searchsorted(self._hosts, hosts)
        found[new] = self._firsts[places]
        for i, place in zip(new.tolist(), places.tolist(), strict=True):
            if self._units[place] > 1:
                found[i] += draw(urls[i], seed=self._seed, purpose=SPREAD) % int(self._units[place])
        return found


def judge(
    candidates: Iterable[tuple[int, Candidate]], duplicates: Mapping[int, str], limits: Limits, seed: int
) -> Iterator[Candidate | Reject]:
    """Each candidate of a part, by row number: kept, or dropped as a duplicate or for balance.

    `duplicates` are the rows whose URL and caption stand elsewhere, with where the kept one stands.
    """
    for row, candidate in candidates:
        if row in duplicates:
            yield reject(candidate, STAGE, Reason.DUPLICATE_PAIR, f"kept at {duplicates[row]}")
        elif not is_kept(candidate.key, candidate.queries, limits, seed):
            yield reject(candidate, STAGE, Reason.OVER_SAMPLED, "each of its queries has enough candidates")
        else:
            yield candidate
