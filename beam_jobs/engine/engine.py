"""Beam, run in the one local way that loses nothing, and N processes of it for N workers.

Measured on 2.77: DirectRunner first tries to download Prism; FnApiRunner's multi-threading and
multi-processing modes lose elements without an error; DaskRunner and the Ray and PySpark runners of the
package index return wrong results. So a local run is FnApiRunner in_memory, and more processes are more
pipelines, each over its own units.
"""

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import partial
from heapq import heapreplace
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from beam_jobs.engine import failure, lock, progress, runners
from beam_jobs.engine.stage import Shuffle, Task, Unit, Work
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import RunError, UserError, WitError
from wit_pipeline.vocabulary.manifest import Receipt

CHUNKS = 4  # pipelines a worker gets through a step: few enough to start, enough to even out


def options(flags: Sequence[str]) -> PipelineOptions:
    """Beam's own flags, for a runner that is there; a `UserError` says what is wrong, before any work."""
    given = _read(flags)
    runners.check(_runner(given), flags)
    return given


def _read(flags: Sequence[str]) -> PipelineOptions:
    """Beam's own flags; a `UserError` for what Beam cannot read, and for what is known to lose records."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):  # argparse would print Beam's 300 flags above its complaint
            given = PipelineOptions(list(flags), pipeline_type_check=True)
            named = given.get_all_options(drop_default=True)
            strange = given.get_all_options(drop_default=True, retain_unknown_options=True).keys() - named
    except SystemExit:
        raise UserError(f"after --: {said.getvalue().splitlines()[-1].rpartition('error: ')[2]}") from None
    mode = given.view_as(DirectOptions).direct_running_mode
    if mode in ("multi_threading", "multi_processing"):
        raise UserError(
            f"--direct_running_mode={mode} loses records without an error on Beam 2.77; use wit --workers N"
        )
    if "runner" not in named or runners.is_direct(_runner(given)):
        given.view_as(StandardOptions).runner = runners.LOCAL
    runners.named(_runner(given))
    if strange and _runner(given) == runners.LOCAL:  # others have flags of their own
        raise UserError(f"after --: Beam knows no flag --{min(strange)}")
    return given


def _runner(given: PipelineOptions) -> str:
    return str(given.view_as(StandardOptions).runner)


def run_shuffle(step: Shuffle, task: Task, flags: Sequence[str]) -> None:
    """Run a step's graph as one pipeline."""
    _run(lambda pipeline: step.build(pipeline, task), flags)


def dealt(units: Sequence[Unit], most: int) -> list[tuple[Unit, ...]]:
    """The units in at most `most` chunks of about one length, the units of a lane together in one.

    Lanes are dealt first, the longest before the others, each to the shortest chunk; then the rest, in order.
    A chunk that holds a lane begins with it, and chunks are given out longest first: a lane is what may last.
    """
    lanes: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.lane:
            lanes.setdefault(unit.lane, []).append(unit)
    long = sorted(lanes.values(), key=len, reverse=True)
    single = [[unit] for unit in units if not unit.lane]
    shortest = [(0, number) for number in range(min(most, len(long) + len(single)))]  # a heap
    chunks: list[list[Unit]] = [[] for _ in shortest]
    for together in (*long, *single):
        length, number = shortest[0]
        chunks[number] += together
        heapreplace(shortest, (length + len(together), number))
    return sorted(map(tuple, chunks), key=len, reverse=True)


