"""What a run says while it runs: a live display on a terminal, a line now and then without, or JSON lines."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

EVERY = 10.0  # seconds between lines where there is no terminal

Event = dict[str, Any]
Sink = Callable[[Event], None]

_sink: Sink | None = None


def send_to(sink: Sink | None) -> None:
    """Where this process's events go."""
    global _sink
    _sink = sink


def tell(event: str, **facts: Any) -> None:
    """Say that something happened: from a unit of work as well as from the command itself."""
    if _sink is not None:
        _sink({"event": event, **facts})


def json_lines(event: Event) -> None:
    """One JSON object a line on stdout, for machines."""
    sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@dataclass
class _Tally:
    """What is known of the stage under way."""

    stage: str = ""
    step: str = ""
    units: int = 0
    done: int = 0
    records: int = 0
    by_unit: dict[str, str] = field(default_factory=dict)
    said: float = 0.0  # time.monotonic of the last line


class Display:
    """Events for a person. On a terminal one live line a stage, else a plain line every ten seconds."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.clock = clock
        self.tally = _Tally()
        self.bar: Progress | None = None
        self.task: Any = None

    def __call__(self, event: Event) -> None:
        handler = getattr(self, f"on_{event['event']}", None)
        if handler is not None:
            handler(event)

    def on_step(self, event: Event) -> None:
        self.tally = _Tally(
            stage=event["stage"],
            step=event["step"],
            units=event["units"],
            done=event["done"],
            said=self.clock(),
        )
        self._close()
        if self.console.is_terminal:
            self.bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[records]:,} records"),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(
                f"{event['stage']:>8} {event['step']}",
                total=event["units"] or None,
                completed=event["done"],
                records=0,
            )

    def on_records(self, event: Event) -> None:
        self.tally.records += event["count"]
        self._refresh()

    def on_unit(self, event: Event) -> None:
        self.tally.done += 1
        self._refresh()

    def on_stage(self, event: Event) -> None:
        self._close()
        self.console.print(stage_line(event))

    def on_skip(self, event: Event) -> None:
        self.console.print(f"[dim]{event['stage']:>8}  nothing to do: signed for this recipe and input[/dim]")

    def on_note(self, event: Event) -> None:
        self.console.print(event["text"], markup=False)

    def _refresh(self) -> None:
        tally = self.tally
        if self.bar is not None:
            self.bar.update(self.task, completed=tally.done, records=tally.records)
        elif self.clock() - tally.said >= EVERY:
            tally.said = self.clock()
            self.console.print(
                f"{tally.stage:>8}  {tally.step}: {tally.done} of {tally.units} units, "
                f"{tally.records:,} records"
            )

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def close(self) -> None:
        """Give the terminal back."""
        self._close()


def stage_line(event: Mapping[str, Any]) -> str:
    """A finished stage in one line: read, kept, and the rejects by reason, most first."""
    rejected = sorted(event["rejected"].items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected)
    line = (
        f"{event['stage']:>8}  {event['read']:>9,} read {event['kept']:>9,} kept  {event['seconds']:>6.1f} s"
    )
    return f"{line}  ({reasons})" if reasons else line
