"""shard: pairs in the order of a hash, their bytes fetched by ranged reads, in WebDataset tars.

    Stand   where pairs stand in the shards of before, which a round goes on with (`shard_rounds`)
    Assign  the pairs of every shard, of those that stand and of those that are new
    Keep    a shard that stands -> the same, without what has left it
    Write   a new shard

Where nothing stands that is gone on with, all are new.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.engine import progress
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Unit, Work
from beam_jobs.engine.tables import ReadParts, write_whole
from beam_jobs.stages import shard_rounds
from wit_pipeline.pictures.stored import Pictures
from wit_pipeline.report.card import croissant, dataset_card
from wit_pipeline.shard import REMOVED, Row, position, tables_of, wids_index, write_shard
from wit_pipeline.takedown.rounds import COLUMNS
from wit_pipeline.takedown.takedown import FOLDER, Removed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import File, aside, describe
from wit_pipeline.vocabulary.records import Pair
from wit_pipeline.vocabulary.store import place

Position = tuple[int, str]
NEW = "new.json"  # in scratch: how many shards a round adds
BEFORE = ("queries", "extract", "frontier", "crawl", "filter", "dedup", "balance")  # the card's funnel


def parts(task: Task) -> list[Path]:
    """The pairs that balance signed."""
    return task.folders.files("balance", "part-")


def positions(path: Path, task: Task) -> Iterator[Position]:
    """Where each pair of a part that no shard holds stands in the order of the round."""
    standing = shard_rounds.standing(task)
    for row in rows.read_rows(path, COLUMNS):
        if standing.shard_of(row) is None:
            yield position(row["key"], task.recipe.seed)


def starts(ordered: Iterable[Position], samples: int, note: Path) -> list[Position]:
    """The position of the first pair of every shard that is new; how many there are is noted down."""
    found = sorted(ordered)[::samples]
    manifest.write_json(note, {"shards": len(found)})
    return found


def by_shard(path: Path, task: Task) -> Iterator[tuple[int | None, Position, dict[str, Any]]]:
    """(the shard that holds it or None, position, row) of each pair of a part."""
    standing = shard_rounds.standing(task)
    for row in rows.read_rows(path):
        yield standing.shard_of(row), position(row["key"], task.recipe.seed), row


def to_shard(
    found: tuple[int | None, Position, dict[str, Any]], firsts: list[list[Position]], following: int
) -> tuple[int, dict[str, Any]]:
    """(shard, row) of a pair; `following` is the first shard that is new."""
    shard, where, row = found
    return following + bisect_right(firsts[0], where) - 1 if shard is None else shard, row


def write_rows(keyed: tuple[int, Iterable[dict[str, Any]]], folder: str) -> None:
    """Write one shard's rows, in no order: the shard is put into its own when it is written."""
    shard, group = keyed
    write_whole(place(folder) / f"shard-{shard:05d}.parquet", Pair, group)


def assign(pipeline: beam.Pipeline, task: Task) -> None:
    """The pairs of every shard: first where each new shard begins, from keys alone, then rows to shards."""
    samples, scratch = task.recipe.shard.samples, task.folders.scratch
    ordered = pipeline | "ReadKeys" >> ReadParts(parts(task), partial(positions, task=task))
    firsts = (
        pipeline
        | "Once" >> beam.Create([None])
        | "Starts"
        >> beam.Map(lambda _, found: starts(found, samples, scratch / NEW), beam.pvalue.AsList(ordered))
    )
    (
        pipeline
        | "ReadRows" >> ReadParts(parts(task), partial(by_shard, task=task))
        | "ToShard" >> beam.Map(to_shard, beam.pvalue.AsList(firsts), shard_rounds.following(task))
        | "ByShard" >> beam.GroupByKey()
        | "Write" >> beam.Map(write_rows, str(scratch))
    )


def units(task: Task) -> Sequence[Unit]:
    """The shards to write."""
    first, new = shard_rounds.following(task), manifest.read_json(task.folders.scratch / NEW)["shards"]
    return [Unit(name=f"{number:05d}", covers=number) for number in range(first, first + new)]


def do(task: Task, unit: Unit) -> Done:
    """Write one shard, without what was taken down."""
    pairs = list(rows.read(task.folders.scratch / f"shard-{unit.name}.parquet", Pair))
    removals, gone = shard_rounds.removals_of(task.folders.root / FOLDER), []

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


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """What describes all shards."""
    out, new = task.folders.out, units(task)
    shards = [file for file in files if file.name.endswith(".tar")]
    removed = shard_rounds.removed(task, [unit.name for unit in (*shard_rounds.units(task), *new)])
    told = shard_rounds.finish(task, len(new), removed)
    index = wids_index(out, shards)
    root, tables = task.folders.root, tables_of(files)
    described = describe_shards(root, out, shards, tables, index, removed, rounds=bool(told))
    return (*described, *told)


def describe_shards(
    root: Path,
    out: Path,
    shards: Sequence[File],
    tables: Sequence[File],
    index: Mapping[str, Any],
    removed: Sequence[Removed],
    *,
    rounds: bool = False,
) -> tuple[File, ...]:
    """Write the wids index, Croissant metadata, the dataset card, and what left them where anything did."""
    manifest.write_json(out / "shards.json", index)
    manifest.write_json(out / "croissant.json", croissant(shards, tables))
    before = [manifest.load(root / name) for name in BEFORE]
    gone = dict(sorted(Counter(str(item.reason) for item in removed).items()))
    card = dataset_card([item for item in before if item is not None], shards, gone, rounds=rounds)
    with aside(out / "README.md") as temporary:
        temporary.write_text(card, encoding="utf-8")
    described = tuple(describe(out / name) for name in ("shards.json", "croissant.json", "README.md"))
    if not removed:
        return described
    count = write_whole(out / REMOVED, Removed, sorted(removed, key=lambda item: item.key))
    return (*described, describe(out / REMOVED, count))


STAGE = Stage(
    name="shard",
    about="WebDataset tars in img2dataset's layout, with tables, statistics and indexes",
    reads=("balance", "crawl"),
    accounts="balance",
    steps=(
        Work(name="Stand", units=lambda task: [Unit(name="standing")], do=shard_rounds.index, scratch=True),
        Shuffle(name="Assign", build=assign),
        Work(name="Keep", units=shard_rounds.units, do=shard_rounds.keep),
        Work(name="Write", units=units, do=do),
    ),
    finish=finish,
    onto=shard_rounds.onto,
    is_unfinished=shard_rounds.is_unfinished,
)
