"""When a URL may be asked for again, by the tables of its unit and its chances.

It is one that has no final answer, or that a rule of ours refused which is another now, or whose picture is
older than `crawl.max_age`.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from wit_pipeline.crawl.crawl import Timed
from wit_pipeline.crawl.finality import is_passing, would_pass
from wit_pipeline.frontier import host_of
from wit_pipeline.vocabulary.asked import displaces
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason

MOST = 4  # times that a URL is asked for by a crawl and by `--again` together: the first, and three more


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a unit's table, or that of a chance, says of a URL, as much as chances need."""

    url: str
    status: str
    http_status: int
    error_message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wants:
    """Who is asked again now."""

    began: datetime  # of the build: whoever was parked since is waited for
    again: bool = False  # what is passing of earlier builds, too, …
    again_after: float = 0.0  # … so many seconds after it was asked for last
    outage: bool = False  # what is passing of earlier builds, as they met an outage
    max_age: float = 0.0  # seconds after which pictures of earlier builds are asked for again; 0: never
    rules: CrawlConfig | None = None  # what other rules of ours refused in earlier builds and these let pass


class Due(NamedTuple):
    """When a URL may be asked for again."""

    moment: datetime
    parked: bool  # by its host, in this build: the build waits for it
    aged: bool = False  # it is a picture that is stored, and old


Asking = tuple[Sequence[Said], Sequence[Timed]]  # a table of a unit, or of a chance of it, and when it was


def due(askings: Sequence[Asking], wants: Wants) -> dict[str, Due]:
    """When each URL of a unit, that is to be, may be asked again; `askings` are in their order.

    Nobody of a host is asked before the latest moment that it named. A host that did nothing but ask for
    pauses in two chances that followed one another is waited for no longer.
    """
    last: dict[str, tuple[Said, Timed]] = {}
    stands = dict[str, Said]()
    asked, stored, closed = Counter[str](), set[str](), dict[str, str]()
    for answers, times in askings:
        for answer, timed in zip(answers, times, strict=True):
            last[answer.url] = answer, timed
            asked[answer.url] += answer.status not in (Reason.HOST_PAUSED, Reason.HOST_TOO_SLOW)
            if answer.url not in stands or displaces(stands[answer.url], answer):
                stands[answer.url] = answer
            if answer.status == SUCCESS:
                stored.add(answer.url)
            if timed.not_before:
                host = host_of(answer.url)
                closed[host] = max(closed.get(host, ""), timed.not_before)
    barren = len(askings) > 2 and all(
        answer.status == Reason.HOST_PAUSED for answers, _ in askings[-2:] for answer in answers
    )
    found = {}
    for url, (answer, timed) in last.items():
        aged = stands[url].status == SUCCESS and wants.max_age > 0
        passes = is_passing(answer.status, answer.http_status, answer.error_message)
        ours = wants.rules is not None and would_pass(answer.status, answer.error_message, wants.rules)
        if not aged and (url in stored or not (passes or ours)):  # nor whose picture was taken down
            continue
        at = datetime.fromisoformat(timed.fetched_at)
        opens = max(at, datetime.fromisoformat(closed.get(host_of(url), timed.fetched_at)))
        if at >= wants.began:
            if answer.status == Reason.HOST_PAUSED and not barren:
                found[url] = Due(opens, parked=True, aged=aged)
        elif aged:
            found[url] = Due(max(opens, at + timedelta(seconds=wants.max_age)), parked=False, aged=True)
        elif ours or wants.outage:
            found[url] = Due(opens, parked=False)
        elif wants.again and asked[url] < MOST:
            found[url] = Due(max(opens, at + timedelta(seconds=wants.again_after)), parked=False)
    return found


def lanes(hosts: Sequence[Collection[str]], named: Sequence[str]) -> list[str]:
    """The lane of each of some units, by the hosts that it is to ask and the lane that it has, or "".

    A host of an earlier round has units of several: those that are to ask one host now are one lane, and so
    are whole lanes that share one.

    >>> lanes([{"a", "b"}, {"c"}, {"b", "d"}, {"d"}, {"e"}], ["", "", "", "large", ""])
    ['large', '', 'large', 'large', '']
    """
    same = list(
        range(len(hosts))
    )  # of each unit an earlier one, or itself: in the end, the first of its lane
    seen: dict[tuple[str, str], int] = {}

    def first_of(unit: int) -> int:
        while same[unit] != unit:
            same[unit] = unit = same[same[unit]]
        return unit

    for unit, (mine, name) in enumerate(zip(hosts, named, strict=True)):
        keys = [("host", host) for host in mine] + ([("lane", name)] if name else [])
        others = {first_of(seen.setdefault(key, unit)) for key in keys} | {unit}
        for other in others:
            same[other] = min(others)
    firsts = [first_of(unit) for unit in range(len(hosts))]
    names = {first: name for first, name in zip(firsts, named, strict=True) if name}
    size = Counter(firsts)
    return [names.get(first, f"with-{first}") if size[first] > 1 else named[first] for first in firsts]
