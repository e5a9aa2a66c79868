import itertools
import multiprocessing
import os
import threading
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from wit_pipeline.fetch.pace import LONGEST, Pace
from wit_pipeline.vocabulary.errors import RunError

INTERVAL = 0.03  # seconds


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.time += seconds


def paced(folder: Path, clock: Clock, name: str = "a.test", interval: float = 1.0) -> Pace:
    return Pace(name, interval, folder, now=clock.now, sleep=clock.sleep)


def turns(pace: Pace, count: int = 1) -> None:
    for _ in range(count):
        with pace.turn():
            pass


def test_turns_are_an_interval_apart(tmp_path: Path) -> None:
    clock = Clock()
    turns(paced(tmp_path, clock), 3)
    assert clock.slept == [1.0, 1.0]


def test_time_that_a_request_took_counts(tmp_path: Path) -> None:
    clock = Clock()
    asking = paced(tmp_path, clock)
    with asking.turn():
        clock.time += 0.75
    turns(asking)
    clock.time += 5
    turns(asking)
    assert clock.slept == [0.25]


def test_two_of_one_name_share_their_turns_and_other_names_have_their_own(tmp_path: Path) -> None:
    clock = Clock()
    turns(paced(tmp_path, clock))
    turns(paced(tmp_path, clock, "b.test"))
    assert clock.slept == []
    turns(paced(tmp_path, clock))
    assert clock.slept == [1.0]


@pytest.mark.parametrize(("asked", "slept"), [(0.5, 1.0), (30.0, 30.0), (86_400.0, LONGEST)])
def test_a_pause_that_was_asked_for_holds_for_all(tmp_path: Path, asked: float, slept: float) -> None:
    clock = Clock()
    turns(paced(tmp_path, clock))
    paced(tmp_path, clock).close_for(asked)
    turns(paced(tmp_path, clock))
    assert clock.slept == [slept]


@pytest.mark.parametrize("content", [b"", b"soon", b"\xff" * 40, b"nan", b"inf", b"1e300"])
def test_a_file_that_says_nothing_holds_nobody_up(tmp_path: Path, content: bytes) -> None:
    clock = Clock()
    turns(paced(tmp_path, clock))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    turns(paced(tmp_path, clock), 2)
    assert clock.slept == [1.0]


def test_a_file_of_before_the_machine_started_holds_nobody_up(tmp_path: Path) -> None:
    turns(paced(tmp_path, Clock(1_000_000.0)))
    clock = Clock(5.0)
    turns(paced(tmp_path, clock))
    assert clock.slept == []
    turns(paced(tmp_path, Clock(1_000_000.0)))
    paced(tmp_path, clock).close_for(30.0)
    turns(paced(tmp_path, clock))
    assert clock.slept == [30.0]


def note(folder: Path, times: Path, together: Barrier) -> None:
    """Takes three turns, beside others, and writes down when it came, got its turn and gave it back."""
    asking = Pace("a.test", INTERVAL, folder)
    together.wait(60)
    came = time.monotonic()
    for _ in range(3):
        with asking.turn(), times.open("a") as file:
            began = time.monotonic()
            threading.Event().wait(INTERVAL / 2)  # as a request takes its time
            file.write(f"{came} {began} {time.monotonic()}\n")


def test_threads_and_processes_share_their_turns(tmp_path: Path) -> None:
    folder, times = tmp_path / "pace", tmp_path / "times"
    folder.mkdir()
    spawn = multiprocessing.get_context("spawn")
    given = (folder, times, spawn.Barrier(4))
    processes = [spawn.Process(target=note, args=given) for _ in range(2)]
    threads = [threading.Thread(target=note, args=given) for _ in range(2)]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for process in processes:
        process.join(60)
    came, began, ended = zip(
        *(map(float, line.split()) for line in times.read_text().splitlines()), strict=True
    )
    assert len(began) == 12
    spans = sorted(zip(began, ended, strict=True))
    assert all(later[0] >= sooner[1] for sooner, later in itertools.pairwise(spans))
    assert max(began) - min(came) >= 11 * INTERVAL


def test_who_dies_in_the_middle_gives_the_turn_back(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(KeyboardInterrupt), paced(tmp_path, clock).turn():
        raise KeyboardInterrupt
    turns(paced(tmp_path, clock))
    assert clock.slept == [1.0]


def test_the_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    turns(Pace("a.test", 0.0))
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    owner = os.getuid() + 1
    folder.rename(tmp_path / f"wit-{owner}")
    monkeypatch.setattr("os.getuid", lambda: owner)
    with pytest.raises(RunError, match="belongs to another user; set TMPDIR"):
        turns(Pace("a.test", 0.0))
