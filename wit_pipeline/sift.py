"""Judged records to a part and its rejects: the one way in which a stage writes rows."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from wit_pipeline import rows
from wit_pipeline.manifest import Counts, File, aside, describe
from wit_pipeline.records import Reject

R = TypeVar("R")


def write_sifted(
    folder: Path, unit: str, record: type[R], judged: Iterable[R | Reject], *, parts: Path | None = None
) -> tuple[Counts, tuple[File, ...]]:
    """Write what was kept to part-`unit`.parquet and what was not to rejects-`unit`.parquet.

    Every record read is either; so the counts add up unless the rule that judged them lost one. `parts` is
    another folder for what was kept, where a later step takes it from: it is then not among the files.
    """
    reasons: Counter[str] = Counter()
    kept_path, rejects_path = (parts or folder) / f"part-{unit}.parquet", folder / f"rejects-{unit}.parquet"
    with (
        aside(kept_path) as kept_aside,
        aside(rejects_path) as rejects_aside,
        rows.Writer(kept_aside, record) as kept,
        rows.Writer(rejects_aside, Reject) as rejects,
    ):
        for item in judged:
            if isinstance(item, Reject):
                reasons[item.reason] += 1
                rejects.write(item)
            else:
                kept.write(item)
    counts = Counts(read=kept.count + rejects.count, kept=kept.count, rejected=dict(sorted(reasons.items())))
    rejected = describe(rejects_path, rejects.count)
    return counts, (rejected,) if parts else (describe(kept_path, kept.count), rejected)
