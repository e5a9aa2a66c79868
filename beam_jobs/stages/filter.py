"""filter: the pairs of a crawl unit whose image may be used by now, and has the size and the shape."""

from collections.abc import Sequence

from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from beam_jobs.stages import keeping
from wit_pipeline.crawl.crawl import Fetched, pairs
from wit_pipeline.crawl.stored import marks_of, refusal
from wit_pipeline.filter import judge
from wit_pipeline.listed.matches import Matches
from wit_pipeline.pictures.stored import Pictures
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import standing
from wit_pipeline.vocabulary.records import SUCCESS, Candidate, Pair, Reason
from wit_pipeline.vocabulary.sift import write_sifted


def units(task: Task) -> Sequence[Unit]:
    """One unit of work for each unit of crawling: its candidates and what was fetched for them."""
    asked = task.folders.asked()
    parts = {path.stem.removeprefix("part-"): path for path in task.folders.files("frontier", "part-")}
    return [Unit(name=name, covers=(path, asked.of(int(name)))) for name, path in parts.items()]


def do(task: Task, unit: Unit) -> Done:
    """Join one unit's candidates with their images, and sift."""
    wanted, tables = unit.covers
    config = task.recipe.crawl
    listed, matches = keeping.block_list(task, removed=False), Matches(task.leave.matches)
    fetched = standing(tables, Fetched)
    refused: dict[str, tuple[Reason, str]] = {}
    with Pictures(task.folders.reads("crawl")) as pictures:
        stored = [item for item in fetched if item.status == SUCCESS]
        pictures.fetch(item.image for item in stored if item.marks.lacks(listed.asks))
        for item in stored:
            marked = marks_of(item, listed, pictures.read_unless_erased)
            if why := refusal(item, config, listed, marked, matches):
                refused[item.url] = why
    judged = judge(pairs(rows.read(wanted, Candidate), fetched), refused, task.recipe.filter)
    return write_sifted(task.folders.out, unit.name, Pair, judged)


STAGE = Stage(
    name="filter",
    about="drop images that are too small or too long, and what may not be used any more",
    reads=("crawl", "frontier"),
    accounts="crawl",
    also=("crawl",),
    inputs=keeping.inputs,
    check=keeping.check_lists,
    steps=(Work(name="Sift", units=units, do=do),),
)
