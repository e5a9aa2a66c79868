"""A build by the very command of a user of Dataflow, against a service that runs it on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from beam_jobs.__main__ import main
from beam_jobs.engine.runners import begun
from tests.beam_jobs import engines
from tests.beam_jobs.alike import same
from tests.beam_jobs.world import World, make
from tests.stores import BUCKET, Server, gs
from wit_pipeline.vocabulary.store import place

pytest.importorskip("google.cloud.dataflow", reason="google-cloud-dataflow-client is not installed")
pytest.importorskip("apitools", reason="google-apitools is not installed")
dataflow = pytest.importorskip("tests.dataflow")

HOUSE = Path(__file__).parents[2]
GOLDEN = HOUSE / "tests" / "golden" / "dataflow.json"
IMAGE = "registry.example/wit:1"

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("dataflow") / "world")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with gs() as server:
        os.environ["STORAGE_EMULATOR_HOST"] = f"http://{server.authority}"  # where Beam stages
        yield server
        os.environ.pop("STORAGE_EMULATOR_HOST", None)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beam asks the service every five seconds how a job is."""
    runner = pytest.importorskip("apache_beam.runners.dataflow.dataflow_runner")
    quick = types.SimpleNamespace(**{**vars(time), "sleep": lambda seconds: time.sleep(seconds / 50)})
    monkeypatch.setattr(runner, "time", quick)


@contextmanager
def service(store: Server, run: Callable[[Any], None] = dataflow.embedded) -> Iterator[Any]:
    def read(url: str) -> bytes:
        return place(store.at(url.removeprefix(f"gs://{BUCKET}/"))).read_bytes()

    with dataflow.service(read, run) as running:
        yield running


def command(world: World, root: str, running: Any, *more: str, name: str = "build") -> list[str]:
    return [
        *[name, "--recipe", str(world.recipe), "--root", root, *more],
        *["--", "--runner=DataflowRunner", "--project=p", "--region=r", f"--temp_location=gs://{BUCKET}/tmp"],
        *[f"--dataflow_endpoint={running.endpoint}", "--no_auth", "--sdk_location=container"],
        *[f"--sdk_container_image={IMAGE}"],
    ]


def submitted(job: Any) -> dict[str, Any]:
    """What a job asks for: what of it would change without a word must not."""
    parts = job.pipeline.components
    environment = job.submitted["environment"]
    (pool,) = environment["workerPools"]
    return {
        "transforms": sorted(
            {
                f"{one.unique_name}: {one.spec.urn}"
                for one in parts.transforms.values()
                if not one.subtransforms
            }
        ),
        "hints": sorted(
            {
                f"{urn}={value.decode()}"
                for one in parts.environments.values()
                for urn, value in one.resource_hints.items()
            }
        ),
        "images": sorted({image["containerImage"] for image in pool.get("sdkHarnessContainerImages", [])}),
        "staged": sorted(package["name"] for package in pool.get("packages", [])),
        "threads": environment["sdkPipelineOptions"]["options"].get("number_of_worker_harness_threads"),
        "saves_session": bool(environment["sdkPipelineOptions"]["options"].get("save_main_session")),
    }


def test_the_first_stages_go_to_dataflow(world: World, store: Server, tmp_path: Path) -> None:
    with service(store) as running:
        root = store.at("first")
        assert main(command(world, root, running, "--to", "extract")) == 0
        golden = json.loads(GOLDEN.read_text())
        for job in running.jobs:
            assert job.state == "JOB_STATE_DONE"
            step = job.name.removeprefix(begun.prefix(place(root))).rpartition("-")[0]
            assert submitted(job) == golden[step], step
    assert main(["build", "--recipe", str(world.recipe), "--root", str(tmp_path), "--to", "extract"]) == 0
    for stage in ("queries", "extract"):
        assert (
            json.loads((place(root) / stage / "manifest.json").read_bytes())["files"]
            == json.loads((tmp_path / stage / "manifest.json").read_bytes())["files"]
        )


