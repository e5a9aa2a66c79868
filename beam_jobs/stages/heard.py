"""Heard: pictures that were stored in earlier builds, by what the files of their sites say now.

A build that asks a host for anything hears its robots.txt, tdmrep.json, ai.txt and licences anew. They speak
of all that the host serves, so what they forbid of pictures that are stored is a take-down from then on. No
picture is asked for: what is forbidden is written as a chance of its unit, in which each URL has the reason,
and by the rule of `wit_pipeline.vocabulary.asked.displaces` that stands. Hosts that a build did not ask are
left alone.

    Hear    units that earlier builds asked, some at a time -> what is forbidden of them by now
    Heard   a unit of which anything is -> its chance
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beam_jobs.engine.stage import Done, Task, Unit
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import chances
from wit_pipeline.crawl.accounts import Outcome
from wit_pipeline.crawl.crawl import Timed, origins
from wit_pipeline.fetch.client import NOWHERE, Client
from wit_pipeline.frontier import host_id_of, host_of
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.asked import RECEIPT, is_no, standing
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.manifest import Counts, aside, describe
from wit_pipeline.vocabulary.records import SUCCESS, Candidate, Reason
from wit_pipeline.vocabulary.store import AT_ONCE, array, place

# Of these no host was asked, nor were its files.
UNASKED = {Reason.BLOCK_LISTED, Reason.URL_INVALID, Reason.BLOCKED_SCHEME, Reason.BLOCKED_ADDRESS}
UNASKED_HELD = {SUCCESS, Reason.SOURCE_UNREADABLE}  # nor of these, where nothing was attempted

Tables = Sequence[tuple[Path, Path]]  # of a unit and its chances: URLs, and times
HOSTS = "heard-hosts.npy"  # in scratch: the ids of hosts that were asked in this build, sorted
SLICE = "heard-"  # begins the names of units of Hear, and of their files
EACH = 64  # units that are heard by one of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Old:
    """A unit that earlier builds asked."""

    name: str
    part: str  # its candidates
    tables: tuple[tuple[str, str], ...]  # of the unit and its chances: URLs, and times


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Some of them, and what tells one set of hosts from another."""

    hosts: str
    units: tuple[Old, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forbidden:
    """What a chance covers, for whoever does it."""

    part: str  # the candidates of the unit
    urls: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A URL that its site forbids by now, and the unit that has its picture."""

    unit: str
    url: str


# --- Hear -----------------------------------------------------------------------------------------


def slices(task: Task, fetched: Iterable[Unit]) -> Sequence[Unit]:
    """The units that earlier builds asked, where this one asked any host.

    When a table was asked is in its statistics: of what earlier builds wrote nothing more is read here.
    """
    since, of = chances.began(task), chances.chances_of(task.folders)
    units = [(unit, chances.tables(task.folders, of(unit.name))) for unit in fetched]
    pairs = [pair for _, tables in units for pair in tables]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="heard") as pool:
        spans = dict(zip(pairs, pool.map(_span, pairs), strict=True))
    left = [
        Old(name=unit.name, part=str(unit.covers), tables=tuple((str(one), str(two)) for one, two in tables))
        for unit, tables in units
        if any(spans[pair][0] < _text(since) for pair in tables)
    ]
    now = [pair for pair in pairs if left and spans[pair][1] >= _text(since)]
    hosts = _write_hosts(task.folders.scratch / HOSTS, now, since) if now else ""
    left = left if hosts else []
    groups = [tuple(left[first : first + EACH]) for first in range(0, len(left), EACH)]
    return [
        # Which hosts a slice asks is known where it is read: processes that share no folder take turns.
        Unit(
            name=f"{SLICE}{number:06d}",
            covers=Slice(hosts=hosts, units=group),
            lane="hear" if task.processes > 1 else "",
        )
        for number, group in enumerate(groups)
    ]


def _span(pair: tuple[Path, Path]) -> tuple[str, str]:
    """When the first and the last URL of a table were asked for: UTC, ISO."""
    return rows.bounds(pair[1], "fetched_at")


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")  # as tables have it


def _write_hosts(path: Path, tables: Tables, since: datetime) -> str:
    """Write down the hosts that were asked since; returns what tells them from others, "" where none was."""
    found = np.array(sorted({_number(host) for host in _hosts(tables, since)}), np.uint64)
    with aside(path) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return digest(found.tobytes().hex()) if len(found) else ""


def _number(host: str) -> int:
    return int(host_id_of(host), 16)


@cache  # once a process, and mapped where the disk is this machine's
def _asked(path: Path, hosts: str) -> NDArray[np.uint64]:
    return array(path)


def plan(task: Task, unit: Unit) -> str:
    """What was heard counts as long as no other host was asked."""
    return _plan(task, unit.covers.hosts)


def _plan(task: Task, hosts: str) -> str:
    return digest([task.plan, hosts])


def hear(task: Task, unit: Unit, client: Client) -> Done:
    """Write down what hosts that were asked in this build forbid of some units. Memory holds one of them."""
    since, path = chances.began(task), task.folders.scratch / f"{unit.name}.parquet"
    hosts = _asked(task.folders.scratch / HOSTS, unit.covers.hosts)
    count = write_whole(
        path, Told, (told for old in unit.covers.units for told in _heard(old, hosts, since, client))
    )
    return Counts(), (describe(path, count),)


def _heard(old: Old, hosts: NDArray[np.uint64], since: datetime, client: Client) -> Iterator[Told]:
    stored = _stored([(place(table), place(times)) for table, times in old.tables], hosts, since)
    found = rows.read(place(old.part), Candidate) if stored else ()
    # Of what is held the bytes came with a source, and not from the host.
    wanted = [item for item in found if item.url in stored and not item.held]
    if wanted:
        client.owns(item.url for item in wanted)
        for url in sorted(client.run(_forbidden(client, wanted))):
            yield Told(unit=old.name, url=url)


# --- Heard ----------------------------------------------------------------------------------------


def units(task: Task, fetched: Iterable[Unit]) -> Sequence[Unit]:
    """A chance for each unit that holds pictures which their hosts forbid, but for what is written."""
    told = _told(task)
    found = list(_units(task, [unit for unit in fetched if unit.name in told], told)) if told else []
    return chances.apart(task, found, [unit.covers.urls for unit in found])


def _units(task: Task, fetched: Iterable[Unit], told: Mapping[str, set[str]]) -> Iterator[Unit]:
    since, of = chances.began(task), chances.chances_of(task.folders)
    for unit in fetched:
        receipts = of(unit.name)
        urls = told[unit.name] - {
            item.url for item in _answers(chances.tables(task.folders, receipts), since)
        }
        if urls:
            covers = Forbidden(part=str(unit.covers), urls=frozenset(urls))
            name = chances.following(receipts[-1][0])
            yield replace(unit, name=name, covers=covers, records=len(urls))


def _told(task: Task) -> Mapping[str, set[str]]:
    """What was heard, by unit."""
    scratch, found = task.folders.scratch, dict[str, set[str]]()
    paths = sorted(scratch.glob(f"{SLICE}*{RECEIPT}"))
    hosts = array(scratch / HOSTS) if paths else np.empty(0, np.uint64)
    mine = _plan(task, digest(hosts.tobytes().hex()))
    for receipt in manifest.read_receipts(paths, mine):
        for file in receipt.files if receipt is not None else ():
            for item in rows.read(scratch / file.name, Told):
                found.setdefault(item.unit, set()).add(item.url)
    return found


def candidates(covers: Forbidden) -> list[Candidate]:
    """The candidates of those URLs that a chance is about."""
    return [item for item in rows.read(place(covers.part), Candidate) if item.url in covers.urls]


def _answers(tables: Tables, since: datetime) -> Iterator[Outcome]:
    """What was heard of URLs since."""
    for table, times in tables:
        if _span((table, times))[1] < _text(since):
            continue
        for answer, timed in zip(rows.read(table, Outcome), rows.read(times, Timed), strict=True):
            if datetime.fromisoformat(timed.fetched_at) >= since:
                yield answer


def _is_in(hosts: NDArray[np.uint64], host: str) -> bool:
    number = np.uint64(_number(host))
    where = int(np.searchsorted(hosts, number))
    return where < len(hosts) and bool(hosts[where] == number)


def _hosts(tables: Tables, since: datetime) -> set[str]:
    """The hosts that were asked since."""
    return {
        host_of(item.url)
        for item in _answers(tables, since)
        if item.status not in UNASKED and (item.attempts or item.status not in UNASKED_HELD)
    }


def _stored(tables: Tables, hosts: NDArray[np.uint64], since: datetime) -> set[str]:
    """The URLs of hosts whose pictures stand, but for those that were asked for since: they were heard."""
    told = {item.url for item in _answers(tables, since)}
    return {
        item.url
        for item in standing((table for table, _ in tables), Outcome)
        if item.status == SUCCESS and item.url not in told and _is_in(hosts, host_of(item.url))
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
