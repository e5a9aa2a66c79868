"""What became of all that was ever fetched, some hundred units of crawling at a time: a step of `crawl`.

    scratch/sums-NNNNN.parquet   the hosts of those units, as far as these units tell
    scratch/sums-NNNNN.json      their statuses, what would tell an outage, and the pauses that hosts named

What a chance has brought may be newer than the sums of an earlier run: each run of the stage makes its own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from beam_jobs.engine.stage import Done, Task, Unit
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import chances, keeping
from wit_pipeline.crawl.accounts import Classes, Host, Hosts, Outcome, check
from wit_pipeline.crawl.crawl import Timed
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import RECEIPT, Asked, asking
from wit_pipeline.vocabulary.manifest import Counts, Manifest, describe, once, read_jsons, write_json
from wit_pipeline.vocabulary.store import place

WIDTH = 256  # units of crawling in one of ours
SUMS = "sums-"


def forget(task: Task) -> None:
    """Drop the sums of an earlier run of the stage."""
    for path in sorted(task.folders.scratch.glob(f"{SUMS}*")):
        path.unlink()


def parts(task: Task) -> Mapping[int, Path]:
    """The parts of the frontier, by unit."""
    home = task.folders.reads("frontier")
    return once(home, task.folders.signed("frontier"), _parts, str(home))


def _parts(signed: Manifest, home: str) -> dict[int, Path]:
    return keeping.parts(place(home), signed)


def latest_round(task: Task) -> set[int]:
    """The units of the latest round: what an earlier one met was judged then."""
    home = task.folders.reads("frontier")
    return once(home, task.folders.signed("frontier"), _latest, str(home))


def _latest(signed: Manifest, home: str) -> set[int]:
    table = [
        (row["unit"], row["round"])
        for file in signed.named("units.parquet")
        for row in rows.read_rows(place(home) / file.name, ["unit", "round"])
    ]
    last = max((number for _, number in table), default=0)
    return {unit for unit, number in table if number == last}


def units(task: Task) -> Sequence[Unit]:
    """Neighbours among the units that were asked, or are wanted: no file of theirs is read for it."""
    named = (asking(path.name) for path in task.folders.home.glob(f"unit-*{RECEIPT}"))
    numbers = {*parts(task), *(which.unit for which in named if which is not None)}
    return [
        Unit(name=f"{SUMS}{number:05d}", covers=number) for number in sorted({n // WIDTH for n in numbers})
    ]


def do(task: Task, unit: Unit) -> Done:
    """Write the sums of some units. Memory holds the hosts of two of them."""
    hosts, statuses = told_at(task, unit)
    classes, outage, pauses = Classes(), chances.Outage(), chances.Pauses()
    count = write_whole(hosts, Host, sums(task, unit.covers, classes, outage, pauses))
    write_json(statuses, {"classes": classes.told(), "outage": outage.told(), "pauses": pauses.told()})
    return Counts(), (describe(hosts, count), describe(statuses))


def told_at(task: Task, unit: Unit) -> tuple[Path, Path]:
    """Where the sums of some units are: of hosts, and of statuses."""
    path = task.folders.scratch / unit.name
    return path.with_name(f"{unit.name}.parquet"), path.with_name(f"{unit.name}.json")


def sums(
    task: Task, number_of: int, classes: Classes, outage: chances.Outage, pauses: chances.Pauses
) -> Iterator[Host]:
    """The sums of hosts; those of statuses are left in `classes`."""
    wanted_of, latest, hosts = parts(task), latest_round(task), Hosts()
    for number in range(number_of * WIDTH, (number_of + 1) * WIDTH):
        receipts = chances.askings(task.folders, f"unit-{number:06d}")
        asked = Asked(task.folders.home, [file.name for _, receipt in receipts for file in receipt.files])
        if not asked.units and number not in wanted_of:
            continue
        wanted = Counter(rows.column(wanted_of[number], "url") if number in wanted_of else ())
        found = asked.standing(number, Outcome)
        check(number, found, wanted)
        classes.unit(found, wanted)
        if number in latest:
            outage.hear(found, wanted)
        seconds: dict[str, float] = {}
        for path in asked.times(number):
            for item in rows.read(path, Timed):
                seconds[item.url] = seconds.get(item.url, 0.0) + item.seconds
                pauses.hear(item.url, item.not_before)
        yield from hosts.unit(found, seconds)
    yield from hosts.rest()


def told_of_hosts(task: Task) -> Iterator[Host]:
    """The sums of all hosts: of one whose units lie apart, several."""
    for unit in units(task):
        yield from rows.read(told_at(task, unit)[0], Host)


def told_of_statuses(task: Task) -> tuple[Classes, chances.Outage, chances.Pauses]:
    """The sums of all statuses, what of the latest round would tell an outage, and the pauses in force."""
    classes, outage, pauses = Classes(), chances.Outage(), chances.Pauses()
    for told in read_jsons([told_at(task, unit)[1] for unit in units(task)]):
        classes.add(told["classes"])
        outage.add(told["outage"])
        pauses.add(told["pauses"])
    return classes, outage, pauses
