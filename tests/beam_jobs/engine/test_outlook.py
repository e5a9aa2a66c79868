"""What a build says before it begins is what it then does."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from beam_jobs.engine import build
from beam_jobs.engine.outlook import outlook
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Leave, Stage, Task, Work
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Counts, Manifest, describe

RECIPE = Recipe()
FILES = {"a list": "1", "another": "1"}


def stage(name: str, *reads: str, inputs: Mapping[str, str] = FILES, also: Sequence[str] = ()) -> Stage:
    step = Work(name="Do", units=lambda task: [], do=lambda task, unit: (Counts(), ()))
    return Stage(
        name=name, about="", reads=reads, steps=(step,), inputs=lambda recipe: inputs, also=tuple(also)
    )


def sign(root: Path, made: Stage, **other: object) -> None:
    home = root / made.name
    home.mkdir(parents=True)
    (home / "part-0.txt").write_text(made.name)
    read = {name: found.digest for name in made.reads if (found := manifest.load(root / name)) is not None}
    inputs = {**read, **made.inputs(RECIPE)}
    table = {**RECIPE.table(made.name, *made.also), **other}
    signed = Manifest(
        stage=made.name,
        plan=build.plan_of(made.name, table, inputs),
        inputs=inputs,
        recipe=table,
        counts=Counts(read=1200, kept=1000, rejected={"x": 200}),
        files=(describe(home / "part-0.txt", 1000),),
        started="",
        finished="",
    )
    manifest.sign(home, signed)


STAGES = [stage("extract"), stage("frontier", "extract", inputs={}), stage("filter", "frontier", inputs={})]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for one in STAGES:
        sign(tmp_path, one)
    return tmp_path


def told(root: Path, *stages: Stage, leave: Leave = Leave()) -> list[str]:  # noqa: B008
    return [" ".join(line.split()) for line in outlook(stages or STAGES, RECIPE, root, leave)]


def test_nothing_is_to_be_done_of_what_is_signed(root: Path) -> None:
    assert told(root) == ["extract to filter: is signed, nothing to do"]
    assert told(root, *STAGES[:1]) == ["extract is signed, nothing to do"]


def test_of_a_new_root_all_is_made(tmp_path: Path) -> None:
    assert told(tmp_path) == ["extract to filter: is made: nothing stands there yet"]
    work = STAGES[0].folders(tmp_path).work
    manifest.write_json(work / "plan.json", {})
    assert told(tmp_path)[0] == "extract is made: a run that was cut short goes on"


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"a list": "1"}, "another is gone"),
        ({**FILES, "a third": "1"}, "a third is new"),
        ({"a list": "2", "another": "1"}, "a list is another"),
        ({f"{i}": "" for i in range(7)}, "0 is new, 1 is new, 2 is new, 6 more"),
    ],
)
def test_files_that_are_others_are_named(inputs: dict[str, str], why: str, root: Path) -> None:
    first, second, third = told(root, stage("extract", inputs=inputs), *STAGES[1:])
    assert first == f"extract is made: {why}; it read 1,200 and kept 1,000, in 1 file of 7 bytes"
    assert second.startswith("frontier is made: extract may be another; it read 1,200")
    assert third.startswith("filter is made: frontier may be another; it read")


def test_keys_and_stages_and_releases_are_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(root / "other", stage("filter", also=["crawl"]), filter={"min_side": 1}, crawl={"timeout": 1.0})
    (line,) = told(root / "other", stage("filter", also=["crawl"]))
    assert "[filter] max_aspect changed, [filter] min_side changed, [crawl] " in line
    monkeypatch.setattr(build, "FORMATS", {**build.FORMATS, "frontier": 99})
    lines = told(root)
    assert lines[0] == "extract is signed, nothing to do"
    assert lines[1].startswith("frontier is made: this release makes it otherwise; it read")


def test_what_a_stage_has_to_say_itself_is_said(root: Path) -> None:
    def foretell(task: Task) -> str:
        return f"7 to be asked in {task.folders.stage}"

    made = stage("extract", inputs={})
    talking = Stage(name="extract", about="", steps=made.steps, inputs=made.inputs, foretell=foretell)
    assert told(root, talking)[0].endswith("; 7 to be asked in extract")
    willing = Stage(
        name="extract",
        about="",
        steps=made.steps,
        inputs=STAGES[0].inputs,
        is_unfinished=lambda task: task.leave.again,
    )
    assert told(root, willing) == ["extract is signed, nothing to do"]
    assert "what the command asks for" in told(root, willing, leave=Leave(again=True))[0]
    aging = replace(willing, is_unfinished=lambda task: True)
    assert told(root, aging)[0].startswith("extract is made: some of it is asked for again")
