"""What clients of one folder know of each other."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wit_pipeline.fetch import doors
from wit_pipeline.fetch.doors import LONGEST_INTERVAL, LONGEST_PAUSE, Doors, number

HOST, OTHER = number("a.test"), number("b.test")


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_connection_is_one_clients(tmp_path: Path) -> None:
    one, two = Doors(tmp_path), Doors(tmp_path)
    assert one.enter(HOST, 0)
    assert not two.enter(HOST, 0)
    assert two.enter(HOST, 1)
    assert two.enter(OTHER, 0)
    one.leave(HOST, 0)
    assert two.enter(HOST, 0)
    two.close()
    assert one.enter(HOST, 1)


def test_without_a_folder_nobody_else_knows() -> None:
    one, two = Doors(), Doors()
    assert one.enter(HOST, 0)
    assert two.enter(HOST, 0)


def test_a_process_that_dies_gives_its_connections_back(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from wit_pipeline.fetch.doors import *\n"
        "print(Doors(Path(sys.argv[1])).enter(number('a.test'), 0), flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    mine = Doors(tmp_path)
    assert not mine.enter(HOST, 0)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    other.stdout.close()
    assert mine.enter(HOST, 0)


def test_starts_are_kept_apart_for_all(tmp_path: Path, clock: Clock) -> None:
    one, two = Doors(tmp_path), Doors(tmp_path)
    assert one.take(HOST, 2.0) == 0
    assert two.take(HOST, 2.0) == 2.0
    assert two.take(OTHER, 2.0) == 0
    clock.now += 1.5
    assert two.pause(HOST) == (0.5, False)
    clock.now += 0.5
    assert two.take(HOST, 2.0) == 0


def test_a_pause_that_is_known_from_before_is_the_hosts_own(tmp_path: Path, clock: Clock) -> None:
    one, two = Doors(tmp_path), Doors(tmp_path)
    one.shut(HOST, 100.0)
    assert two.pause(HOST) == (100.0, True)
    one.shut(HOST, 50.0)  # the longer one holds
    clock.now += 40.0
    assert two.pause(HOST) == (60.0, True)
    assert two.take(HOST, 0.1) == 60.0
    assert not two.pause(OTHER)[1]
    one.shut(OTHER, 10 * LONGEST_PAUSE)
    assert two.pause(OTHER) == (LONGEST_PAUSE, True)
    clock.now += 60.0
    assert two.take(HOST, 0.1) == 0.0


def test_a_rest_is_everybodys(tmp_path: Path, clock: Clock) -> None:
    one, two = Doors(tmp_path), Doors(tmp_path)
    one.rest(HOST, 5.0)
    one.rest(HOST, 1.0)  # does not shorten it
    assert two.take(HOST, 0.0) == 5.0
    assert two.pause(HOST)[1] is False


def test_a_host_that_is_overloaded_is_left_alone_and_then_asked_more_slowly(clock: Clock) -> None:
    mine = Doors()
    assert mine.take(HOST, 0.0) == 0
    mine.slow_down(HOST, 10.0, 1.0)
    assert mine.pause(HOST) == (10.0, True)
    clock.now += 10
    assert mine.take(HOST, 0.0) == 0
    assert mine.take(HOST, 0.0) == pytest.approx(doors.FIRST_SLOWER)
    for _ in range(20):
        mine.slow_down(HOST, 0.0, 1.0)
    clock.now += 60
    assert mine.take(HOST, 0.0) == 0
    assert mine.take(HOST, 0.0) == pytest.approx(1.0)
    for _ in range(20):
        mine.slow_down(HOST, 0.0, LONGEST_INTERVAL)
    mine.slow_down(HOST, 0.0, 1.0)  # a smaller bound makes nobody faster
    clock.now += 60
    assert mine.take(HOST, 0.0) == 0
    assert mine.take(HOST, 0.0) == pytest.approx(LONGEST_INTERVAL)


def test_answers_bring_the_pace_back(clock: Clock) -> None:
    mine = Doors()
    mine.slow_down(HOST, 0.0, 1.0)
    for _ in range(100):
        mine.went_well(HOST)
    clock.now += 1
    assert mine.take(HOST, 0.0) == 0
    assert mine.take(HOST, 0.0) == 0


@pytest.mark.parametrize(("asked", "pause"), [(10.0, 10.0), (LONGEST_PAUSE + 1, LONGEST_PAUSE)])
def test_the_longest_pause(clock: Clock, asked: float, pause: float) -> None:
    mine = Doors()
    mine.slow_down(HOST, asked, 1.0)
    assert mine.pause(HOST) == (pause, True)


def test_what_was_long_ago_is_forgotten(clock: Clock) -> None:
    mine = Doors()
    mine.slow_down(HOST, 0.0, 1.0)
    clock.now += doors.FORGOTTEN + 1
    assert mine.take(HOST, 0.0) == 0
    assert mine.take(HOST, 0.0) == 0


def test_moments_of_before_the_machine_started_say_nothing(tmp_path: Path, clock: Clock) -> None:
    mine = Doors(tmp_path)
    mine.slow_down(HOST, 3000.0, 1.0)
    clock.now = 5.0
    assert mine.pause(HOST)[0] <= 0


def test_of_two_hosts_in_one_place_the_later_is_known(clock: Clock) -> None:
    mine, twin = Doors(), HOST + doors.HOSTS
    mine.slow_down(HOST, 50.0, 1.0)
    assert mine.take(twin, 0.0) == 0  # is not made to pay for its neighbour
    assert mine.pause(HOST)[0] <= 0


def test_only_one_is_alone(tmp_path: Path) -> None:
    one, two = Doors(tmp_path), Doors(tmp_path)
    with one.alone(7) as first, two.alone(7) as second, two.alone(8) as third:
        assert (first, second, third) == (True, False, True)
    with two.alone(7) as again:
        assert again
