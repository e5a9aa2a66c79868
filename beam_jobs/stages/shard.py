"""shard: pairs in the order of a hash, their bytes fetched by ranged reads, in WebDataset tars."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.engine import progress
from beam_jobs.engine.files import version
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Unit, Work
from beam_jobs.engine.tables import ReadParts, write_whole
from wit_pipeline.pictures.stored import Pictures
from wit_pipeline.report.card import croissant, dataset_card
from wit_pipeline.shard import Row, position, wids_index, write_shard
from wit_pipeline.takedown.takedown import FOLDER, Removals, Removed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import File, Manifest, aside, describe
from wit_pipeline.vocabulary.records import Pair
from wit_pipeline.vocabulary.store import place

Position = tuple[int, str]
REMOVED = "removed.parquet"
BEFORE = ("queries", "extract", "frontier", "crawl", "filter", "dedup", "balance")  # the card's funnel


def parts(task: Task) -> list[Path]:
    """The pairs that balance signed."""
    return task.folders.files("balance", "part-")


def positions(path: Path, seed: int) -> Iterator[Position]:
    """Where each pair of a part stands in the order of the dataset."""
    for row in rows.read_rows(path, ["key"]):
        yield position(row["key"], seed)


def starts(ordered: Iterable[Position], samples: int) -> list[Position]:
    """The position of the first pair of every shard."""
    return sorted(ordered)[::samples]


def by_shard(path: Path, seed: int) -> Iterator[tuple[Position, dict[str, Any]]]:
    """(position, row) of each pair of a part."""
    for row in rows.read_rows(path):
        yield position(row["key"], seed), row


def to_shard(
    keyed: tuple[Position, dict[str, Any]], firsts: list[list[Position]]
) -> tuple[int, dict[str, Any]]:
    """(shard, row) of a pair."""
    where, row = keyed
    return bisect_right(firsts[0], where) - 1, row


def write_rows(keyed: tuple[int, Iterable[dict[str, Any]]], folder: str) -> None:
    """Write one shard's rows, in no order: the shard is put into its own when it is written."""
    shard, group = keyed
    write_whole(place(folder) / f"shard-{shard:05d}.parquet", Pair, group)


def assign(pipeline: beam.Pipeline, task: Task) -> None:
    """The pairs of every shard: first where each shard begins, from keys alone, then rows to shards."""
    seed, samples = task.recipe.seed, task.recipe.shard.samples
    ordered = pipeline | "ReadKeys" >> ReadParts(parts(task), partial(positions, seed=seed))
    firsts = (
        pipeline
        | "Once" >> beam.Create([None])
        | "Starts" >> beam.Map(lambda _, found: starts(found, samples), beam.pvalue.AsList(ordered))
    )
    (
        pipeline
        | "ReadRows" >> ReadParts(parts(task), partial(by_shard, seed=seed))
        | "ToShard" >> beam.Map(to_shard, beam.pvalue.AsList(firsts))
        | "ByShard" >> beam.GroupByKey()
        | "Write" >> beam.Map(write_rows, str(task.folders.scratch))
    )


def units(task: Task) -> Sequence[Unit]:
    """The shards to write."""
    kept = task.folders.signed("balance").counts.kept
    shards = -(-kept // task.recipe.shard.samples)
    return [Unit(name=f"{number:05d}", covers=number) for number in range(shards)]


def do(task: Task, unit: Unit) -> Done:
    """Write one shard, without what was taken down."""
    pairs = list(rows.read(task.folders.scratch / f"shard-{unit.name}.parquet", Pair))
    removals, gone = removals_of(task.folders.root / FOLDER), []

    def blocked(row: Row) -> bool:
        item = removals.of(row)
        if item is not None:
            gone.append(item)
        return item is not None

    with Pictures(task.folders.reads("crawl")) as pictures:
        pictures.fetch(pair.image for pair in pairs)
        done = write_shard(
            pairs,
            pictures.read,
            folder=task.folders.out,
            shard=unit.covers,
            seed=task.recipe.seed,
            tick=lambda count: progress.tell("records", count=count),
            blocked=blocked,
        )
    write_whole(task.folders.scratch / f"removed-{unit.name}.parquet", Removed, gone)
    return done


def removals_of(folder: Path) -> Removals:
    """The lists that the root was given, read once a process and state."""
    return _removals(folder, version(sorted(folder.glob("*.txt")), folder))


@cache
def _removals(folder: Path, version: str) -> Removals:
    return Removals.read(folder)


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """What describes all shards."""
    out, scratch = task.folders.out, task.folders.scratch
    shards = [file for file in files if file.name.endswith(".tar")]
    tables = [file for file in files if file.name.endswith(".parquet")]
    names = (scratch / f"removed-{unit.name}.parquet" for unit in units(task))
    removed = [item for path in names for item in rows.read(path, Removed)]
    return describe_shards(task.folders.root, out, shards, tables, wids_index(out, shards), removed)


def describe_shards(
    root: Path,
    out: Path,
    shards: Sequence[File],
    tables: Sequence[File],
    index: Mapping[str, Any],
    removed: Sequence[Removed],
) -> tuple[File, ...]:
    """Write the wids index, Croissant metadata, the dataset card, and what was taken down where any was."""
    manifest.write_json(out / "shards.json", index)
    manifest.write_json(out / "croissant.json", croissant(shards, tables))
    before = [manifest.load(root / name) for name in BEFORE]
    card = dataset_card([item for item in before if item is not None], shards, len(removed))
    with aside(out / "README.md") as temporary:
        temporary.write_text(card, encoding="utf-8")
    described = tuple(describe(out / name) for name in ("shards.json", "croissant.json", "README.md"))
    if not removed:
        return described
    count = write_whole(out / REMOVED, Removed, sorted(removed, key=lambda item: item.key))
    return (*described, describe(out / REMOVED, count))


def named_tables(signed: Manifest) -> list[File]:
    """The tables of a signed folder of shards, one a shard."""
    return [file for file in signed.named("", ".parquet") if file.name != REMOVED]


STAGE = Stage(
    name="shard",
    about="WebDataset tars in img2dataset's layout, with tables, statistics and indexes",
    reads=("balance", "crawl"),
    accounts="balance",
    steps=(Shuffle(name="Assign", build=assign), Work(name="Write", units=units, do=do)),
    finish=finish,
)
