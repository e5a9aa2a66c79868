"""What one host may take of a crawl: `crawl.host_hours` and `crawl.host_urls`.

A host is asked as slowly as it wants to be, and a large one may then last for months. What it would take
beyond the bound is left out before it is asked, drawn by a hash: the same URLs each time, and no others than
a lower bound leaves out.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from wit_pipeline.frontier import host_of
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

PURPOSE = "crawl:host"  # of the draw
HOUR = 3600.0  # seconds
ENOUGH = re.compile(r"; enough: (host_urls|host_hours) = ([0-9.]+)")  # said of a URL that is left out


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """Where a unit lies among those of a host that is larger than one; all zeros where it has other hosts."""

    before: int = 0  # URLs of the units before it
    urls: int = 0  # of all units of the lane


NO_LANE = Lane()


class Bounds:
    """Which URLs of a unit are asked for, once the pace of their host is known."""

    def __init__(self, urls: Iterable[str], config: CrawlConfig, seed: int, lane: Lane = NO_LANE) -> None:
        self._hours, self._urls, self._lane = config.host_hours, config.host_urls, lane
        self._ranks: dict[str, int] = {}  # within the host, in the order of the hash
        self._sizes: dict[str, int] = {}
        if not self.any:
            return
        hosts = defaultdict[str, list[str]](list)
        for url in set(urls):
            hosts[host_of(url)].append(url)
        for host, found in hosts.items():
            ordered = sorted(found, key=lambda url: (draw(url, seed=seed, purpose=PURPOSE), url))
            self._ranks |= {url: rank for rank, url in enumerate(ordered)}
            self._sizes[host] = len(ordered)

    @property
    def any(self) -> bool:
        """Whether there is a bound at all."""
        return self._hours > 0 or self._urls > 0

    def refusal(self, url: str, interval: float) -> str:
        """Why `url` is not asked for, or ""; `interval`: seconds between two requests to its host.

        It also says which bound would be enough.
        """
        if not self.any:
            return ""
        here = self._sizes[host_of(url)]
        whole = self._lane.urls or here
        if self._urls and self._ranks[url] >= self._share(self._urls, here, whole):
            enough = self._enough(self._urls, self._ranks[url], here, whole)
            return f"its host has {whole:,} URLs, more than host_urls; enough: host_urls = {enough}"
        takes = whole * interval / HOUR
        if self._hours and takes > self._hours:
            most = int(self._hours * HOUR / interval)
            if self._ranks[url] >= self._share(most, here, whole):
                # Up to the next thousandth, and one more for what is lost in dividing.
                hours = (
                    math.ceil(self._enough(most, self._ranks[url], here, whole) * interval / HOUR * 1000) + 1
                )
                said = f"its host would take {takes:,.1f} h, more than host_hours"
                return f"{said}; enough: host_hours = {hours / 1000:.3f}"
        return ""

    def _share(self, most: int, here: int, whole: int) -> int:
        """How many of a host's `most` URLs are this unit's, so that those of all its units make `most`."""
        before = self._lane.before
        return most * (before + here) // whole - most * before // whole

    def _enough(self, most: int, rank: int, here: int, whole: int) -> int:
        """The next larger bound with which the URL of that rank is asked for."""
        most = max(most + 1, rank * whole // here - 1)
        while self._share(most, here, whole) <= rank:
            most += 1
        return most


NO_BOUNDS = Bounds((), CrawlConfig(), 0)
