"""crawl: a unit of URLs to a tar of stored images and a table of what happened."""

import atexit
import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

from beam_jobs.engine import progress
from beam_jobs.engine.files import block_lists, open_exactly, open_input, source_files
from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import keeping
from wit_pipeline.crawl.accounts import Class, Classes, Host, Hosts, Outcome, check
from wit_pipeline.crawl.crawl import Fetched, Supply, Timed, crawl
from wit_pipeline.fetch.client import Client
from wit_pipeline.fetch.removal import BlockList
from wit_pipeline.pictures.decoders import Decoders
from wit_pipeline.sources import Source
from wit_pipeline.takedown import takedown
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.manifest import File, describe
from wit_pipeline.vocabulary.records import Candidate
from wit_pipeline.vocabulary.store import place
from wit_pipeline.vocabulary.units import Named
from wit_pipeline.vocabulary.units import files as unit_files


def units(task: Task) -> Sequence[Unit]:
    """The units that frontier signed; those of a large host are a lane."""
    folder = task.folders.reads("frontier")
    return [
        Unit(
            name=f"unit-{row['unit']:06d}",
            covers=str(folder / f"part-{row['unit']:06d}.parquet"),
            lane=row["lane"],
            records=row["urls"],
        )
        for path in task.folders.files("frontier", "units.parquet")
        for row in rows.read_rows(path, ["unit", "lane", "urls"])
    ]


@cache  # one a process: what is known of hosts, and the courtesy owed to them, outlives a unit
def client(config: CrawlConfig, folder: Path) -> Client:
    """The process's client; those of the build's other processes share what politeness needs to know."""
    gc.freeze()  # what was imported stays, and need not be looked through
    gc.set_threshold(100_000, 50)  # or a third of a fetch's time goes into looking through those that wait
    return Client(config, folder=folder)


@cache
def decoders(config: CrawlConfig) -> Decoders:
    """The process's decoders, which are processes of their own."""
    made = Decoders(config)
    atexit.register(made.close)
    return made


@cache
def blocked(lists: tuple[str, ...], removed: tuple[Path, ...]) -> BlockList:
    """What the recipe's lists name, and what the root was told to take down since."""
    return BlockList.read([*lists, *map(str, removed)], open_input)


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
    removed = (
        path for each in takedown.lists(task.folders.root / takedown.FOLDER) for path in takedown.files(each)
    )
    config = task.recipe.crawl
    listed = tuple(file.path for file in block_lists(config))
    supply = Supply(
        client=client(config, task.folders.own / "hosts"),
        decode=decoders(config).decode,
        blocked=blocked(listed, tuple(removed)),
        open=partial(open_held, task),
        keep_others=config.hash == "flag",
    )
    with progress.Pulse() as pulse:
        return crawl(
            list(rows.read(place(unit.covers), Candidate)),
            supply,
            folder=task.folders.out,
            unit=int(unit.name.removeprefix("unit-")),
            seed=task.recipe.seed,
            tick=beat_of(pulse),
        )


def beat_of(pulse: progress.Pulse) -> Callable[[Fetched], None]:
    """What a crawl calls with every URL that is done."""

    def beat(fetched: Fetched) -> None:
        pulse.beat(bytes=fetched.image.bytes_fetched, status=fetched.status)

    return beat


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """hosts.parquet and classes.parquet: what became of the URLs, each of which has exactly one status."""
    out, classes = task.folders.out, Classes()
    hosts, statuses = out / "hosts.parquet", out / "classes.parquet"
    host_count = write_whole(hosts, Host, accounts(task, classes))
    class_count = write_whole(statuses, Class, classes.rows())
    return describe(hosts, host_count), describe(statuses, class_count)


def accounts(task: Task, classes: Classes) -> Iterator[Host]:
    """The sums of all hosts; those of statuses are left in `classes`. Memory holds two units."""
    hosts, files = Hosts(), unit_files(task.folders.out)
    for unit in units(task):
        number = keeping.number(unit.name)
        wanted = Counter(rows.column(place(unit.covers), "url"))
        found = list(rows.read(files[Named(kind="unit", unit=number, ending=".parquet")], Outcome))
        check(unit.name, found, wanted)
        classes.unit(found, wanted)
        timed = rows.read(files[Named(kind="times", unit=number, ending=".parquet")], Timed)
        yield from hosts.unit(found, {item.url: item.seconds for item in timed})
    yield from hosts.rest()


STAGE = Stage(
    name="crawl",
    about="fetch politely, decode once, store the bytes where ranged reads find them",
    reads=("frontier",),
    accounts="frontier",
    steps=(Work(name="Fetch", units=units, do=do),),
    inputs=keeping.inputs,
    finish=finish,
    in_place=True,
    check=keeping.check,
    settle=keeping.before_crawl,
)
