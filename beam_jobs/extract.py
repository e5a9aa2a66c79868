"""extract: source files to Candidates, a split of a file at a time."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from beam_jobs.files import match, open_input
from beam_jobs.recipe import Recipe
from beam_jobs.stage import Done, Stage, Task, Unit, Work
from queries import store
from wit_pipeline.errors import UserError
from wit_pipeline.extract import candidates
from wit_pipeline.match import Matcher
from wit_pipeline.records import Candidate
from wit_pipeline.sift import write_sifted
from wit_pipeline.sources import READERS, SPLITTERS, Split


def inputs(recipe: Recipe) -> dict[str, str]:
    """The source files, each with what tells one version of it from another."""
    if not recipe.extract.sources:
        raise UserError("recipe: needs at least one [[extract.sources]] with kind and path")
    found = {}
    for number, source in enumerate(recipe.extract.sources):
        for path, version in match(source.path, f"[[extract.sources]] {number} path").items():
            found[f"{number} {path}"] = version
    return found


def units(task: Task) -> Sequence[Unit]:
    """One unit for each split of each source file, in the recipe's order."""
    splits = []
    for number, source in enumerate(task.recipe.extract.sources):
        for path in match(source.path, f"[[extract.sources]] {number} path"):
            with open_input(path) as stream:
                ranges = SPLITTERS[source.kind](stream, path, source)
            splits += [Split(source=number, path=path, first=first, last=last) for first, last in ranges]
    return [Unit(name=f"{number:05d}", covers=split) for number, split in enumerate(splits)]


@cache  # one list of queries a process
def matcher(path: Path, digest: str) -> Matcher:
    """The matcher for a signed query list."""
    return Matcher(store.read(path))


def do(task: Task, unit: Unit) -> Done:
    """Write the Candidates and the rejects of one split."""
    split, config = unit.covers, task.recipe.extract
    source = config.sources[split.source]
    queries = matcher(task.folders.reads("queries") / "queries.parquet", task.plan)
    with open_input(split.path) as stream:
        raws = READERS[source.kind](stream, split.path, source, (split.first, split.last))
        judged = candidates(raws, source.kind, queries, config)
        return write_sifted(task.folders.out, unit.name, Candidate, judged)


STAGE = Stage(
    name="extract",
    about="image-text pairs from lists and WARCs, cleaned, judged and matched to queries",
    reads=("queries",),
    inputs=inputs,
    steps=(Work(name="Extract", units=units, do=do),),
)
