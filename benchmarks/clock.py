"""What the measurements share: CPU time, contestants that take turns, a line of result."""

import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def cpu() -> float:
    """CPU seconds of this process and of the children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def timed(contestants: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each contestant, one figure a round."""
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = cpu()
            run()
            spent[name].append(cpu() - start)
    return spent


def ratio(slow: Sequence[float], fast: Sequence[float], scale: float = 1.0) -> str:
    """How many times as fast one contestant is as another: the median over the rounds, and the range."""
    ratios = [scale * theirs / own for theirs, own in zip(slow, fast, strict=True)]
    return f"{statistics.median(ratios):,.1f} ({min(ratios):,.1f} to {max(ratios):,.1f})"


def say(line: str) -> None:
    """A line of result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
