"""Chances: URLs of a unit that are asked for again, by the rule of `wit_pipeline.crawl.chances`.

At the end of a build those whose host asked for a pause, as soon as it is over, for `crawl.patience` in all;
pictures older than `crawl.max_age`, and what a rule of ours refused that is another now, by any build; by
`wit crawl --again` what a signed crawl has no final answer for; by running again what an outage left. What is
asked of unit 12 for the second time is `unit-000012.2`, with a tar, tables and a receipt of its own.

What a build has to remember of it until its crawl is signed lies in ROOT/.work, beside the stage's folder.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from beam_jobs.engine import progress
from beam_jobs.engine.stage import Folders, Task, Unit
from wit_pipeline.crawl.accounts import Class, Outcome
from wit_pipeline.crawl.chances import Due, Said, Wants, due, lanes
from wit_pipeline.crawl.crawl import Timed
from wit_pipeline.crawl.finality import OURS, is_passing, may_pass
from wit_pipeline.fetch.client import shut
from wit_pipeline.fetch.sites import DAY, forget_failures
from wit_pipeline.frontier import host_of
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.asked import RECEIPT, Asked, Asking, asking
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Receipt
from wit_pipeline.vocabulary.records import Candidate
from wit_pipeline.vocabulary.store import place, sizes

STAGE = "crawl"
STATE = "crawl.chances.json"
PAUSES = "crawl.pauses.json"
FEW = 10  # passing failures that are no outage, whatever share they are
HOSTS = "hosts"  # what the build's processes know of hosts, in the stage's work folder
NAP = 1.0  # seconds between two looks at the clock: nobody can wake us

Moments = Mapping[str, Due]
Askings = list[tuple[Asking, Receipt]]  # of a unit and of its chances, which follow one another
_known: dict[str, dict[str, Receipt]] = {}  # by folder and name: nothing that has a receipt is written again


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What a crawl that is not signed yet remembers between its runs."""

    began: str  # UTC, ISO: whoever was parked since is waited for
    waited: float = 0.0  # seconds, for hosts that asked for a pause
    outage: bool = False  # whether what was asked before `began` met an outage
    other_rules: bool = False  # whether what was asked before `began` was asked by other rules of ours


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """What a chance covers, for whoever does it."""

    part: str  # the candidates of the unit
    tables: tuple[tuple[str, str], ...]  # of the unit and its chances: URLs, and times
    moment: str  # UTC, ISO: who is due by then is asked
    wants: Wants


def _place(folders: Folders) -> Path:
    return folders.root / ".work" / STATE


def _state(folders: Folders) -> State:
    path = _place(folders)
    return State(**manifest.read_json(path)) if path.exists() else State(began=_iso(datetime.now(UTC)))


def _keep(folders: Folders, state: State) -> State:
    manifest.write_json(_place(folders), dataclasses.asdict(state))
    return state


def begin(task: Task, before: Mapping[str, Any]) -> None:
    """Before anything is asked: a build that goes on where one was killed waits for whom that one parked.

    `before` is the `[crawl]` by which the crawl was signed or begun, with nothing in it where nobody knows.
    """
    _lay_down_pauses(task.folders)
    state, now = _state(task.folders), task.recipe.table(STAGE)[STAGE]
    other = any(before.get(key) != now[key] for key in OURS)
    _keep(task.folders, replace(state, other_rules=state.other_rules or other))


def began(task: Task) -> datetime:
    """When the build began to ask, in whichever run of it."""
    return datetime.fromisoformat(_state(task.folders).began)


def end(task: Task) -> None:
    """The crawl is about to be signed."""
    _place(task.folders).unlink(missing_ok=True)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _wants(task: Task, state: State) -> Wants:
    return Wants(
        began=datetime.fromisoformat(state.began),
        again=task.leave.again,
        again_after=task.recipe.crawl.again_after,
        outage=state.outage,
        max_age=task.recipe.crawl.max_age * DAY,
        rules=task.recipe.crawl if state.other_rules else None,
    )


# --- pauses that outlast a build ------------------------------------------------------------------


class Pauses:
    """Until when hosts want to be left alone: it holds for builds to come, and for all units of theirs."""

    def __init__(self) -> None:
        self._until: dict[str, str] = {}  # by authority; UTC, ISO
        self._now = _iso(datetime.now(UTC))

    def hear(self, url: str, not_before: str) -> None:
        """What was said with a URL; "" where nothing was."""
        if not_before > self._now:
            host = host_of(url)
            self._until[host] = max(self._until.get(host, ""), not_before)

    def told(self) -> dict[str, str]:
        """All that was heard, as JSON can say it."""
        return self._until

    def add(self, told: Mapping[str, str]) -> None:
        """Hear what others have `told`."""
        for host, until in told.items():
            self._until[host] = max(self._until.get(host, ""), until)

    def keep(self, folders: Folders) -> None:
        """Before what this machine knows of hosts is deleted."""
        path = folders.root / ".work" / PAUSES
        if self._until:
            manifest.write_json(path, self._until)
        else:
            path.unlink(missing_ok=True)


