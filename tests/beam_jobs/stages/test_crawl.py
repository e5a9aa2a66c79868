"""What the crawl job tells of, and what it does not sign."""

from dataclasses import replace
from pathlib import Path

import pytest

from beam_jobs.engine import build, progress
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.progress import Event, Pulse
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Task, Unit, Work
from beam_jobs.stages import accounting, crawl
from beam_jobs.stages.frontier import UnitRow
from tests.beam_jobs.signed import sign_files
from tests.factories import candidate, image
from wit_pipeline.crawl.accounts import Class, Host, Outcome
from wit_pipeline.crawl.bounds import Lane
from wit_pipeline.crawl.crawl import Fetched, Headers
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts, describe
from wit_pipeline.vocabulary.records import SUCCESS, Candidate
from wit_pipeline.vocabulary.store import place


def test_a_url_that_is_done_is_told_with_its_bytes_and_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    monkeypatch.setattr(progress, "_sink", heard.append)
    fetched = Fetched(
        url="http://a.test/1.jpg",
        status=SUCCESS,
        error_message="",
        attempts=1,
        http_status=200,
        headers=Headers(),
        image=image(bytes_fetched=900),
    )
    with Pulse(lambda: 0.0) as pulse:
        beat = crawl.beat_of(pulse)
        beat(fetched)
        beat(fetched)
    assert heard == [{"event": "records", "count": 2, "bytes": 1800, "statuses": {SUCCESS: 2}}]


def sign_frontier(root: Path, lanes: list[str]) -> None:
    folder = root / "frontier"
    folder.mkdir(parents=True)
    units = []
    for number, lane in enumerate(lanes):
        items = [candidate(f"http://h{number}.test/{i}.jpg") for i in range(2)]
        rows.write(folder / f"part-{number:06d}.parquet", Candidate, items)
        units.append(UnitRow(unit=number, urls=2, candidates=2, hosts=1, lane=lane))
    rows.write(folder / "units.parquet", UnitRow, units)
    sign_files(root, "frontier", 2 * len(lanes))


def test_the_units_of_a_large_host_are_a_lane(tmp_path: Path) -> None:
    sign_frontier(tmp_path, ["", "abc", "abc"])
    task = Task(folders=crawl.STAGE.folders(tmp_path), recipe=Recipe())
    assert [(unit.name, unit.lane, unit.records) for unit in crawl.units(task)] == [
        ("unit-000000", "", 2),
        ("unit-000001", "abc", 2),
        ("unit-000002", "abc", 2),
    ]


def test_the_largest_host_is_told_of_with_its_hours(tmp_path: Path) -> None:
    """Its units follow one another, so that its URLs last however fast the others are."""
    assert list(crawl.largest_host(tmp_path, 900.0)) == []
    sign_frontier(tmp_path, ["", "abc", "abc"])
    (line,) = crawl.largest_host(tmp_path, 900.0)
    assert line.split(maxsplit=1) == ["4", "URLs of h1.test, one after the other: 1.0 h at 900 s each"]
    task = Task(folders=crawl.STAGE.folders(tmp_path), recipe=Recipe())
    lanes = [crawl.lane_of(task, unit) for unit in crawl.units(task)]
    assert lanes == [Lane(), Lane(before=0, urls=4), Lane(before=2, urls=4)]


def test_a_crawl_that_lost_a_url_is_not_signed(tmp_path: Path) -> None:
    """The counts of the unit add up; its table does not hold every URL."""
    sign_frontier(tmp_path, [""])

    def lose(task: Task, unit: Unit) -> Done:
        url = "http://h0.test/0.jpg"
        told = Outcome(url=url, status=SUCCESS, error_message="", attempts=1, bytes_fetched=1)
        path = task.folders.out / f"{unit.name}.parquet"
        rows.write(path, Outcome, [told])
        return Counts(read=2, kept=2), (describe(path, 1),)

    step, *_, last = crawl.STAGE.steps
    assert isinstance(step, Work)
    stage = replace(crawl.STAGE, steps=(replace(step, do=lose), last))
    with pytest.raises(RunError, match="unit 000000: of 2 URLs 1 have no status"):
        build.run_stage(stage, Recipe(), tmp_path, Engine(workers=Workers(1, ())))
    assert not (tmp_path / "crawl" / "manifest.json").exists()


@pytest.mark.parametrize("width", [1, 2, 256])
def test_the_accounts_are_those_of_all_units_however_many_are_summed_at_once(
    tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host whose units are summed apart is one row; what an earlier run summed does not count."""
    monkeypatch.setattr(accounting, "WIDTH", width)
    sign_frontier(tmp_path, ["", "abc", ""])
    status = "timeout"

    def ask(task: Task, unit: Unit) -> Done:
        urls = rows.column(place(unit.covers), "url")
        path = task.folders.out / f"{unit.name}.parquet"
        told = [
            Outcome(url=url, status=status, error_message="slow", attempts=2, bytes_fetched=7)
            for url in ("http://large.test/1.jpg", *urls)
        ]
        rows.write(path, Outcome, told)
        return Counts(read=2, kept=2), (describe(path, len(told)),)

    step, *_, last = crawl.STAGE.steps
    assert isinstance(step, Work)
    stage = replace(crawl.STAGE, steps=(replace(step, do=ask), last), is_void=lambda task: False)
    engine = Engine(workers=Workers(1, ()))
    with pytest.raises(RunError, match="kept none"):  # nothing is signed, and the sums are left
        build.run_stage(stage, Recipe(), tmp_path, engine)
    status = SUCCESS
    for path in (tmp_path / "crawl").glob("unit-000001*"):
        path.unlink()
    made = build.run_stage(stage, Recipe(), tmp_path, engine)
    assert (made.counts.read, made.counts.kept) == (6, 2)
    hosts = list(rows.read(tmp_path / "crawl" / "hosts.parquet", Host))
    assert [(item.host, item.urls) for item in hosts] == [
        ("h0.test", 2), ("h1.test", 2), ("h2.test", 2), ("large.test", 3),
    ]  # fmt: skip
    assert {item.status: item.urls for item in rows.read(tmp_path / "crawl" / "classes.parquet", Class)} == {
        "timeout": 6, SUCCESS: 3,
    }  # fmt: skip
