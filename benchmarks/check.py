"""`make bench-check`: the quick measurements, and whether their ratios still keep to their bounds.

    python -m benchmarks.check [NAME …] [--keep]

What each must hold stands in bounds.json: ratios alone, as machines differ. What lacks a package or sample
data is left out, and said. Ends with 1 where a ratio is beyond its bound, or a measurement fails, and names
them. `--keep` writes the new figures into bounds.json, with the day.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarks.clock import say

BOUNDS = Path(__file__).with_name("bounds.json")
DATA = Path(__file__).parents[2] / "shared" / "data"
SECONDS = 600  # of one measurement: that is not quick


class Failed(Exception):
    """A measurement that says no ratio; in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """A measurement, and what its ratio must hold."""

    name: str
    command: tuple[str, ...]  # the module in benchmarks/ and its arguments
    ratio: str  # of what to what
    pattern: str  # whose only group is the ratio, in what the command prints
    needs: tuple[str, ...] = ()  # modules
    data: str = ""  # a folder of the sample data
    at_least: float | None = None
    at_most: float | None = None
    last: float | None = None  # as measured on `date`
    date: str | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"{self.name}: at_least or at_most is wanted")
        if re.compile(self.pattern).groups != 1:
            raise ValueError(f"{self.name}: one group is wanted in {self.pattern!r}")


def read(text: str) -> list[Bound]:
    """What bounds.json says."""
    rows = json.loads(text)
    return [Bound(**{**row, "command": tuple(row["command"]), "needs": tuple(row["needs"])}) for row in rows]


def written(bounds: Sequence[Bound]) -> str:
    """The text of bounds.json; `read` takes it back."""
    rows = [{key: value for key, value in asdict(one).items() if value not in ("", None)} for one in bounds]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def lacking(bound: Bound, data: Path = DATA) -> str:
    """Why a measurement cannot be made here, or ""."""
    for module in bound.needs:
        if find_spec(module) is None:
            return f"{module} is not installed: pip install -c constraints.txt '.[train,dev,bench]'"
    if bound.data and not (data / bound.data).is_dir():
        return "the sample data does not lie beside this checkout"
    return ""


def ratio_in(printed: str, bound: Bound) -> float:
    """The ratio in what a command printed."""
    found = re.search(bound.pattern, printed)
    if not found:
        raise Failed(f"no {bound.pattern!r} in what it printed:\n{printed}")
    return float(found[1].replace(",", ""))


def beyond(ratio: float, bound: Bound) -> str:
    """How a ratio breaks its bound, or ""."""
    if bound.at_least is not None and not ratio >= bound.at_least:
        return f"{ratio:g}, where at least {bound.at_least:g} must hold"
    if bound.at_most is not None and not ratio <= bound.at_most:
        return f"{ratio:g}, where at most {bound.at_most:g} may be"
    return ""


def measured(bound: Bound) -> float:
    """The ratio, now."""
    module, *arguments = bound.command
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=BOUNDS.parents[1],
            timeout=SECONDS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {SECONDS} s") from None
    if done.returncode:
        raise Failed(f"ended with {done.returncode}:\n{done.stdout}")
    return ratio_in(done.stdout, bound)


def judge(bound: Bound) -> tuple[Bound, str]:
    """The bound with its new figure, and what is wrong, or ""."""
    missing = lacking(bound)
    if missing:
        say(f"{bound.name}: left out, {missing}")
        return bound, ""
    try:
        ratio = measured(bound)
    except Failed as error:
        return bound, f"{bound.name}: {error}"
    before = f", {bound.last:g} on {bound.date}" if bound.last is not None else ""
    say(f"{bound.name}: {ratio:g}{before} ({bound.ratio})")
    wrong = beyond(ratio, bound)
    today = datetime.now(UTC).date().isoformat()
    return replace(bound, last=ratio, date=today), f"{bound.name}: {wrong}" if wrong else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and compare; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    bounds = read(BOUNDS.read_text(encoding="utf-8"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(one.name for one in bounds))
    parser.add_argument("--keep", action="store_true", help="write the new figures into bounds.json")
    given = parser.parse_args(argv)
    unknown = set(given.names) - {one.name for one in bounds}
    if unknown:
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    judged = {
        one.name: judge(one) if not given.names or one.name in given.names else (one, "") for one in bounds
    }
    if given.keep:
        BOUNDS.write_text(written([one for one, _ in judged.values()]), encoding="utf-8")
    wrong = [said for _, said in judged.values() if said]
    for said in wrong:
        say(f"beyond its bound, or failed: {said}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
