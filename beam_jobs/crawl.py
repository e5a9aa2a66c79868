"""crawl: a unit of URLs to a tar of stored images and a table of what happened."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from beam_jobs import progress
from beam_jobs.files import open_input
from beam_jobs.stage import Done, Stage, Task, Unit, Work
from wit_pipeline import rows
from wit_pipeline.crawl import crawl
from wit_pipeline.fetch.client import Client
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.records import Candidate


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
def client(config: CrawlConfig) -> Client:
    """The process's client."""
    return Client(config)


def do(task: Task, unit: Unit) -> Done:
    """Crawl one unit."""
    config = task.recipe.crawl
    return crawl(
        list(rows.read(Path(unit.covers), Candidate)),
        client(config),
        config,
        folder=task.folders.out,
        unit=int(unit.name.removeprefix("unit-")),
        seed=task.recipe.seed,
        open=open_input,
        tick=lambda count: progress.tell("records", count=count),
    )


STAGE = Stage(
    name="crawl",
    about="fetch politely, decode once, store the bytes where ranged reads find them",
    reads=("frontier",),
    accounts="frontier",
    steps=(Work(name="Fetch", units=units, do=do),),
    in_place=True,
)
