"""Jobs of an earlier launcher that still run: found again by their names, waited for, or cancelled.

Where workers are processes of a launcher, its jobs end with it, and there is nothing to find.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability import portable_runner

from beam_jobs.engine.runners import flags as given_flags
from beam_jobs.engine.runners.checks import EMBEDDED, is_dataflow
from wit_pipeline.vocabulary.chance import digest

RUNNING = ("STARTING", "RUNNING", "PENDING", "QUEUED")
NAMED = 8  # digits of a digest in a job's name


def job_name(root: Path, stage: str, step: str, plan: str) -> str:
    """The name of a step's job: the same whenever the same is to be done in the same root."""
    told = re.sub(r"[^a-z0-9]+", "-", f"{stage}-{step}".lower())
    return f"{prefix(root)}{told}-{digest([plan])[:NAMED]}"


def prefix(root: Path) -> str:
    """What the names of all jobs of a root begin with."""
    return f"wit-{digest([str(root.absolute())])[:NAMED]}-"


def find(options: PipelineOptions, name: str) -> Any | None:
    """Beam's result of the job of this name that is under way; None where there is none."""
    return next((job for called, job in _running(options) if called == name), None)


def cancel_all(options: PipelineOptions, root: Path) -> list[str]:
    """Cancel what is under way for a root; returns the names of the jobs."""
    found = [(name, job) for name, job in _running(options) if name.startswith(prefix(root))]
    for _, job in found:
        job.cancel()
    return [name for name, _ in found]


def _running(options: PipelineOptions) -> Iterator[tuple[str, Any]]:
    if is_dataflow(given_flags.runner(options)):
        yield from _on_dataflow(options)
    endpoint = options.view_as(PortableOptions).job_endpoint
    if endpoint and endpoint != EMBEDDED:
        yield from _on_a_job_server(endpoint)


def _on_a_job_server(endpoint: str) -> Iterator[tuple[str, Any]]:
    stub = beam_job_api_pb2_grpc.JobServiceStub(grpc.insecure_channel(endpoint))
    for info in stub.GetJobs(beam_job_api_pb2.GetJobsRequest()).job_info:
        if beam_job_api_pb2.JobState.Enum.Name(info.state) in RUNNING:
            yield info.job_name, _followed(stub, info.job_id)


def _followed(stub: Any, job: str) -> portable_runner.PipelineResult:
    messages = stub.GetMessageStream(beam_job_api_pb2.JobMessagesRequest(job_id=job))
    states = stub.GetStateStream(beam_job_api_pb2.GetJobStateRequest(job_id=job))
    return portable_runner.PipelineResult(stub, job, messages, states)


def _on_dataflow(options: PipelineOptions) -> Iterator[tuple[str, Any]]:
    from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult, DataflowRunner
    from apache_beam.runners.dataflow.internal import apiclient

    cloud = options.view_as(GoogleCloudOptions)
    runner: Any = DataflowRunner()
    runner.dataflow_client = client = apiclient.DataflowApplicationClient(options)
    active = apiclient.dataflow.ListJobsRequest(
        project_id=cloud.project,
        location=cloud.region,
        filter=apiclient.dataflow.ListJobsRequest.Filter.ACTIVE,
    )
    for job in client._jobs_client.list_jobs(active):
        yield job.name, DataflowPipelineResult(job, runner, options)
