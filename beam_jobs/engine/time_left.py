"""How long a step still takes: the larger of what is left by its rate, and of its slowest lane.

Most of a crawl goes as fast as its machines do, and one large host as fast as it lets itself be asked: at ten
seconds a request its 20,000 URLs last two days, however many others are done in the first hour.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

RECENT = 60.0  # seconds, at least, that a pace is measured over: a unit ends slower than it begins …
ENOUGH = 5  # … and records, at least, or all that there are
APART = 5.0  # seconds between two marks


class Pace:
    """How fast the records of one lane, or of one unit, come in."""

    def __init__(self, expected: int) -> None:
        self.left = expected
        self.done = 0
        self._last = 0.0
        self._marks: deque[tuple[float, int]] = deque()  # moments, and the records done by then

    def hear(self, count: int, now: float) -> None:
        """Some more came."""
        self.done, self.left, self._last = self.done + count, max(0, self.left - count), now
        if not self._marks or now - self._marks[-1][0] >= APART:
            self._marks.append((now, self.done))
        while len(self._marks) > 1 and self._is_old(self._marks[1], now):
            self._marks.popleft()

    def _is_old(self, mark: tuple[float, int], now: float) -> bool:
        return now - mark[0] >= RECENT and self.done - mark[1] >= ENOUGH

    def seconds_left(self, now: float) -> float:
        """How long the rest takes; 0 as long as nothing can be said.

        Measured from record to record: the time since the last one counts where it is longer than usual.
        """
        since, before = self._marks[0] if self._marks else (now, 0)
        came = self.done - before
        if not came:
            return 0.0
        each = (self._last - since) / came
        if now - self._last > each:
            each = (now - since) / (came + 1)
        return self.left * each


class TimeLeft:
    """What is known of a step's pace, from its events."""

    def __init__(self, expected: int, lanes: Mapping[str, int], now: float) -> None:
        self._began = now
        self._left = expected
        self._elsewhere = 0  # records done that are of no lane
        self._lanes = {name: Pace(records) for name, records in lanes.items()}
        self._units: dict[str, Pace] = {}  # under way, of no lane

    def hear(self, event: Mapping[str, Any], now: float) -> None:
        """A `records` or `unit` event: what came of which unit, and of which lane."""
        if event["event"] == "unit":
            self._units.pop(event["unit"], None)
            return
        count, lane, unit = event["count"], event.get("lane", ""), event.get("unit", "")
        self._left = max(0, self._left - count)
        if lane in self._lanes:
            self._lanes[lane].hear(count, now)
            return
        self._elsewhere += count
        if unit:
            self._units.setdefault(unit, Pace(event.get("among", 0))).hear(count, now)

    def seconds(self, now: float) -> float | None:
        """Seconds until the step is done; None where nothing is known yet."""
        begun = [pace for pace in self._lanes.values() if pace.done]
        done = self._elsewhere + sum(pace.done for pace in begun)
        if not done or now <= self._began:
            return None
        slowest = max((pace.seconds_left(now) for pace in (*begun, *self._units.values())), default=0.0)
        left = self._left
        if self._elsewhere:  # lanes under way have a worker each: they are no part of what the others do
            left, done = left - sum(pace.left for pace in begun), self._elsewhere
        return max(left * (now - self._began) / done, slowest)
