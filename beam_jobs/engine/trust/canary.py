"""Whether an engine can be trusted with a dataset: every primitive that our graphs use, with known answers.

Engines that lose records do so without an error, and the counts of a build can still add up: one of Beam's
own gives a step an empty list for a tagged output, others run one branch of two. So it is not a name that
counts. At its first use with a root an engine answers questions whose answers are known, in seconds, and
where one is wrong it is refused.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions, PortableOptions
from apache_beam.runners.worker import data_plane

from beam_jobs.engine import progress
from beam_jobs.engine.engine import Engine
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.runners import flags as given_flags
from beam_jobs.engine.stage import Done, Folders, Shuffle, Task, Unit, Work
from beam_jobs.engine.trust import questions
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.errors import UserError, WitError
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.store import remove_folder

VERSION = 1  # of the questions: an engine that answered an earlier one is asked again
PROVEN = "2.77."  # of Beam, whose local runner answers them in our tests
LISTED = 20  # units of work, in lanes of their own and in two that several share
FOLDER = "engines"  # in ROOT/.work: what was found out, by engine


def identity(options: PipelineOptions) -> Mapping[str, str]:
    """What an engine is: its runner, where its workers run, and Beam's version."""
    values = options.get_all_options()
    portable = options.view_as(PortableOptions)
    mode = values.get("direct_running_mode") or ""
    told = {
        "runner": given_flags.runner(options).rpartition(".")[2],
        "environment": portable.environment_type or "",
        "image": values.get("sdk_container_image") or "",
        "mode": "" if mode == "in_memory" else mode,
        "experiments": ",".join(sorted(options.view_as(DebugOptions).experiments or ())),
        "beam": beam.__version__,
    }
    return {name: value for name, value in told.items() if value}


def ensure(engine: Engine, options: PipelineOptions, root: Path, tell: Callable[[str], None]) -> None:
    """Ask an engine that this root does not know yet; a `UserError` says which answers are wrong."""
    if given_flags.is_local(options) and beam.__version__.startswith(PROVEN):
        return
    known = root / ".work" / FOLDER / f"{digest([VERSION, dict(identity(options))])[:16]}.json"
    if known.exists():
        return
    named = " ".join(identity(options).values())
    tell(f"{'engine':>8}  {named}: is asked what is known, as this root has not seen it before")
    began = time.monotonic()
    wrong = ask(engine, options, root)
    if wrong:
        raise UserError(
            f"--runner={given_flags.runner(options)} cannot be trusted with a dataset: {'; '.join(wrong)}"
        )
    manifest.write_json(known, {**identity(options), "questions": VERSION})
    tell(f"{'engine':>8}  all answers were right ({time.monotonic() - began:.0f} s)")


def ask(engine: Engine, options: PipelineOptions, root: Path) -> list[str]:
    """What an engine answers wrongly, in words; nothing where all is right.

    Its workers write to `root`, so one that they do not see is found out too.
    """
    folders = Folders(root=root, stage="canary")
    task = Task(folders=folders, recipe=Recipe(), plan=digest([VERSION, time.time_ns()]))
    remove_folder(folders.work)
    folders.scratch.mkdir(parents=True, exist_ok=True)
    try:
        with progress.held(), Streams() as streams:
            try:
                engine.shuffle(Shuffle(name="Ask", build=questions.questions), task)
                engine.work(WORK, task, listed(task))
            except WitError as error:
                return [f"it failed: {error}"]
        return [*questions.differences(folders.scratch), *_undone(task), *streams.found(options)]
    finally:
        remove_folder(folders.work)


def listed(task: Task) -> list[Unit]:
    """Units of which some share a lane."""
    lanes = {0: "one", 1: "two"}
    return [Unit(name=f"unit-{n:02d}", covers=n, lane=lanes.get(n % 4, "")) for n in range(LISTED)]


def step_out(task: Task, unit: Unit) -> Done:
    """Note when a unit began and ended, each time under another name: one done twice is seen."""
    began = time.time_ns()
    time.sleep(0.01)
    path = task.folders.scratch / f"{unit.name}-{began}.json"
    manifest.write_json(path, [unit.lane, unit.name, began, time.time_ns()])
    return Counts(read=1, kept=1), ()


WORK = Work(name="Step", units=listed, do=step_out, scratch=True)


def _undone(task: Task) -> Iterator[str]:
    """Units that were not done, or twice, or beside another of their lane, or out of its order."""
    paths = list(task.folders.scratch.glob("unit-*-*.json"))
    done = sorted(manifest.read_json(path) for path in paths)
    names = [name for _, name, _, _ in done]
    want = sorted((unit.lane, unit.name) for unit in listed(task))
    if [(lane, name) for lane, name, _, _ in done] != want:
        twice = len(names) - len(set(names))
        yield f"units of work: {len(set(names))} of {LISTED} were done, {twice} of them twice"
    for (lane, name, _, ended), (other, later, began, _) in itertools.pairwise(done):
        if lane and lane == other and began < ended:
            yield f"units of one lane: {later} began before {name} had ended"


class Streams:
    """Which of Beam's buffers this process sends records through while the block lasts.

    One of them is emptied by a clock as well as when it is full, and in Beam 2.77 loses what is written while
    that happens: rarely, and only where a receiver is slow, so no small question finds it. Where an engine
    uses one, that very class is written to while its receiver is slow, and its bytes are counted.
    """

    def __enter__(self) -> "Streams":
        self.kinds: set[type] = set()
        self._create = create = data_plane.ClosableOutputStream.create

        def watched(*args: Any, **kwargs: Any) -> Any:
            stream = create(*args, **kwargs)
            if getattr(stream, "_time_flush_threshold_ms", 0):
                self.kinds.add(type(stream))
            return stream

        data_plane.ClosableOutputStream.create = staticmethod(watched)  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        data_plane.ClosableOutputStream.create = staticmethod(self._create)  # type: ignore[method-assign]

    def found(self, options: PipelineOptions) -> Iterator[str]:
        """What the buffers lose that an engine used, or that its flags ask workers to use."""
        if options.view_as(DebugOptions).lookup_experiment("data_buffer_time_limit_ms", "0") not in (
            "0",
            "-1",
        ):
            self.kinds.add(data_plane.TimeBasedBufferingClosableOutputStream)
        for kind in sorted(self.kinds, key=lambda found: found.__name__):
            lost = _lost(kind)
            if lost:
                yield f"the buffer that it sends records through lost {lost:,} bytes under a slow receiver"


def _lost(kind: type, seconds: float = 0.5) -> int:
    """Bytes that a buffer loses: written for so long while whoever takes them is slow."""
    received: list[int] = []

    def take(data: bytes) -> None:
        time.sleep(0.02)
        received.append(len(data))

    stream = kind(take, flush_callback=take, time_flush_threshold_ms=10)
    written, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        stream.write(bytes(64))
        written += 64
        if written % 6_400 == 0:
            time.sleep(0.001)
    stream.close()
    return written - sum(received)
