"""crawl: a unit of URLs to a tar of stored images and a table of what happened."""

import atexit
import gc
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from beam_jobs.engine import build, progress
from beam_jobs.engine.files import open_exactly, source_files
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Folders, Stage, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import accounting, chances, heard, keeping
from wit_pipeline.crawl import journal
from wit_pipeline.crawl.accounts import Class, Host, together, totals
from wit_pipeline.crawl.bounds import NO_BOUNDS, NO_LANE, Bounds, Lane
from wit_pipeline.crawl.crawl import Fetched, Supply, crawl
from wit_pipeline.crawl.finality import is_passing
from wit_pipeline.fetch.client import Client
from wit_pipeline.frontier import host_of
from wit_pipeline.listed.matches import Matches
from wit_pipeline.pictures.decoders import DECODE, WITH_PDQ, Decoders
from wit_pipeline.sources import Source
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import asking
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.manifest import Counts, File, Receipt, describe, load
from wit_pipeline.vocabulary.records import SUCCESS, Candidate
from wit_pipeline.vocabulary.store import place, sizes

HOSTS = "hosts.parquet"
CLASSES = "classes.parquet"


def units(task: Task) -> Sequence[Unit]:
    """The units that frontier signed; those of a large host are a lane."""
    return _units(task.folders, task.folders.signed("frontier").digest)


@cache  # once a process and frontier
def _units(folders: Folders, frontier: str) -> Sequence[Unit]:
    folder = folders.reads("frontier")
    return [
        Unit(
            name=f"unit-{row['unit']:06d}",
            covers=str(folder / f"part-{row['unit']:06d}.parquet"),
            lane=row["lane"],
            records=row["urls"],
        )
        for path in folders.files("frontier", "units.parquet")
        for row in rows.read_rows(path, ["unit", "lane", "urls"])
        if row["urls"]
    ]


@cache  # one a process: what is known of hosts, and the courtesy owed to them, outlives a unit
def client(config: CrawlConfig, folder: Path, processes: int) -> Client:
    """The process's client; those of the machine's other processes share what politeness needs to know."""
    gc.freeze()  # what was imported stays, and need not be looked through
    # A unit waits for every slow server as long as `timeout`, so a pause within that costs it no more; what
    # is longer would hold a worker, and is left to a chance of the unit's.
    return Client(config, folder=folder, waits=config.timeout, processes=processes)


def client_of(task: Task) -> Client:
    """The process's client, for a unit of a task."""
    return client(task.recipe.crawl, task.folders.own / chances.HOSTS, task.processes)


@cache
def decoders(config: CrawlConfig, pdq: bool) -> Decoders:
    """The process's decoders, which are processes of their own; with `pdq` they make that code, too."""
    made = Decoders(config, WITH_PDQ if pdq else DECODE)
    atexit.register(made.close)
    return made


@cache  # a source's files are looked for once a process
def held_files(sources: tuple[Source, ...], number: int, plan: str) -> dict[str, str]:
    """The paths of a source's files, by name."""
    return {file.name: file.path for file in source_files(sources[number], number)}


def open_held(task: Task, place: str) -> BinaryIO:
    """The file of a source, "number:name", whose bytes need no fetching."""
    number, _, name = place.partition(":")
    files = held_files(task.recipe.extract.sources, int(number), task.plan)
    if name not in files:
        raise FileNotFoundError(f"[[extract.sources]] {number} has no file {name} any more")
    return open_exactly(files[name])


def do(task: Task, unit: Unit) -> Done:
    """Crawl one unit."""
    candidates = list(rows.read(place(unit.covers), Candidate))
    urls = (item.url for item in candidates)
    bounds = Bounds(urls, task.recipe.crawl, task.recipe.seed, lane_of(task, unit))
    return fetch(task, unit, candidates, bounds)


def do_again(task: Task, unit: Unit) -> Done:
    """Crawl a chance of a unit. No host takes more by it than by the unit as a whole."""
    urls = (url for url in rows.column(place(unit.covers.part), "url"))
    bounds = Bounds(urls, task.recipe.crawl, task.recipe.seed, lane_of(task, unit))
    return fetch(task, unit, chances.candidates(unit.covers), bounds)


