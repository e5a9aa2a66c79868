"""filter: the pairs of a crawl unit whose image may be used by now, and has the size and the shape."""

from collections.abc import Sequence
from functools import cache

from beam_jobs.engine.files import block_lists, open_input
from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from beam_jobs.stages import keeping
from wit_pipeline.crawl.crawl import Fetched, pairs
from wit_pipeline.crawl.stored import refusal
from wit_pipeline.fetch.removal import BlockList
from wit_pipeline.filter import judge
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import standing
from wit_pipeline.vocabulary.records import SUCCESS, Candidate, Pair
from wit_pipeline.vocabulary.sift import write_sifted


def units(task: Task) -> Sequence[Unit]:
    """One unit of work for each unit of crawling: its candidates and what was fetched for them."""
    asked = task.folders.asked()
    parts = {path.stem.removeprefix("part-"): path for path in task.folders.files("frontier", "part-")}
    return [Unit(name=name, covers=(path, asked.of(int(name)))) for name, path in parts.items()]


@cache  # once a process
def blocked(lists: tuple[str, ...]) -> BlockList:
    """What the recipe's lists name."""
    return BlockList.read(lists, open_input)


def do(task: Task, unit: Unit) -> Done:
    """Join one unit's candidates with their images, and sift."""
    wanted, tables = unit.covers
    config = task.recipe.crawl
    listed = blocked(tuple(file.path for file in block_lists(config)))
    fetched = standing(tables, Fetched)
    stored = ((item.url, refusal(item, config, listed)) for item in fetched if item.status == SUCCESS)
    refused = {url: why for url, why in stored if why is not None}
    judged = judge(pairs(rows.read(wanted, Candidate), fetched), refused, task.recipe.filter)
    return write_sifted(task.folders.out, unit.name, Pair, judged)


STAGE = Stage(
    name="filter",
    about="drop images that are too small or too long, and what may not be used any more",
    reads=("crawl", "frontier"),
    accounts="crawl",
    also=("crawl",),
    inputs=keeping.inputs,
    steps=(Work(name="Sift", units=units, do=do),),
)