def _lay_down_pauses(folders: Folders) -> None:
    path, now = folders.root / ".work" / PAUSES, datetime.now(UTC)
    known = manifest.read_json(path) if path.exists() else {}
    left = {host: (datetime.fromisoformat(until) - now).total_seconds() for host, until in known.items()}
    shut(folders.own / HOSTS, {host: seconds for host, seconds in left.items() if seconds > 0})


# --- who is due -----------------------------------------------------------------------------------


def units(task: Task, fetched: Iterable[Unit]) -> Sequence[Unit]:
    """The chances of some units that are due by now, after waiting for the next of them; none at the end."""
    state = _state(task.folders)
    wants = _wants(task, state)
    of = chances_of(task.folders)
    found = ((unit, moments(task.folders, unit, of(unit.name), wants)) for unit in fetched)
    left = {unit.name: (unit, when) for unit, when in found if when}
    open_ = {name: when for name, (_, when) in left.items()}
    while True:
        now = datetime.now(UTC)
        ready = [unit for name, (unit, _) in left.items() if _first(open_[name]) <= now]
        if ready:
            again = [
                _chance(task.folders, unit, of(unit.name), open_[unit.name], wants, now) for unit in ready
            ]
            return apart(
                task,
                again,
                [[url for url, when in open_[unit.name].items() if when.moment <= now] for unit in ready],
            )
        parked = [item for name in left for item in open_[name].values() if item.parked]
        pause = (min(item.moment for item in parked) - now).total_seconds() if parked else 0.0
        if not parked or state.waited + pause > task.recipe.crawl.patience:
            _tell_of_those_left(open_[name] for name in left)
            return []
        _wait(pause, [open_[name] for name in left])
        state = _keep(task.folders, replace(state, waited=state.waited + pause))


def any_due(task: Task, fetched: Iterable[Unit]) -> bool:
    """Whether anything of a crawl that is signed is to be asked for by now; if not, it is said when."""
    wants, now = _wants(task, _state(task.folders)), datetime.now(UTC)
    of, later = chances_of(task.folders), list[Moments]()
    for unit in fetched:
        found = moments(task.folders, unit, of(unit.name), wants)
        if found and _first(found) <= now:
            return True
        later.append(found)
    if wants.again:
        _tell_of_those_left(later)
    return False


def count_aged(task: Task, fetched: Iterable[Unit]) -> int:
    """How many pictures are older than `crawl.max_age` by now."""
    wants, now, of = _wants(task, _state(task.folders)), datetime.now(UTC), chances_of(task.folders)
    found = (moments(task.folders, unit, of(unit.name), wants) for unit in fetched)
    return sum(item.aged and item.moment <= now for each in found for item in each.values())


def _first(found: Moments) -> datetime:
    return min(item.moment for item in found.values())


def moments(folders: Folders, unit: Unit, receipts: Askings, wants: Wants) -> Moments:
    """When URLs of a unit that are still wanted may be asked for again, of those that are to be."""
    ours = wants.rules is not None
    paths = tables(folders, receipts)
    if not any(may_pass(one.counts, ours=ours) for _, one in receipts):
        youngest = _iso(datetime.now(UTC) - timedelta(seconds=wants.max_age))
        if not wants.max_age or all(rows.bounds(times, "fetched_at")[0] > youngest for _, times in paths):
            return {}
    found = due([_read(*pair) for pair in paths], wants)
    wanted = _wanted(unit.covers, found) if found else ()
    return {item.url: found[item.url] for item in wanted}


def _wanted(part: str, found: Moments) -> list[Candidate]:
    """The candidates that may be asked for; pictures whose bytes came with a source do not age."""
    candidates = (item for item in rows.read(place(part), Candidate) if item.url in found)
    return [item for item in candidates if not (item.held and found[item.url].aged)]


def chances_of(folders: Folders) -> Callable[[str], Askings]:
    """The receipts of each unit, by its name. Each is read once a process, as long as its files are there."""
    there, known = sizes(folders.home), _known.setdefault(str(folders.home), {})
    for name, receipt in list(known.items()):
        if name not in there or any(there.get(file.name) != file.bytes for file in receipt.files):
            del known[name]
    new = [name for name in sorted(there) if name.endswith(RECEIPT) and name not in known]
    known.update(manifest.receipts_of(folders.home, new, there))

    return lambda name: _chain(name, known.get)


def askings(folders: Folders, name: str) -> Askings:
    """The receipts of one unit: for whoever looks at few, as no folder is listed and no other is read."""
    return _chain(name, lambda receipt: manifest.read_receipt(folders.home / receipt))


def _chain(name: str, read: Callable[[str], Receipt | None]) -> Askings:
    """What a unit and its chances have, one after another, by the names of their receipts."""
    which, chain = asking(name), []
    while which is not None and (receipt := read(f"unit-{which}{RECEIPT}")):
        chain.append((which, receipt))
        which = which.following
    return chain


def tables(folders: Folders, receipts: Iterable[tuple[Asking, Receipt]]) -> list[tuple[Path, Path]]:
    """The tables of URLs and of times that receipts name, the earliest first."""
    found: list[tuple[Path, Path]] = []
    for which, receipt in receipts:
        files = Asked(folders.home, [file.name for file in receipt.files])
        found += zip(files.of(which.unit), files.times(which.unit), strict=True)
    return found


