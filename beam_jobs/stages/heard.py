"""Heard: pictures that were stored in earlier builds, by what the files of their sites say now.

A build that asks a host for anything hears its robots.txt, tdmrep.json, ai.txt and licences anew. They speak
of all that the host serves, so what they forbid of pictures that are stored is a take-down from then on. No
picture is asked for: what is forbidden is written as a chance of its unit, in which each URL has the reason,
and by the rule of `wit_pipeline.vocabulary.asked.displaces` that stands. Hosts that a build did not ask are
left alone.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from beam_jobs.engine.stage import Task, Unit
from beam_jobs.stages import chances
from wit_pipeline.crawl.accounts import Outcome
from wit_pipeline.crawl.crawl import Timed, origins
from wit_pipeline.fetch.client import NOWHERE, Client
from wit_pipeline.frontier import host_of
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import is_no, standing
from wit_pipeline.vocabulary.records import SUCCESS, Candidate, Reason
from wit_pipeline.vocabulary.store import place

# Of these no host was asked, nor were its files.
UNASKED = {Reason.BLOCK_LISTED, Reason.URL_INVALID, Reason.BLOCKED_SCHEME, Reason.BLOCKED_ADDRESS}
UNASKED_HELD = {SUCCESS, Reason.SOURCE_UNREADABLE}  # nor of these, where nothing was attempted

Tables = Sequence[tuple[Path, Path]]  # of a unit and its chances: URLs, and times


@dataclass(frozen=True, kw_only=True, slots=True)
class Forbidden:
    """What a chance covers, for whoever does it."""

    part: str  # the candidates of the unit
    urls: frozenset[str]


def units(task: Task, fetched: Iterable[Unit], client: Callable[[], Client]) -> Sequence[Unit]:
    """A chance for each unit that holds pictures which their hosts, asked in this build, forbid by now.

    Memory holds the hosts that were asked, and one unit. The client is made where there is anything to hear.
    """
    since = chances.began(task)
    left = [
        (unit, receipts) for unit in fetched if (receipts := list(chances.askings(task.folders, unit.name)))
    ]
    hosts = {host for _, receipts in left for host in _hosts(chances.tables(task.folders, receipts), since)}
    found, made = list[Unit](), list[Client]()
    for unit, receipts in left if hosts else ():
        stored = _stored(chances.tables(task.folders, receipts), hosts, since)
        wanted = (
            [item for item in rows.read(place(unit.covers), Candidate) if item.url in stored]
            if stored
            else []
        )
        wanted = [item for item in wanted if not item.held]  # its bytes came with a source, not from the host
        if not wanted:
            continue
        made = made or [client()]
        urls = made[0].run(_forbidden(made[0], wanted))
        if urls:
            covers = Forbidden(part=str(unit.covers), urls=frozenset(urls))
            found.append(
                replace(unit, name=chances.following(receipts[-1][0]), covers=covers, records=len(urls))
            )
    for each in made:
        each.close()
    return chances.apart(task, found, [unit.covers.urls for unit in found])


def candidates(covers: Forbidden) -> list[Candidate]:
    """The candidates of those URLs that a chance is about."""
    return [item for item in rows.read(place(covers.part), Candidate) if item.url in covers.urls]


def _answers(tables: Tables, since: datetime) -> Iterator[Outcome]:
    """What was heard of URLs since."""
    for table, times in tables:
        for answer, timed in zip(rows.read(table, Outcome), rows.read(times, Timed), strict=True):
            if datetime.fromisoformat(timed.fetched_at) >= since:
                yield answer


def _hosts(tables: Tables, since: datetime) -> set[str]:
    """The hosts that were asked since."""
    return {
        host_of(item.url)
        for item in _answers(tables, since)
        if item.status not in UNASKED and (item.attempts or item.status not in UNASKED_HELD)
    }


def _stored(tables: Tables, hosts: Collection[str], since: datetime) -> set[str]:
    """The URLs of hosts whose pictures stand, but for those that were asked for since: they were heard."""
    told = {item.url for item in _answers(tables, since)}
    return {
        item.url
        for item in standing((table for table, _ in tables), Outcome)
        if item.status == SUCCESS and item.url not in told and host_of(item.url) in hosts
    }


async def _forbidden(client: Client, wanted: Sequence[Candidate]) -> set[str]:
    """The URLs that their sites forbid now. Files that cannot be had, or read, forbid nothing stored."""
    found = origins(wanted)
    refused = {
        url: await client.refusal(url, found.get(url, NOWHERE)) for url in {item.url for item in wanted}
    }
    return {
        url for url, error in refused.items() if error is not None and is_no(error.reason, error.http_status)
    }