def do_heard(task: Task, unit: Unit) -> Done:
    """Write down what sites forbid of a unit's pictures: the client refuses those URLs before it asks."""
    return fetch(task, unit, heard.candidates(unit.covers), NO_BOUNDS)


def fetch(task: Task, unit: Unit, candidates: Sequence[Candidate], bounds: Bounds) -> Done:
    """Ask for the URLs of some candidates."""
    which = asking(unit.name)
    assert which is not None  # by the names that are given here
    config, blocked = task.recipe.crawl, keeping.block_list(task, removed=True)
    supply = Supply(
        client=client_of(task),
        decode=decoders(config, "pdq" in blocked.asks).decode,
        blocked=blocked,
        matches=Matches(task.leave.matches),
        open=partial(open_held, task),
        keep_others=config.hash == "flag",
        bounds=bounds,
        is_passing=lambda item: is_passing(item.status, item.http_status, item.error_message),
    )
    with progress.Pulse(unit=unit.name, lane=unit.lane, among=unit.records) as pulse:
        return crawl(
            candidates,
            supply,
            folder=task.folders.out,
            which=which,
            seed=task.recipe.seed,
            made=made(task),
            tick=beat_of(pulse),
        )


def plan(task: Task, unit: Unit) -> str:
    """What decides the bytes of a unit's pictures: it outlives frontiers, and rules of what may be asked."""
    return keeping.plan(task.recipe)


def made(task: Task) -> journal.Made:
    """What the journals of a build's units are made by."""
    return journal.Made(plan=keeping.plan(task.recipe), frontier=task.folders.signed("frontier").digest)


def forget(task: Task, unit: Unit) -> None:
    """What a unit's journals hold is in its files by now."""
    which = asking(unit.name)
    if which is not None:
        journal.done(task.folders.out, which, made(task))


def late(task: Task) -> Sequence[Unit]:
    """The chances of all units that are due, as soon as one is; none when nobody is waited for any more."""
    return chances.units(task, units(task))


def hear(task: Task, unit: Unit) -> Done:
    """Hear what hosts, asked in this build, forbid of pictures of earlier builds."""
    return heard.hear(task, unit, client_of(task))


def was_heard(task: Task) -> Sequence[Unit]:
    """The chances that take down what was heard to be forbidden."""
    return heard.units(task, units(task))


def is_unfinished(task: Task) -> bool:
    """Whether a crawl that is signed is to ask all the same."""
    asks = task.leave.again or task.recipe.crawl.max_age > 0
    return asks and chances.any_due(task, units(task))


def settle(task: Task) -> None:
    """Before the crawl's own work."""
    before = keeping.table_of(task.folders)
    keeping.settle(task)
    chances.begin(task, before)
    accounting.forget(task)


def lane_of(task: Task, unit: Unit) -> Lane:
    """Where a unit lies among those of its host, where that is larger than one."""
    which = asking(unit.name)
    if not unit.lane or which is None:
        return NO_LANE
    urls = lanes(task.folders, task.folders.signed("frontier").digest)[unit.lane]
    before = sum(count for number, count in urls.items() if number < which.unit)
    return Lane(before=before, urls=sum(urls.values()))


@cache  # once a process and frontier: a lane has as many units as its host takes
def lanes(folders: Folders, frontier: str) -> dict[str, dict[int, int]]:
    """The URLs of each lane's units, by number."""
    found: dict[str, dict[int, int]] = {}
    for unit in _units(folders, frontier):
        which = asking(unit.name)
        if unit.lane and which is not None:
            found.setdefault(unit.lane, {})[which.unit] = unit.records
    return found


