"""frontier: Candidates without duplicates, over-sampled for balance, in units of crawling."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.recipe import Recipe
from beam_jobs.stage import Done, Shuffle, Stage, Task, Unit, Work, each_part
from beam_jobs.tables import ReadParts, WriteTable, write_whole
from wit_pipeline import rows
from wit_pipeline.balance import is_kept
from wit_pipeline.chance import SCALE
from wit_pipeline.frontier import Share, fetch_limit, host_id, host_of, judge, pack, unit_of, url_id
from wit_pipeline.manifest import Counts, File, describe
from wit_pipeline.records import Candidate
from wit_pipeline.sift import write_sifted

# A candidate's place: the part's number and the row in it.
Place = tuple[int, int]
Thin = tuple[Place, str, str, tuple[int, ...]]  # place, ids of its host and URL, queries: no text


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicate:
    """A row whose URL and caption also stand at an earlier place."""

    part: int
    row: int
    kept: str  # "part/row"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryLimit:
    """A query that has more candidates than are worth fetching."""

    query_id: int
    limit: int  # in draws


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


def parts(task: Task) -> list[Path]:
    """The Candidates that extract signed."""
    return task.folders.files("extract", "part-")


def thin(path: Path) -> Iterator[tuple[bytes, Thin]]:
    """(key, (place, host, url, queries)) of each candidate of a part: hashes and a pointer to the row."""
    part = int(path.stem.removeprefix("part-"))
    for row, values in enumerate(rows.read_rows(path, ["key", "url", "queries"])):
        url, queries = values["url"], tuple(values["queries"])
        yield bytes.fromhex(values["key"]), ((part, row), host_id(url), url_id(url), queries)


def first_and_others(keyed: tuple[bytes, Iterable[Thin]]) -> Iterator[Any]:
    """The first place of a pair, and a Duplicate for every other one."""
    key, group = keyed
    first, *others = sorted(group)
    yield key, first
    part, row = first[0]
    for other in others:
        place = (other[0][0], other[0][1], f"{part}/{row}")
        yield beam.pvalue.TaggedOutput("duplicates", place)


def limited(count: tuple[int, int], recipe: Recipe) -> tuple[int, int]:
    """(query, limit) of a counted query."""
    query, pairs = count
    return query, fetch_limit(pairs, recipe.balance.per_query, recipe.frontier)


def worth(keyed: tuple[bytes, Thin], limits: dict[int, int], seed: int) -> Iterator[tuple[str, str]]:
    """(host, url) of a candidate that is to be fetched, by their ids."""
    key, (_, host, url, queries) = keyed
    if is_kept(key.hex(), queries, limits, seed):
        yield host, url


def plan(pipeline: beam.Pipeline, task: Task) -> None:
    """Duplicates, limits and URLs per host, from keys and places alone."""
    recipe, scratch = task.recipe, task.folders.scratch
    found = (
        pipeline
        | "Read" >> ReadParts(parts(task), thin)
        | "ByKey" >> beam.GroupByKey()
        | "First" >> beam.FlatMap(first_and_others).with_outputs("duplicates", main="firsts")
    )
    limits = (
        found.firsts
        | "Queries" >> beam.FlatMap(lambda keyed: keyed[1][-1])
        | "Count" >> beam.combiners.Count.PerElement()
        | "Limit" >> beam.Map(partial(limited, recipe=recipe))
        | "Over" >> beam.Filter(lambda item: item[1] < SCALE)
    )
    hosts = (
        found.firsts
        | "Worth" >> beam.FlatMap(worth, beam.pvalue.AsDict(limits), recipe.seed)
        | "Urls" >> beam.Distinct()
        | "Hosts" >> beam.combiners.Count.PerKey()
    )
    found.duplicates | "WriteDuplicates" >> WriteTable(
        scratch / "duplicates.parquet",
        Duplicate,
        lambda item: Duplicate(part=item[0], row=item[1], kept=item[2]),
    )
    limits | "WriteLimits" >> WriteTable(
        scratch / "limits.parquet",
        QueryLimit,
        lambda item: QueryLimit(query_id=item[0], limit=item[1]),
    )
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
    return {item.query_id: item.limit for item in rows.read(scratch / "limits.parquet", QueryLimit)}


def choose(task: Task, unit: Unit) -> Done:
    """Drop a part's duplicates and what balance has no room for; the kept go to scratch."""
    scratch = task.folders.scratch
    duplicates = duplicates_of(scratch, task.plan).get(int(unit.name), {})
    candidates = enumerate(rows.read(unit.covers, Candidate))
    judged = judge(candidates, duplicates, limits_of(scratch, task.plan), task.recipe.seed)
    return write_sifted(task.folders.out, unit.name, Candidate, judged, parts=scratch)


