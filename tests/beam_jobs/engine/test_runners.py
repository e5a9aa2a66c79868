"""Which runner builds, what is said of the others before any work, and of one that fails at it."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer

from beam_jobs.__main__ import main
from beam_jobs.engine.engine import Workers
from beam_jobs.engine.job import Job
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.runners import checks, running
from beam_jobs.engine.stage import Done, Folders, Task, Unit, Work
from wit_pipeline.vocabulary.errors import RunError, UserError, WitError
from wit_pipeline.vocabulary.manifest import Counts

HERE = Path(__file__).parents[3]
EMBEDDED = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
DIRECT = "apache_beam.runners.direct.direct_runner"


@pytest.fixture
def port() -> int:
    """On which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe, and a file that passes for a jar or a binary until it is run; nothing was fetched before."""
    (tmp_path / "lemmas.tsv").write_text("lemma\tpos\tsenses\ndog\tn\t1\n")
    (tmp_path / "recipe.toml").write_text(f'[queries]\nwordnet = "{tmp_path}/lemmas.tsv"\n')
    (tmp_path / "file").write_text("no program")
    monkeypatch.setattr(PrismJobServer, "BIN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def command(folder: Path, flags: Sequence[str], name: str = "build") -> list[str]:
    own = [name, "--recipe", f"{folder}/recipe.toml", "--root", f"{folder}/root", "--workers", "1"]
    return [*own, "--", *flags]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("FlinkRunner", "--runner=FlinkRunner fetches no job server here: give --flink_job_server_jar=FILE"),
        ("flink", "--runner=PortableRunner --job_endpoint=HOST:PORT"),
        ("SparkRunner", "give --spark_job_server_jar=FILE, or start a job server and give"),
        ("KafkaStreamsRunner", "give --kafka_streams_job_server_jar=FILE"),
        ("FlinkRunner --flink_job_server_jar={here}/none", "/none: no such file; give a job server's jar"),
        ("FlinkRunner --flink_job_server_jar=https://a.test/x.jar", "https://a.test/x.jar: no such file"),
        (
            "SparkRunner --spark_job_server_jar={here}/file --job_server_java_launcher={here}/java",
            "/java', which is not there; start a job server",
        ),
        (
            "FlinkRunner --flink_master=a.test:1 --flink_job_server_jar={here}/file "
            f"--job_server_java_launcher={sys.executable}",
            "--environment_type=DOCKER, the default: workers in containers do not see a root",
        ),
        (
            "PrismRunner",
            "--runner=PrismRunner fetches no Prism here: give --prism_location=FILE; `go install",
        ),
        ("PrismRunner --prism_location={here}/none", "/none: no such file; `go install"),
        ("PrismRunner --prism_location=https://a.test/prism.zip", "prism.zip: no such file; `go install"),
        ("PrismRunner --prism_location={here}/file --environment_type=DOCKER", "do not see a root"),
        ("PortableRunner", "--runner=PortableRunner needs --job_endpoint=HOST:PORT of a job server"),
        ("PortableRunner --job_endpoint=127.0.0.1:{port}", "{port}: no job server is there (Connection"),
        ("PrismRunner --job_endpoint=127.0.0.1:{port}", "{port}: no job server is there (Connection"),
        ("PortableRunner --job_endpoint=a..test:1", "a..test:1: no job server is there ("),
        ("PortableRunner --job_endpoint=localhost", "localhost: wants HOST:PORT"),
        ("PortableRunner --job_endpoint=localhost:70000", "localhost:70000: wants HOST:PORT"),
        ("PortableRunner --job_endpoint=127.0.0.1:{listening}", "give --environment_type=LOOPBACK, or beam:"),
        ("PortableRunner --job_endpoint=embed", "LOOPBACK, or beam:env:embedded_python:v1 with --job_"),
        (
            "PortableRunner --job_endpoint=embed --environment_type=beam:env:docker:v1",
            "--environment_type=beam:env:docker:v1: workers in containers do not see a root",
        ),
        (
            "PortableRunner --job_endpoint=embed --environment_type=loopback",
            "--environment_type=loopback: cannot be used: Unknown environment type: loopback; give LOOPBACK",
        ),
        ("PortableRunner --job_endpoint=embed --environment_type=EXTERNAL", "EXTERNAL: cannot be used"),
        ("PortableRunner --job_endpoint=embed --environment_type=PROCESS", "process_command=FILE"),
        ("InteractiveRunner", "is for notebooks"),
        ("RenderRunner", "draws a graph and runs nothing"),
        ("SwitchingDirectRunner", "chooses another runner by what a graph holds; leave --runner out"),
        ("TestDirectRunner", "chooses another runner by what a graph holds; leave --runner out"),
        ("DaskRunner", "--runner=DaskRunner: Beam has no such runner; did you mean"),
        ("dask", "--runner=dask: "),
        ("elsewhere.RayRunner", "--runner=elsewhere.RayRunner: No module named 'elsewhere'"),
        (
            "DataflowRunner",
            "--runner=DataflowRunner: its workers see no root on this machine; give --root gs://",
        ),
        ("dataflow", "--runner=dataflow: its workers see no root on this machine; give --root gs://"),
        ("FlnkRunner", "--runner=FlnkRunner: Beam has no such runner; did you mean 'FlinkRunner'?"),
        ("", "--runner=: Beam has no such runner; known: FnApiRunner, PortableRunner, PrismRunner"),
        ("nowhere.Runner", "--runner=nowhere.Runner: No module named 'nowhere'"),
        (f"{DIRECT}.NoRunner", "has no attribute 'NoRunner'"),
        ("pathlib.Path", "--runner=pathlib.Path: is no runner of Beam's"),
    ],
)
def test_a_runner_that_cannot_build_is_refused_before_any_work(
    flags: str,
    line: str,
    folder: Path,
    port: int,
    listening: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    facts = {"here": folder, "port": port, "listening": listening}
    before = sorted(folder.rglob("*"))
    assert main(command(folder, f"--runner={flags}".format(**facts).split())) == 2
    error = capsys.readouterr().err
    assert line.format(**facts) in error
    assert error.startswith("wit: ")
    assert error.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_in_a_process_of_its_own_it_is_one_line_too(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "beam_jobs", *command(folder, ["--runner=SparkRunner"])],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("wit: --runner=SparkRunner fetches no job server here")
    assert done.stderr.count("\n") == 1
    assert not (folder / "root").exists()


@pytest.mark.parametrize(
    ("flags", "runner"),
    [
        ([], "FnApiRunner"),
        (["--runner=FnApiRunner"], "FnApiRunner"),
        (["--runner=DirectRunner"], "FnApiRunner"),
        (["--runner=direct"], "FnApiRunner"),
        ([f"--runner={DIRECT}.DirectRunner"], "FnApiRunner"),
        (EMBEDDED, "PortableRunner"),
        ([*EMBEDDED[:2], "--environment_type=beam:env:embedded_python:v1"], "PortableRunner"),
        (["--runner=PortableRunner", "--job_endpoint=127.0.0.1:{listening}", EMBEDDED[2]], "PortableRunner"),
        (["--runner=PrismRunner", "--prism_location={here}/file"], "PrismRunner"),
        (
            [
                "--runner=FlinkRunner",
                "--flink_job_server_jar={here}/file",
                f"--job_server_java_launcher={sys.executable}",
            ],
            "FlinkRunner",
        ),
    ],
)
def test_a_runner_that_is_there_is_taken(flags: list[str], runner: str, folder: Path, listening: int) -> None:
    given = checks.options([flag.format(here=folder, listening=listening) for flag in flags])
    assert given.view_as(StandardOptions).runner == runner


def test_a_prism_that_beam_fetched_before_is_taken(folder: Path) -> None:
    flags = ["--runner=PrismRunner"]
    server = PrismJobServer(checks.options([]))
    cached = folder / "cache" / server.path_to_binary().rpartition("/")[2]
    cached.parent.mkdir()
    cached.touch()
    assert checks.options(flags).view_as(StandardOptions).runner == "PrismRunner"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Service failed to start up with error 1"), "Service failed to start up with error 1"),
        (RuntimeError("Pipeline job-1 failed in state FAILED: "), "Pipeline job-1 failed in state FAILED: "),
        (RuntimeError(), "RuntimeError"),
        (OSError(8, "Exec format error", "/prism"), "[Errno 8] Exec format error: '/prism'"),
        (subprocess.CalledProcessError(1, "boot"), "Command 'boot' returned non-zero exit status 1."),
        (grpc.FutureTimeoutError(), "its job server did not answer in time"),
    ],
)
def test_a_runner_that_fails_is_one_line(error: Exception, said: str) -> None:
    line = f"--runner=PrismRunner failed: {said}; run again to go on; its log: /log"
    assert str(running.said("PrismRunner", error, Path("/log"))) == line


def test_a_job_server_that_is_gone_is_one_line(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/service/call")(b"")
    said = str(running.said("PortableRunner", raised.value, Path("/log")))
    assert said.startswith("--runner=PortableRunner failed: its job server said UNAVAILABLE: ")


OF_A_WORKER = """bundle 3 failed:Traceback (most recent call last):
  File "worker.py", line 1, in do
{raised}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "common.py", line 2, in process
{raised} [while running 'Step']
; more of the engine's own
"""


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        ("wit_pipeline.vocabulary.errors.RunError: crawl: disk is full", RunError, "crawl: disk is full"),
        ("wit_pipeline.vocabulary.errors.UserError: a.jpg: wants b", UserError, "a.jpg: wants b"),
        (
            "TypeError: object of type 'NoneType' has no len()",
            RunError,
            "--runner=Own failed: TypeError: object of type 'NoneType' has no len(); run again to go on; "
            "its log: /log",
        ),
        (
            "pyarrow.lib.ArrowInvalid: no such column",
            RunError,
            "--runner=Own failed: pyarrow.lib.ArrowInvalid: no such column; run again to go on; "
            "its log: /log",
        ),
    ],
)
def test_a_failed_job_says_its_workers_last_error(raised: str, kind: type[WitError], said: str) -> None:
    error = running.said("Own", RuntimeError(OF_A_WORKER.format(raised=raised)), Path("/log"))
    assert type(error) is kind
    assert str(error) == said


def wrong(task: Task, unit: Unit) -> Done:
    return Counts(read=len(unit.covers)), ()  # of None


def step_of(do: Callable[[Task, Unit], Done], root: Path) -> tuple[Work, Task]:
    task = Task(folders=Folders(root=root, stage="filter"), recipe=Recipe())
    return Work(name="Step", units=lambda task: (), do=do), task


def test_a_wrong_program_keeps_its_traceback_here(tmp_path: Path) -> None:
    step, task = step_of(wrong, tmp_path)
    with pytest.raises(TypeError, match="object of type 'NoneType' has no len"):
        Workers(1, ()).map(step, task, [Unit(name="a")])


ENVIRONMENTS = ["LOOPBACK", "beam:env:embedded_python:v1"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_wrong_program_elsewhere_is_one_line_and_its_traceback_is_in_the_log(
    environment: str, tmp_path: Path
) -> None:
    step, task = step_of(wrong, tmp_path)
    job = Job([*EMBEDDED[:2], f"--environment_type={environment}"], tmp_path)
    try:
        with pytest.raises(RunError) as raised:
            job.map(step, task, [Unit(name="a")])
    finally:
        job.close()
    line = "--runner=PortableRunner failed: TypeError: object of type 'NoneType' has no len()"
    assert str(raised.value).startswith(line)
    assert str(raised.value).endswith(str(job.log))
    assert "in wrong" in job.log.read_text()


def failing(task: Task, unit: Unit) -> Done:
    raise RunError("the disk of the test is full")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_failing_world_is_its_one_line_on_any_runner(environment: str, tmp_path: Path) -> None:
    step, task = step_of(failing, tmp_path)
    job = Job([*EMBEDDED[:2], f"--environment_type={environment}"], tmp_path)
    try:
        with pytest.raises(RunError, match=r"^the disk of the test is full$"):
            job.map(step, task, [Unit(name="a")])
    finally:
        job.close()


def raised_by(module: str) -> threading.ExceptHookArgs:
    """What a thread ends with whose code is in a module of this name."""
    run = eval("lambda thread: thread()", {"__name__": module})
    with pytest.raises(ZeroDivisionError) as raised:
        run(partial(divmod, 1, 0))
    return threading.ExceptHookArgs((raised.type, raised.value, raised.tb.tb_next, None))


@pytest.mark.parametrize(
    ("module", "printed"),
    [
        ("grpc._channel", False),
        ("apache_beam.runners", False),
        ("beam_jobs.engine.engine", True),
        ("numpy", True),
    ],
)
def test_a_thread_of_ours_alone_prints_its_traceback(
    module: str, printed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "__excepthook__", told.append)
    monkeypatch.setattr(threading, "excepthook", told.append)
    running._hush()
    threading.excepthook(raised_by(module))
    assert bool(told) == printed


@pytest.mark.slow
def test_a_prism_that_is_no_program_is_one_line_and_code_1(folder: Path) -> None:
    (folder / "dump.xml").write_text(
        "<mediawiki><page><title>A</title><revision><text>a dog</text></revision></page></mediawiki>"
    )
    (folder / "recipe.toml").write_text(f'[queries]\nwikipedia = ["{folder}/dump.xml"]\nmin_count = 1\n')
    flags = ["--runner=PrismRunner", f"--prism_location={folder}/file"]
    done = subprocess.run(
        [sys.executable, "-m", "beam_jobs", *command(folder, flags, "queries")],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith("wit: --runner=PrismRunner failed: the job server ended as soon as it began")
