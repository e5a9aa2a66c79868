"""Job servers that a runner would start itself: started here, and ended with this process however it ends.

Beam ends them in `atexit`, which a SIGKILL, or a thread that is still waiting, never reaches.
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.portability.job_server import StopOnExitJobServer, SubprocessJobServer
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismJobServer, PrismRunner

from beam_jobs.engine.runners import flags as given_flags
from beam_jobs.engine.runners.checks import unanswered
from wit_pipeline.vocabulary.errors import RunError

STARTS_WITHIN = 60.0  # seconds, for a server to take connections: Java's takes some ten
PATIENCE = 365 * 86_400  # seconds that Beam follows a job, where by itself it breaks off after some minutes

# Runs a command until it, or standard input, ends: this process alone has the other end, so it ends with it.
# What the command started itself ends too, as all of them are one group of processes.
UNTIL = """
exec 3<&0
"$@" </dev/null &
child=$!
{ cat >/dev/null; kill 0; } <&3 2>/dev/null &
wait $child
"""


class Server:
    """A job server, as long as this object is not closed."""

    def __init__(self, command: Sequence[str], endpoint: str, log: IO[bytes]) -> None:
        self.endpoint = endpoint
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", UNTIL, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Until it takes connections; a `RunError` where it ends before, or never does."""
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RunError(f"the job server ended as soon as it began (code {self._process.returncode})")
            if not unanswered(self.endpoint, 1.0):
                return
            time.sleep(0.1)
        raise RunError(f"the job server took no connection within {STARTS_WITHIN:.0f} s")

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)


def needed(given: PipelineOptions) -> SubprocessJobServer | None:
    """The server that Beam would start for these options; None where there is nothing to start."""
    runner = given_flags.named(given_flags.runner(given))
    if not isinstance(runner, PortableRunner) or given.view_as(PortableOptions).job_endpoint:
        return None
    if isinstance(runner, PrismRunner):
        return PrismJobServer(given)
    server: Any = runner.default_job_server(given)
    if isinstance(server, StopOnExitJobServer):
        server = server._job_server
    return server if isinstance(server, SubprocessJobServer) else None


def start(given: PipelineOptions, log: Path) -> Server | None:
    """Start what these options need, its output at the end of `log`; None where that is nothing.

    A `RunError` says why it did not start.
    """
    server = needed(given)
    if server is None:
        return None
    name = given_flags.runner(given)
    try:
        command, endpoint = server.subprocess_cmd_and_endpoint()
        with log.open("ab") as out:
            started = Server([str(part) for part in command], endpoint, out)
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(f"--runner={name} failed: {error}; its log: {log}") from None
    try:
        started.wait()
    except RunError as error:
        started.close()
        raise RunError(f"--runner={name} failed: {error}{_ending(log)}; its log: {log}") from None
    return started


def check(name: str, endpoint: str, log: Path) -> None:
    """A `RunError` where a job server is gone: Beam would wait for it as long as it follows a job."""
    if why := unanswered(endpoint):
        raise RunError(
            f"--runner={name} failed: no job server is at {endpoint} any more ({why}); run again to go on; "
            f"its log: {log}"
        )


def _ending(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""
