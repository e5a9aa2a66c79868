"""What a run tells while it runs: metrics.jsonl, TensorBoard, and a line on the terminal."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from torch.utils.tensorboard import SummaryWriter

LINE_EVERY = 10.0  # seconds between two lines where there is no terminal

Row = dict[str, Any]


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
                if name != "step":
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
        text = f"loss {row['loss']:.4f}  {row['samples_per_second']:,.0f} samples/s"
        self.bar.update(self.task, completed=row["step"], description=text)
        now = self.clock()
        if not self.console.is_terminal and now - self.told >= LINE_EVERY:
            self.told = now
            self.console.print(f"step {row['step']:,} of {self.total:,}  {text}", highlight=False)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
