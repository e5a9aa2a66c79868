"""What of a step crosses Beam: of Work the name of a file that lists its units, of a Shuffle its own graph.

Units are read from that file inside the graph, lane by lane: so no graph grows with their number, and what
one lane holds is done in order, by one process.
"""

import pickle
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.engine import failure, lock, progress
from beam_jobs.engine.stage import Task, Unit, Work
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Receipt, aside
from wit_pipeline.vocabulary.store import place

Lane = tuple[Unit, ...]

# Units use what a process has but once: a client, decoders, tables. Some engines give a process two bundles.
_alone = threading.Lock()


def lanes(units: Iterable[Unit]) -> list[Lane]:
    """The units, those of one lane together in their order; the longest lanes first, as those last."""
    named: dict[str, list[Unit]] = {}
    single: list[Lane] = []
    for unit in units:
        if unit.lane:
            named.setdefault(unit.lane, []).append(unit)
        else:
            single.append((unit,))
    return [*sorted(map(tuple, named.values()), key=len, reverse=True), *single]


def list_units(step: Work, task: Task, units: Sequence[Unit], number: int = 0) -> Path:
    """Write down units for workers to read, wherever they are; returns the file."""
    path = task.folders.work / f"{step.name}-{number}.units"
    with aside(path) as temporary, temporary.open("wb") as file:
        for lane in lanes(units):  # one after another: what pickle remembers of them all would be larger
            pickle.dump(lane, file, protocol=pickle.HIGHEST_PROTOCOL)
    return path


def read_lanes(path: str) -> Iterator[Lane]:
    """The lanes of a file that `list_units` wrote."""
    with place(path).open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


def work(pipeline: beam.Pipeline, step: Work, task: Task, listed: Path) -> None:
    """The graph of a Work: its lanes, shared out among all workers, each done in order by one of them."""
    (
        _lanes_of(pipeline, listed)
        | "Share" >> beam.Reshuffle()
        | step.name >> beam.Map(partial(do_lane, step, task))
    )


def work_here(pipeline: beam.Pipeline, step: Work, task: Task, listed: Path) -> None:
    """The same for one process that does them all, one after another."""
    _lanes_of(pipeline, listed) | step.name >> beam.Map(partial(do_lane, step, task))


def _lanes_of(pipeline: beam.Pipeline, listed: Path) -> Any:
    return pipeline | "ListOfUnits" >> beam.Create([str(listed)]) | "Lanes" >> beam.FlatMap(read_lanes)


def do_lane(step: Work, task: Task, lane: Lane) -> int:
    """Do the units of a lane; returns how many there are."""
    with lock.working(task.folders.root):  # a launcher that died may have left us here
        for unit in lane:
            with _alone:
                do(step, task, unit)
    return len(lane)


def do(step: Work, task: Task, unit: Unit) -> None:
    """Do a unit, unless its receipt says that it was done: engines begin a bundle again as they see fit."""
    path, plan = step.receipt(task.folders, unit), step.plan(task, unit)
    if manifest.read_receipt(path, plan, step.folder(task.folders)) is not None:
        return
    with failure.remembered(f"{task.folders.stage}: {unit.name}"):
        counts, files = step.do(task, unit)
    manifest.write_receipt(path, Receipt(unit=unit.name, plan=plan, counts=counts, files=files))
    step.after(task, unit)
    progress.tell("unit", unit=unit.name)
