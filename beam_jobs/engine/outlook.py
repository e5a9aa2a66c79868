"""What a build is about to do, before it does any of it: stage by stage, why, and in numbers."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from beam_jobs.engine.build import plan_of
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import NO_LEAVE, NOTE, Leave, Stage, Task, is_finished
from wit_pipeline.crawl.standing import size_in_words
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Manifest

REASONS = 3  # that are named; of the others, how many there are


def outlook(stages: Sequence[Stage], recipe: Recipe, root: Path, leave: Leave = NO_LEAVE) -> Iterator[str]:
    """A line for each stage, or for several of which the same is to be said.

    That nothing is to be done, or why it is made, and what it has, asks or writes.
    """
    told = ((stage.name, line) for stage, line in _each(stages, recipe, root, leave))
    for line, group in groupby(told, key=itemgetter(1)):
        names = [name for name, _ in group]
        if len(names) == 1:
            yield f"{names[0]:>8}  {line}"
        else:
            yield f"{names[0]:>8}  to {names[-1]}: {line}"


def _each(stages: Sequence[Stage], recipe: Recipe, root: Path, leave: Leave) -> Iterator[tuple[Stage, str]]:
    """What is to be said of each stage.

    What a stage that is made anew will hold is not known before; those that read it are made anew where that
    is another than it was.
    """
    made: list[str] = []
    for stage in stages:
        task = Task(folders=stage.folders(root), recipe=recipe, leave=leave)
        signed = manifest.load(task.folders.home)
        reasons = list(_reasons(stage, task, signed, made))
        if reasons:
            made.append(stage.name)
        told = stage.foretell(task) if reasons and stage.foretell is not None else _holds(signed, reasons)
        more = len(reasons) - REASONS
        named = [*reasons[:REASONS], *([f"{more:,} more"] if more > 0 else [])]
        why = f"is made: {', '.join(named)}" if reasons else "is signed, nothing to do"
        yield stage, f"{why}; {told}" if told else why


def _reasons(stage: Stage, task: Task, signed: Manifest | None, made: Sequence[str]) -> Iterator[str]:
    """Why a stage is made; none where nothing is to be done."""
    read = [name for name in stage.reads if name in made]
    if signed is None:
        begun = (task.folders.work / NOTE).exists()
        yield "a run that was cut short goes on" if begun else "nothing stands there yet"
        return
    yield from (f"{name} may be another" for name in read)
    table, inputs = task.recipe.table(stage.name, *stage.also), dict(stage.inputs(task.recipe))
    for name in stage.reads:
        found = None if name in read else manifest.load(task.folders.reads(name))
        if found is not None:
            inputs[name] = found.digest
    before = {name: value for name, value in signed.inputs.items() if name not in read}
    changed = [*_keys(signed.recipe, table), *_inputs(before, inputs)]
    yield from changed
    if not read and not changed and plan_of(stage.name, table, inputs) != signed.plan:
        yield "this release makes it otherwise"
    if task.leave != NO_LEAVE and stage.is_unfinished is not is_finished:
        yield "what the command asks for, if there is any"
    elif stage.is_unfinished(task):
        yield "some of it is asked for again"


def _keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a recipe that have other values."""
    for section, value in now.items():
        old = before.get(section)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            keys = sorted(key for key in {*value, *old} if value.get(key) != old.get(key))
            yield from (f"[{section}] {key} changed" for key in keys)
        elif value != old:
            yield f"{section} changed"


def _inputs(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """The files and stages that are others than they were."""
    for name in sorted({*before, *now}):
        if name not in before:
            yield f"{name} is new"
        elif name not in now:
            yield f"{name} is gone"
        elif before[name] != now[name]:
            yield f"{name} is another"


def _holds(signed: Manifest | None, reasons: Sequence[str]) -> str:
    """What is written anew, as much as is known of it: what it was."""
    if signed is None or not reasons:
        return ""
    size = size_in_words(sum(file.bytes for file in signed.files))
    counts, files = signed.counts, len(signed.files)
    which = f"{files:,} files" if files != 1 else "1 file"
    return f"it read {counts.read:,} and kept {counts.kept:,}, in {which} of {size}"
