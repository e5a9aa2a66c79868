"""frontier: Candidates without duplicates, over-sampled for balance, in units of crawling."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Unit, Work, each_part
from beam_jobs.engine.tables import ReadParts, WriteTable, write_whole
from beam_jobs.stages import keeping
from wit_pipeline.balance import is_kept
from wit_pipeline.frontier import (
    FrontierConfig,
    Known,
    QueryFetch,
    Route,
    Share,
    after,
    fetch_limit,
    host_id,
    host_of,
    judge,
    pack,
    url_id,
)
from wit_pipeline.vocabulary import manifest, rows, slices
from wit_pipeline.vocabulary.chance import SCALE, digest
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, File, aside, describe
from wit_pipeline.vocabulary.records import Candidate
from wit_pipeline.vocabulary.sift import write_sifted
from wit_pipeline.vocabulary.store import array, given, remove_folder

COUNTS = "counts.parquet"
UNITS = "units.parquet"
KNOWN = "known"  # what the crawl has asked for, in the scratch folder …
KNOWN_ARRAYS = ("first", "rest", "units")  # … an array a file
ROUNDS = "rounds.json"

# A candidate's place: the part's number and the row in it.
Place = tuple[int, int]
# Place, ids of its host and, where it is to be asked for, of its URL, queries: no text.
Thin = tuple[Place, str, str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicate:
    """A row whose URL and caption also stand at an earlier place."""

    part: int
    row: int
    kept: str  # "part/row"


@dataclass(frozen=True, kw_only=True, slots=True)
class HostCount:
    """Distinct URLs of one host that are worth fetching."""

    host: str  # its id
    urls: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitRow:
    """A unit of crawling, as units.parquet lists it."""

    unit: int
    urls: int
    candidates: int
    hosts: int
    lane: str  # the host, by its id, whose units may not run at once; "" where hosts share the unit
    round: int = 1  # in which it is asked, counted from 1


def measured(recipe: Recipe) -> dict[str, Counts]:
    """What the crawls of earlier builds read and kept, by root."""
    found = {}
    for root in recipe.frontier.measured:
        signed = manifest.load(given(root) / "crawl")
        if signed is None:
            raise UserError(
                f"[frontier] measured: {root} holds no signed crawl; name a root that was crawled"
            )
        found[root] = signed.counts
    return found


def inputs(recipe: Recipe) -> dict[str, str]:
    """What earlier crawls measured."""
    counts = enumerate(measured(recipe).values())
    return {f"measured {number}": f"{count.kept} of {count.read} gave an image" for number, count in counts}


def parts(task: Task) -> list[Path]:
    """The Candidates that extract signed."""
    return task.folders.files("extract", "part-")


def whole_units(task: Task) -> dict[int, Sequence[Path]]:
    """The tables of every unit that the root's crawl has asked, by number."""
    crawl = keeping.of(task.folders)
    return {unit: crawl.asked.of(unit) for unit in crawl.asked.units} if crawl is not None else {}


def settle(task: Task) -> None:
    """What is under way was begun for the crawl as it is now, or is begun anew."""
    note = task.folders.work.with_name("frontier.crawl.json")  # beside what is dropped with another plan
    units = sorted(whole_units(task).items())
    now = digest([[unit, [path.name for path in paths]] for unit, paths in units])
    if not note.exists() or manifest.read_json(note) != now:
        remove_folder(task.folders.work)
        for table in (known_of, rounds_of, duplicates_of, limits_of, route_of, lanes_of):
            table.cache_clear()  # the plan is as it was, what it is made from is not
        manifest.write_json(note, now)


def know(task: Task, unit: Unit) -> Done:
    """Write the URLs that the crawl has asked for, sorted: the one step that holds 30 bytes of each."""
    tables = whole_units(task)
    known = Known.sorted((number, rows.column(paths[0], "url")) for number, paths in tables.items())
    before = task.folders.home / UNITS
    told = {row.unit: row.round for row in rows.read(before, UnitRow)} if before.exists() else {}
    rounds = [(number, told.get(number, 1)) for number in sorted(tables)]
    manifest.write_json(task.folders.scratch / ROUNDS, rounds)
    written = []
    for name in KNOWN_ARRAYS:
        path = task.folders.scratch / f"{KNOWN}-{name}.npy"
        with aside(path) as temporary, temporary.open("wb") as file:
            np.save(file, getattr(known, name), allow_pickle=False)
        written.append(describe(path))
    return Counts(), tuple(written)


