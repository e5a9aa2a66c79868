"""frontier: Candidates without duplicates, over-sampled for balance, in units of crawling."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.engine import passes
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import (
    Done,
    Needs,
    Parts,
    Shuffle,
    Stage,
    Task,
    Turn,
    Unit,
    Work,
    each_part,
    unit_of,
)
from beam_jobs.engine.tables import ByTable, ReadParts, WriteTable, tables, write_whole
from beam_jobs.stages import keeping
from beam_jobs.stages.query_units import languages
from queries import store
from wit_pipeline.balance import ENGLISH, TAIL, tails
from wit_pipeline.frontier import (
    HOSTS,
    HostUnit,
    Known,
    QueryFetch,
    Route,
    Share,
    after,
    fetch_limit,
    host_id,
    host_id_of,
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

BUCKET = 1 << 18  # URLs of the hosts of one table
EVERY = Needs(ram_gb=16)  # of a process that holds what is known of every URL, or of every host
COUNTS = "counts.parquet"
LIMITS = "limits.parquet"
UNITS = "units.parquet"
SHARES = "shares.parquet"
KNOWN = "known"  # what the crawl has asked for, in the scratch folder …
KNOWN_ARRAYS = ("first", "rest", "units")  # … an array a file
ROUNDS = "rounds.json"

# A candidate's place: the part's number and the row in it.
Place = tuple[int, int]
Thin = tuple[Place, tuple[int, ...]]  # with its queries


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
class QueryPairs:
    """Pairs of one query, as many as one pass has seen."""

    query: int  # its id
    pairs: int


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
    if recipe.balance.per_query == TAIL and ENGLISH not in (spoken := languages(recipe.queries)):
        raise UserError(
            f'recipe: [balance] per_query = "tail" needs an English list to go by, and the lists are of '
            f"{', '.join(spoken) or 'nothing'}; name an English dump, or a number"
        )
    counts = enumerate(measured(recipe).values())
    return {f"measured {number}": f"{count.kept} of {count.read} gave an image" for number, count in counts}


def parts(task: Task) -> Parts:
    """The Candidates that extract signed."""
    return Parts(folders=task.folders, stage="extract")


def chosen(task: Task) -> Parts:
    """Those of them that are worth fetching, in parts of the same names."""
    return replace(parts(task), at=task.folders.scratch)


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
        for table in (known_of, rounds_of, limits_of, route_of, lanes_of):
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


def of_extract(task: Task) -> int:
    """The candidates that a shuffle goes through."""
    return task.folders.signed("extract").counts.kept


def thin(path: Path, turn: Turn) -> Iterator[tuple[bytes, Thin]]:
    """(key, (place, queries)) of each candidate of a part of this turn: no text."""
    part, row = int(path.stem.removeprefix("part-")), 0
    with rows.opened(path) as file:
        for batch in rows.batches(file, ["key", "queries"]):
            keys, queries = (batch.column(name) for name in ("key", "queries"))
            for offset, name in enumerate(keys.to_pylist()):
                key = bytes.fromhex(name)
                if turn.has(int.from_bytes(key[:8], "big")):
                    yield key, ((part, row + offset), tuple(queries[offset].as_py()))
            row += batch.num_rows


def first_and_others(keyed: tuple[bytes, Iterable[Thin]], count: int) -> Iterator[Any]:
    """The queries of a pair, and a Duplicate, by table, for each of its places but the first."""
    _, group = keyed
    first, *others = sorted(group)
    (part, row), queries = first
    yield queries
    for (in_part, in_row), _ in others:
        yield beam.pvalue.TaggedOutput("duplicates", (in_part % count, (in_part, in_row, f"{part}/{row}")))


def duplicates_at(scratch: Path, table: int, turn: int) -> Path:
    """Where the duplicates of some parts are that a pass has found."""
    return scratch / f"duplicates-{table:03d}.{turn}.parquet"


def write_duplicates(
    table: int, items: Iterable[tuple[int, int, str] | None], scratch: Path, turn: int
) -> int:
    """Write the duplicates of some parts, by part and row."""
    found = sorted(item for item in items if item is not None)
    made = (Duplicate(part=part, row=row, kept=kept) for part, row, kept in found)
    return write_whole(duplicates_at(scratch, table, turn), Duplicate, made)


def pairs(pipeline: beam.Pipeline, task: Task) -> None:
    """The places where a pair stands more than once, and the pairs of each query, from keys and places."""
    found_in = parts(task)
    number, count = task.turn.number, tables(len(found_in))
    found = (
        pipeline
        | "Read" >> ReadParts(found_in, partial(thin, turn=task.turn))
        | "ByKey" >> beam.GroupByKey()
        | "First" >> beam.FlatMap(first_and_others, count).with_outputs("duplicates", main="firsts")
    )
    (
        found.duplicates
        | "ByPart" >> ByTable(range(count), None)
        | "WriteDuplicates"
        >> beam.MapTuple(partial(write_duplicates, scratch=task.folders.scratch, turn=number))
    )
    (
        found.firsts
        | "Queries" >> beam.FlatMap(lambda queries: queries)
        | "Count" >> beam.combiners.Count.PerElement()
        | "WriteCounts" >> WriteTable(_counted(task, "candidates", number), QueryPairs, of_query)
    )


def of_query(count: tuple[int, int]) -> "QueryPairs":
    """The row of (query, pairs)."""
    query, found = count
    return QueryPairs(query=query, pairs=found)


def _counted(task: Task, kind: str, number: int) -> Path:
    return task.folders.scratch / f"{kind}.{number}.parquet"


def _summed(task: Task, kind: str, step: str) -> Counter[int]:
    """The pairs of each query that all passes of a step have counted."""
    found: Counter[int] = Counter()
    for number in range(passes.taken(task.folders, step)):
        for item in rows.read(_counted(task, kind, number), QueryPairs):
            found[item.query] += item.pairs
    return found


def limit(task: Task, unit: Unit) -> Done:
    """Write the limit of every query that a candidate has."""
    recipe, path = task.recipe, task.folders.scratch / LIMITS
    config = after(list(measured(recipe).values()), recipe.frontier)
    counted = _summed(task, "candidates", "Pairs")
    wanted = per_query(task, counted)
    limits = {query: fetch_limit(pairs, wanted[query], config) for query, pairs in counted.items()}
    found = (
        QueryFetch(
            query_id=query,
            candidates=pairs,
            limit=limits[query],
            fetched=0 if limits[query] < SCALE else pairs,
            per_query=wanted[query],
        )
        for query, pairs in sorted(counted.items())
    )
    return Counts(), (describe(path, write_whole(path, QueryFetch, found)),)


def per_query(task: Task, counted: Mapping[int, int]) -> Mapping[int, int]:
    """The t of each query that a candidate has: the recipe's, or that of the query's language."""
    config = task.recipe.balance
    if config.per_query != TAIL:
        return dict.fromkeys(counted, config.per_query)
    task.folders.signed("queries")
    ids, _, named = store.spoken(task.folders.reads("queries") / "queries.parquet")
    spoken = dict(zip(ids.tolist(), named.to_pylist(), strict=True))
    counts = defaultdict[str, list[int]](list)
    for query, pairs in counted.items():
        counts[spoken[query]].append(pairs)
    found = tails(counts, config.english_per_query)
    return {query: found[spoken[query]] for query in counted}


@cache  # once a process
def limits_of(scratch: Path, plan: str) -> dict[int, int]:
    """The limit of every query that has more candidates than are worth fetching."""
    counted = rows.read(scratch / LIMITS, QueryFetch)
    return {item.query_id: item.limit for item in counted if item.limit < SCALE}


def duplicates_in(task: Task, part: int) -> dict[int, str]:
    """Where the kept one of each duplicate of a part stands, by row."""
    scratch, table = task.folders.scratch, part % tables(len(parts(task)))
    paths = [duplicates_at(scratch, table, turn) for turn in range(passes.taken(task.folders, "Pairs"))]
    here = [rows.table(path, ["row", "kept"], where=pc.field("part") == part) for path in paths]
    return {row["row"]: row["kept"] for table in here for row in table.to_pylist()}


def host_tables(task: Task) -> int:
    """How many tables hosts are dealt to."""
    return tables(of_extract(task) // BUCKET)


def asked(path: Path, task: Task) -> Iterator[tuple[int, str, str, tuple[int, ...]]]:
    """(table, host, URL, queries) of each candidate of a part that is worth fetching, of this turn.

    By their ids; there is no URL where it was asked for, and of the queries those that have limits are there.
    """
    scratch, count = task.folders.scratch, host_tables(task)
    known, limits = known_of(scratch, task.plan), limits_of(scratch, task.plan)
    with rows.opened(path) as file:
        for batch in rows.batches(file, ["url", "queries"]):
            urls, queries = (batch.column(name).to_pylist() for name in ("url", "queries"))
            for url, named, unit in zip(urls, queries, known.of(urls).tolist(), strict=True):
                name = url_id(url)
                if task.turn.has(int(name[:8], 16)):  # by URL: one host may have most of them
                    host = host_id(url)
                    limited = tuple(query for query in named if query in limits)
                    yield int(host[:8], 16) % count, host, name if unit < 0 else "", limited


def hosts_at(scratch: Path, table: int, turn: int) -> Path:
    """Where some hosts are, with as many of their URLs as a pass has seen."""
    return scratch / f"hosts-{table:03d}.{turn}.parquet"


def write_hosts(table: int, items: Iterable[tuple[str, int] | None], scratch: Path, turn: int) -> int:
    """Write the hosts of a table, by id."""
    found = sorted(item for item in items if item is not None)
    made = (HostCount(host=host, urls=urls) for host, urls in found)
    return write_whole(hosts_at(scratch, table, turn), HostCount, made)


def hosts(pipeline: beam.Pipeline, task: Task) -> None:
    """The URLs of every host that are to be asked for, and what is fetched of queries that have limits."""
    number, count = task.turn.number, host_tables(task)
    found = pipeline | "Read" >> ReadParts(chosen(task), partial(asked, task=task))
    (
        found
        | "New" >> beam.Filter(lambda item: item[2])
        | "HostAndUrl" >> beam.Map(lambda item: (item[0], item[1], item[2]))
        | "Urls" >> beam.Distinct()
        | "Host" >> beam.Map(lambda item: (item[0], item[1]))
        | "Hosts" >> beam.combiners.Count.PerElement()
        | "OfTable" >> beam.MapTuple(lambda where, urls: (where[0], (where[1], urls)))
        | "ByTable" >> ByTable(range(count), None)
        | "WriteHosts" >> beam.MapTuple(partial(write_hosts, scratch=task.folders.scratch, turn=number))
    )
    (
        found
        | "OfLimited" >> beam.FlatMap(lambda item: item[3])
        | "CountFetched" >> beam.combiners.Count.PerElement()
        | "WriteFetched" >> WriteTable(_counted(task, "fetched", number), QueryPairs, of_query)
    )


def choose(task: Task, unit: Unit) -> Done:
    """Drop a part's duplicates and what balance has no room for; the kept go to scratch."""
    scratch = task.folders.scratch
    duplicates = duplicates_in(task, int(unit.name))
    candidates = enumerate(rows.read(unit.covers, Candidate))
    judged = judge(candidates, duplicates, limits_of(scratch, task.plan), task.recipe.seed)
    return write_sifted(task.folders.out, unit.name, Candidate, judged, parts=scratch)