@pytest.mark.slow
def test_a_whole_build_on_dataflow_is_the_build_here(world: World, store: Server, tmp_path: Path) -> None:
    assert main(["build", "--recipe", str(world.recipe), "--root", str(tmp_path / "root")]) == 0
    with service(store) as running:
        root = store.at("whole")
        assert main(command(world, root, running)) == 0
        found = {
            job.name.removeprefix(begun.prefix(place(root))).rpartition("-")[0]: submitted(job)
            for job in running.jobs
        }
    same(place(root), tmp_path / "root")
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(GOLDEN.read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, and an environment in which the lines of the image installed it, and nothing else."""
    folder = tmp_path_factory.mktemp("image")
    venv, opt = folder / "venv", folder / "wit"
    run = partial(subprocess.run, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist"), str(HOUSE)])
    run([sys.executable, "-m", "venv", str(venv)])
    opt.mkdir()
    (made,) = (folder / "dist").glob("*.whl")
    for file in (made, HOUSE / "constraints.txt"):
        shutil.copy(file, opt)
    away = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    away |= {"PATH": f"{venv}/bin:{os.environ['PATH']}", "PYTHONSAFEPATH": "1", "NUMBA_CPU_NAME": "haswell"}
    for line in (HOUSE / "Dockerfile").read_text().splitlines():
        if line.startswith("RUN "):
            told = (
                line.removeprefix("RUN ")
                .replace("/opt/wit", str(opt))
                .replace("/tmp/world", f"{folder}/world")
            )
            run(["/bin/sh", "-c", told], env=away, cwd=folder)
    return made, venv


@pytest.mark.slow
def test_staged_pipelines_run_where_only_the_image_s_lines_ran(
    world: World, store: Server, wheel: tuple[Path, Path], tmp_path: Path
) -> None:
    """By the command of a user who brings the wheel: each pipeline as the service got it, workers by boot."""
    if why := engines.absent("prism process"):
        pytest.skip(why)
    made, venv = wheel
    compiled = {path: path.stat().st_mtime_ns for path in venv.rglob("*.nb[ci]")}
    boot = tmp_path / "boot"
    boot.write_text(
        (engines.MADE / "boot").read_text().replace(f"PATH={Path(sys.executable).parent}", f"PATH={venv}/bin")
    )
    boot.write_text(
        boot.read_text().replace("export RUN", "unset PYTHONPATH; export NUMBA_CPU_NAME=haswell RUN")
    )
    boot.chmod(0o755)
    assert str(venv) in boot.read_text()
    assert main(["build", "--recipe", str(world.recipe), "--root", str(tmp_path / "root")]) == 0
    with dataflow.prism(boot, tmp_path / "log") as run, service(store, run) as running:
        root = store.at("wheel")
        given = command(world, root, running)
        assert main([*given[:-1], f"--extra_package={made}"]) == 0
        staged = {name for job in running.jobs for name in submitted(job)["staged"]}
        assert made.name in staged
    same(place(root), tmp_path / "root")
    after = {path: path.stat().st_mtime_ns for path in venv.rglob("*.nb[ci]")}
    assert compiled
    assert after == compiled  # nothing was left to compile


def test_a_job_goes_on_without_its_launcher_and_is_found_again(world: World, store: Server) -> None:
    go_on = threading.Event()

    def run(pipeline: Any) -> None:
        assert go_on.wait(120)
        dataflow.embedded(pipeline)

    with service(store, run) as running:
        go_on.set()
        root = store.at("found")
        assert main(["check-engine", *command(world, root, running)[3:]]) == 0
        go_on.clear()
        asked = len(running.jobs)
        given = command(world, root, running, name="queries")
        with subprocess.Popen(
            [sys.executable, "-m", "beam_jobs", *given], cwd=HOUSE, stderr=subprocess.PIPE, text=True
        ) as launcher:
            end = time.monotonic() + 120
            while len(running.jobs) == asked and time.monotonic() < end:
                time.sleep(0.05)
            launcher.send_signal(signal.SIGTERM)
            assert launcher.stderr is not None
            said = launcher.stderr.read().splitlines()[-1]
        name = running.jobs[-1].name
        assert said == (
            f"wit: stopped; its job {name} goes on: "
            "the same command waits for it, and with --cancel it ends it"
        )
        threading.Timer(1.0, go_on.set).start()
        assert main(given) == 0
        names = [job.name for job in running.jobs]
        assert names.count(name) == 1


def test_cancel_ends_what_is_under_way(
    world: World, store: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(store) as running:
        root = store.at("cancelled")
        job = dataflow.Job("job-0", {"name": f"{begun.prefix(place(root))}crawl-fetch-1"}, None)
        other = dataflow.Job("job-1", {"name": "wit-of-another-root"}, None)
        running.jobs += [job, other]
        assert main(command(world, root, running, "--cancel")) == 0
        assert capsys.readouterr().out == f"cancelled: {job.name}\n"
        assert (job.state, other.state) == ("JOB_STATE_CANCELLED", "JOB_STATE_RUNNING")
        assert main(command(world, root, running, "--cancel")) == 0
        assert "is under way" in capsys.readouterr().out


def test_a_failed_job_is_its_workers_line(
    world: World, store: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failures = iter([False, False, True])

    def run(pipeline: Any) -> None:
        if next(failures, True):
            time.sleep(1)
            raise RuntimeError(
                "Traceback (most recent call last):\n  File x\n"
                "wit_pipeline.vocabulary.errors.RunError: dump.xml: ends in the middle [while running 'A']"
            )
        dataflow.embedded(pipeline)

    with service(store, run) as running:
        assert main(command(world, store.at("failed"), running, name="queries")) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "wit: dump.xml: ends in the middle"


FLAGS = {"--project=p", "--region=r", "--temp_location=gs://b/tmp", f"--sdk_container_image={IMAGE}"}


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        ("--project=p", "needs --project=…"),
        ("--region=r", "needs --region=…"),
        ("--temp_location=gs://b/tmp", "needs --temp_location=…"),
        (f"--sdk_container_image={IMAGE}", "its workers need wit: give --sdk_container_image=IMAGE"),
    ],
)
def test_what_dataflow_lacks_is_one_line_before_any_work(
    absent: str, said: str, world: World, store: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    root = store.at("lacking")
    given = ["build", "--recipe", str(world.recipe), "--root", root, "--", "--runner=DataflowRunner"]
    assert main([*given, *(FLAGS - {absent})]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_wheel_that_is_not_there_is_one_line(
    world: World, store: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["build", "--recipe", str(world.recipe), "--root", store.at("x"), "--", "--runner=DataflowRunner"]
    assert main([*given, *FLAGS, "--extra_package=/nowhere/wit.whl"]) == 2
    assert "--extra_package=/nowhere/wit.whl: no such file" in capsys.readouterr().err
