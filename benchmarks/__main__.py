"""`make bench`: every measurement, one after another. The peers come with pip install '.[bench]'."""

import sys
from importlib import import_module

from benchmarks.clock import say

EVERY = (
    "query_counts",
    "matching",
    "nearest",
    "bktree",
    "codes_cost",
    "self_join",
    "natural_pairs",
    "within",
    "copies",
    "false_matches",
    "neighbourhoods",
    "planted",
    "planted_drawn",
    "html_pairs",
    "extract_job",
    "frontier_job",
    "size",
    "stored_quality",
    "as_browsers",
    "isolated_decode",
    "crawl_cost",
    "crawl_memory",
    "openstax_road",
    "loader",
    "text_lengths",
    "loss_memory",
)


def main() -> int:
    """Run them all; returns the worst exit code."""
    worst = 0
    for name in EVERY:
        say(f"\n# {name}")
        try:
            worst = max(worst, import_module(f"benchmarks.{name}").main([]))
        except ImportError as error:
            say(f"left out: {error}; pip install '.[bench]'")
    return worst


if __name__ == "__main__":
    sys.exit(main())