class _Spawning(SpawnContext):
    """Starts processes anew, as a fork would copy threads' locks and open pipes, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> BaseProcess:  # type: ignore[override]
        self.started.append(super().Process(*args, **kwargs))
        return self.started[-1]


class Workers:
    """N local processes, each running pipelines of its own; they end with this one."""

    def __init__(self, count: int, flags: Sequence[str]) -> None:
        self.count = count
        self.flags = tuple(flags)
        self._pool: ProcessPoolExecutor | None = None
        self._context = _Spawning()
        self._events: Any = None

    def map(self, step: Work, task: Task, units: Sequence[Unit]) -> None:
        """Do the units, whoever does which; a receipt for each lies on disk afterwards."""
        if self.count == 1 or len(units) < 2:
            return run_units(step, task, tuple(units), self.flags)
        chunks = dealt(units, self.count * CHUNKS)
        with self._listening():
            futures = [
                self._processes().submit(_run_units, step, task, chunk, self.flags) for chunk in chunks
            ]
            try:
                for future in as_completed(futures):
                    future.result()
            except BrokenProcessPool:
                raise RunError(f"{step.name}: a worker process was killed; run again to go on") from None
            finally:
                for future in futures:
                    future.cancel()
        return None

    def _processes(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._events = self._context.SimpleQueue()
            self._pool = ProcessPoolExecutor(
                self.count,
                mp_context=self._context,
                initializer=_start,
                initargs=(self._events, os.getpid()),
            )
        return self._pool

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Pass the workers' events on to this process's display."""
        self._processes()
        thread = threading.Thread(target=self._pass_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._events.put(None)
            thread.join()

    def _pass_on(self) -> None:
        while (event := self._events.get()) is not None:
            progress.tell(**event)

    def close(self) -> None:
        """End the workers, units under way included: those are whole or absent.

        All of them, those too that have not begun: an idle worker ends with the lock of the queue of chunks,
        and one that lived on would wait for it without end.
        """
        if self._pool is not None:
            for process in self._context.started:
                if process.is_alive():
                    process.terminate()
            self._pool.shutdown(cancel_futures=True)


def _start(events: Any, parent: int) -> None:
    """A worker's first act: events go to the parent, and the worker ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent says what happened
    progress.send_to(events.put)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)  # units are whole or absent, so nothing is owed to the one under way


def _run_units(step: Work, task: Task, units: tuple[Unit, ...], flags: tuple[str, ...]) -> None:
    with lock.working(task.folders.root):
        run_units(step, task, units, flags)


def run_units(step: Work, task: Task, units: tuple[Unit, ...], flags: Sequence[str]) -> None:
    """One pipeline over some units; each writes its files, then its receipt."""

    def build(pipeline: beam.Pipeline) -> None:
        pipeline | "UnitsOfWork" >> beam.Create(units) | step.name >> beam.Map(partial(_do, step, task))

    _run(build, flags)


def _do(step: Work, task: Task, unit: Unit) -> str:
    """Do a unit, unless its receipt says that it was done: engines begin a bundle again as they see fit."""
    path, plan = step.receipt(task.folders, unit), step.plan(task, unit)
    if manifest.read_receipt(path, plan, step.folder(task.folders)) is not None:
        return unit.name
    with failure.remembered(f"{task.folders.stage}: {unit.name}"):
        counts, files = step.do(task, unit)
    manifest.write_receipt(path, Receipt(unit=unit.name, plan=plan, counts=counts, files=files))
    step.after(task, unit)
    progress.tell("unit", unit=unit.name)
    return unit.name


def _run(build: Callable[[beam.Pipeline], None], flags: Sequence[str]) -> None:
    failure.forget()
    given = _read(flags)
    runner = _runner(given)
    runners.hush(runner)
    pipeline = beam.Pipeline(options=given)
    build(pipeline)
    try:
        pipeline.run().wait_until_finish()
    except (WitError, *runners.FAILURES) as error:  # Beam adds to the message, and may change the type
        failure.raise_remembered()
        said = runners.failed(runner, error)
        if said:
            raise RunError(said) from None
        raise


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """Where a build runs: its processes and Beam's flags."""

    workers: Workers
    flags: tuple[str, ...] = ()

    def shuffle(self, step: Shuffle, task: Task) -> None:
        run_shuffle(step, task, self.flags)

    def work(self, step: Work, task: Task, units: Sequence[Unit]) -> None:
        self.workers.map(step, task, units)
