"""The engine of a command, from its flags to its end; and whether one can be trusted, asked for alone."""

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.engine import engine, failure, lock, progress
from beam_jobs.engine.job import Job
from beam_jobs.engine.runners import checks
from beam_jobs.engine.runners.flags import is_local, runner
from beam_jobs.engine.trust import canary
from wit_pipeline.vocabulary.errors import UserError

Display = progress.JsonLines | progress.Display


@contextmanager
def running(
    arguments: argparse.Namespace, options: PipelineOptions, display: Display
) -> Iterator[engine.Engine]:
    """The engine that a command's `--workers` and Beam's flags ask for; what it starts ends with it."""
    progress.send_to(display)
    made = _engine(arguments, options)
    try:
        with _stopping_at_once(display, made):
            yield made
    finally:
        made.close()
        display.close()
        progress.send_to(None)


def _engine(arguments: argparse.Namespace, options: PipelineOptions) -> engine.Engine:
    """Processes of this machine, or the jobs of the runner that was named."""
    if is_local(options):
        return engine.Engine(workers=engine.Workers(arguments.workers or os.cpu_count() or 1, arguments.beam))
    if arguments.workers is not None:
        told = "says by flags of its own how many workers there are: --workers counts for nothing"
        progress.tell("note", text=f"{'engine':>8}  --runner={runner(options)} {told}")
    return engine.Engine(workers=Job(arguments.beam, arguments.root, stall=arguments.stall))


@contextmanager
def _stopping_at_once(display: Display, made: engine.Engine) -> Iterator[None]:
    """On Ctrl-C and SIGTERM: one line, and an end at once. Files are whole or absent, workers end with us.

    Beam would make a RuntimeError of a KeyboardInterrupt, and go through it once for every operation.
    """

    def stop(number: int, _: FrameType | None) -> None:
        display.close()
        lock.let_go()
        os._exit(failure.told(made.stopped(), 128 + number))

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def trust(made: engine.Engine, options: PipelineOptions, root: Path) -> None:
    """Ask an engine what is known, where the root has not seen it; a `UserError` where it answers wrongly."""
    canary.ensure(made, options, root, lambda text: progress.tell("note", text=text))


def run_check(arguments: argparse.Namespace) -> None:
    """wit check-engine: ask an engine what is known, and say which answers are wrong."""
    with tempfile.TemporaryDirectory(prefix="wit-engine-") as folder:
        arguments.root = arguments.root or Path(folder)
        options = checks.options(arguments.beam, arguments.root)
        with running(arguments, options, progress.Display()) as made:
            wrong = canary.ask(made, options, arguments.root)
    named = " ".join(canary.identity(options).values())
    if wrong:
        raise UserError(f"{named}: cannot be trusted with a dataset: {'; '.join(wrong)}")
    sys.stdout.write(f"{named}: all answers are right\n")
