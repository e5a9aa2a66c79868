"""balance: an image's texts joined, and up to t pairs from every query."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from heapq import nsmallest
from operator import itemgetter
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.stage import Done, Shuffle, Stage, Task, Unit, Work, each_part
from beam_jobs.tables import ReadParts, WriteTable, write_whole
from wit_pipeline import rows
from wit_pipeline.balance import QueryCount, hash_of, judge, limit
from wit_pipeline.manifest import File, describe
from wit_pipeline.records import Pair
from wit_pipeline.sift import write_sifted
from wit_pipeline.texts import grouped, rank

COUNTS = "counts.parquet"


class Lowest(beam.CombineFn):
    """The `most` lowest hashes of a key: the same whatever the order, the bundles and the workers."""

    def __init__(self, most: int) -> None:
        self.most = most

    def create_accumulator(self) -> list[int]:
        return []

    def add_input(self, accumulator: list[int], element: int) -> list[int]:
        accumulator.append(element)
        return self._trimmed(accumulator) if len(accumulator) > 2 * self.most else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[int]]) -> list[int]:
        return self._trimmed([value for accumulator in accumulators for value in accumulator])

    def extract_output(self, accumulator: list[int]) -> list[int]:
        return self._trimmed(accumulator)

    def _trimmed(self, values: list[int]) -> list[int]:
        return nsmallest(self.most, values)


def parts(task: Task) -> list[Path]:
    """The pairs that dedup signed."""
    return task.folders.files("dedup", "part-")


def thin(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(key, queries) of the caption of each image of a part."""
    read = rows.read_rows(path, ["key", "url", "queries"])
    images = grouped(read, itemgetter("url"), lambda row: rank(row["key"], row["queries"]))
    for first, *_ in images.values():
        yield first["key"], tuple(first["queries"])


def hashes(pair: tuple[str, tuple[int, ...]], heads: dict[int, int], seed: int) -> Iterator[tuple[int, int]]:
    """(query, hash) of a pair for each of its queries that has more pairs than it may contribute."""
    key, queries = pair
    for query in queries:
        if query in heads:
            yield query, hash_of(key, query, seed)


def count(pipeline: beam.Pipeline, task: Task) -> None:
    """Count the pairs of every query, and set its limit."""
    config = task.recipe.balance
    pairs = pipeline | "Read" >> ReadParts(parts(task), thin)
    counts = (
        pairs | "Queries" >> beam.FlatMap(lambda pair: pair[1]) | "Count" >> beam.combiners.Count.PerElement()
    )
    limits: Any = counts | "Expected" >> beam.MapTuple(
        lambda query, pairs: (query, limit(pairs, config.per_query))
    )
    if config.mode == "exact":
        heads = counts | "Heads" >> beam.Filter(lambda item: item[1] > config.per_query)
        tails = limits | "Tails" >> beam.Filter(
            lambda item, heads: item[0] not in heads, beam.pvalue.AsDict(heads)
        )
        lowest = (
            pairs
            | "Hash" >> beam.FlatMap(hashes, beam.pvalue.AsDict(heads), task.recipe.seed)
            | "Lowest" >> beam.CombinePerKey(Lowest(config.per_query))
            | "Limit" >> beam.MapTuple(lambda query, values: (query, values[-1] + 1))
        )
        limits = (tails, lowest) | "Limits" >> beam.Flatten()
    joined = {"count": counts, "limit": limits} | "Join" >> beam.CoGroupByKey()
    (
        joined
        | "Flat" >> beam.MapTuple(lambda query, row: (query, row["count"][0], row["limit"][0]))
        | (
            "Write"
            >> WriteTable(
                task.folders.scratch / COUNTS,
                QueryCount,
                lambda item: QueryCount(query_id=item[0], before=item[1], limit=item[2]),
            )
        )
    )


@cache  # once a process
def limits_of(scratch: Path, plan: str) -> dict[int, int]:
    """The limit of every query."""
    return {item.query_id: item.limit for item in rows.read(scratch / COUNTS, QueryCount)}


def do(task: Task, unit: Unit) -> Done:
    """Draw the pairs of one part."""
    limits = limits_of(task.folders.scratch, task.plan)
    judged = judge(rows.read(unit.covers, Pair), limits, task.recipe.seed)
    return write_sifted(task.folders.out, unit.name, Pair, judged)


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """counts.parquet: every query's pairs before and after."""
    after: Counter[int] = Counter()
    for unit in each_part("dedup")(task):
        for row in rows.read_rows(task.folders.out / f"part-{unit.name}.parquet", ["queries"]):
            after.update(row["queries"])
    before = rows.read(task.folders.scratch / COUNTS, QueryCount)
    table = [replace(item, after=after[item.query_id]) for item in before]
    path = task.folders.out / COUNTS
    write_whole(path, QueryCount, table)
    return (describe(path, len(table)),)


STAGE = Stage(
    name="balance",
    about="an image's texts are joined; each query contributes up to t pairs, drawn by hash",
    reads=("dedup",),
    accounts="dedup",
    steps=(Shuffle(name="Count", build=count), Work(name="Draw", units=each_part("dedup"), do=do)),
    finish=finish,
)
