"""A stage from unsigned to signed, and the stages in order: resumable at every unit."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beam_jobs.engine import lock, passes, pending, progress
from beam_jobs.engine.engine import Engine
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import NO_LEAVE, NOTE, Folders, Leave, Shuffle, Stage, Task, Unit, Work, upstream
from wit_pipeline.takedown.takedown import FOLDER, sign_lists
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.asked import RECEIPT
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.manifest import File, Manifest, Receipt
from wit_pipeline.vocabulary.store import in_store, remove_folder, sizes

FORMAT = 5  # of a stage's folder, where it is not below
FORMATS = {  # raised when the same recipe and input come to mean other bytes: the folder is then built anew
    "queries": 8,
    "extract": 8,
    "frontier": 9,
    "crawl": 5,  # read for ever: raised only where a stored picture would be another
    "balance": 7,
}


def plan_of(stage: str, table: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """The digest of all that decides a stage's content: its part of the recipe and what it reads."""
    return digest([FORMATS.get(stage, FORMAT), stage, table, inputs])


def format_of(signed: Manifest) -> int:
    """The format of which a stage's plan is, given its recipe and inputs; 0 where it follows of none."""
    latest = max(FORMAT, *FORMATS.values())
    return next((number for number in range(latest, 0, -1) if signed.plan == _plan(number, signed)), 0)


def follow(signed: Manifest, before: Manifest) -> Manifest:
    """A manifest with the plan that its inputs come to now, of the format that it had `before`."""
    number = format_of(before)
    return replace(signed, plan=_plan(number, signed)) if number else signed


def _plan(number: int, signed: Manifest) -> str:
    return digest([number, signed.stage, signed.recipe, signed.inputs])


def run_stages(
    stages: Sequence[Stage],
    recipe: Recipe,
    root: Path,
    engine: Engine,
    leave: Leave = NO_LEAVE,
    *,
    take_over: bool = False,
    begin: Callable[[], None] = lambda: None,
) -> list[Manifest]:
    """Sign every stage in order, doing only what is missing; what the recipe gets wrong is said first.

    What of it needs more than the recipe's word is done where `leave` says so. `begin` is called once nothing
    is refused and before anything is done.
    """
    for stage in stages:
        stage.inputs(recipe)
    with lock.building(root, take_over=take_over):
        pending.check(root)
        sign_lists(root / FOLDER, datetime.now(UTC))
        for stage in stages:
            stage.check(Task(folders=stage.folders(root), recipe=recipe, leave=leave))
        begin()
        return [run_stage(stage, recipe, root, engine, leave) for stage in stages]