def shares(task: Task) -> dict[str, Share]:
    """The units of each host."""
    hosts = {item.host: item.urls for item in rows.read(task.folders.scratch / "hosts.parquet", HostCount)}
    return {share.host: share for share in pack(hosts, task.recipe.frontier, task.recipe.seed)}


def by_unit(path: Path, of_host: dict[str, Share], seed: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(unit, row) of each kept candidate of a part."""
    for row in rows.read_rows(path):
        yield unit_of(row["url"], of_host[host_id(row["url"])], seed), row


def write_unit(keyed: tuple[int, Iterable[dict[str, Any]]], folder: str) -> None:
    """Write one unit's candidates, by key."""
    unit, group = keyed
    ordered = sorted(group, key=lambda row: row["key"])
    write_whole(Path(folder) / f"unit-{unit:06d}.parquet", Candidate, ordered)


def route(pipeline: beam.Pipeline, task: Task) -> None:
    """The kept candidates, grouped by unit of crawling."""
    scratch = task.folders.scratch
    kept = [scratch / f"part-{unit.name}.parquet" for unit in each_part("extract")(task)]
    (
        pipeline
        | "Read" >> ReadParts(kept, partial(by_unit, of_host=shares(task), seed=task.recipe.seed))
        | "ByUnit" >> beam.GroupByKey()
        | "Write" >> beam.Map(write_unit, str(scratch))
    )


def crawl_units(task: Task) -> Sequence[Unit]:
    """The units of crawling."""
    last = max((share.first + share.units for share in shares(task).values()), default=0)
    found = [
        number for number in range(last) if (task.folders.scratch / f"unit-{number:06d}.parquet").exists()
    ]
    return [Unit(name=f"part-{number:06d}", covers=number) for number in found]


def write(task: Task, unit: Unit) -> Done:
    """Publish one unit's candidates."""
    source = task.folders.scratch / f"unit-{unit.covers:06d}.parquet"
    target = task.folders.out / f"{unit.name}.parquet"
    count = write_whole(target, Candidate, rows.read(source, Candidate))
    return Counts(), (describe(target, count),)


def index(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """units.parquet: what each unit holds."""
    table = []
    for file in (file for file in files if file.name.startswith("part-")):
        urls = [row["url"] for row in rows.read_rows(task.folders.out / file.name, ["url"])]
        table.append(
            UnitRow(
                unit=int(file.name.removeprefix("part-").removesuffix(".parquet")),
                urls=len(set(urls)),
                candidates=len(urls),
                hosts=len({host_of(url) for url in urls}),
            )
        )
    path = task.folders.out / "units.parquet"
    write_whole(path, UnitRow, table)
    return (describe(path, len(table)),)


STAGE = Stage(
    name="frontier",
    about="what is worth fetching, without duplicates, in units of crawling",
    reads=("extract",),
    accounts="extract",
    also=("balance",),
    steps=(
        Shuffle(name="Plan", build=plan),
        Work(name="Choose", units=each_part("extract"), do=choose),
        Shuffle(name="Route", build=route),
        Work(name="Units", units=crawl_units, do=write),
    ),
    finish=index,
)