@cache  # once a process, and of a file on this disk the kernel keeps one copy for all
def known_of(scratch: Path, plan: str) -> Known:
    """The URLs that the crawl has asked for."""
    return Known(*(array(scratch / f"{KNOWN}-{name}.npy") for name in KNOWN_ARRAYS))


@cache
def rounds_of(scratch: Path, plan: str) -> tuple[dict[int, int], int]:
    """The round of each unit that the crawl has asked, and the one that begins."""
    known = {int(unit): int(number) for unit, number in manifest.read_json(scratch / ROUNDS)}
    return known, max(known.values(), default=0) + 1


def thin(path: Path, scratch: Path, plan: str) -> Iterator[tuple[bytes, Thin]]:
    """(key, (place, host, url, queries)) of each candidate of a part: hashes and a pointer to the row."""
    part, row, known = int(path.stem.removeprefix("part-")), 0, known_of(scratch, plan)
    with rows.opened(path) as file:
        for batch in rows.batches(file, ["key", "url", "queries"]):
            keys, urls, queries = (batch.column(name).to_pylist() for name in ("key", "url", "queries"))
            for key, url, named, unit in zip(keys, urls, queries, known.of(urls).tolist(), strict=True):
                place = (part, row), host_id(url), url_id(url) if unit < 0 else "", tuple(named)
                yield bytes.fromhex(key), place
                row += 1


def first_and_others(keyed: tuple[bytes, Iterable[Thin]]) -> Iterator[Any]:
    """The first place of a pair, and a Duplicate for every other one."""
    key, group = keyed
    first, *others = sorted(group)
    yield key, first
    part, row = first[0]
    for other in others:
        place = (other[0][0], other[0][1], f"{part}/{row}")
        yield beam.pvalue.TaggedOutput("duplicates", place)


def limited(count: tuple[int, int], per_query: int, config: FrontierConfig) -> tuple[int, int]:
    """(query, limit) of a counted query."""
    query, pairs = count
    return query, fetch_limit(pairs, per_query, config)


def is_worth(keyed: tuple[bytes, Thin], limits: dict[int, int], seed: int) -> bool:
    """Whether a candidate is to be fetched."""
    key, (*_, queries) = keyed
    return is_kept(key.hex(), queries, limits, seed)


def over(keyed: tuple[bytes, Thin], limits: dict[int, int]) -> Iterator[int]:
    """Those queries of a candidate that have more candidates than are worth fetching."""
    return (query for query in keyed[1][-1] if query in limits)


def query_fetch(query: int, found: Mapping[str, Sequence[int]]) -> QueryFetch:
    """A query's row: of one that has no limit all candidates are fetched."""
    (candidates,) = found["candidates"]
    (limit,) = found["limits"] or [SCALE]
    fetched = sum(found["fetched"]) if found["limits"] else candidates
    return QueryFetch(query_id=query, candidates=candidates, limit=limit, fetched=fetched)


def plan(pipeline: beam.Pipeline, task: Task) -> None:
    """Duplicates, limits and URLs per host, from keys and places alone."""
    recipe, scratch = task.recipe, task.folders.scratch
    config = after(list(measured(recipe).values()), recipe.frontier)
    found = (
        pipeline
        | "Read" >> ReadParts(parts(task), partial(thin, scratch=scratch, plan=task.plan))
        | "ByKey" >> beam.GroupByKey()
        | "First" >> beam.FlatMap(first_and_others).with_outputs("duplicates", main="firsts")
    )
    candidates = (
        found.firsts
        | "Queries" >> beam.FlatMap(lambda keyed: keyed[1][-1])
        | "Count" >> beam.combiners.Count.PerElement()
    )
    limits = (
        candidates
        | "Limit" >> beam.Map(partial(limited, per_query=recipe.balance.per_query, config=config))
        | "Over" >> beam.Filter(lambda item: item[1] < SCALE)
    )
    worth = found.firsts | "Worth" >> beam.Filter(is_worth, beam.pvalue.AsDict(limits), recipe.seed)
    hosts = (
        worth
        | "New" >> beam.Filter(lambda keyed: keyed[1][2])
        | "HostAndUrl" >> beam.Map(lambda keyed: (keyed[1][1], keyed[1][2]))
        | "Urls" >> beam.Distinct()
        | "Hosts" >> beam.combiners.Count.PerKey()
    )
    fetched = (
        worth
        | "OfLimited" >> beam.FlatMap(over, beam.pvalue.AsDict(limits))
        | "CountFetched" >> beam.combiners.Count.PerElement()
    )
    counts = {
        "candidates": candidates,
        "limits": limits,
        "fetched": fetched,
    } | "Join" >> beam.CoGroupByKey()
    found.duplicates | "WriteDuplicates" >> WriteTable(
        scratch / "duplicates.parquet",
        Duplicate,
        lambda item: Duplicate(part=item[0], row=item[1], kept=item[2]),
    )
    counts | "WriteCounts" >> WriteTable(scratch / COUNTS, QueryFetch, lambda item: query_fetch(*item))
    hosts | "WriteHosts" >> WriteTable(
        scratch / "hosts.parquet", HostCount, lambda item: HostCount(host=item[0], urls=item[1])
    )