def _read(table: Path, times: Path) -> tuple[Sequence[Said], Sequence[Timed]]:
    return list(rows.read(table, Said)), list(rows.read(times, Timed))


def _chance(
    folders: Folders, unit: Unit, receipts: Askings, found: Moments, wants: Wants, now: datetime
) -> Unit:
    return replace(
        unit,
        name=following(receipts[-1][0]),
        covers=Again(
            part=str(unit.covers),
            tables=tuple((str(table), str(times)) for table, times in tables(folders, receipts)),
            moment=_iso(now),
            wants=wants,
        ),
        records=sum(item.moment <= now for item in found.values()),
    )


def apart(task: Task, units: Sequence[Unit], urls: Iterable[Iterable[str]]) -> Sequence[Unit]:
    """Units in such lanes that none of the hosts of their URLs is asked by two processes at once.

    In one round frontier sees to it; units of several rounds may be asked again together. Processes that
    share a folder know of one another, and need not wait for whole units.
    """
    if task.processes == 1:
        return units
    found = lanes([{host_of(url) for url in mine} for mine in urls], [unit.lane for unit in units])
    return [replace(unit, lane=lane) for unit, lane in zip(units, found, strict=True)]


def following(which: Asking) -> str:
    """The name of the chance after a unit, or after a chance of it."""
    return f"unit-{which.following}"


def candidates(covers: Again) -> list[Candidate]:
    """The candidates of those URLs that a chance asks for."""
    found = due([_read(place(table), place(times)) for table, times in covers.tables], covers.wants)
    moment = datetime.fromisoformat(covers.moment)
    return _wanted(covers.part, {url: item for url, item in found.items() if item.moment <= moment})


# --- waiting --------------------------------------------------------------------------------------


def _wait(seconds: float, found: Sequence[Moments]) -> None:
    """So long, by a clock that nobody sets; no worker is held meanwhile, and any signal ends it."""
    parked = [url for item in found for url, when in item.items() if when.parked]
    hosts, until = len({host_of(url) for url in parked}), datetime.now(UTC) + timedelta(seconds=seconds)
    which = f"{len(parked):,} URLs of {hosts:,} hosts that asked for a pause"
    progress.tell("note", text=f"   crawl  waits until {until:%H:%M:%S} UTC for {which}")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, NAP))


def _tell_of_those_left(found: Iterable[Moments]) -> None:
    left = [item.moment for each in found for item in each.values() if not item.aged]
    if left:
        when = f"{min(left):%Y-%m-%d %H:%M:%S} UTC"
        last = f", all of them from {max(left):%Y-%m-%d %H:%M:%S} UTC" if max(left) > min(left) else ""
        text = f"   crawl  {len(left):,} URLs may be asked again by `wit crawl --again` from {when} on{last}"
        progress.tell("note", text=text)


# --- outages, and what is left without an answer --------------------------------------------------


class Outage:
    """Whether what a round asked for met an outage: counted over its URLs that are wanted."""

    def __init__(self) -> None:
        self._urls = 0
        self._passing: Counter[str] = Counter()
        self._messages: dict[str, str] = {}

    def hear(self, found: Iterable[Outcome], wanted: Mapping[str, int]) -> None:
        """The URLs of a unit."""
        for item in found:
            if item.url not in wanted:
                continue
            self._urls += 1
            if is_passing(item.status, item.http_status, item.error_message):
                self._passing[item.status] += 1
                self._messages.setdefault(item.status, item.error_message)

    def told(self) -> dict[str, Any]:
        """All that was heard, as JSON can say it."""
        return {"urls": self._urls, "passing": dict(self._passing), "messages": self._messages}

    def add(self, told: Mapping[str, Any]) -> None:
        """Hear what others that came after have `told`."""
        self._urls += told["urls"]
        self._passing.update(told["passing"])
        self._messages = {**told["messages"], **self._messages}

    def check(self, task: Task) -> None:
        """A `RunError` where more than `crawl.passing` of them failed in ways that may pass."""
        failed, share = self._passing.total(), task.recipe.crawl.passing
        if failed < FEW or failed <= share * self._urls:
            return
        (status, most), *_ = self._passing.most_common(1)
        _keep(task.folders, State(began=_iso(datetime.now(UTC)), outage=True))
        forget_failures(task.folders.own / HOSTS)
        raise RunError(
            f"crawl: {failed:,} of {self._urls:,} URLs failed in ways that may pass, {most:,} of them by "
            f"{status} ({self._messages[status]}): an outage, so nothing is signed. What was fetched stays; "
            "run again to ask for the others again, or raise crawl.passing if this is how their hosts are"
        )


def unanswered(root: Path) -> str:
    """What is to be said of a signed crawl's URLs that had no final answer, or ""."""
    path = root / "crawl" / "classes.parquet"
    if manifest.load(root / "crawl") is None or not path.exists():
        return ""
    left = sum(item.passing for item in rows.read(path, Class))
    return f"{left:,} URLs had no final answer; `wit crawl --again`" if left else ""
