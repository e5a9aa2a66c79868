"""What a run says while it runs: a live display on a terminal, a line now and then without, or JSON lines."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

from beam_jobs.engine.time_left import TimeLeft
from wit_pipeline.vocabulary.records import SUCCESS

Event = dict[str, Any]
Sink = Callable[[Event], None]
Clock = Callable[[], float]  # seconds
BEAT = 0.25  # seconds between two events of a unit that tells of its records
TOP = 3  # errors shown

_sink: Sink | None = None


def send_to(sink: Sink | None) -> None:
    """Where this process's events go."""
    global _sink
    _sink = sink


@contextmanager
def held() -> Iterator[Sink]:
    """This process's sink for the block alone: what units of work tell meanwhile goes nowhere.

    For engines whose workers may be threads of this process, or processes on other machines: what they do is
    told from one place, and once.
    """
    global _sink
    sink = _sink
    _sink = None
    try:
        yield sink or (lambda event: None)
    finally:
        _sink = sink


def tell(event: str, **facts: Any) -> None:
    """Say that something happened: from a unit of work as well as from the command itself."""
    if _sink is not None:
        _sink({"event": event, **facts})


def tell_all(event: str, texts: Iterable[str]) -> None:
    """Say some lines."""
    for text in texts:
        tell(event, text=text)


class Pulse:
    """Tells of records one by one, in no more than four events a second and one when the block ends.

    `about` goes with every event: the `unit` that they are of, its `lane`, how many records it is `among`.
    """

    def __init__(self, clock: Clock = time.monotonic, **about: Any) -> None:
        self._clock = clock
        self._about = about
        self._told = clock()
        self._count = self._bytes = 0
        self._statuses: Counter[str] = Counter()

    def beat(self, count: int = 1, *, bytes: int = 0, status: str = "") -> None:
        """Count records, what was fetched for them, and what became of them where that is known."""
        self._count += count
        self._bytes += bytes
        if status:
            self._statuses[status] += count
        now = self._clock()
        if now - self._told >= BEAT:
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._told = now
        facts = {"bytes": self._bytes, "statuses": dict(self._statuses)} if self._statuses else {}
        tell("records", count=self._count, **self._about, **facts)
        self._count = self._bytes = 0
        self._statuses = Counter()

    def __enter__(self) -> "Pulse":
        return self

    def __exit__(self, *_: object) -> None:
        if self._count:
            self._tell(self._clock())


class Tally:
    """How far the step under way is, from its events; says so no more often than every so many seconds."""

    def __init__(self, every: float, clock: Clock) -> None:
        self.every = every
        self.clock = clock
        self.facts: Event = {}
        self.said = self.began = 0.0
        self.bytes = 0
        self.statuses: Counter[str] = Counter()
        self.time_left = TimeLeft(0, {}, 0.0)

    def begin(self, event: Event) -> None:
        """A step begins."""
        self.facts = {**event, "event": "progress", "records": 0}
        lanes = self.facts.pop("lanes", {})
        self.said = self.began = self.clock()
        self.time_left = TimeLeft(event.get("expected", 0), lanes, self.began)
        self.bytes, self.statuses = 0, Counter()

    def hear(self, event: Event) -> bool:
        """Count a `records` or `unit` event; returns whether it is time to say something."""
        if event["event"] == "records":
            self.facts["records"] += event["count"]
            self.bytes += event.get("bytes", 0)
            self.statuses.update(event.get("statuses", {}))
        else:
            self.facts["done"] += 1
        now = self.clock()
        self.time_left.hear(event, now)
        if now - self.said < self.every:
            return False
        self.said = now
        self._measure(now)
        return True

    def _measure(self, now: float) -> None:
        """Rates since the step began, and how long the rest takes; with what the records tell."""
        facts, seconds = self.facts, now - self.began
        left = self.time_left.seconds(now) if facts.get("expected") else None
        if left is not None:
            facts["eta_s"] = round(left)
        if self.statuses and seconds:
            told, images = self.statuses.total(), self.statuses[SUCCESS]
            errors = Counter({name: count for name, count in self.statuses.items() if name != SUCCESS})
            facts["images_per_s"] = round(images / seconds, 1)
            facts["bytes_per_s"] = round(self.bytes / seconds)
            facts["success_rate"] = round(images / told, 4)
            facts["errors"] = told - images
            facts["top_errors"] = dict(errors.most_common(TOP))