def pack_hosts(task: Task, unit: Unit) -> Done:
    """Write the units of each host."""
    scratch = task.folders.scratch
    turns, urls = passes.taken(task.folders, "Hosts"), Counter[str]()
    for number, turn in product(range(host_tables(task)), range(turns)):
        for item in rows.read(hosts_at(scratch, number, turn), HostCount):
            urls[item.host] += item.urls
    packed = pack(urls, task.recipe.frontier, task.recipe.seed, first=keeping.next_unit(task.folders))
    path = scratch / SHARES
    return Counts(), (describe(path, write_whole(path, Share, packed)),)


@cache
def route_of(scratch: Path, plan: str, seed: int) -> Route:
    """The unit of every URL."""
    return Route(rows.read(scratch / SHARES, Share), seed, known_of(scratch, plan))


@cache
def lanes_of(scratch: Path, plan: str) -> dict[int, str]:
    """The host that has a unit for itself, and more of them, by unit."""
    large = (share for share in rows.read(scratch / SHARES, Share) if share.units > 1)
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
    found = map(unit_of, chosen(task))
    return [replace(unit, name=f"slices-{unit.name}") for unit in found]


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
    hosts: list[HostUnit] = []
    found = [write_unit(task, number, slices.read(path, number - numbers.start), hosts) for number in numbers]
    path.unlink()
    written = [row for row in found if row is not None]
    write_whole(scratch / f"{unit.name}.parquet", UnitRow, written)
    named = [(task.folders.out / f"part-{row.unit:06d}.parquet", row.candidates) for row in written]
    if hosts:
        by_host = task.folders.out / f"{HOSTS}{unit.name.removeprefix('bucket-')}.parquet"
        named.append((by_host, write_whole(by_host, HostUnit, sorted(hosts))))
    return Counts(), tuple(describe(path, count) for path, count in named)


