"""The time that is left, by a simulated clock, against what it then took."""

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from beam_jobs.engine.time_left import Pace, TimeLeft

Event = Mapping[str, Any]


def told(moments: Mapping[str, list[float]], lanes: set[str]) -> Iterator[tuple[float, Event]]:
    """A `records` event for each moment of each unit or lane, in their order, and one where a unit ends."""
    queue = [(at, name, at == times[-1], len(times)) for name, times in moments.items() for at in times]
    for at, name, ends, among in sorted(queue):
        event: dict[str, Any] = {"event": "records", "count": 1, "unit": name, "among": among}
        yield at, {**event, "lane": name} if name in lanes else event
        if ends and name not in lanes:
            yield at, {"event": "unit", "unit": name}


def every(seconds: float, count: int, start: float = 0.0) -> list[float]:
    return [start + seconds * (number + 1) for number in range(count)]


def units(count: int, urls: int, rate: float, workers: int) -> dict[str, list[float]]:
    """Units of so many URLs that so many workers go through, each at a rate."""
    free, found = [0.0] * workers, {}
    for number in range(count):
        start = heapq.heappop(free)
        found[f"unit-{number}"] = every(1 / rate, urls, start)
        heapq.heappush(free, start + urls / rate)
    return found


ODD = sorted(every(0.1, 1000) + every(10.0, 1000))  # when the fast hosts of a unit answer, and its slow one


@pytest.mark.parametrize(
    ("moments", "lanes"),
    [
        (units(60, 200, 2.0, 3), set()),
        (units(60, 200, 2.0, 3) | {"slow": every(10.0, 2000)}, {"slow"}),  # a lane that lasts
        (units(60, 200, 2.0, 3) | {"slow": every(10.0, 200)}, {"slow"}),  # and one that does not
        (units(60, 200, 2.0, 3) | {"a": every(10.0, 900), "b": every(4.0, 3000)}, {"a", "b"}),
        (units(60, 200, 2.0, 3) | {"odd": ODD}, set()),  # a slow host in a unit
        ({"only": every(7.0, 500)}, {"only"}),
    ],
    ids=["none", "long", "short", "two", "in a unit", "alone"],
)
def test_each_minute_from_the_second_it_is_within_a_fifth_of_the_truth(
    moments: dict[str, list[float]], lanes: set[str]
) -> None:
    end = max(times[-1] for times in moments.values())
    known = {name: len(moments[name]) for name in lanes}
    left = TimeLeft(sum(map(len, moments.values())), known, 0.0)
    events = told(moments, lanes)
    at, event = next(events)
    for minute in range(2, int(end // 60)):
        now = 60.0 * minute
        while at <= now:
            left.hear(event, at)
            at, event = next(events, (float("inf"), event))
        said = left.seconds(now)
        if "odd" in moments and now < 200:
            continue  # its fast hosts are not done yet, and hide the slow one
        assert said == pytest.approx(end - now, rel=0.2, abs=30), minute


def test_nothing_is_said_before_something_came() -> None:
    left = TimeLeft(10, {"a": 10}, 0.0)
    assert left.seconds(5.0) is None
    assert Pace(10).seconds_left(5.0) == 0


def test_a_lane_that_stalls_takes_longer_and_longer() -> None:
    left = TimeLeft(100, {"a": 100}, 0.0)
    for at in every(1.0, 50):
        left.hear({"event": "records", "count": 1, "lane": "a", "unit": "u"}, at)
    soon, later = left.seconds(51.0), left.seconds(500.0)
    assert soon is not None
    assert later is not None
    assert soon == pytest.approx(51, abs=3)
    assert later > 400
