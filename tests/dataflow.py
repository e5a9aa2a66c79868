"""A Dataflow service for tests: it records what is submitted, and runs the staged pipeline on this machine.

It answers as far as Beam's client asks: create, get, list and update of jobs, and their messages. Nothing
of it knows of quotas, permissions, images or what a worker is billed.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2_grpc, beam_runner_api_pb2
from apache_beam.runners.portability import portable_runner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment, ProcessEnvironment

from beam_jobs.engine.runners.servers import Server
from tests.beam_jobs.engines import MADE

Pipeline = Any  # beam_runner_api_pb2.Pipeline
JOBS = re.compile(
    r"/v1b3/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/jobs(?:/(?P<job>[^/?]+))?(?P<rest>/[^?]+)?"
)
RUN, DONE, FAILED, CANCELLED = (f"JOB_STATE_{state}" for state in ("RUNNING", "DONE", "FAILED", "CANCELLED"))


@dataclass
class Job:
    """A job as it was submitted, and what became of it."""

    id: str
    submitted: dict[str, Any]
    pipeline: Pipeline
    state: str = RUN
    error: str = ""

    @property
    def name(self) -> str:
        return str(self.submitted["name"])

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "projectId": "p",
            "location": "r",
            "currentState": self.state,
        }


@dataclass
class Service:
    """What was submitted so far."""

    endpoint: str = ""
    jobs: list[Job] = field(default_factory=list)

    def named(self, part: str) -> Job:
        return next(job for job in self.jobs if part in job.name)


def embedded(pipeline: Pipeline) -> None:
    """Run a staged pipeline in this process."""
    here = EmbeddedPythonEnvironment().to_runner_api(None)  # type: ignore[arg-type]
    for environment in pipeline.components.environments.values():
        environment.urn, environment.payload = here.urn, here.payload
        del environment.dependencies[:]
    FnApiRunner().run_via_runner_api(pipeline, PipelineOptions()).wait_until_finish()


@contextmanager
def service(read: Callable[[str], bytes], run: Callable[[Pipeline], None] = embedded) -> Iterator[Service]:
    """A service on loopback; `read` gives an object of the store, `run` works through a pipeline."""
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def answer(self, value: Any, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def given(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

        def of_path(self) -> tuple[Job | None, str]:
            match = JOBS.match(self.path)
            assert match, self.path
            job = next((job for job in found.jobs if job.id == match["job"]), None)
            return job, match["rest"] or ""

        def do_POST(self) -> None:
            job = Job(f"job-{len(found.jobs)}", submitted := self.given(), beam_runner_api_pb2.Pipeline())
            url = submitted["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]
            job.pipeline.ParseFromString(read(url))
            found.jobs.append(job)
            threading.Thread(target=work, args=(job,), daemon=True).start()
            self.answer({**job.told(), "clientRequestId": submitted.get("clientRequestId", "")})

        def do_GET(self) -> None:
            job, rest = self.of_path()
            if job is None:
                self.answer({"jobs": [job.told() for job in found.jobs if job.state == RUN]})
            elif rest == "/messages":
                error = {"id": "1", "messageText": job.error, "messageImportance": "JOB_MESSAGE_ERROR"}
                self.answer({"jobMessages": [error] if job.error else []})
            elif rest:
                self.answer({})
            else:
                self.answer(job.told())

        def do_PUT(self) -> None:
            job, _ = self.of_path()
            assert job is not None
            if self.given().get("requestedState") in (CANCELLED, 5):  # by its name, or its number
                job.state = CANCELLED
            self.answer(job.told())

    def work(job: Job) -> None:
        whole = beam_runner_api_pb2.Pipeline()
        whole.CopyFrom(job.pipeline)
        try:
            run(whole)
        except Exception as error:  # noqa: BLE001 a job that fails is an answer too
            job.error, job.state = str(error), FAILED
        else:
            job.state = DONE if job.state == RUN else job.state

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.endpoint = f"http://localhost:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def prism(boot: Path, log: Path) -> Iterator[Callable[[Pipeline], None]]:
    """Runs staged pipelines by Prism, each worker started by `boot` as in a container of Dataflow's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"localhost:{probe.getsockname()[1]}"
    command = [str(MADE / "prism"), f"--job_port={endpoint.partition(':')[2]}", "--serve_http=false"]
    with log.open("ab") as out:
        server = Server(command, endpoint, out)
    server.wait()
    stub = beam_job_api_pb2_grpc.JobServiceStub(grpc.insecure_channel(endpoint))
    started = ProcessEnvironment(str(boot)).to_runner_api(None)  # type: ignore[arg-type]

    def run(pipeline: Pipeline) -> None:
        for environment in pipeline.components.environments.values():
            environment.urn, environment.payload = started.urn, started.payload
            del environment.dependencies[:]
        options = PipelineOptions(["--job_server_timeout=3600"])
        job, messages, states = portable_runner.JobServiceHandle(stub, options).submit(pipeline)
        portable_runner.PipelineResult(stub, job, messages, states).wait_until_finish()

    try:
        yield run
    finally:
        server.close()