class JsonLines:
    """Events for machines: one object a line, how far a step is at most once a second."""

    def __init__(self, stream: TextIO | None = None, clock: Clock = time.monotonic) -> None:
        self.stream = stream
        self.tally = Tally(1.0, clock)

    def __call__(self, event: Event) -> None:
        if event["event"] == "step":
            self.tally.begin(event)
        if event["event"] not in ("records", "unit"):
            self._write({key: value for key, value in event.items() if key != "lanes"})
        elif self.tally.hear(event):
            self._write(self.tally.facts)

    def _write(self, event: Event) -> None:
        stream = self.stream or sys.stdout
        stream.write(json.dumps(event, ensure_ascii=False) + "\n")
        stream.flush()

    def close(self) -> None:
        """Nothing is held open."""


class Display:
    """Events for a person. On a terminal a live line for each step, else a plain line every ten seconds."""

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.tally = Tally(0.1 if self.console.is_terminal else 10.0, clock)
        self.bar: Progress | None = None
        self.task = TaskID(0)

    def __call__(self, event: Event) -> None:
        match event["event"]:
            case "step":
                self._begin(event)
            case "records" | "unit":
                if self.tally.hear(event):
                    self._refresh()
            case "stage":
                self.close()
                self.console.print(stage_line(event), markup=False)
            case "skip":
                self.console.print(f"{event['stage']:>8}  nothing to do: signed for this recipe and input")
            case "note":
                self.console.print(event["text"], markup=False)

    def _begin(self, event: Event) -> None:
        self.tally.begin(event)
        self.close()
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            said = TextColumn("{task.fields[said]}", markup=False)
            self.bar = Progress(*columns, said, Elapsed(), console=self.console, transient=True)
            self.bar.start()
            name, units = f"{event['stage']:>8} {event['step']}", event["units"] or None
            self.task = self.bar.add_task(name, total=units, completed=event["done"], said="")

    def _refresh(self) -> None:
        facts = self.tally.facts
        said = ", ".join([f"{facts['records']:,} records", *rates(facts)])
        if self.bar is not None:
            self.bar.update(self.task, completed=facts["done"], said=said)
        else:
            units = f"{facts['done']} of {facts['units']} units"
            self.console.print(f"{facts['stage']:>8}  {facts['step']}: {units}, {said}", markup=False)

    def close(self) -> None:
        """Give the terminal back."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def rates(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a step's facts say of speed, success and the time that is left, piece by piece."""
    if "success_rate" in facts:
        yield f"{facts['images_per_s']:,.1f} images/s"
        yield f"{facts['bytes_per_s'] / 1e6:,.1f} MB/s"
        yield f"{100 * facts['success_rate']:.1f} % success"
        if facts["top_errors"]:
            errors = ", ".join(f"{count:,} {name}" for name, count in facts["top_errors"].items())
            yield f"({errors})"
    if "eta_s" in facts:
        minutes, seconds = divmod(facts["eta_s"], 60)
        hours, minutes = divmod(minutes, 60)
        yield f"{hours}:{minutes:02d}:{seconds:02d} left"


def stage_line(event: Mapping[str, Any]) -> str:
    """A finished stage in one line: read, kept, and the rejects by reason, most first."""
    rejected = sorted(event["rejected"].items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected)
    line = (
        f"{event['stage']:>8}  {event['read']:>9,} read {event['kept']:>9,} kept  {event['seconds']:>6.1f} s"
    )
    return f"{line}  ({reasons})" if reasons else line
