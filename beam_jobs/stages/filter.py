"""filter: the pairs of a crawl unit whose image has the size and the shape."""

from collections.abc import Sequence

from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from wit_pipeline.crawl.crawl import Fetched, pairs
from wit_pipeline.filter import judge
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.records import Candidate, Pair
from wit_pipeline.vocabulary.sift import write_sifted
from wit_pipeline.vocabulary.store import place


def units(task: Task) -> Sequence[Unit]:
    """One unit of work for each unit of crawling: its candidates and what was fetched for them."""
    wanted = task.folders.files("frontier", "part-")
    fetched = task.folders.files("crawl", "unit-", ".parquet")
    return [
        Unit(name=one.stem.removeprefix("part-"), covers=(str(one), str(other)))
        for one, other in zip(wanted, fetched, strict=True)
    ]


def do(task: Task, unit: Unit) -> Done:
    """Join one unit's candidates with their images, and sift."""
    wanted, fetched = map(place, unit.covers)
    joined = pairs(rows.read(wanted, Candidate), rows.read(fetched, Fetched))
    return write_sifted(task.folders.out, unit.name, Pair, judge(joined, task.recipe.filter))


STAGE = Stage(
    name="filter",
    about="drop images that are too small or too long",
    reads=("crawl", "frontier"),
    accounts="crawl",
    steps=(Work(name="Sift", units=units, do=do),),
)
