"""What a run says while it runs: a live display on a terminal, a line now and then without, or JSON lines."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

Event = dict[str, Any]
Sink = Callable[[Event], None]
Clock = Callable[[], float]  # seconds

_sink: Sink | None = None


def send_to(sink: Sink | None) -> None:
    """Where this process's events go."""
    global _sink
    _sink = sink


def tell(event: str, **facts: Any) -> None:
    """Say that something happened: from a unit of work as well as from the command itself."""
    if _sink is not None:
        _sink({"event": event, **facts})


class Tally:
    """How far the step under way is, from its events; says so no more often than every so many seconds."""

    def __init__(self, every: float, clock: Clock) -> None:
        self.every = every
        self.clock = clock
        self.facts: Event = {}
        self.said = 0.0

    def begin(self, event: Event) -> None:
        """A step begins."""
        self.facts = {**event, "event": "progress", "records": 0}
        self.said = self.clock()

    def hear(self, event: Event) -> bool:
        """Count a `records` or `unit` event; returns whether it is time to say something."""
        if event["event"] == "records":
            self.facts["records"] += event["count"]
        else:
            self.facts["done"] += 1
        now = self.clock()
        if now - self.said < self.every:
            return False
        self.said = now
        return True


class JsonLines:
    """Events for machines: one object a line, how far a step is at most once a second."""

    def __init__(self, stream: TextIO | None = None, clock: Clock = time.monotonic) -> None:
        self.stream = stream
        self.tally = Tally(1.0, clock)

    def __call__(self, event: Event) -> None:
        if event["event"] == "step":
            self.tally.begin(event)
        if event["event"] not in ("records", "unit"):
            self._write(event)
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
            records = TextColumn("{task.fields[records]:,} records")
            self.bar = Progress(*columns, records, Elapsed(), console=self.console, transient=True)
            self.bar.start()
            name, units = f"{event['stage']:>8} {event['step']}", event["units"] or None
            self.task = self.bar.add_task(name, total=units, completed=event["done"], records=0)

    def _refresh(self) -> None:
        facts = self.tally.facts
        if self.bar is not None:
            self.bar.update(self.task, completed=facts["done"], records=facts["records"])
        else:
            units = f"{facts['done']} of {facts['units']} units"
            self.console.print(f"{facts['stage']:>8}  {facts['step']}: {units}, {facts['records']:,} records")

    def close(self) -> None:
        """Give the terminal back."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def stage_line(event: Mapping[str, Any]) -> str:
    """A finished stage in one line: read, kept, and the rejects by reason, most first."""
    rejected = sorted(event["rejected"].items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected)
    line = (
        f"{event['stage']:>8}  {event['read']:>9,} read {event['kept']:>9,} kept  {event['seconds']:>6.1f} s"
    )
    return f"{line}  ({reasons})" if reasons else line