def write_unit(task: Task, number: int, tables: Iterable[pa.Table], told: list[HostUnit]) -> UnitRow | None:
    """Write one unit's candidates, by key; returns its row in units.parquet, or None where it has none.

    Its hosts are `told`, each by its id.
    """
    found = list(tables)
    if not found:
        return None
    ordered = pa.concat_tables(found).sort_by("key").to_pylist()
    write_whole(task.folders.out / f"part-{number:06d}.parquet", rows.schema_of(Candidate), ordered)
    urls = [row["url"] for row in ordered]
    hosts = {host_of(url) for url in urls}
    told += [HostUnit(host=host_id_of(host), unit=number) for host in hosts]
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
    fetched = _summed(task, "fetched", "Hosts")
    limited = (
        replace(item, fetched=fetched[item.query_id]) if item.limit < SCALE else item
        for item in rows.read(scratch / LIMITS, QueryFetch)
    )
    query_count = write_whole(counts, QueryFetch, limited)
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
        Work(name="Know", units=lambda task: [Unit(name=KNOWN)], do=know, scratch=True, needs=EVERY),
        Shuffle(name="Pairs", build=pairs, keys=of_extract),
        Work(name="Limit", units=lambda task: [Unit(name="limits")], do=limit, scratch=True),
        Work(name="Choose", units=each_part("extract"), do=choose),
        Shuffle(name="Hosts", build=hosts, keys=of_extract),
        Work(name="Pack", units=lambda task: [Unit(name="pack")], do=pack_hosts, scratch=True, needs=EVERY),
        Work(name="Slice", units=slice_units, do=slice_part, scratch=True),
        Work(name="Units", units=buckets, do=write_bucket),
    ),
    finish=index,
    settle=settle,
)
