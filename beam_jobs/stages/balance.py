"""balance: an image's texts joined, and up to t pairs from every query."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from heapq import nsmallest
from operator import itemgetter
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.engine.stage import Done, Parts, Shuffle, Stage, Task, Unit, Work, each_part, summed
from beam_jobs.engine.tables import ReadParts, WriteTable, write_whole
from wit_pipeline.balance import QueryCount, hash_of, judge, limit
from wit_pipeline.frontier import QueryFetch
from wit_pipeline.text.texts import grouped, rank
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.manifest import Counts, File, Receipt, describe, read_receipts, write_json
from wit_pipeline.vocabulary.records import Pair, Reject
from wit_pipeline.vocabulary.sift import write_sifted

COUNTS = "counts.parquet"  # the frontier's, and ours
KEPT = "kept.parquet"


@dataclass(frozen=True, slots=True)
class QueryKept:
    """How many pairs that were kept contain a query."""

    query: int  # its id
    pairs: int


Head = tuple[int, list[int]]  # how many hashes of a query are wanted, and so many at least


class Lowest(beam.CombineFn):
    """The lowest hashes of a key, as many as its elements say, (hash, how many).

    The same whatever the order, the bundles and the workers.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def create_accumulator(self) -> Head:
        return 0, []

    def add_input(self, accumulator: Head, element: tuple[int, int]) -> Head:
        value, most = element
        accumulator[1].append(value)
        return (
            self._trimmed(most, accumulator[1]) if len(accumulator[1]) > 2 * most else (most, accumulator[1])
        )

    def merge_accumulators(self, accumulators: Iterable[Head]) -> Head:
        whole = list(accumulators)
        most = max((most for most, _ in whole), default=0)
        return self._trimmed(most, [value for _, values in whole for value in values])

    def extract_output(self, accumulator: Head) -> list[int]:
        return self._trimmed(*accumulator)[1]

    def _trimmed(self, most: int, values: list[int]) -> Head:
        return most, nsmallest(most, values)


def parts(task: Task) -> Parts:
    """The pairs that dedup signed."""
    return Parts(folders=task.folders, stage="dedup")


