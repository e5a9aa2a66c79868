"""What a run tells while it runs: metrics.jsonl, TensorBoard, and a line on the terminal."""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text
from torch.utils.tensorboard import SummaryWriter

LINE_EVERY = 10.0  # seconds between two lines where there is no terminal
LEFT = 8  # columns of the time left
SHORTEST, LONGEST = 10, 40  # columns of the bar
FIRST = ("loss", "pace", "loader", "rate", "work", "memory", "scale")  # what a narrow line has, in this order

Row = dict[str, Any]
T = TypeVar("T")


class Pace:
    """How fast a process is, between two readings of its losses.

    `peak` is what its device could do, in operations a second; 0: not known.
    """

    def __init__(
        self,
        device: torch.device,
        peak: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.wall = wall
        self.device = device
        self.peak = peak
        self.clock = clock
        self.since = clock()
        self.waited = 0.0  # seconds

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches; the time until each is there counts as waiting."""
        source = iter(batches)
        while True:
            begun = self.clock()
            batch = next(source, None)
            self.waited += self.clock() - begun
            if batch is None:
                return
            yield batch

    def settle(self, pending: Sequence[Row]) -> list[Row]:
        """Rows with plain numbers, and the pace since the last reading; waits until the device is done.

        `flops` of a row become `tflops`, 10^12 a second, and `mfu`, their share of the peak. `loader_wait` is
        a share of the time, `gpu_gib` the most memory that was held, `time` the seconds since 1970.
        """
        rows = [
            {name: float(value) if isinstance(value, torch.Tensor) else value for name, value in row.items()}
            for row in pending
        ]
        now = self.clock()
        seconds = now - self.since
        done = sum(row.pop("flops") for row in rows) / seconds
        pace = {
            "time": round(self.wall(), 3),
            "samples_per_second": round(sum(row["samples"] for row in rows) / seconds, 1),
            "loader_wait": round(self.waited / seconds, 3),
            "tflops": float(f"{done / 1e12:.4g}"),
        }
        if self.peak:
            pace["mfu"] = round(done / self.peak, 4)
        if self.device.type == "cuda":
            pace["gpu_gib"] = round(torch.cuda.max_memory_allocated(self.device) / 2**30, 2)
            torch.cuda.reset_peak_memory_stats(self.device)
        self.since, self.waited = now, 0.0
        return [{**row, **pace} for row in rows]


class Journal:
    """A run's metrics, each step once: what stood after `step` when it was opened is taken out."""

    def __init__(self, out: Path, step: int) -> None:
        self.path = out / "metrics.jsonl"
        rows = [row for row in read(self.path) if row["step"] <= step]
        aside = self.path.with_suffix(".tmp")
        aside.write_text("".join(json.dumps(row) + "\n" for row in rows))
        aside.replace(self.path)
        self.file = self.path.open("a")
        self.board = SummaryWriter(out / "tensorboard", purge_step=step + 1)

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows, each with its `step`; numbers also go to TensorBoard."""
        for row in rows:
            self.file.write(json.dumps(row) + "\n")
            for name, value in row.items():
                if isinstance(value, int | float) and name != "step":
                    self.board.add_scalar(name, value, row["step"])
        self.file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self.board.close()


def read(path: Path) -> list[Row]:
    """The whole rows of a metrics.jsonl; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def said(row: Row) -> dict[str, str]:
    """What a row says, by what it is about."""
    told = {
        "loss": f"loss {row['loss']:.4f}",
        "rate": f"lr {row['learning_rate']:.2g}",
        "scale": f"scale {row['scale']:.1f}",
        "pace": f"{row['samples_per_second']:,.0f} samples/s",
        "loader": f"loader {row['loader_wait']:.0%}",
        "work": f"{row['tflops']:.3g} TFLOP/s" + (f" ({row['mfu']:.0%} MFU)" if "mfu" in row else ""),
    }
    return {**told, "memory": f"{row['gpu_gib']:.1f} GiB"} if "gpu_gib" in row else told


def line(row: Row, room: float = math.inf) -> str:
    """What a row says in a line of `room` columns: the first of `FIRST` that it has room for."""
    told = said(row)
    for count in range(len(FIRST), 0, -1):
        text = "  ".join(told[name] for name in told if name in FIRST[:count])
        if len(text) <= room:
            return text
    return ""


class TimeLeft(ProgressColumn):
    """The time left, in `LEFT` columns."""

    max_refresh = 0.5  # seconds

    def render(self, task: Task) -> Text:
        return Text(left(task.time_remaining).rjust(LEFT), style="progress.remaining")


def left(seconds: float | None) -> str:
    """A time as people say it, from days down to seconds.

    >>> left(3_725), left(100_000), left(None)
    ('1:02:05', '1d 03h', '-:--:--')
    """
    if seconds is None:
        return "-:--:--"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours // 24:,}d {hours % 24:02}h" if hours >= 24 else f"{hours}:{minute:02}:{second:02}"


class Progress:
    """One live line on a terminal, never wider than it, else a line every 10 s."""

    def __init__(
        self, console: Console, *, done: int, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console
        self.total = total
        self.clock = clock
        self.told = clock()
        self.length = BarColumn(SHORTEST)
        columns = (TextColumn("step"), MofNCompleteColumn(), self.length, TextColumn("{task.description}"))
        self.bar = Bar(*columns, TimeLeft(), console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=total, completed=done)

    def tell(self, row: Row) -> None:
        """Show the latest step's row."""
        taken = len(f"step {self.total}/{self.total}  ") + 1 + LEFT  # and a blank around the bar and the text
        text = line(row, self.console.width - taken - SHORTEST)
        self.length.bar_width = max(1, min(LONGEST, self.console.width - taken - len(text)))
        self.bar.update(self.task, completed=row["step"], description=text)
        now = self.clock()
        if not self.console.is_terminal and now - self.told >= LINE_EVERY:
            self.told = now
            told = f"step {row['step']:,} of {self.total:,}  {line(row)}"
            self.console.print(told, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
