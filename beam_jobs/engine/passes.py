"""A shuffle in passes, where the engine holds all that it shuffles in memory: a share of the keys at a time.

Beam's local runner, its embedded job server and Prism keep a shuffle in memory at some 450 bytes a key; those
of Flink, Spark and Dataflow spill. What a pass writes says by its number whose it is, and how many there are
is written down before the first: a build that was killed goes on with as many, on whatever engine.
"""

from collections.abc import Iterator, Sequence

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from beam_jobs.engine.stage import Folders, Shuffle, Task, Turn
from wit_pipeline.vocabulary import manifest

KEYS = 8_000_000  # of a pass: some 4 GB
SPILL = ("dataflow", "flink", "spark")  # runners that begin so hold no more than memory has room for


def taken(folders: Folders, step: str) -> int:
    """In how many passes a step is made, once it has begun."""
    found: int = manifest.read_json(folders.work / f"{step}.passes.json")
    return found


def begin(step: Shuffle, task: Task, flags: Sequence[str]) -> Iterator[tuple[str, Turn]]:
    """Each pass of a step that is about to begin, or to go on: its name, and its share of the keys."""
    note = task.folders.work / f"{step.name}.passes.json"
    if not note.exists():
        keys = step.keys(task)
        manifest.write_json(note, max(1, -(-keys // KEYS)) if _holds(flags) else 1)
    passes = taken(task.folders, step.name)
    for number in range(passes):
        name = step.name if passes == 1 else f"{step.name} {number + 1} of {passes}"
        yield name, Turn(number=number, of=passes)


def _holds(flags: Sequence[str]) -> bool:
    runner = str(PipelineOptions(list(flags)).view_as(StandardOptions).runner or "")
    return not runner.rpartition(".")[2].lower().startswith(SPILL)  # a runner may be named with its module
