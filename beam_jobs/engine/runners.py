"""Which of Beam's runners may build a dataset, and what each must find before any work.

The digests of a build were compared for FnApiRunner, for PrismRunner, and for PortableRunner with Beam's
embedded job server. Beam would fetch what is missing from the network; here it is said instead.
"""

import os
import shutil
import socket
import subprocess
import threading
import traceback
from collections.abc import Sequence

import apache_beam
import grpc  # type: ignore[import-untyped]
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismJobServer
from apache_beam.runners.runner import PipelineRunner, create_runner
from apache_beam.transforms.environments import DockerEnvironment, Environment, ProcessEnvironment

from wit_pipeline.vocabulary.config import did_you_mean
from wit_pipeline.vocabulary.errors import UserError

LOCAL = "FnApiRunner"
DIRECT = ("directrunner", "direct")  # Beam's default, a choice between three runners; here it is LOCAL
TAKEN = (LOCAL, "PortableRunner", "PrismRunner", "FlinkRunner", "SparkRunner")
LOST = "cannot be trusted with a dataset: "
ELSEWHERE = "cannot be taken yet: units are given to processes of this machine"
REFUSED = {
    "DaskRunner": LOST + "it drops branches and writes empty files without an error",
    "RayRunner": LOST + "it does not run on this Beam",
    "PySparkRunner": LOST + "it mixes tagged outputs without an error",
    "BundleBasedDirectRunner": LOST + "it gives a step an empty list for a tagged output without an error",
    "SwitchingDirectRunner": LOST + "it may choose BundleBasedDirectRunner, which loses records",
    "TestDirectRunner": LOST + "it may choose BundleBasedDirectRunner, which loses records",
    "DataflowRunner": ELSEWHERE,
    "TestDataflowRunner": ELSEWHERE,
    "InteractiveRunner": "is for notebooks; leave --runner out to build on this machine",
    "RenderRunner": "draws a graph and runs nothing; leave --runner out to build on this machine",
}
JARS = {
    "FlinkRunner": "flink_job_server_jar",
    "SparkRunner": "spark_job_server_jar",
    "KafkaStreamsRunner": "kafka_streams_job_server_jar",
}
EMBEDDED = "embed"  # the endpoint that means Beam's own job server, in this process
ANSWERS_WITHIN = 3.0  # seconds, for a job server to take a connection
FAILURES = (RuntimeError, grpc.RpcError, grpc.FutureTimeoutError, subprocess.SubprocessError, OSError)
THEIRS = {"threading", "concurrent", "grpc", "apache_beam"}  # packages
TRACEBACK = "Traceback (most recent call last)"


def is_direct(name: str) -> bool:
    """Whether a name, in any case as Beam takes it, is that of Beam's default."""
    return name.rpartition(".")[2].lower() in DIRECT


def named(name: str) -> PipelineRunner:
    """The runner of a name; a `UserError` where there is none, or it is known to lose records."""
    _refuse(name, name.rpartition(".")[2])  # before the import, which may lack a package
    try:
        runner = create_runner(name)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        known = "" if "." in name else did_you_mean(name, TAKEN)
        said = f"Beam has no such runner{known}" if known else str(error).splitlines()[0]
        raise UserError(f"--runner={name}: {said}") from None
    if not isinstance(runner, PipelineRunner):
        raise UserError(f"--runner={name}: is no runner of Beam's{did_you_mean(name, TAKEN)}")
    for kind in type(runner).__mro__:
        _refuse(name, kind.__name__)
    return runner


def _refuse(name: str, kind: str) -> None:
    for refused, why in REFUSED.items():
        if kind.lower() in (refused.lower(), refused.removesuffix("Runner").lower()):
            raise UserError(f"--runner={name} {why}")


def check(name: str, flags: Sequence[str]) -> None:
    """A `UserError` where a runner lacks what it would start, or where workers would not see the root."""
    runner = named(name)
    if not isinstance(runner, PortableRunner):
        return
    given = PipelineOptions(list(flags))  # a copy: what is asked below writes its defaults into it
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
    _check_environment(runner, given)


def _check_endpoint(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UserError(f"--job_endpoint={endpoint}: wants HOST:PORT, or {EMBEDDED} for Beam's own")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN).close()
    except (OSError, UnicodeError) as error:  # the latter: no name of a host
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"--job_endpoint={endpoint}: no job server is there ({why}); start it first"
        ) from None


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


def _check_environment(runner: PortableRunner, given: PipelineOptions) -> None:
    what = f"--environment_type={given.view_as(PortableOptions).environment_type or 'DOCKER, the default'}"
    try:
        found: Environment = runner.default_environment(given)
    except (ValueError, LookupError, TypeError, NotImplementedError) as error:
        said = str(error) or "none that workers can have"
        raise UserError(f"{what}: cannot be used: {said}; give LOOPBACK") from None
    if isinstance(found, DockerEnvironment):
        raise UserError(
            f"{what}: workers in containers do not see a root on this machine; give "
            "--environment_type=LOOPBACK, or beam:env:embedded_python:v1 with --job_endpoint=embed"
        )
    if isinstance(found, ProcessEnvironment) and not found.command:
        raise UserError(f"{what}: needs --environment_options=process_command=FILE")


def failed(name: str, error: BaseException) -> str:
    """What to say where a runner itself failed; "" where the failure may be a wrong program of ours.

    Ours comes as an exception of its own type, or as a RuntimeError that holds a worker's traceback; and
    LOCAL runs in this process and starts nothing that could fail.
    """
    if name == LOCAL or not isinstance(error, FAILURES) or TRACEBACK in str(error):
        return ""
    return f"--runner={name} failed: {_reason(error)}; run again to go on"


def hush(name: str) -> None:
    """Print no traceback of gRPC's and Beam's own threads: they end so where a job server does, as is said.

    For good, as some of them last longer than the job. A thread that goes through code of ours still prints.
    """
    if name != LOCAL:
        threading.excepthook = _unless_theirs


def _unless_theirs(told: threading.ExceptHookArgs) -> None:
    modules = {frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(told.exc_traceback)}
    if not {module.partition(".")[0] for module in modules} <= THEIRS:
        threading.__excepthook__(told)


def _reason(error: BaseException) -> str:
    if isinstance(error, grpc.Call):
        return f"its job server said {error.code().name}: {error.details()}"
    if isinstance(error, grpc.FutureTimeoutError):
        return "its job server did not answer in time"
    return str(error) or type(error).__name__
