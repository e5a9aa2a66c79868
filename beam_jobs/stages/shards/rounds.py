"""What of the shards that stand a later round keeps: the steps of `shard` before and beside the new ones.

    ROOT/shard as it is signed    the shards of before, what has left them, and which rounds there were
    scratch/high.npy …            where their pairs stand (`wit_pipeline.takedown.rounds`)

A shard that loses nothing is the same file in the new folder: a second name, no bytes. In a store, where
shards are written over, a kill and another recipe may come between; what has left is kept beside the old
signature, which outlives both:

    ROOT/.work/shard.old/removed-NNNNN.parquet    samples that a table of shard N may lack already
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from beam_jobs.engine import build, progress
from beam_jobs.engine.files import version
from beam_jobs.engine.stage import Done, Task, Unit
from beam_jobs.engine.tables import write_whole
from wit_pipeline.shard import CHANGED, REMOVED, ROUNDS, Round, Row, counts_of, shard_of, tables_of
from wit_pipeline.takedown import displaced, rounds
from wit_pipeline.takedown.displaced import Told
from wit_pipeline.takedown.rounds import Standing
from wit_pipeline.takedown.takedown import FOLDER, Removals, Removed, rewrite_shard
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest, describe, read_json, write_json
from wit_pipeline.vocabulary.records import Pair, Reason
from wit_pipeline.vocabulary.store import link

R = TypeVar("R")

TELLS = ("balance", "dedup", "filter", "frontier")  # stages whose rejects have keys, the last first
LEFT = "removed"  # kind of the tables of what has left one shard
ENDINGS = (".tar", ".parquet", "_stats.json")  # of a shard's files


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """The shards that a round goes on with."""

    home: Path
    signed: Manifest
    noted: Path | None = None  # in a store: where it is noted what leaves them, before it does

    @property
    def shards(self) -> list[int]:
        """Their numbers, ascending."""
        return manifest.once(self.home, self.signed, _numbers)

    @property
    def following(self) -> int:
        """The number of the first shard that a round adds."""
        return self.shards[-1] + 1 if self.shards else 0

    @property
    def removed(self) -> list[Removed]:
        """The samples that left them. In a store more may be told already, of shards that nobody signed."""
        table = list(rows.read(self.home / REMOVED, Removed)) if self.signed.named(REMOVED) else []
        found = {item.key: item for item in table if shard_of(item.key) < self.following}
        for path in sorted(self.noted.glob(f"{LEFT}-*.parquet")) if self.noted is not None else ():
            name = path.stem.removeprefix(f"{LEFT}-")
            found.update((item.key, item) for item in self.left(name))
        return list(found.values())

    def left(self, name: str) -> list[Removed]:
        """The samples that a round which was not signed has taken out of a shard."""
        path = self._noted(name)
        noted = list(rows.read(path, Removed)) if path is not None and path.exists() else []
        # The table is the first of a shard's files to be written: what it still has is in all of them.
        stays = set(rows.column(self.home / f"{name}.parquet", "key")) if noted else set()
        return [item for item in noted if item.key not in stays]

    def note(self, name: str, gone: Iterable[Removed]) -> None:
        """Before a shard is written over where it is signed: what leaves it, now and before."""
        path = self._noted(name)
        if path is not None:
            write_whole(path, Removed, gone)

    def _noted(self, name: str) -> Path | None:
        return self.noted / f"{LEFT}-{name}.parquet" if self.noted is not None else None

    @property
    def rounds(self) -> list[Round]:
        """The rounds that they are of."""
        if not self.signed.named(ROUNDS):
            return [Round(first=0, shards=len(self.shards))]
        found = [Round(**value) for value in read_json(self.home / ROUNDS)["rounds"]]
        return [one for one in found if one.first < self.following]  # in a store it may be said already

    def files(self, name: str) -> tuple[File, ...]:
        """The files of a shard, as they were signed."""
        found = manifest.once(self.home, self.signed, manifest.by_name)
        return tuple(found[name + ending] for ending in ENDINGS)


def _numbers(signed: Manifest) -> list[int]:
    return sorted(int(file.name.removesuffix(".parquet")) for file in tables_of(signed.files))


def before(task: Task) -> Before | None:
    """What stands and is gone on with: shards of this recipe and format, unless new ones are asked for."""
    folders = task.folders
    # A kill may have come between two renames; in a store the signature alone is moved, and before the work.
    place = next((one for one in (folders.home, folders.before) if manifest.load(one)), None)
    if task.leave.reshard or place is None:
        return None
    signed = manifest.load(place)
    if signed is None or dict(signed.recipe) != task.recipe.table(task.folders.stage):
        return None
    if build.plan_of(signed.stage, signed.recipe, signed.inputs) != signed.plan:  # of another format
        return None
    if folders.at_home:
        return Before(home=folders.home, signed=signed, noted=folders.before)
    return Before(home=place, signed=signed)


def onto(task: Task) -> str:
    """The digest of what stands and is gone on with; "" where shards are made from nothing."""
    found = before(task)
    return found.signed.digest if found is not None else ""


def is_unfinished(task: Task) -> bool:
    """Whether shards of several rounds are to become those of one."""
    signed = manifest.load(task.folders.home)
    return task.leave.reshard and signed is not None and bool(signed.named(ROUNDS))


def index(task: Task, unit: Unit) -> Done:
    """Write where the pairs stand."""
    found = before(task)
    paths = rounds.write(task.folders.scratch, _entries(found) if found is not None else ())
    return Counts(), tuple(map(describe, paths))


def _entries(found: Before) -> Iterator[rounds.Entries]:
    """Those of samples that were taken down come first: a pair that has come back stands where it is now."""
    yield rounds.taken_down(item for item in found.removed if item.reason is Reason.TAKEN_DOWN)
    for shard in found.shards:
        yield rounds.entries(shard, found.home / f"{shard:05d}.parquet")


def standing(task: Task) -> Standing:
    """Where the pairs stand."""
    return _standing(task.folders.scratch, task.folders.root / FOLDER, task.plan)


def forget() -> None:
    """What was read of a scratch folder holds no longer: another attempt may write another."""
    _standing.cache_clear()


@cache  # once a process
def _standing(scratch: Path, removed: Path, plan: str) -> Standing:
    return Standing(scratch, removals_of(removed))


def removals_of(folder: Path) -> Removals:
    """The lists that the root was given, read once a process and state."""
    return _removals(folder, version(sorted(folder.glob("*.txt")), folder))


@cache
def _removals(folder: Path, version: str) -> Removals:
    return Removals.read(folder)


def following(task: Task) -> int:
    """The number of the first shard that a round adds."""
    found = before(task)
    return found.following if found is not None else 0


def units(task: Task) -> Sequence[Unit]:
    """The shards that stand."""
    found = before(task)
    return [Unit(name=f"{shard:05d}", covers=shard) for shard in (found.shards if found else ())]


def keep(task: Task, unit: Unit, pairs: Iterable[Pair]) -> Done:
    """A shard that stands, without the samples that have left it; the same files where none has.

    `pairs` are those of the balance that stand in it.
    """
    found, out, scratch = before(task), task.folders.out, task.folders.scratch
    assert found is not None, "shards that stand were found before"
    present = {pair.key: pair for pair in pairs}
    gone = {item.key: item for item in found.left(unit.name)}
    removals = removals_of(task.folders.root / FOLDER)
    sample = rounds.compare(rows.read(found.home / f"{unit.name}.parquet", Row), present, removals)
    gone.update(sample.gone)
    if gone:
        found.note(unit.name, gone.values())
    write_whole(scratch / f"{LEFT}-{unit.name}.parquet", Removed, gone.values())
    write_whole(scratch / f"changed-{unit.name}.parquet", Row, sample.changed)
    files = rewrite_shard(found.home, unit.name, out, gone)
    if not files:
        files = found.files(unit.name)
        for file in () if found.home == out else files:
            link(found.home / file.name, out / file.name)
    progress.tell("records", count=len(present))
    return counts_of(len(present), files[0].rows), files


def removed(task: Task, names: Iterable[str]) -> list[Removed]:
    """The samples that have left their shards, in this round, of the shards `names`, and before."""
    found, gone = before(task), list(said(task, LEFT, Removed, names))
    keys = {item.key for item in gone}  # in a store they may be told already
    earlier = [item for item in found.removed if item.key not in keys] if found is not None else []
    why = displaced.reasons({item.pair_key for item in gone if not item.list}, _told(task))
    return [*earlier, *(item if item.list else replace(item, reason=why[item.pair_key]) for item in gone)]


def _told(task: Task) -> Told:
    signed = {stage: manifest.load(task.folders.reads(stage)) for stage in TELLS}
    return Told(
        kept=task.folders.files("balance", "part-"),
        rejects=[path for stage in TELLS if signed[stage] for path in task.folders.files(stage, "rejects-")],
        wanted=task.folders.files("frontier", "part-") if signed["frontier"] else [],
        crawled=[path for _, path in sorted(task.folders.asked().tables.items())],
    )


def said(task: Task, kind: str, record: type[R], names: Iterable[str]) -> Iterator[R]:
    """What the units that did some shards have said of their samples."""
    return (
        item for name in names for item in rows.read(task.folders.scratch / f"{kind}-{name}.parquet", record)
    )


def finish(task: Task, added: int, gone: Iterable[Removed]) -> tuple[File, ...]:
    """changed.parquet and rounds.json, where a round went on with shards that stand and `added` others.

    Of a round that adds, changes and displaces nothing nothing is said: the folder stays what it was.
    """
    found, out = before(task), task.folders.out
    if found is None:
        return ()
    changed = write_whole(out / CHANGED, Row, said(task, "changed", Row, (unit.name for unit in units(task))))
    if not changed:
        (out / CHANGED).unlink()
    left = any(item.reason is not Reason.TAKEN_DOWN for item in gone)
    if not (changed or left or added or found.signed.named(ROUNDS)):
        return ()
    last = found.rounds[-1]
    made = [*found.rounds, *([Round(first=last.first + last.shards, shards=added)] if added else [])]
    write_json(out / ROUNDS, {"rounds": [asdict(one) for one in made]})
    table = (describe(out / CHANGED, changed),) if changed else ()
    return (*table, describe(out / ROUNDS))
