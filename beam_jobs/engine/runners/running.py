"""One graph run to its end on whichever runner, and one line that says why it failed."""

import re
import subprocess
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import grpc  # type: ignore[import-untyped]
from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.engine import failure
from beam_jobs.engine.runners import flags as given_flags
from wit_pipeline.vocabulary.errors import RunError, WitError

FAILURES = (RuntimeError, grpc.RpcError, grpc.FutureTimeoutError, subprocess.SubprocessError, OSError)
THEIRS = {"threading", "concurrent", "grpc", "apache_beam"}  # packages
TRACEBACK = "Traceback (most recent call last)"
WHERE = re.compile(r" \[while running .*", re.DOTALL)  # Beam adds this to what is raised in a step
RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*): (?P<said>\S.*)$", re.MULTILINE)

Build = Callable[[beam.Pipeline], None]


def run_here(build: Build, flags: Sequence[str]) -> None:
    """Run a graph in this process. A WitError that a step raised comes out as it was raised."""
    failure.forget()
    pipeline = beam.Pipeline(options=given_flags.read(flags))
    build(pipeline)
    try:
        pipeline.run().wait_until_finish()
    except (WitError, RuntimeError):  # Beam adds to the message, and may change the type
        failure.raise_remembered()
        raise


def run_elsewhere(build: Build, options: PipelineOptions, log: Path) -> None:
    """Run a graph as a job of a runner; a WitError says in one line what failed, and where its log is."""
    failure.forget()
    name = given_flags.runner(options)
    _hush()
    try:
        pipeline = beam.Pipeline(options=options)
        build(pipeline)
        pipeline.run().wait_until_finish()
    except Exception as error:  # noqa: BLE001 whatever a runner raises
        failure.raise_remembered()
        raise said(name, error, log) from None


def wait_for(job: Any, name: str, log: Path) -> None:
    """Wait for a job of a runner that another launcher began."""
    _hush()
    try:
        job.wait_until_finish()
    except Exception as error:  # noqa: BLE001 whatever a runner raises
        raise said(name, error, log) from None


def said(name: str, error: BaseException, log: Path) -> WitError:
    """A failed job in one line: a worker's own last error where one tells it, else what the runner says."""
    text = str(error)
    raised = failure.of_text(text)
    if raised is not None:
        return raised
    reason = _last(text) if TRACEBACK in text else _reason(error)
    return RunError(f"--runner={name} failed: {reason}; run again to go on; its log: {log}")


def _last(text: str) -> str:
    """The last exception that a text with tracebacks in it tells of."""
    found = [f"{match['type']}: {match['said']}" for match in RAISED.finditer(text)]
    return WHERE.sub("", found[-1]) if found else text.strip().splitlines()[-1]


def _reason(error: BaseException) -> str:
    if isinstance(error, grpc.Call):
        return f"its job server said {error.code().name}: {error.details()}"
    if isinstance(error, grpc.FutureTimeoutError):
        return "its job server did not answer in time"
    if isinstance(error, FAILURES):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _hush() -> None:
    """Print no traceback of gRPC's and Beam's own threads: they end so where a job server does, as is said.

    For good, as some of them last longer than the job. A thread that goes through code of ours still prints.
    """
    threading.excepthook = _unless_theirs


def _unless_theirs(told: threading.ExceptHookArgs) -> None:
    modules = {frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(told.exc_traceback)}
    if not {module.partition(".")[0] for module in modules} <= THEIRS:
        threading.__excepthook__(told)
