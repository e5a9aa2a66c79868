"""Lookup of 64-bit codes, exact: ours beside faiss's IndexBinaryFlat.

    python -m benchmarks.nearest [--codes 1000000] [--queries 2000] [--radius 8] [--rounds 5]

Half of the codes crowd around others, as those of real pictures do; half of the queries lie within 8 bits of
a code. CPU time, one thread each, the contestants taking turns; the run ends with an error where one match
differs. Without faiss (pip install faiss-cpu) ours runs alone.
"""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.clock import cpu, ratio, say, timed
from wit_pipeline.copies.nearest import Nearest, Words


def turned_over(codes: Words, most: int, generator: np.random.Generator) -> Words:
    """Codes with up to `most` bits of each turned over."""
    made = codes.copy()
    bits = generator.integers(0, 64, (most, len(codes))).astype(np.uint64)
    for turned in bits:
        chosen = generator.integers(0, 2, len(codes)).astype(np.uint64)
        made[:, 0] ^= chosen << turned
    return made


def made_up(count: int, queries: int) -> tuple[Words, Words]:
    """The codes and the queries."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 2**64, (count, 1), dtype=np.uint64)
    codes[count // 2 :] = turned_over(
        codes[generator.integers(0, count // 100, count - count // 2)], 24, generator
    )
    asked = generator.integers(0, 2**64, (queries, 1), dtype=np.uint64)
    asked[::2] = turned_over(codes[generator.integers(0, count, len(asked[::2]))], 8, generator)
    return codes, asked


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("codes", 1_000_000), ("queries", 2000), ("radius", 8), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args(argv)
    codes, asked = made_up(given.codes, given.queries)
    index = Nearest(codes)
    start = cpu()
    ours = index.within(asked, given.radius)
    say(f"{given.codes:,} codes, {given.queries:,} queries, {given.radius} bits: {len(ours.rows):,} matches")
    say(f"ours: index, and compilation or its cache, in {cpu() - start:.2f} s of CPU")
    contestants: dict[str, Callable[[], Any]] = {"ours": lambda: index.within(asked, given.radius)}
    try:
        faiss = import_module("faiss")
    except ImportError:
        say("faiss is not installed")
    else:
        faiss.omp_set_num_threads(1)
        flat = faiss.IndexBinaryFlat(64)
        flat.add(codes.view(np.uint8))
        search = lambda: flat.range_search(asked.view(np.uint8), given.radius + 1)  # noqa: E731  below it
        starts, _, rows = search()
        same = (np.asarray(starts, np.int64) == ours.starts).all() and all(
            set(rows[a:b]) == set(ours.rows[a:b]) for a, b in zip(ours.starts, ours.starts[1:], strict=False)
        )
        if not same:
            sys.exit("faiss finds something else")
        contestants["faiss IndexBinaryFlat"] = search
    spent = timed(contestants, given.rounds)
    for name, figures in spent.items():
        say(f"{name}: {sorted(figures)[len(figures) // 2] / given.queries * 1e6:,.0f} µs of CPU a query")
        if name != "ours":
            say(f"ours is {ratio(figures, spent['ours'])} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