def foretell(task: Task) -> str:
    """What is to be asked of the frontier that stands; another may add to it."""
    folders, old = task.folders, ""
    signed = load(folders.reads("frontier"))
    if signed is None:
        return ""
    if task.recipe.crawl.max_age:
        aged = chances.count_aged(task, units(task))
        old = f"; {aged:,} pictures are older than max_age, and are asked for again"
    return _foretold(folders, signed.digest, digest(sorted(sizes(folders.home).items()))) + old


@cache  # a build says it twice: before all stages, and before this one
def _foretold(folders: Folders, frontier: str, files: str) -> str:
    there, known, wanted = keeping.whole(folders.home), [0, 0], [0, 0]
    for unit in units(Task(folders=folders, recipe=Recipe())):
        which = asking(unit.name)
        found = known if which in there else wanted
        found[0] += 1
        found[1] += unit.records
    has = f"of the frontier's URLs {known[1]:,} in {known[0]:,} units have a status, and keep it"
    return f"{has}; {wanted[1]:,} in {wanted[0]:,} units are to be asked"


def largest_host(root: Path, interval: float) -> Iterator[str]:
    """What a root's frontier has of its largest host, if that is larger than a unit.

    Its URLs are asked one after the other, whatever else is done meanwhile.
    """
    task = Task(folders=STAGE.folders(root), recipe=Recipe())
    if load(task.folders.reads("frontier")) is None:
        return
    found = units(task)
    for lane, urls in islice(build.lanes_of(found).items(), 1):
        first = next(unit for unit in found if unit.lane == lane)
        host, hours = host_of(rows.column(place(first.covers), "url")[0]), urls * interval / 3600
        yield f"{urls:>12,}  URLs of {host}, one after the other: {hours:,.1f} h at {interval:g} s each"


def beat_of(pulse: progress.Pulse) -> Callable[[Fetched], None]:
    """What a crawl calls with every URL that is done."""

    def beat(fetched: Fetched) -> None:
        pulse.beat(bytes=fetched.image.bytes_fetched, status=fetched.status)

    return beat


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """All that was ever fetched, and what became of it: hosts.parquet and classes.parquet."""
    out = task.folders.out
    listed = {file.name for file in files}
    earlier = [file for one in keeping.whole(out).values() for file in one.files if file.name not in listed]
    hosts, statuses = out / HOSTS, out / CLASSES
    classes, outage, pauses = accounting.told_of_statuses(task)
    outage.check(task)
    pauses.keep(task.folders)
    chances.end(task)
    host_count = write_whole(hosts, Host, together(lambda: accounting.told_of_hosts(task)))
    class_count = write_whole(statuses, Class, classes.rows())
    for path in journal.journals(out):  # of units that an earlier frontier numbered
        path.unlink()
    return *earlier, describe(hosts, host_count), describe(statuses, class_count)


def counts(task: Task, receipts: Sequence[Receipt]) -> Counts:
    """What became of the candidates of the frontier, some of whose URLs were asked long ago."""
    return totals(rows.read(task.folders.out / CLASSES, Class))


def is_void(task: Task) -> bool:
    """Whether no picture was ever stored."""
    return all(item.status != SUCCESS for item in rows.read(task.folders.out / CLASSES, Class))


STAGE = Stage(
    name="crawl",
    about="fetch politely, decode once, store the bytes where ranged reads find them",
    reads=("frontier",),
    accounts="frontier",
    steps=(
        Work(name="Fetch", units=units, do=do, plan=plan, after=forget),
        Work(name="Late", units=late, do=do_again, plan=plan, after=forget, repeats=True),
        Work(
            name="Hear",
            units=lambda task: heard.slices(task, units(task)),
            do=hear,
            plan=heard.plan,
            scratch=True,
        ),
        Work(name="Heard", units=was_heard, do=do_heard, plan=plan, after=forget, repeats=True),
        Work(name="Sum", units=accounting.units, do=accounting.do, scratch=True),
    ),
    is_unfinished=is_unfinished,
    foretell=foretell,
    inputs=keeping.inputs,
    finish=finish,
    counts=counts,
    is_void=is_void,
    in_place=True,
    check=keeping.check,
    settle=settle,
)
