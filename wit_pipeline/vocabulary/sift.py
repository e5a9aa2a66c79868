"""Judged records to a part and its rejects: the one way in which a stage writes rows."""

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heappush, heappushpop
from pathlib import Path
from typing import TypeVar

from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.manifest import Counts, File, aside, describe
from wit_pipeline.vocabulary.records import Reject

R = TypeVar("R")


class Sample:
    """Some of the rejects of each reason, drawn by hash: the same ones in every retry."""

    def __init__(self, most: int, seed: int) -> None:
        self.most = most
        self.seed = seed
        self._held: dict[str, list[tuple[int, int, Reject]]] = {}  # heaps of (-draw, -position, reject)
        self._seen = 0

    def offer(self, item: Reject) -> None:
        """Hold a reject, in place of the one that drew highest where there are enough."""
        heap = self._held.setdefault(item.reason, [])
        self._seen += 1
        place = f"{item.where} {item.url} {item.caption}"
        entry = (-draw(place, seed=self.seed, purpose="sift:sample"), -self._seen, item)
        if len(heap) < self.most:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)

    def __iter__(self) -> Iterator[Reject]:
        """What was drawn, in the order in which it came."""
        entries = (entry for heap in self._held.values() for entry in heap)
        return (item for _, _, item in sorted(entries, key=lambda entry: -entry[1]))


def write_sifted(
    folder: Path,
    unit: str,
    record: type[R],
    judged: Iterable[R | Reject],
    *,
    parts: Path | None = None,
    sample: Sample | None = None,
) -> tuple[Counts, tuple[File, ...]]:
    """Write what was kept to part-`unit`.parquet and what was not to rejects-`unit`.parquet.

    Every record read is either; so the counts add up unless the rule that judged them lost one. `parts` is
    another folder for what was kept, where a later step takes it from: it is then not among the files. With a
    `sample` the rejects that it draws are written, and all are counted.
    """
    reasons: Counter[str] = Counter()
    read = 0
    kept_path, rejects_path = (parts or folder) / f"part-{unit}.parquet", folder / f"rejects-{unit}.parquet"
    with (
        aside(kept_path) as kept_aside,
        aside(rejects_path) as rejects_aside,
        rows.Writer(kept_aside, record) as kept,
        rows.Writer(rejects_aside, Reject) as rejects,
    ):
        for item in judged:
            read += 1
            if not isinstance(item, Reject):
                kept.write(item)
                continue
            reasons[item.reason] += 1
            if sample is None:
                rejects.write(item)
            else:
                sample.offer(item)
        for item in sample or ():
            rejects.write(item)
    counts = Counts(read=read, kept=kept.count, rejected=dict(sorted(reasons.items())))
    rejected = describe(rejects_path, rejects.count)
    return counts, (rejected,) if parts else (describe(kept_path, kept.count), rejected)
