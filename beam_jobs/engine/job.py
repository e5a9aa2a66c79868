"""A runner that is not this process: one job a step, followed by the receipts that its workers leave.

What workers elsewhere do is seen by nothing else, on any engine: so receipts are what the display shows, and
where none comes for long, that is said.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import (
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from beam_jobs.engine import graphs, progress
from beam_jobs.engine.runners import begun, processes, servers
from beam_jobs.engine.runners import flags as given_flags
from beam_jobs.engine.runners.checks import EMBEDDED, is_dataflow
from beam_jobs.engine.runners.running import Build, run_elsewhere, wait_for
from beam_jobs.engine.stage import Needs, Shuffle, Task, Unit, Work
from wit_pipeline.vocabulary import machine
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.store import in_store, sizes

STALL = 30.0  # minutes without a receipt that are told
LOOK = 1.0  # seconds between two looks at the receipts, here …
LOOK_STORE = 15.0  # … and in a store, where a look is a request for each thousand
ATTENDS = 10.0  # seconds between two looks at the job server
SHARE = 20  # a look is followed by so many times as long without one

# One unit at a time in a process, whose client and decoders are its only ones.
FLAGS = ("--number_of_worker_harness_threads=1",)


BEAM = logging.getLogger("apache_beam")


class Job:
    """The jobs of one build."""

    def __init__(self, flags: Sequence[str], root: Path, *, stall: float = STALL) -> None:
        self.flags = tuple(flags)
        self.root = root
        self.stall = stall * 60  # seconds
        self.under_way = ""  # the name of the job that would go on without this process
        self._server: servers.Server | None = None
        self._handler: logging.Handler | None = None
        self._before: list[logging.Handler] = []  # what Beam's import gave the root logger …
        self._level = logging.NOTSET  # … and how much Beam said before

    @property
    def processes(self) -> int:
        """How many workers may be asking servers at once that share no folder."""
        return processes.asking(given_flags.read(self.flags))

    @property
    def log(self) -> Path:
        """Where the engine's own log goes, on this machine."""
        here = in_store(self.root) is None
        return self.root / ".work" / "engine.log" if here else machine.of_root(self.root, "engine") / "log"

    def map(self, step: Work, task: Task, units: Sequence[Unit]) -> None:
        """Do the units as one job; a receipt for each lies there afterwards."""

        def build(pipeline: Any) -> None:
            graphs.work(pipeline, step, task, graphs.list_units(step, task, units))

        with progress.held() as tell, Receipts(step, task, units, tell, self).followed():
            self._run(build, step, task, tell)

    def shuffle(self, step: Shuffle, task: Task) -> None:
        """Run a step's graph as one job."""
        with progress.held() as tell:
            self._run(lambda pipeline: step.build(pipeline, task), step, task, tell)

    def _run(self, build: Build, step: Work | Shuffle, task: Task, tell: progress.Sink) -> None:
        plan = digest([task.plan, task.turn.number, task.turn.of])
        name = begun.job_name(self.root, task.folders.stage, step.name, plan)
        options = self._options(name, step.needs)
        found = None
        if self.survives(options):
            self.under_way, found = name, begun.find(options, name)
        try:
            if found is None:
                attended(lambda: run_elsewhere(build, options, self.log), partial(self._check, options))
            else:
                waits = f"{task.folders.stage:>8}  {step.name}: waits for its job {name}, which is under way"
                tell({"event": "note", "text": waits})
                waiting = partial(wait_for, found, given_flags.runner(options), self.log)
                attended(waiting, partial(self._check, options))
        finally:
            self.under_way = ""

    def stopped(self) -> str:
        """What to say where this launcher is stopped."""
        if not self.under_way:
            return "stopped; run again to go on"
        return (
            f"stopped; its job {self.under_way} goes on: the same command waits for it, "
            "and with --cancel it ends it"
        )

    def _check(self, options: PipelineOptions) -> None:
        """A `RunError` where the job server is gone."""
        endpoint = options.view_as(PortableOptions).job_endpoint
        if endpoint and endpoint != EMBEDDED:
            servers.check(given_flags.runner(options), endpoint, self.log)

    def _options(self, name: str, needs: Needs) -> PipelineOptions:
        """Beam's options of one job; the first starts what the runner needs for all."""
        flags = [*self.flags, *FLAGS, f"--job_name={name}"]
        if self._handler is None:
            self._begin(given_flags.read(flags))
        if self._server is not None:
            flags.append(f"--job_endpoint={self._server.endpoint}")
        options = given_flags.read(flags)
        portable = options.view_as(PortableOptions)
        if portable.job_endpoint == EMBEDDED:
            # Its driver is in this process, and sends records through a buffer that a clock empties too, and
            # that loses what is written meanwhile: without the clock it loses none.
            worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
        elif portable.job_endpoint:
            self._check(options)
            portable.job_server_timeout = max(portable.job_server_timeout or 0, servers.PATIENCE)
        ask_for(options, needs)
        return options

    def _begin(self, given: PipelineOptions) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self._handler = logging.FileHandler(self.log)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        everything = logging.getLogger()
        self._before, everything.handlers = everything.handlers, [self._handler]
        self._level = BEAM.level
        BEAM.setLevel(logging.INFO)
        self._server = servers.start(given, self.log)

    @staticmethod
    def survives(options: PipelineOptions) -> bool:
        """Whether a job goes on without this process: where neither its server nor its workers are of it."""
        portable = options.view_as(PortableOptions)
        if is_dataflow(given_flags.runner(options)):
            return True
        served = portable.job_endpoint and portable.job_endpoint != EMBEDDED
        return bool(served) and not processes.end_with_us(portable)

    def close(self) -> None:
        """End what was started for the jobs."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._handler is not None:
            logging.getLogger().handlers = self._before
            BEAM.setLevel(self._level)
            self._handler.close()
            self._handler = None


def attended(work: Callable[[], None], check: Callable[[], None]) -> None:
    """Do what waits for a job, and look now and then whether it still has somebody to wait for.

    Beam itself may wait for a job server that is gone as long as it would follow a job.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
            done.set_result(None)
        except BaseException as error:  # noqa: BLE001 it is raised where it is waited for
            done.set_exception(error)

    threading.Thread(target=run, name="job", daemon=True).start()
    while True:
        with suppress(TimeoutError):
            return done.result(ATTENDS)
        try:
            check()
        except RunError:
            with suppress(TimeoutError):  # it may say more of why
                return done.result(ATTENDS)
            raise


