"""Shuffles in passes: how many, which keys each has, and that a killed build goes on with as many."""

from pathlib import Path

import apache_beam as beam
import pytest

from beam_jobs.engine import build, passes
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Turn, Unit, Work
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts, describe


def shuffle(pipeline: beam.Pipeline, task: Task) -> None:
    """Note down which pass it is; the second of three fails until a file says that it may not."""
    turn, root = task.turn, task.folders.root
    with (root / "turns.log").open("a") as log:
        log.write(f"{turn.number}/{turn.of}\n")
    if turn.number == 1 and not (root / "mended").exists():
        raise RunError("the world failed")
    pipeline | beam.Create([1])


def write(task: Task, unit: Unit) -> Done:
    path = task.folders.out / "part-0.parquet"
    path.write_text(str(passes.taken(task.folders, "Count")))
    return Counts(read=1, kept=1), (describe(path, 1),)


STEP = Shuffle(name="Count", build=shuffle, keys=lambda task: 25)
STAGE = Stage(
    name="filter",
    about="",
    steps=(STEP, Work(name="Step", units=lambda task: [Unit(name="part-0")], do=write)),
)


def test_a_pass_that_was_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "KEYS", 10)
    engine = Engine(workers=Workers(1, ()))
    with pytest.raises(RunError, match="the world failed"):
        build.run_stages([STAGE], Recipe(), tmp_path, engine)
    (tmp_path / "mended").touch()
    monkeypatch.setattr(passes, "KEYS", 100)  # a release that holds more goes on with as many
    build.run_stages([STAGE], Recipe(), tmp_path, engine)
    assert (tmp_path / "turns.log").read_text().split() == ["0/3", "1/3", "1/3", "2/3"]
    assert (tmp_path / "filter" / "part-0.parquet").read_text() == "3"


@pytest.mark.parametrize(
    ("keys", "flags", "wanted"),
    [
        (0, (), 1),
        (10, (), 1),
        (11, (), 2),
        (11, ("--runner=PrismRunner",), 2),
        (11, ("--runner=PortableRunner", "--job_endpoint=embed"), 2),
        (1000, ("--runner=FlinkRunner",), 1),
        (1000, ("--runner=apache_beam.runners.dataflow.DataflowRunner",), 1),
        (1000, ("--runner", "DataflowRunner", "--project=p"), 1),
    ],
)
def test_engines_that_spill_take_all_keys_at_once(
    tmp_path: Path, keys: int, flags: tuple[str, ...], wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "KEYS", 10)
    task = Task(folders=STAGE.folders(tmp_path), recipe=Recipe())
    step = Shuffle(name="Count", build=shuffle, keys=lambda task: keys)
    found = list(passes.begin(step, task, flags))
    assert [turn for _, turn in found] == [Turn(number=number, of=wanted) for number in range(wanted)]
    assert len({name for name, _ in found}) == wanted
    assert manifest.read_json(task.folders.work / "Count.passes.json") == wanted


def test_every_key_has_its_turn_once() -> None:
    turns = [Turn(number=number, of=7) for number in range(7)]
    assert all(sum(turn.has(key) for turn in turns) == 1 for key in range(100))