def run_stage(stage: Stage, recipe: Recipe, root: Path, engine: Engine, leave: Leave = NO_LEAVE) -> Manifest:
    """The stage's manifest, made now unless it stands there for this recipe and input."""
    before = upstream(stage, root)
    inputs = {**{name: signed.digest for name, signed in before.items()}, **stage.inputs(recipe)}
    table = recipe.table(stage.name, *stage.also)
    plan = plan_of(stage.name, table, inputs)
    folders = stage.folders(root)
    signed = manifest.load(folders.home)
    task = Task(folders=folders, recipe=recipe, plan=plan, leave=leave, processes=engine.processes)
    if signed is not None and signed.plan == plan and not stage.is_unfinished(task):
        progress.tell("skip", stage=stage.name, digest=signed.digest)
        return signed
    onto = stage.onto(task)
    if onto:  # what a kill left of work that began on something else is of no use
        task = replace(task, plan=digest([plan, onto]))
    stage.settle(task)
    if signed is not None and not stage.in_place:
        why = "its recipe or input has changed" if signed.plan != plan else "it was asked for"
        progress.tell("note", text=f"{stage.name:>8}  {why}: {'gone on with' if onto else 'built again'}")
    if stage.foretell is not None:
        progress.tell("note", text=f"{stage.name:>8}  {stage.foretell(task)}")
    began, started = time.monotonic(), datetime.now(UTC)
    _prepare(task, table, inputs, goes_on=bool(onto))
    receipts = [receipt for step in stage.steps for receipt in _step(step, stage, task, engine)]
    written = _all_files(stage, task, receipts)
    made = Manifest(
        stage=stage.name,
        plan=plan,
        inputs=inputs,
        recipe=table,
        counts=stage.counts(task, receipts),
        files=written,
        started=started.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _check_funnel(made, before.get(stage.accounts))
    _check_not_empty(stage, made, task)
    _publish(stage, task, made)
    progress.tell(
        "stage",
        stage=stage.name,
        read=made.counts.read,
        kept=made.counts.kept,
        rejected=dict(made.counts.rejected),
        digest=made.digest,
        seconds=round(time.monotonic() - began, 3),
    )
    return made


def _prepare(task: Task, table: Mapping[str, Any], inputs: Mapping[str, str], *, goes_on: bool) -> None:
    """Go on from what a killed run of the same plan left; drop what belongs to another plan."""
    folders, note = task.folders, task.folders.work / NOTE
    left = manifest.read_json(note)["plan"] if note.exists() else None
    if left != task.plan:
        remove_folder(folders.work)
    folders.out.mkdir(parents=True, exist_ok=True)
    if in_store(folders.out) is None:
        for torn in folders.out.glob(".*.tmp"):  # a killed worker was writing it
            torn.unlink()
    folders.scratch.mkdir(parents=True, exist_ok=True)
    manifest.write_json(note, {"plan": task.plan, "recipe": table, "inputs": inputs})
    if folders.at_home:  # what is under way is not signed; the note tells of it from here on
        if goes_on:
            _keep_signature(folders)
        else:  # what stands there is written over
            remove_folder(folders.before)
        (folders.home / manifest.MANIFEST).unlink(missing_ok=True)


def _keep_signature(folders: Folders) -> None:
    """What was signed is known as long as what goes on with it is under way."""
    signed, kept = (folder / manifest.MANIFEST for folder in (folders.home, folders.before))
    if signed.exists():
        remove_folder(folders.before)  # of what was signed since
        with manifest.aside(kept) as temporary:
            temporary.write_bytes(signed.read_bytes())


def _step(step: Work | Shuffle, stage: Stage, task: Task, engine: Engine) -> list[Receipt]:
    if isinstance(step, Shuffle):
        _shuffle(step, stage, task, engine)
        return []
    units = list(step.units(task))
    done = [] if step.repeats and not units else list(do_units(step, task, engine, units))
    while step.repeats and (units := list(step.units(task))):
        done += do_units(step, task, engine, units)
    return [replace(receipt, files=()) for receipt in done] if step.scratch else done


def do_units(step: Work, task: Task, engine: Engine, units: Sequence[Unit]) -> Iterator[Receipt]:
    """The receipts of some units, those that were missing made now."""
    found = _receipts(step, task, units)
    missing = [unit for unit, receipt in zip(units, found, strict=True) if receipt is None]
    stage = task.folders.stage
    progress.tell(
        "step",
        stage=stage,
        step=step.name,
        units=len(units),
        done=len(units) - len(missing),
        expected=sum(unit.records for unit in missing),
        lanes=lanes_of(missing),
    )
    if missing:
        engine.work(step, task, missing)
        found = _receipts(step, task, units)
    absent = [unit.name for unit, receipt in zip(units, found, strict=True) if receipt is None]
    if absent:
        raise RunError(f"{stage}: the engine ended without an error, but {absent[0]} was not done")
    return (receipt for receipt in found if receipt is not None)


def lanes_of(units: Sequence[Unit]) -> dict[str, int]:
    """The records of each lane, longest first: one of them may last when all else is done."""
    found: Counter[str] = Counter()
    for unit in units:
        if unit.lane:
            found[unit.lane] += unit.records
    return dict(found.most_common())


def _receipts(step: Work, task: Task, units: Sequence[Unit]) -> list[Receipt | None]:
    paths, folder = [step.receipt(task.folders, unit) for unit in units], step.folder(task.folders)
    found = zip(units, manifest.read_receipts(paths, files=folder), strict=True)
    return [one if one is not None and one.plan == step.plan(task, unit) else None for unit, one in found]


def _shuffle(step: Shuffle, stage: Stage, task: Task, engine: Engine) -> None:
    for name, turn in passes.begin(step, task, engine.flags):
        done = task.folders.work / f"{name}.done"
        if not done.exists():
            progress.tell("step", stage=stage.name, step=name, units=0, done=0)
            engine.shuffle(step, replace(task, turn=turn))
            manifest.write_json(done, {})


def _all_files(stage: Stage, task: Task, receipts: Sequence[Receipt]) -> tuple[File, ...]:
    """The files that the manifest lists: those of the units and of `finish`, but not the scratch tables."""
    files = [file for receipt in receipts for file in receipt.files]
    return tuple(sorted([*files, *stage.finish(task, files)], key=lambda file: file.name))


def _check_funnel(made: Manifest, before: Manifest | None) -> None:
    if before is not None and made.counts.read != before.counts.kept:
        raise RunError(
            f"{made.stage}: read {made.counts.read} records where {before.stage} kept {before.counts.kept}: "
            "records were lost between them, nothing was signed"
        )
    parts = made.named("part-")
    if parts and sum(file.rows for file in parts) != made.counts.kept:
        raise RunError(f"{made.stage}: kept {made.counts.kept} records, but its parts hold another number")


def _check_not_empty(stage: Stage, made: Manifest, task: Task) -> None:
    """Nothing can be built on nothing: say why it came to that, and leave no receipt that would repeat it."""
    read_nothing_but_wrote = made.counts.read == 0 and any(file.rows for file in made.files)
    if made.counts.kept or read_nothing_but_wrote:
        return
    example = _example(made, task.folders)
    if stage.is_void(task):
        task.folders.clear()
    if made.counts.read == 0 and not stage.accounts:
        raise UserError(f"{stage.name}: what the recipe names for it holds no record")
    rejected = sorted(made.counts.rejected.items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{count} {reason}" for reason, count in rejected) or "it read none"
    raise RunError(f"{stage.name}: kept none of {made.counts.read} records: {reasons}{example}")


def _example(made: Manifest, folders: Folders) -> str:
    """What was said of the first record that was not kept, where a table says it."""
    for file in made.files:
        if file.name.endswith(".parquet") and file.rows:
            row = next(rows.read_rows(folders.out / file.name))
            detail = row.get("detail") or row.get("error_message")
            if detail:
                return f"; the first was {row.get('url') or row.get('where')}: {detail}"
    return ""


def _publish(stage: Stage, task: Task, made: Manifest) -> None:
    folders = task.folders
    lock.check(folders.root)
    if folders.at_home:
        _sweep(folders, made)
        manifest.sign(folders.home, made)
    else:
        for receipt in folders.out.glob(f"*{RECEIPT}"):
            receipt.unlink()
        manifest.sign(folders.out, made)
        if folders.home.exists():  # else a kill came between the two: what is there still counts
            remove_folder(folders.before)
            folders.home.rename(folders.before)
        folders.out.rename(folders.home)
    remove_folder(folders.before)
    remove_folder(folders.work)
    remove_folder(folders.own)


def _sweep(folders: Folders, made: Manifest) -> None:
    """Delete what an earlier plan, or another attempt at a unit, left in a folder of a store."""
    named = {file.name for file in made.files}
    for name in sizes(folders.home) if in_store(folders.home) else ():
        if name not in named and not (folders.in_place and name.endswith(RECEIPT)):
            (folders.home / name).unlink(missing_ok=True)
