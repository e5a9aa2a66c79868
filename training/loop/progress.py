"""What a run tells while it runs: metrics.jsonl, TensorBoard, and a line on the terminal."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch.utils.tensorboard import SummaryWriter

LINE_EVERY = 10.0  # seconds between two lines where there is no terminal

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


def line(row: Row) -> str:
    """What a row says in a line."""
    said = [
        f"loss {row['loss']:.4f}",
        f"lr {row['learning_rate']:.2g}",
        f"scale {row['scale']:.1f}",
        f"{row['samples_per_second']:,.0f} samples/s",
        f"loader {row['loader_wait']:.0%}",
        f"{row['tflops']:.3g} TFLOP/s" + (f" ({row['mfu']:.0%} MFU)" if "mfu" in row else ""),
    ]
    return "  ".join(said + ([f"{row['gpu_gib']:.1f} GiB"] if "gpu_gib" in row else []))


class Progress:
    """One live line on a terminal, else a line every 10 s."""

    def __init__(
        self, console: Console, *, done: int, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console
        self.total = total
        self.clock = clock
        self.told = clock()
        columns = (TextColumn("step"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"))
        self.bar = Bar(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=total, completed=done)

    def tell(self, row: Row) -> None:
        """Show the latest step's row."""
        text = line(row)
        self.bar.update(self.task, completed=row["step"], description=text)
        now = self.clock()
        if not self.console.is_terminal and now - self.told >= LINE_EVERY:
            self.told = now
            told = f"step {row['step']:,} of {self.total:,}  {text}"
            self.console.print(told, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
