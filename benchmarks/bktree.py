"""Lookup of 64-bit codes beside imagededup's BK-tree.

    python -m benchmarks.bktree [--codes 1000000] [--queries 100000] [--tree-queries 100] [--radius 8]

The same codes as `benchmarks.nearest`. The tree gets a distance between whole numbers, a hundred times as
fast as its library's own between strings of bits, and the first few queries. The run ends with an error
where one match differs. CPU time, one thread each. For the tree, pip install --no-deps imagededup: what else
that wants is not needed here.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from benchmarks.clock import cpu, say
from benchmarks.nearest import made_up
from wit_pipeline.copies.nearest import Nearest

DEEP = 100_000  # calls: crowded codes make chains of children, and the tree is built by recursion


def apart(one: int, other: int) -> int:
    """Bits between two codes."""
    return (one ^ other).bit_count()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("codes", 1_000_000), ("queries", 100_000), ("tree-queries", 100), ("radius", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args(argv)
    codes, asked = made_up(given.codes, given.queries)
    index = Nearest(codes)
    index.within(asked[:2], given.radius)  # compiles, and sorts
    start = cpu()
    ours = index.within(asked, given.radius)
    each = (cpu() - start) / given.queries
    sizes = f"{given.codes:,} codes, {given.queries:,} queries, radius {given.radius}"
    say(f"{sizes}; ours: {1e6 * each:,.1f} µs of CPU a query")
    tree_of = import_module("imagededup.handlers.search.bktree").BKTree
    sys.setrecursionlimit(DEEP)
    start = cpu()
    tree = tree_of(dict(enumerate(codes[:, 0].tolist())), apart)
    say(f"the tree was built in {cpu() - start:,.0f} s")
    start = cpu()
    found = [tree.search(code, given.radius) for code in asked[: given.tree_queries, 0].tolist()]
    theirs = (cpu() - start) / given.tree_queries
    for query, pairs in enumerate(found):
        if sorted((bits, row) for row, bits in pairs) != sorted(ours.of(query)):
            sys.exit(f"query {query}: the tree finds something else")
    say(f"imagededup BKTree: {1e6 * theirs:,.0f} µs a query, of {given.tree_queries:,} of them")
    say(f"ours is {theirs / each:,.0f} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
