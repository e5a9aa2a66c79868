"""Engines that tests run builds on: the flags of each, and why one is not at hand."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MADE = Path(__file__).parents[2] / ".engines"  # by `make engines`
EMBEDDED = ("--runner=PortableRunner", "--job_endpoint=embed")
PRISM = ("--runner=PrismRunner", f"--prism_location={MADE}/prism")
JAR = "FLINK_JOB_SERVER_JAR"
FLINK = ("--environment_type=LOOPBACK", "--parallelism=1", "--execution_mode_for_batch=BATCH_FORCED")
PROCESS = ("--environment_type=PROCESS", f"--environment_options=process_command={MADE}/boot")


def absent(engine: str) -> str:
    """Why an engine cannot be run here; "" where it can."""
    if engine.startswith("prism") and not (MADE / "prism").exists():
        return "Prism is not here: make engines, where Go is"
    if engine == "prism process" and not (MADE / "container").exists():
        return "Beam's boot is not here: make engines, where Go is"
    if engine == "flink" and not os.environ.get(JAR):
        return f"no job server of Flink's is here: {JAR} names its jar"
    return ""


@contextmanager
def flags(engine: str) -> Iterator[list[str]]:
    """The flags of an engine by its name, as long as what it needs runs."""
    match engine:
        case "local":
            yield []
        case "embed":
            yield [*EMBEDDED, "--environment_type=LOOPBACK"]
        case "embed, in process":
            yield [*EMBEDDED, "--environment_type=beam:env:embedded_python:v1"]
        case "prism loopback":
            yield [*PRISM, "--environment_type=LOOPBACK"]
        case "prism process":
            yield [*PRISM, *PROCESS]
        case "flink":
            jar = f"--flink_job_server_jar={os.environ[JAR]}"
            yield ["--runner=FlinkRunner", "--flink_master=[local]", jar, *FLINK]
        case "prism pool":
            with pool() as port:
                yield [*PRISM, "--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]


@contextmanager
def pool() -> Iterator[int]:
    """Beam's worker pool, in a process of its own; gives its port.

    It starts workers as `python`, whichever its PATH has.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    name = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", name, f"--service_port={port}"]
    there = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, env=there, stdout=nowhere, stderr=nowhere) as process:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    socket.create_connection(("localhost", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()
