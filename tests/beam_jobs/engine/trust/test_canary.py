"""An engine is trusted for what it answers: those that lose records are refused, whatever they are called."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.runners.runner import create_runner
from apache_beam.runners.worker import data_plane

from beam_jobs.__main__ import main
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.job import Job
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.runners import checks
from beam_jobs.engine.stage import Folders, Shuffle, Task
from beam_jobs.engine.trust import canary, questions
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import UserError

BUNDLES = "apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner"
EMBEDDED = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]


class UnderAnotherName(create_runner(BUNDLES).__class__):  # type: ignore[misc]
    """A runner that somebody built on one that loses records."""


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., list[str]]:
    def ask(*flags: str) -> list[str]:
        options = checks.options(flags, tmp_path)
        job = Job(flags, tmp_path)
        try:
            return canary.ask(Engine(workers=job), options, tmp_path)
        finally:
            job.close()

    return ask


def test_the_local_runner_answers_all(tmp_path: Path) -> None:
    assert canary.ask(Engine(workers=Workers(1, ())), checks.options([]), tmp_path) == []
    assert not (tmp_path / ".work" / "canary").exists()


def test_bundles_said_twice_are_done_once(asked: Callable[..., list[str]]) -> None:
    assert asked("--direct_runner_bundle_repeat=2") == []


@pytest.mark.parametrize("environment", ["LOOPBACK", "beam:env:embedded_python:v1"])
def test_a_job_server_answers_all(environment: str, asked: Callable[..., list[str]]) -> None:
    assert asked(*EMBEDDED[:2], f"--environment_type={environment}") == []


@pytest.mark.parametrize("name", [BUNDLES, f"{__name__}.UnderAnotherName"])
def test_a_runner_that_gives_empty_lists_is_found_out(
    name: str, asked: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])  # under this name, as a user's would be
    wrong = asked(f"--runner={name}")
    assert [line.partition(":")[0] for line in wrong] == [
        "a list of a main output beside each element",
        "a list of a tagged output beside each element",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["multi_processing", "multi_threading"])
def test_modes_that_send_through_a_lossy_buffer_are_found_out(
    mode: str, asked: Callable[..., list[str]]
) -> None:
    wrong = asked(f"--direct_running_mode={mode}", "--direct_num_workers=2")
    assert any("under a slow receiver" in line for line in wrong)


def test_workers_that_are_told_to_use_it_are_found_out(asked: Callable[..., list[str]]) -> None:
    wrong = asked(*EMBEDDED, "--experiments=data_buffer_time_limit_ms=1000")
    assert any("under a slow receiver" in line for line in wrong)


def test_a_buffer_that_loses_nothing_passes() -> None:
    class Whole(data_plane.SizeBasedBufferingClosableOutputStream):
        def __init__(self, close: Any, *, flush_callback: Any, time_flush_threshold_ms: int) -> None:
            super().__init__(close, flush_callback)

    assert canary._lost(Whole, 0.1) == 0
    assert canary._lost(data_plane.TimeBasedBufferingClosableOutputStream, 0.3) > 0


DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"


@pytest.mark.slow
def test_dask_is_found_out(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="dask is not installed")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "beam_jobs",
            "check-engine",
            "--root",
            str(tmp_path),
            "--",
            f"--runner={DASK}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot be trusted with a dataset" in done.stderr


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = Task(folders=Folders(root=tmp_path_factory.mktemp("root"), stage="canary"), recipe=Recipe())
    task.folders.scratch.mkdir(parents=True)
    Workers(1, ()).shuffle(Shuffle(name="Ask", build=questions.questions), task)
    return task.folders.scratch


@pytest.mark.parametrize("number", range(len(questions.QUESTIONS)))
@pytest.mark.parametrize("left", ["none", "half", "twice"])
def test_every_answer_counts(number: int, left: str, answers: Path) -> None:
    assert not list(questions.differences(answers))
    path = answers / f"answer-{number}.json"
    whole = path.read_text()
    given = json.loads(whole)
    changed: list[str] = {"none": [], "half": given[: len(given) // 2], "twice": given * 2}[left]
    path.write_text(json.dumps(sorted(changed)))
    try:
        (wrong,) = questions.differences(answers)
    finally:
        path.write_text(whole)
    assert wrong == f"{questions.QUESTIONS[number].name}: {len(changed)} answers for {len(given)}"
    path.unlink()
    try:
        assert len(list(questions.differences(answers))) == 1
    finally:
        path.write_text(whole)


def test_units_that_are_not_done_are_told(tmp_path: Path) -> None:
    class Idle(Engine):
        def work(self, step: Any, task: Any, units: Any) -> None:
            Engine.work(self, step, task, units[1:])

    wrong = canary.ask(Idle(workers=Workers(1, ())), checks.options([]), tmp_path)
    assert wrong == ["units of work: 19 of 20 were done, 0 of them twice"]


def test_an_engine_is_asked_once_a_root(tmp_path: Path) -> None:
    options, told = checks.options(EMBEDDED), list[str]()
    job = Job(EMBEDDED, tmp_path)
    try:
        for _ in range(2):
            canary.ensure(Engine(workers=job), options, tmp_path, told.append)
    finally:
        job.close()
    assert [line.split(" (")[0].strip() for line in told] == [
        "engine  PortableRunner LOOPBACK 2.77.0: is asked what is known, as this root has not seen it before",
        "engine  all answers were right",
    ]


def test_the_local_runner_of_our_tests_is_not_asked(tmp_path: Path) -> None:
    engine: Any = None
    canary.ensure(engine, checks.options([]), tmp_path, lambda text: None)


def test_another_release_of_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apache_beam.__version__", "2.78.0")
    told = list[str]()
    canary.ensure(Engine(workers=Workers(1, ())), checks.options([]), tmp_path, told.append)
    assert "2.78.0" in told[0]


def test_a_build_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lemmas.tsv").write_text("lemma\tpos\tsenses\ndog\tn\t1\n")
    (tmp_path / "recipe.toml").write_text(f'[queries]\nwordnet = "{tmp_path}/lemmas.tsv"\n')
    given = ["queries", "--recipe", f"{tmp_path}/recipe.toml", "--root", f"{tmp_path}/root", "--"]
    assert main([*given, f"--runner={BUNDLES}"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(
        f"wit: --runner={BUNDLES} cannot be trusted with a dataset: a list of a main output"
    )
    assert not (tmp_path / "root" / "queries").exists()


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [([], 0, "FnApiRunner 2.77.0: all answers are right"), ([f"--runner={BUNDLES}"], 2, "cannot be trusted")],
)
def test_check_engine_runs_it_alone(
    flags: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-engine", "--", *flags]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_workers_that_do_not_see_the_root_are_found_out(tmp_path: Path) -> None:
    """They answer, and nobody hears it."""

    class Elsewhere(Engine):
        def shuffle(self, step: Any, task: Any) -> None: ...
        def work(self, step: Any, task: Any, units: Any) -> None: ...

    wrong = canary.ask(Elsewhere(workers=Workers(1, ())), checks.options([]), tmp_path)
    assert len(wrong) == len(questions.QUESTIONS) + 1


def test_lanes_that_overlap_are_told(tmp_path: Path) -> None:
    """As by an engine that gives the units of a lane to two workers."""

    class AtOnce(Engine):
        def work(self, step: Any, task: Any, units: Any) -> None:
            now = time.time_ns()
            for unit in units:
                path = task.folders.scratch / f"{unit.name}-{now}.json"
                manifest.write_json(path, [unit.lane, unit.name, now, now + 10])

    wrong = canary.ask(AtOnce(workers=Workers(1, ())), checks.options([]), tmp_path)
    assert wrong
    assert all(line.startswith("units of one lane: ") for line in wrong)


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """The watch on Beam's buffers leaves nothing behind."""
    before = data_plane.ClosableOutputStream.create
    yield
    assert data_plane.ClosableOutputStream.create is before


def test_a_failing_engine_is_refused_too(tmp_path: Path) -> None:
    class Failing(Engine):
        def shuffle(self, step: Any, task: Any) -> None:
            raise UserError("no such thing")

    wrong = canary.ask(Failing(workers=Workers(1, ())), checks.options([]), tmp_path)
    assert wrong == ["it failed: no such thing"]
