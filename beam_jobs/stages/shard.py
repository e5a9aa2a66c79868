"""shard: pairs in the order of a hash, their bytes fetched by ranged reads, in WebDataset tars.

    Stand   where pairs stand in the shards of before, which a round goes on with (`shards.rounds`)
    Slice   some parts -> their rows by bucket (`shards.order`)
    Group   a bucket -> its rows by shard that stands, and by range of the order
    Keep    a shard that stands -> the same, without what has left it
    Write   a new shard

Where nothing stands that is gone on with, all are new.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs.engine import progress
from beam_jobs.engine.stage import Done, Needs, Stage, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages.shards import order, rounds
from wit_pipeline.pictures.stored import Pictures
from wit_pipeline.report.card import croissant, dataset_card
from wit_pipeline.shard import REMOVED, Row, tables_of, wids_index, write_shard
from wit_pipeline.takedown.takedown import FOLDER, Removed
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import File, aside, describe

SHARDS = Needs(disk_gb=50)  # a shard is made on the disk of its worker, and every core makes one
BEFORE = ("queries", "extract", "frontier", "crawl", "filter", "dedup", "balance")  # the card's funnel


def settle(task: Task) -> None:
    """Before the stage's own work."""
    rounds.forget()
    order.forget()


def keep(task: Task, unit: Unit) -> Done:
    """A shard that stands, without what has left it."""
    return rounds.keep(task, unit, order.standing_pairs(task, unit.covers))


def units(task: Task) -> Sequence[Unit]:
    """The shards to write."""
    return [Unit(name=f"{number:05d}", covers=number) for number in order.new_shards(task)]


def do(task: Task, unit: Unit) -> Done:
    """Write one shard, without what was taken down."""
    pairs = list(order.new_pairs(task, unit.covers))
    removals, gone = rounds.removals_of(task.folders.root / FOLDER), []

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
    write_whole(task.folders.scratch / f"{rounds.LEFT}-{unit.name}.parquet", Removed, gone)
    return done


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """What describes all shards."""
    out, new = task.folders.out, units(task)
    shards = [file for file in files if file.name.endswith(".tar")]
    removed = rounds.removed(task, [unit.name for unit in (*rounds.units(task), *new)])
    told = rounds.finish(task, len(new), removed)
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
        Work(name="Stand", units=lambda task: [Unit(name="standing")], do=rounds.index, scratch=True),
        Work(name="Slice", units=order.slice_units, do=order.slice_parts, scratch=True),
        Work(name="Group", units=order.buckets, do=order.group_bucket, scratch=True),
        Work(name="Keep", units=rounds.units, do=keep, needs=SHARDS),
        Work(name="Write", units=units, do=do, needs=SHARDS),
    ),
    finish=finish,
    onto=rounds.onto,
    settle=settle,
    is_unfinished=rounds.is_unfinished,
)
