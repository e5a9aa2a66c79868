"""The small build on every engine at hand, in pairs of circumstances: python -m tests.beam_jobs.engine_table.

Every two values of two circumstances meet in one build or more. What is built is compared with a build of one
local worker on this machine, and the table is printed as it stands in docs/engines.md.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import combinations, product
from pathlib import Path

from tests.beam_jobs import engines
from tests.beam_jobs.alike import same
from tests.beam_jobs.world import make
from tests.stores import gs, s3
from wit_pipeline.vocabulary.store import place

HOUSE = Path(__file__).parents[2]
FACTORS: dict[str, tuple[str, ...]] = {
    "engine": ("local", "embed", "prism loopback", "prism process"),
    "root": ("here", "s3", "gs"),
    "workers": ("1", "4"),
    "bundles said": ("once", "three times"),
    "hash seed": ("0", "1"),
}
Row = tuple[str, ...]


def pairs(row: Row) -> set[tuple[int, str, int, str]]:
    """Every two values of a row, with the factors that they are of."""
    return {(i, row[i], j, row[j]) for i, j in combinations(range(len(row)), 2)}


def covering(factors: Sequence[Sequence[str]]) -> list[Row]:
    """Rows in which every two values of two factors meet: each next is the one with most that did not yet."""
    every = list(product(*factors))
    left = set().union(*map(pairs, every))
    chosen = []
    while left:
        best = max(every, key=lambda row: len(pairs(row) & left))
        chosen.append(best)
        left -= pairs(best)
    return chosen


def flags_of(row: Row, engine_flags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags of ours and of Beam's. Engines that have one worker, whatever is asked, take no notice."""
    engine, _, workers, said, _ = row
    own = ["--workers", workers] if engine == "local" else []
    beam = [*engine_flags, *([] if engine == "local" else [f"--sdk_worker_parallelism={workers}"])]
    if said != "once":
        beam.append("--direct_runner_bundle_repeat=2")
    return own, beam


def main() -> int:
    """Run them all; the exit code is 1 where one is another dataset."""
    rows, wrong = covering(list(FACTORS.values())), 0
    with ExitStack() as stack:
        tmp = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wit-engines-")))
        world = make(tmp / "world")
        stack.enter_context(world.web)
        stores = {"s3": stack.enter_context(s3()), "gs": stack.enter_context(gs())}
        here = tmp / "here"
        build(["--recipe", str(world.recipe), "--root", str(here), "--workers", "1"], "0")
        say([*FACTORS, "seconds", "dataset"])
        say(["---"] * (len(FACTORS) + 2))
        for number, row in enumerate(rows):
            engine, store, *_, seed = row
            root = str(tmp / f"root-{number}") if store == "here" else stores[store].at(f"root-{number}")
            if why := engines.absent(engine):
                say([*row, "–", why])
                continue
            began = time.monotonic()
            with engines.flags(engine) as given:
                own, beam = flags_of(row, given)
                said = build(["--recipe", str(world.recipe), "--root", root, *own, "--", *beam], seed)
            found = said or "equal"
            try:
                same(place(root), here)
            except AssertionError as error:
                found = f"another: {error}"
            wrong += found != "equal"
            say([*row, f"{time.monotonic() - began:.0f}", found])
    return 1 if wrong else 0


def say(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def build(arguments: Sequence[str], seed: str) -> str:
    """Run a build in a process of its own; returns what it said where it failed."""
    command = [sys.executable, "-m", "beam_jobs", "build", *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, cwd=HOUSE, env=environment, capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
