"""What a runner must find before any work: its server, its jar, workers that see the root.

Beam would fetch what is missing from the network; here it is said instead.
"""

import importlib.util
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismJobServer
from apache_beam.transforms.environments import DockerEnvironment, Environment, ProcessEnvironment

from beam_jobs.engine.runners import flags as given_flags
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.store import in_store

JARS = {
    "FlinkRunner": "flink_job_server_jar",
    "SparkRunner": "spark_job_server_jar",
    "KafkaStreamsRunner": "kafka_streams_job_server_jar",
}
EMBEDDED = "embed"  # the endpoint that means Beam's own job server, in this process
ANSWERS_WITHIN = 3.0  # seconds, for a job server to take a connection
DATAFLOW = ("project", "region", "temp_location")  # what a job cannot do without


def options(flags: Sequence[str], root: Path | None = None) -> PipelineOptions:
    """Beam's own flags, for a runner that is there; a `UserError` says what is wrong, before any work.

    `root` is where workers are to write; None where it is of this machine.
    """
    given = given_flags.read(flags)
    _check(given_flags.runner(given), flags, root)
    return given


def is_dataflow(name: str) -> bool:
    """Whether a runner hands jobs to Dataflow."""
    return name.rpartition(".")[2].lower() in ("dataflowrunner", "dataflow")


def _check(name: str, flags: Sequence[str], root: Path | None) -> None:
    """A `UserError` where a runner lacks what it would start, or where workers would not see the root."""
    runner = given_flags.named(name)
    given = PipelineOptions(list(flags))  # a copy: what is asked below writes its defaults into it
    if is_dataflow(name):
        _check_dataflow(name, given, root)
    if not isinstance(runner, PortableRunner):
        return
    endpoint = given.view_as(PortableOptions).job_endpoint
    kinds = [kind.__name__ for kind in type(runner).__mro__]
    jar = next((JARS[kind] for kind in kinds if kind in JARS), None)
    if endpoint:
        if endpoint != EMBEDDED:
            _check_endpoint(endpoint)
    elif jar is not None:
        _check_jar(name, jar, given)
    elif "PrismRunner" in kinds:
        _check_prism(name, given)
    else:
        raise UserError(
            f"--runner={name} needs --job_endpoint=HOST:PORT of a job server that runs, "
            f"or --job_endpoint={EMBEDDED}, and --environment_type=LOOPBACK"
        )
    _check_environment(runner, given, root)


def _check_endpoint(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UserError(f"--job_endpoint={endpoint}: wants HOST:PORT, or {EMBEDDED} for Beam's own")
    if why := unanswered(endpoint):
        raise UserError(f"--job_endpoint={endpoint}: no job server is there ({why}); start it first")


def unanswered(endpoint: str, within: float = ANSWERS_WITHIN) -> str:
    """Why HOST:PORT took no connection within so many seconds; "" where it took one."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), within).close()
    except (OSError, UnicodeError) as error:  # the latter: no name of a host
        return str(getattr(error, "strerror", None) or error)
    return ""


def _check_jar(name: str, flag: str, given: PipelineOptions) -> None:
    values = given.get_all_options()
    jar, java = values[flag], values["job_server_java_launcher"]
    running = "start a job server and give --runner=PortableRunner --job_endpoint=HOST:PORT"
    if not jar:
        raise UserError(f"--runner={name} fetches no job server here: give --{flag}=FILE, or {running}")
    if not os.path.isfile(jar):
        raise UserError(f"--{flag}={jar}: no such file; give a job server's jar, or {running}")
    if shutil.which(java) is None:
        raise UserError(f"--runner={name} starts its job server by {java!r}, which is not there; {running}")


def _check_prism(name: str, given: PipelineOptions) -> None:
    location = given.get_all_options()["prism_location"]
    made = f"`go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{apache_beam.__version__}` makes it"
    if location and not os.path.isfile(location):
        raise UserError(f"--prism_location={location}: no such file; {made}")
    if not location and not _has_prism(given):
        raise UserError(f"--runner={name} fetches no Prism here: give --prism_location=FILE; {made}")


def _has_prism(given: PipelineOptions) -> bool:
    """Whether Beam fetched its Prism before now."""
    try:
        fetched = os.path.basename(PrismJobServer(given).path_to_binary())
    except ValueError:  # a machine for which there is none
        return False
    return os.path.isfile(os.path.join(PrismJobServer.BIN_CACHE, fetched))


def _check_environment(runner: PortableRunner, given: PipelineOptions, root: Path | None) -> None:
    what = f"--environment_type={given.view_as(PortableOptions).environment_type or 'DOCKER, the default'}"
    try:
        found: Environment = runner.default_environment(given)
    except (ValueError, LookupError, TypeError, NotImplementedError) as error:
        said = str(error) or "none that workers can have"
        raise UserError(f"{what}: cannot be used: {said}; give LOOPBACK") from None
    if isinstance(found, DockerEnvironment) and not _is_shared(root):
        raise UserError(
            f"{what}: workers in containers do not see a root on this machine; "
            "give --environment_type=LOOPBACK, or beam:env:embedded_python:v1 with --job_endpoint=embed, "
            "or --root in a store"
        )
    if isinstance(found, ProcessEnvironment) and not found.command:
        raise UserError(f"{what}: needs --environment_options=process_command=FILE")


def _is_shared(root: Path | None) -> bool:
    return root is not None and in_store(root) is not None


def _check_dataflow(name: str, given: PipelineOptions, root: Path | None) -> None:
    values = given.get_all_options()
    if not _is_shared(root):
        raise UserError(f"--runner={name}: its workers see no root on this machine; give --root gs://…")
    if importlib.util.find_spec("apitools") is None:
        raise UserError(f"--runner={name} needs the gcp extra: pip install 'webimagetext[gcp]'")
    absent = [flag for flag in DATAFLOW if not values.get(flag)]
    if absent:
        raise UserError(f"--runner={name} needs {' and '.join(f'--{flag}=…' for flag in absent)}")
    if not (values["sdk_container_image"] or values["extra_packages"]):
        raise UserError(
            f"--runner={name}: its workers need wit: give --sdk_container_image=IMAGE that holds it, or "
            "--extra_package=FILE.whl; docs/running.md says how either is made"
        )
    for wheel in values["extra_packages"] or ():
        if "://" not in wheel and not os.path.isfile(wheel):
            raise UserError(f"--extra_package={wheel}: no such file; `make wheel` says where it lies")