@cache  # once a process
def duplicates_of(scratch: Path, plan: str) -> dict[int, dict[int, str]]:
    """Where the kept one of each duplicate stands, by part and row."""
    found: dict[int, dict[int, str]] = {}
    for item in rows.read(scratch / "duplicates.parquet", Duplicate):
        found.setdefault(item.part, {})[item.row] = item.kept
    return found


@cache
def limits_of(scratch: Path, plan: str) -> dict[int, int]:
    """The limit of every query that has more candidates than are worth fetching."""
    counted = rows.read(scratch / COUNTS, QueryFetch)
    return {item.query_id: item.limit for item in counted if item.limit < SCALE}


def choose(task: Task, unit: Unit) -> Done:
    """Drop a part's duplicates and what balance has no room for; the kept go to scratch."""
    scratch = task.folders.scratch
    duplicates = duplicates_of(scratch, task.plan).get(int(unit.name), {})
    candidates = enumerate(rows.read(unit.covers, Candidate))
    judged = judge(candidates, duplicates, limits_of(scratch, task.plan), task.recipe.seed)
    return write_sifted(task.folders.out, unit.name, Candidate, judged, parts=scratch)


def pack_hosts(task: Task, unit: Unit) -> Done:
    """Write the units of each host."""
    scratch = task.folders.scratch
    hosts = {item.host: item.urls for item in rows.read(scratch / "hosts.parquet", HostCount)}
    packed = pack(hosts, task.recipe.frontier, task.recipe.seed, first=keeping.next_unit(task.folders))
    path = scratch / "shares.parquet"
    return Counts(), (describe(path, write_whole(path, Share, packed)),)


@cache
def route_of(scratch: Path, plan: str, seed: int) -> Route:
    """The unit of every URL."""
    return Route(rows.read(scratch / "shares.parquet", Share), seed, known_of(scratch, plan))


@cache
def lanes_of(scratch: Path, plan: str) -> dict[int, str]:
    """The host that has a unit for itself, and more of them, by unit."""
    large = (share for share in rows.read(scratch / "shares.parquet", Share) if share.units > 1)
    return {share.first + i: share.host for share in large for i in range(share.units)}


def routed(task: Task) -> Route:
    """The unit of every URL of a task's plan."""
    return route_of(task.folders.scratch, task.plan, task.recipe.seed)


