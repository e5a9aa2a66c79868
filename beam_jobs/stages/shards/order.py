"""The pairs of every shard, sorted on disk: no row of them goes through a shuffle.

    Slice   some parts of the balance -> their rows by bucket
    Group   a bucket's slices of all parts -> its rows by group, and how many each group has

A *group* is what stands in one shard of before, or a range of the order of the dataset that holds about a
shard of what is new. A bucket is some √n of the n groups, so that neither files nor reads are too many. A new
shard is cut from the one to three groups that its places fall into, which are sorted there and then: whoever
writes it holds the rows of about two shards, however many there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from beam_jobs.engine.stage import Done, Task, Unit
from beam_jobs.stages.shards import rounds
from wit_pipeline.shard import cut, position, range_of
from wit_pipeline.takedown.rounds import COLUMNS
from wit_pipeline.vocabulary import manifest, rows, slices
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest, aside, describe
from wit_pipeline.vocabulary.records import Pair
from wit_pipeline.vocabulary.store import array

RUN = 1 << 15  # rows that are held to be sorted: about 50 MB of pairs
PARTS = 1024  # of the balance, at most, in one unit of work


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """What the pairs are sorted into."""

    standing: int  # group N is what stands in shard N, for N below this
    ranges: int  # of the order of what is new, in the groups after

    @property
    def count(self) -> int:
        return self.standing + self.ranges

    @property
    def width(self) -> int:
        """The groups of a bucket."""
        return slices.span(self.count)

    @property
    def buckets(self) -> list[range]:
        """The groups of each bucket."""
        firsts = range(0, self.count, self.width)
        return [range(first, min(first + self.width, self.count)) for first in firsts]


def groups(task: Task) -> Groups:
    """Known before a pair is read: draws are uniform, so equal ranges of them have about as many pairs."""
    kept = task.folders.signed("balance").counts.kept
    ranges = max(1, -(-kept // task.recipe.shard.samples))
    return Groups(standing=rounds.following(task), ranges=ranges)


def parts(task: Task) -> Sequence[File]:
    """The pairs that balance signed."""
    home = task.folders.reads("balance")
    return manifest.once(home, task.folders.signed("balance"), Manifest.named, "part-")


def slice_units(task: Task) -> Sequence[Unit]:
    """Neighbouring parts, of as many rows together as make good slices."""
    found, first, count = list[Unit](), 0, 0
    files = parts(task)
    for last, file in enumerate(files, start=1):
        count += file.rows
        if count >= RUN or last - first == PARTS or last == len(files):
            found.append(Unit(name=f"slices-{len(found):05d}", covers=range(first, last)))
            first, count = last, 0
    return found


def slice_parts(task: Task, unit: Unit) -> Done:
    """Write the rows of some parts by bucket, some thousand at a time."""
    sorts, files, home = Sorter(task), parts(task), task.folders.reads("balance")
    path = _sliced(task, unit)
    with (
        aside(path) as temporary,
        slices.Writer(temporary, len(sorts.groups.buckets), rows.schema_of(Pair), RUN) as writer,
    ):
        for number in unit.covers:
            with rows.opened(home / files[number].name) as part:
                for batch in rows.batches(part):
                    writer.write(batch, sorts.group_of(batch) // sorts.groups.width)
    return Counts(), (describe(path),)


class Sorter:
    """Says to which group each pair belongs."""

    def __init__(self, task: Task) -> None:
        self.groups = groups(task)
        self._standing = rounds.standing(task)
        self._seed = task.recipe.seed

    def group_of(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """The group of each row."""
        found = np.empty(batch.num_rows, np.int64)
        columns = COLUMNS if self.groups.standing else ["key"]  # where nothing stands, the order is all
        for number, row in enumerate(batch.select(columns).to_pylist()):
            shard = self._standing.shard_of(row) if self.groups.standing else None
            if shard is None:
                order, _ = position(row["key"], self._seed)
                shard = self.groups.standing + range_of(order, self.groups.ranges)
            found[number] = shard
        return found


def buckets(task: Task) -> Sequence[Unit]:
    """The buckets, each with its groups."""
    found = enumerate(groups(task).buckets)
    return [Unit(name=f"bucket-{number:05d}", covers=numbers) for number, numbers in found]


def group_bucket(task: Task, unit: Unit) -> Done:
    """Write the rows of a bucket by group, from its slices of all parts; holds one run."""
    sorts, numbers = Sorter(task), unit.covers
    bucket, counts = numbers.start // sorts.groups.width, np.zeros(len(numbers), np.int64)
    path, counted = _sliced(task, unit), _counted(task, unit)
    found = (_sliced(task, each) for each in slice_units(task))
    with (
        aside(path) as temporary,
        slices.Writer(temporary, len(numbers), rows.schema_of(Pair), RUN) as writer,
    ):
        for table in slices.gather(found, bucket):
            (batch,) = table.combine_chunks().to_batches()
            here = sorts.group_of(batch) - numbers.start
            writer.write(batch, here)
            counts += np.bincount(here, minlength=len(numbers))
    with aside(counted) as temporary, temporary.open("wb") as file:
        np.save(file, counts)
    return Counts(), (describe(path), describe(counted))


def _sliced(task: Task, unit: Unit) -> Path:
    return task.folders.scratch / f"{unit.name}.slices"


def _counted(task: Task, unit: Unit) -> Path:
    return task.folders.scratch / f"{unit.name}.npy"


def forget() -> None:
    """What was read of a scratch folder holds no longer: another attempt may write another."""
    _counts.cache_clear()


def new_shards(task: Task) -> range:
    """The numbers of the shards that are new, once all pairs are in their groups."""
    first, total = groups(task).standing, int(_new(task).sum())
    return range(first, first - (-total // task.recipe.shard.samples))


def _new(task: Task) -> NDArray[np.int64]:
    """How many pairs each range has."""
    paths = tuple(_counted(task, unit) for unit in buckets(task))
    return _counts(paths)[groups(task).standing :]


@cache  # once a process
def _counts(paths: tuple[Path, ...]) -> NDArray[np.int64]:
    return np.concatenate([array(path) for path in paths])


def standing_pairs(task: Task, shard: int) -> Iterator[Pair]:
    """The pairs of the balance that stand in a shard, in no order."""
    for table in _read(task, shard):
        yield from pairs(table)


def new_pairs(task: Task, shard: int) -> Iterator[Pair]:
    """The pairs of a new shard, in the order of the dataset."""
    first, seed = groups(task).standing, task.recipe.seed
    ranges, before = cut(_new(task), shard - first, task.recipe.shard.samples)
    table = pa.concat_tables([found for number in ranges for found in _read(task, first + number)])
    places = [position(key, seed) for key in table.column("key").to_pylist()]
    order = sorted(range(len(places)), key=places.__getitem__)
    return pairs(table.take(order[before : before + task.recipe.shard.samples]))


def _read(task: Task, group: int) -> Iterator[pa.Table]:
    width = groups(task).width
    unit = buckets(task)[group // width]
    return slices.read(_sliced(task, unit), group % width)


def pairs(table: pa.Table) -> Iterator[Pair]:
    """The rows of a table, some thousand at a time."""
    for batch in table.to_batches(max_chunksize=rows.ROWS_AT_ONCE):
        yield from (rows.from_row(Pair, row) for row in batch.to_pylist())
