"""The STAGES table: every stage, in order. Each reads only what lies above it."""

from beam_jobs.engine.stage import Stage
from beam_jobs.stages import audit, balance, crawl, dedup, extract, filter, frontier, queries, shard

STAGES: dict[str, Stage] = {
    module.STAGE.name: module.STAGE
    for module in (queries, extract, frontier, crawl, filter, dedup, balance, shard, audit)
}


def between(first: str, last: str) -> list[Stage]:
    """The stages from `first` to `last`, both included."""
    names = list(STAGES)
    return [STAGES[name] for name in names[names.index(first) : names.index(last) + 1]]
