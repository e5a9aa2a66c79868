"""A stage of three numbers: what is redone, what is caught, what a failure says."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
import pytest

from beam_jobs.engine import build, lock
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Unit, Work
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.manifest import Counts, describe


def units(task: Task) -> Sequence[Unit]:
    return [Unit(name=f"part-{number}", covers=number) for number in range(3)]


def write(task: Task, unit: Unit) -> Done:
    path = task.folders.out / f"{unit.name}.parquet"
    with manifest.aside(path) as temporary:
        temporary.write_text(str(unit.covers))
    with (task.folders.root / "done.log").open("a") as log:
        log.write(f"{unit.name}\n")
    return Counts(read=1, kept=1), (describe(path, 1),)


def lie(task: Task, unit: Unit) -> Done:
    _, files = write(task, unit)
    return Counts(read=2, kept=1), files


def fail(task: Task, unit: Unit) -> Done:
    if unit.covers == 1:
        raise RunError("the world failed: how")
    return write(task, unit)


def fill_the_disk(task: Task, unit: Unit) -> Done:
    raise OSError(28, "No space left on device", "/data/x")


def die(task: Task, unit: Unit) -> Done:
    os.kill(os.getpid(), signal.SIGKILL)
    return write(task, unit)


def drop_all(task: Task, unit: Unit) -> Done:
    return Counts(read=1, rejected={"no_query": 1}), ()


def keep_less(task: Task, unit: Unit) -> Done:
    _, (file,) = write(task, unit)
    return Counts(read=2, kept=2), (file,)


def stage(do: object = write, *before: Shuffle) -> Stage:
    return Stage(name="filter", about="", steps=(*before, Work(name="Step", units=units, do=do)))  # type: ignore[arg-type]


@pytest.fixture(params=[1, 2])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    workers = Workers(request.param, ())
    yield Engine(workers=workers)
    workers.close()


@pytest.fixture
def one() -> Engine:
    return Engine(workers=Workers(1, ()))


def run(made: Stage, root: Path, engine: Engine, recipe: Recipe | None = None) -> manifest.Manifest:
    return build.run_stages([made], recipe or Recipe(), root, engine)[0]


def log(root: Path) -> list[str]:
    return sorted((root / "done.log").read_text().split())


def test_a_stage_is_signed_and_then_left_alone(tmp_path: Path, engine: Engine) -> None:
    made = run(stage(), tmp_path, engine)
    assert (made.counts.read, made.counts.kept) == (3, 3)
    assert [file.name for file in made.files] == ["part-0.parquet", "part-1.parquet", "part-2.parquet"]
    assert sorted(path.name for path in (tmp_path / "filter").iterdir()) == [
        "manifest.json",
        *(file.name for file in made.files),
    ]
    assert run(stage(), tmp_path, engine) == made
    assert log(tmp_path) == ["part-0", "part-1", "part-2"]


def test_a_failure_is_one_line_and_what_was_done_stays_done(tmp_path: Path, one: Engine) -> None:
    with pytest.raises(RunError) as caught:
        run(stage(fail), tmp_path, one)
    assert str(caught.value) == "the world failed: how"
    assert manifest.load(tmp_path / "filter") is None
    run(stage(), tmp_path, one)
    assert log(tmp_path) == ["part-0", "part-1", "part-2"]  # part-0 was not done again


def test_another_recipe_does_it_all_again(tmp_path: Path, one: Engine) -> None:
    run(stage(), tmp_path, one)
    run(stage(), tmp_path, one, Recipe(seed=1))
    assert len(log(tmp_path)) == 6


def test_a_full_disk_is_said(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(RunError, match=r"filter: part-.: /data/x: No space left on device"):
        run(stage(fill_the_disk), tmp_path, engine)


def test_a_killed_worker_is_said(tmp_path: Path) -> None:
    workers = Workers(2, ())
    with pytest.raises(RunError, match="a worker process was killed; run again to go on"):
        run(stage(die), tmp_path, Engine(workers=workers))
    workers.close()


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lie, "6 records read, but 3 kept and 0 rejected: records were lost"),
        (keep_less, "kept 6 records, but its parts hold another number"),
        (drop_all, "kept none of 3 records: 3 no_query"),
    ],
)
def test_what_does_not_add_up_is_not_signed(tmp_path: Path, one: Engine, do: object, message: str) -> None:
    with pytest.raises(RunError, match=message):
        run(stage(do), tmp_path, one)
    assert manifest.load(tmp_path / "filter") is None


class Forgetful(Engine):
    """An engine that ends well and has lost a unit."""

    def work(self, step: Work, task: Task, units: Sequence[Unit]) -> None:
        super().work(step, task, units[1:])


def test_an_engine_that_loses_a_unit_is_caught(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="part-0 was not done"):
        run(stage(), tmp_path, Forgetful(workers=Workers(1, ())))


def test_a_stage_that_reads_less_than_was_kept_is_caught(tmp_path: Path, one: Engine) -> None:
    first = Stage(name="crawl", about="", steps=(Work(name="Step", units=units, do=write),))
    lossy = Work(name="Step", units=lambda task: units(task)[:2], do=write)
    second = Stage(name="filter", about="", reads=("crawl",), accounts="crawl", steps=(lossy,))
    run(first, tmp_path, one)
    with pytest.raises(RunError, match="read 2 records where crawl kept 3"):
        run(second, tmp_path, one)


def note(pipeline: beam.Pipeline, task: Task) -> None:
    with (task.folders.root / "shuffled.log").open("a") as log:
        log.write("once\n")
    pipeline | beam.Create([1])


def test_a_shuffle_that_was_done_is_not_done_again(tmp_path: Path, one: Engine) -> None:
    before = Shuffle(name="Count", build=note)
    with pytest.raises(RunError, match="the world failed"):
        run(stage(fail, before), tmp_path, one)
    run(stage(write, before), tmp_path, one)
    assert (tmp_path / "shuffled.log").read_text() == "once\n"


def test_a_torn_file_is_swept_away(tmp_path: Path, one: Engine) -> None:
    with pytest.raises(RunError, match="the world failed"):
        run(stage(fail), tmp_path, one)
    (tmp_path / ".work" / "filter" / "out" / ".part-1.parquet.99.tmp").write_text("half")
    run(stage(), tmp_path, one)
    assert not list((tmp_path / "filter").glob(".*"))


def test_one_build_in_a_root_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT", 0.0)
    second = lock.building(tmp_path)
    with lock.building(tmp_path), pytest.raises(UserError, match="another wit is building here"):
        second.__enter__()
    with lock.building(tmp_path):
        pass