def thin(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(key, queries) of the caption of each image of a part."""
    read = rows.read_rows(path, ["key", "url", "queries"])
    images = grouped(read, itemgetter("url"), lambda row: rank(row["key"], row["queries"]))
    for first, *_ in images.values():
        yield first["key"], tuple(first["queries"])


def fetches(task: Task) -> Mapping[int, QueryFetch]:
    """What the frontier said of every query, by id."""
    return _fetches(task.folders.reads("frontier") / COUNTS, task.plan)


@cache  # once a process
def _fetches(path: Path, plan: str) -> dict[int, QueryFetch]:
    return {item.query_id: item for item in rows.read(path, QueryFetch)}


def survivors(pair: tuple[str, tuple[int, ...]], task: Task) -> Iterator[tuple[int, bool]]:
    """(query, whether it was fetched for this query's sake) of a pair for each of its queries."""
    (key, queries), seed, asked = pair, task.recipe.seed, fetches(task)
    for query in queries:
        limit = asked[query].limit
        yield query, limit >= SCALE or hash_of(key, query, seed) < limit


def query_count(query: int, found: Iterable[tuple[bool, int]], task: Task) -> QueryCount:
    """A query's row: `found` are its survivors, those below the frontier's limit and those above."""
    asked, counts = fetches(task)[query], dict(found)
    below = counts.get(True, 0)
    return QueryCount(
        query_id=query,
        candidates=asked.candidates,
        fetched=asked.fetched,
        fetch_limit=asked.limit,
        survivors=below + counts.get(False, 0),
        below=below,
        limit=limit(below, asked.per_query, asked.limit),
        per_query=asked.per_query,
    )


def hashes(
    pair: tuple[str, tuple[int, ...]], heads: dict[int, int], seed: int
) -> Iterator[tuple[int, tuple[int, int]]]:
    """(query, (hash, t)) of a pair for each of its queries that has more pairs than it may contribute."""
    key, queries = pair
    for query in queries:
        if query in heads:
            yield query, (hash_of(key, query, seed), heads[query])


def exactly(item: QueryCount, lowest: Mapping[int, int]) -> QueryCount:
    """The row with the limit of mode `exact`, under which the `lowest` hashes of a query lie, or all."""
    return replace(item, limit=lowest.get(item.query_id, SCALE))


def count(pipeline: beam.Pipeline, task: Task) -> None:
    """Count the pairs of every query, and set its limit."""
    config = task.recipe.balance
    pairs = pipeline | "Read" >> ReadParts(parts(task), thin)
    counts: Any = (
        pairs
        | "Queries" >> beam.FlatMap(survivors, task)
        | "Count" >> beam.combiners.Count.PerElement()
        | "Query" >> beam.MapTuple(lambda counted, pairs: (counted[0], (counted[1], pairs)))
        | "ByQuery" >> beam.GroupByKey()
        | "Limit" >> beam.MapTuple(partial(query_count, task=task))
    )
    if config.mode == "exact":
        heads = (
            counts
            | "Heads" >> beam.Filter(lambda item: item.survivors > item.per_query)
            | "Numbers" >> beam.Map(lambda item: (item.query_id, item.per_query))
        )
        lowest = (
            pairs
            | "Hash" >> beam.FlatMap(hashes, beam.pvalue.AsDict(heads), task.recipe.seed)
            | "Lowest" >> beam.CombinePerKey(Lowest())
            | "Highest" >> beam.MapTuple(lambda query, values: (query, values[-1] + 1))
        )
        counts = counts | "Exactly" >> beam.Map(exactly, beam.pvalue.AsDict(lowest))
    counts | "Write" >> WriteTable(task.folders.scratch / COUNTS, QueryCount)


@cache  # once a process
def limits_of(scratch: Path, plan: str) -> dict[int, int]:
    """The limit of every query."""
    return {item.query_id: item.limit for item in rows.read(scratch / COUNTS, QueryCount)}


def do(task: Task, unit: Unit) -> Done:
    """Draw the pairs of one part."""
    limits = limits_of(task.folders.scratch, task.plan)
    languages: Counter[str] = Counter()
    judged = counting(judge(rows.read(unit.covers, Pair), limits, task.recipe.seed), languages)
    counts, files = write_sifted(task.folders.out, unit.name, Pair, judged)
    return replace(counts, languages=dict(languages)), files


def counting(judged: Iterable[Pair | Reject], languages: Counter[str]) -> Iterator[Pair | Reject]:
    """What was judged, the languages of what is kept counted as it goes by."""
    for item in judged:
        if isinstance(item, Pair):
            languages[item.candidate.language] += 1
        yield item


def named(path: Path) -> Iterator[int]:
    """The queries of each pair of a part."""
    for row in rows.read_rows(path, ["queries"]):
        yield from row["queries"]


def count_kept(pipeline: beam.Pipeline, task: Task) -> None:
    """How many of the pairs that were drawn contain each query."""
    drawn = replace(parts(task), at=task.folders.out)
    counted = pipeline | ReadParts(drawn, named) | "Count" >> beam.combiners.Count.PerElement()
    counted | "Write" >> WriteTable(task.folders.scratch / KEPT, QueryKept, lambda item: QueryKept(*item))


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """counts.parquet: what became of every query's pairs, of those too that no pair reached; results.json."""
    kept = Counter({item.query: item.pairs for item in rows.read(task.folders.scratch / KEPT, QueryKept)})
    counted = {item.query_id: item for item in rows.read(task.folders.scratch / COUNTS, QueryCount)}
    queries = sorted(fetches(task))
    table = (counted.get(query) or query_count(query, (), task) for query in queries)
    path = task.folders.out / COUNTS
    count = write_whole(path, QueryCount, (replace(item, kept=kept[item.query_id]) for item in table))
    told = task.folders.out / "results.json"
    receipts = read_receipts(
        [DRAW.receipt(task.folders, unit) for unit in DRAW.units(task)], task.plan, task.folders.out
    )
    spoken = summed([receipt for receipt in receipts if receipt is not None]).languages
    write_json(told, {"languages": dict(spoken)})
    return describe(path, count), describe(told)


def counts_of(task: Task, receipts: Sequence[Receipt]) -> Counts:
    """What became of the pairs; the languages are in results.json."""
    return replace(summed(receipts), languages={})


DRAW = Work(name="Draw", units=each_part("dedup"), do=do)
STAGE = Stage(
    name="balance",
    about="an image's texts are joined; each query contributes up to t pairs, drawn by hash",
    reads=("dedup", "frontier"),
    accounts="dedup",
    steps=(
        Shuffle(name="Count", build=count),
        DRAW,
        Shuffle(name="Kept", build=count_kept),
    ),
    finish=finish,
    counts=counts_of,
)