def ask_for(options: PipelineOptions, needs: Needs) -> None:
    """Put what a step needs into the options of its job, where nobody did who knows better."""
    standard, worker = options.view_as(StandardOptions), options.view_as(WorkerOptions)
    if needs.ram_gb and not standard.resource_hints:
        standard.resource_hints = [f"min_ram={needs.ram_gb}GB"]
    if needs.disk_gb and not worker.disk_size_gb:
        worker.disk_size_gb = needs.disk_gb


class Receipts:
    """The receipts of a step, looked at again and again while others write them."""

    def __init__(self, step: Work, task: Task, units: Sequence[Unit], tell: progress.Sink, job: Job) -> None:
        self.what = f"{task.folders.stage:>8}  {step.name}"
        self.folder = step.receipt(task.folders, units[0]).parent
        self.units: Mapping[str, Unit] = {step.receipt(task.folders, unit).name: unit for unit in units}
        self.tell = tell
        self.job = job
        self._seen = {name for name in sizes(self.folder) if name in self.units}
        self._done = threading.Event()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While the block lasts, tell of each receipt that comes, and where none does for long."""
        watching = threading.Thread(target=self._watch, name="receipts", daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._done.set()
            watching.join()
            self.look()

    def _watch(self) -> None:
        least = LOOK if in_store(self.folder) is None else LOOK_STORE
        changed = told = time.monotonic()
        pause = least
        while not self._done.wait(pause):
            began = time.monotonic()
            try:
                came = self.look()
            except OSError:
                came = 0  # a store that does not answer will say so to whoever needs it
            now = time.monotonic()
            pause = max(least, SHARE * (now - began))
            if came:
                changed = told = now
            elif now - told > self.job.stall:
                told = now
                self.tell({"event": "note", "text": f"{self.what}: {stalled(now - changed, self.job.log)}"})

    def look(self) -> int:
        """Tell of the receipts that came since the last look; returns how many they are."""
        came = [name for name in sizes(self.folder) if name in self.units and name not in self._seen]
        for name in sorted(came):
            unit = self.units[name]
            self._seen.add(name)
            if unit.records:
                self.tell({"event": "records", "count": unit.records, "unit": unit.name, "lane": unit.lane})
            self.tell({"event": "unit", "unit": unit.name})
        return len(came)


def stalled(seconds: float, log: Path) -> str:
    """What to say where nothing came of a job for long."""
    return (
        f"no unit was done for {seconds / 60:.0f} minutes. If its workers are gone, end this with Ctrl-C and "
        f"run it again: it goes on where it stopped. The engine's log: {log}"
    )
