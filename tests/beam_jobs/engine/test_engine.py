"""Which units share a worker, in which order, and that all workers end."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing import active_children
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.engine import build
from beam_jobs.engine.engine import Engine, Workers, dealt
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from wit_pipeline.vocabulary.manifest import Counts

LANES = ["", "", "a", "", "b", "a", "", "a", "b", "", "c", ""]


def of(lanes: Sequence[str]) -> list[Unit]:
    return [Unit(name=f"{lane}{number}", lane=lane) for number, lane in enumerate(lanes)]


@given(st.lists(st.sampled_from(["", "", "", "a", "b", "c"]), max_size=40), st.integers(1, 12))
def test_a_lane_is_in_one_chunk_in_order_and_no_unit_is_lost(lanes: list[str], most: int) -> None:
    units = of(lanes)
    chunks = dealt(units, most)
    assert sorted(unit.name for chunk in chunks for unit in chunk) == sorted(unit.name for unit in units)
    assert len(chunks) <= most
    assert all(chunks)
    for lane in {unit.lane for unit in units} - {""}:
        holders = [chunk for chunk in chunks if any(unit.lane == lane for unit in chunk)]
        assert len(holders) == 1
        assert [unit for unit in holders[0] if unit.lane == lane] == [
            unit for unit in units if unit.lane == lane
        ]


@given(st.integers(0, 40), st.integers(1, 12))
def test_without_lanes_the_chunks_are_of_one_length(count: int, most: int) -> None:
    lengths = [len(chunk) for chunk in dealt(of([""] * count), most)]
    assert max(lengths, default=0) - min(lengths, default=0) <= 1


@pytest.mark.parametrize(
    ("lanes", "most", "chunks"),
    [
        (LANES, 3, ["a2 a5 a7 6", "b4 b8 1 9", "c10 0 3 11"]),
        (LANES, 1, ["a2 a5 a7 b4 b8 c10 0 1 3 6 9 11"]),
        (["", "", "a", "a", "a"], 2, ["a2 a3 a4", "0 1"]),
        (["a", "a"], 8, ["a0 a1"]),
    ],
)
def test_lanes_are_dealt_first(lanes: list[str], most: int, chunks: list[str]) -> None:
    assert [" ".join(unit.name for unit in chunk) for chunk in dealt(of(lanes), most)] == chunks


def note(task: Task, unit: Unit) -> Done:
    with (task.folders.root / "done.log").open("a") as log:
        log.write(f"{unit.name}\n")
    return Counts(read=1, kept=1), ()


def units(task: Task) -> Sequence[Unit]:
    return of(LANES)


STAGE = Stage(name="filter", about="", steps=(Work(name="Step", units=units, do=note),))


def test_workers_do_the_units_of_a_lane_in_order(tmp_path: Path) -> None:
    workers = Workers(2, ())
    try:
        assert build.run_stage(STAGE, Recipe(), tmp_path, Engine(workers=workers)).counts.kept == len(LANES)
    finally:
        workers.close()
    done = (tmp_path / "done.log").read_text().split()
    assert sorted(done) == sorted(unit.name for unit in of(LANES))
    assert [name for name in done if name[0] == "a"] == ["a2", "a5", "a7"]
    assert [name for name in done if name[0] == "b"] == ["b4", "b8"]


def test_workers_that_have_not_begun_are_ended_too(tmp_path: Path) -> None:
    assert not active_children()
    workers, held = Workers(2, ()), list[int]()

    def hold() -> None:
        while not (alive := active_children()):
            time.sleep(0.001)
        pid = alive[0].pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        held.append(pid)

    holding = threading.Thread(target=hold, daemon=True)
    holding.start()
    try:
        build.run_stage(STAGE, Recipe(), tmp_path, Engine(workers=workers))  # the other one does all
    finally:
        holding.join(60)
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    assert held
    closing = threading.Thread(target=workers.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