def slice_part(task: Task, unit: Unit) -> Done:
    """Write a part's kept candidates by bucket, some thousand at a time."""
    route = routed(task)
    width = slices.span(route.units)
    path = task.folders.scratch / f"{unit.name}.slices"
    with (
        aside(path) as temporary,
        slices.Writer(temporary, -(-route.units // width), rows.schema_of(Candidate)) as writer,
        rows.opened(unit.covers) as part,
    ):
        for batch in rows.batches(part):
            writer.write(batch, route.of(batch.column("url").to_pylist()) // width)
    return Counts(), (describe(path),)


def slice_units(task: Task) -> Sequence[Unit]:
    """One unit of work for each part of what was kept."""
    chosen = [unit.name for unit in each_part("extract")(task)]
    return [
        Unit(name=f"slices-{name}", covers=task.folders.scratch / f"part-{name}.parquet") for name in chosen
    ]


def buckets(task: Task) -> Sequence[Unit]:
    """The ranges of units of crawling."""
    units = routed(task).units
    width = slices.span(units)
    return [
        Unit(name=f"bucket-{number:05d}", covers=range(first, min(first + width, units)))
        for number, first in enumerate(range(0, units, width))
    ]


def write_bucket(task: Task, unit: Unit) -> Done:
    """Write the units of a bucket, from its slices of all parts; holds a run of slices, or one unit."""
    numbers, scratch = unit.covers, task.folders.scratch
    path = scratch / f"{unit.name}.slices"
    parts = (scratch / f"{part.name}.slices" for part in slice_units(task))
    with (
        aside(path) as temporary,
        slices.Writer(temporary, len(numbers), rows.schema_of(Candidate)) as writer,
    ):
        for table in slices.gather(parts, int(unit.name.removeprefix("bucket-"))):
            units = routed(task).of(table.column("url").to_pylist()) - numbers.start
            (batch,) = table.combine_chunks().to_batches()
            writer.write(batch, units)
    found = [write_unit(task, number, slices.read(path, number - numbers.start)) for number in numbers]
    path.unlink()
    written = [row for row in found if row is not None]
    write_whole(scratch / f"{unit.name}.parquet", UnitRow, written)
    named = ((task.folders.out / f"part-{row.unit:06d}.parquet", row.candidates) for row in written)
    return Counts(), tuple(describe(path, count) for path, count in named)


def write_unit(task: Task, number: int, tables: Iterable[pa.Table]) -> UnitRow | None:
    """Write one unit's candidates, by key; returns its row in units.parquet, or None where it has none."""
    found = list(tables)
    if not found:
        return None
    ordered = pa.concat_tables(found).sort_by("key").to_pylist()
    write_whole(task.folders.out / f"part-{number:06d}.parquet", rows.schema_of(Candidate), ordered)
    urls = [row["url"] for row in ordered]
    hosts = {host_of(url) for url in urls}
    known, current = rounds_of(task.folders.scratch, task.plan)
    # A host that had a unit to itself may have had more of them: to keep those apart costs nothing.
    alone = host_id(urls[0]) if number in known and len(hosts) == 1 else ""
    return UnitRow(
        unit=number,
        urls=len(set(urls)),
        candidates=len(urls),
        hosts=len(hosts),
        lane=lanes_of(task.folders.scratch, task.plan).get(number, alone),
        round=known.get(number, current),
    )


def index(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """units.parquet: what each unit holds; counts.parquet: what is fetched of each query's candidates.

    Units that nothing is wanted of any more are listed too: they were asked.
    """
    scratch, out = task.folders.scratch, task.folders.out
    tables = (scratch / f"{bucket.name}.parquet" for bucket in buckets(task))
    units, counts = out / UNITS, out / COUNTS
    unit_count = write_whole(units, UnitRow, listed(rounds_of(scratch, task.plan)[0], tables))
    query_count = write_whole(counts, QueryFetch, rows.read(scratch / COUNTS, QueryFetch))
    return describe(units, unit_count), describe(counts, query_count)


def listed(known: Mapping[int, int], tables: Iterable[Path]) -> Iterator[UnitRow]:
    """The rows of all units, by number: those of `tables`, and of `known` units that have none there."""
    left = dict(sorted(known.items()))
    for row in (row for table in tables for row in rows.read(table, UnitRow)):
        while left and (unit := next(iter(left))) <= row.unit:
            number = left.pop(unit)
            if unit < row.unit:
                yield UnitRow(unit=unit, urls=0, candidates=0, hosts=0, lane="", round=number)
        yield row
    for unit, number in left.items():
        yield UnitRow(unit=unit, urls=0, candidates=0, hosts=0, lane="", round=number)


STAGE = Stage(
    name="frontier",
    about="what is worth fetching, without duplicates, in units of crawling",
    reads=("extract",),
    accounts="extract",
    also=("balance",),
    inputs=inputs,
    steps=(
        Work(name="Know", units=lambda task: [Unit(name=KNOWN)], do=know, scratch=True),
        Shuffle(name="Plan", build=plan),
        Work(name="Choose", units=each_part("extract"), do=choose),
        Work(name="Pack", units=lambda task: [Unit(name="pack")], do=pack_hosts, scratch=True),
        Work(name="Slice", units=slice_units, do=slice_part, scratch=True),
        Work(name="Units", units=buckets, do=write_bucket),
    ),
    finish=index,
    settle=settle,
)
