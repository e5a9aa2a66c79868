"""Where the steps of a build run: `Workers` are processes of this machine, a `Job` is any other runner.

A local run is FnApiRunner in_memory, and more processes are more pipelines, each over its own units: its
multi-threading and multi-processing modes lose elements without an error (measured on Beam 2.77).
"""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapreplace
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from beam_jobs.engine import graphs, lock, progress
from beam_jobs.engine.job import Job
from beam_jobs.engine.runners.running import run_here
from beam_jobs.engine.stage import Shuffle, Task, Unit, Work
from wit_pipeline.vocabulary.errors import RunError

CHUNKS = 4  # pipelines a worker gets through a step: few enough to start, enough to even out


def dealt(units: Sequence[Unit], most: int) -> list[tuple[Unit, ...]]:
    """The units in at most `most` chunks of about one length, the units of a lane together in one.

    Lanes are dealt first, the longest before the others, each to the shortest chunk; then the rest, in order.
    A chunk that holds a lane begins with it, and chunks are given out longest first: a lane is what may last.
    """
    together = graphs.lanes(units)
    shortest = [(0, number) for number in range(min(most, len(together)))]  # a heap
    chunks: list[list[Unit]] = [[] for _ in shortest]
    for lane in together:
        length, number = shortest[0]
        chunks[number] += lane
        heapreplace(shortest, (length + len(lane), number))
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
            return run_units(step, task, graphs.list_units(step, task, units), self.flags)
        chunks = enumerate(dealt(units, self.count * CHUNKS))
        lists = [graphs.list_units(step, task, chunk, number) for number, chunk in chunks]
        with self._listening():
            futures = [
                self._processes().submit(_run_units, step, task, listed, self.flags) for listed in lists
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

    def shuffle(self, step: Shuffle, task: Task) -> None:
        """Run a step's graph in this process."""
        run_shuffle(step, task, self.flags)

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


def _run_units(step: Work, task: Task, listed: Path, flags: tuple[str, ...]) -> None:
    with lock.working(task.folders.root):
        run_units(step, task, listed, flags)


def run_units(step: Work, task: Task, listed: Path, flags: Sequence[str]) -> None:
    """One pipeline over the units of a list; each writes its files, then its receipt."""
    run_here(lambda pipeline: graphs.work_here(pipeline, step, task, listed), flags)


def run_shuffle(step: Shuffle, task: Task, flags: Sequence[str]) -> None:
    """Run a step's graph as one pipeline."""
    run_here(lambda pipeline: step.build(pipeline, task), flags)


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """Where a build runs: processes of this machine, or the jobs of a runner."""

    workers: "Workers | Job"

    def shuffle(self, step: Shuffle, task: Task) -> None:
        self.workers.shuffle(step, task)

    def work(self, step: Work, task: Task, units: Sequence[Unit]) -> None:
        self.workers.map(step, task, units)

    @property
    def flags(self) -> tuple[str, ...]:
        """Those that Beam was given."""
        return self.workers.flags

    @property
    def processes(self) -> int:
        """How many may be asking servers at once that share no folder: those of this machine share one."""
        return self.workers.processes if isinstance(self.workers, Job) else 1

    @property
    def log(self) -> Path | None:
        """Where what the engine itself says is; None where it says nothing."""
        return self.workers.log if isinstance(self.workers, Job) else None

    def stopped(self) -> str:
        """What to say where this process is stopped."""
        return self.workers.stopped() if isinstance(self.workers, Job) else "stopped; run again to go on"

    def close(self) -> None:
        """End what was started for it."""
        self.workers.close()
