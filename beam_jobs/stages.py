"""The STAGES table: every stage, in order. Each reads only what lies above it."""

from beam_jobs import audit, balance, crawl, dedup, extract, filter, frontier, queries, shard
from beam_jobs.stage import Stage

STAGES: dict[str, Stage] = {
    module.STAGE.name: module.STAGE
    for module in (queries, extract, frontier, crawl, filter, dedup, balance, shard, audit)
}


def between(first: str, last: str) -> list[Stage]:
    """The stages from `first` to `last`, both included."""
    names = list(STAGES)
    return [STAGES[name] for name in names[names.index(first) : names.index(last) + 1]]
