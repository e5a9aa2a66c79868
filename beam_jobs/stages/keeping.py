"""What was fetched is for ever: units are added to a crawl, and none is made anew.

A unit's plan is the digest of those keys of `[crawl]` that decide a stored picture's bytes, so neither a row
more in a list nor another rule of what may be asked touches it. Where such a key changes, it is said in
numbers what would be asked for again; with `--refetch` the crawl is moved aside:

    ROOT/crawl.DATE/            what ROOT/crawl was, its manifest and receipts too
    ROOT/crawl.DATE/frontier/   the candidates that it was made for: what was found on which page
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from beam_jobs.engine import build, files, pending, progress
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import NOTE, Folders, Task
from wit_pipeline.crawl.standing import Standing, changed, standing, told
from wit_pipeline.listed.entries import CODES, QUALITY
from wit_pipeline.listed.lists import BlockList
from wit_pipeline.pictures import pdq
from wit_pipeline.takedown import takedown
from wit_pipeline.vocabulary import extras, manifest
from wit_pipeline.vocabulary.asked import RECEIPT, Asked, Asking, asking
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.crawl_config import OF_BYTES, CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest, Receipt
from wit_pipeline.vocabulary.store import in_store, link, remove_folder, sizes

STAGE = "crawl"
ASIDE = re.compile(r"crawl\.[0-9]{4}-[0-9]{2}-[0-9]{2}(?:\.[0-9]+)?")
UNKNOWN = "what began it is not known (an older release, or .work was deleted)"
FORMAT = "the format of a crawl"
CANDIDATES = "frontier"  # folder of a crawl that was moved aside
MOVING = "crawl.moving.json"  # in ROOT/.work, of a store: the name that a crawl is on its way to
KINDS = ("tar", "table", "times")  # files of a unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Crawl:
    """What lies in a crawl's folder, signed or under way."""

    home: Path
    receipts: Mapping[Asking, Receipt]  # of all that is whole
    asked: Asked

    @property
    def tables(self) -> Mapping[Asking, Path]:
        """The tables of what is whole."""
        return self.asked.tables

    def standing(self, wanted: Mapping[int, Path]) -> Standing:
        """What the parts of a frontier would have asked again of it, all of it. Reads every URL."""
        return standing(self.tables.values(), wanted.values())


def whole(home: Path) -> dict[Asking, Receipt]:
    """The receipts of a crawl's folder, by unit and chance, of whatever plan."""
    there = sizes(home)
    names = sorted(name for name in there if name.startswith("unit-") and name.endswith(RECEIPT))
    found = manifest.receipts_of(home, names, there)
    named = ((asking(receipt.unit), receipt) for receipt in found.values())
    return {which: receipt for which, receipt in named if which is not None}


def _signed(home: Path) -> dict[Asking, Receipt]:
    """Receipts for the units that a crawl's manifest names, from that: for those that have lost theirs."""
    signed, found, there = manifest.load(home), dict[Asking, list[File]](), sizes(home)
    for file in signed.files if signed is not None else ():
        which = asking(file.name)
        if which and there.get(file.name) == file.bytes:
            found.setdefault(which, []).append(file)
    if signed is None:
        return {}
    by = plan_of(signed.recipe.get(STAGE, {}))
    return {
        which: Receipt(unit=f"unit-{which}", plan=by, counts=Counts(), files=tuple(files))
        for which, files in found.items()
        if len(files) == len(KINDS)
    }


def of(folders: Folders) -> Crawl | None:
    """The crawl of a root; None where there is nothing that was fetched."""
    home = folders.reads(STAGE)
    receipts = {**_signed(home), **whole(home)}
    names = [file.name for receipt in receipts.values() for file in receipt.files]
    return Crawl(home=home, receipts=receipts, asked=Asked(home, names)) if receipts else None


def next_unit(folders: Folders) -> int:
    """The number of the first unit of a new round: nothing of a unit that has a receipt is written again."""
    named = (asking(path.name) for path in folders.reads(STAGE).glob(f"unit-*{RECEIPT}"))
    return max((which.unit + 1 for which in named if which is not None), default=0)


def plan_of(table: Mapping[str, Any]) -> str:
    """The plan of a unit that was, or will be, fetched by `table`, a recipe's `[crawl]`."""
    upgraded = CrawlConfig.upgraded(table)
    return digest([build.FORMATS[STAGE], {key: upgraded[key] for key in OF_BYTES}])


def plan(recipe: Recipe) -> str:
    """The plan of this recipe's units."""
    return plan_of(recipe.table(STAGE)[STAGE])


def inputs(recipe: Recipe) -> dict[str, str]:
    """What decides a crawl beside the recipe's table and the frontier: the block lists, by their sums."""
    sums = map(files.sum_of, files.block_lists(recipe.crawl))
    return {f"block_lists {digest[:16]}": digest for digest in sums}


def block_list(task: Task, *, removed: bool) -> BlockList:
    """What the recipe's lists name, with `removed` also what the root was told to take down since."""
    found = [(file.path, file.version) for file in files.block_lists(task.recipe.crawl)]
    given = takedown.lists(task.folders.root / takedown.FOLDER) if removed else []
    for path in (path for each in given for path in takedown.files(each)):
        state = path.stat()
        found.append((str(path), f"{state.st_size} {state.st_mtime}"))
    return _block_list(tuple(found))


@cache  # once a process
def _block_list(lists: tuple[tuple[str, str], ...]) -> BlockList:
    return BlockList.read((path for path, _ in lists), files.open_input)


def check_lists(task: Task) -> None:
    """Before any work: a `UserError` for a list that cannot be read, or that asks for what cannot be made."""
    listed = block_list(task, removed=True)
    if task.recipe.crawl.store == "raw" and (codes := listed.kinds & set(CODES)):
        told = " and ".join(sorted(codes))
        raise UserError(f'[crawl] block_lists: {told} of pictures are not made where store = "raw"')
    if "pdq" in listed.kinds:
        extras.needs(pdq.MODULE, "[crawl] block_lists: to know a picture by its PDQ")


def _made(folders: Folders) -> Mapping[str, Any]:
    """Plan, recipe and inputs of a root's crawl as it was signed or begun; nothing where nobody knows."""
    signed, note = manifest.load(folders.reads(STAGE)), folders.root / ".work" / STAGE / NOTE
    if signed is not None:
        return {"plan": signed.plan, "recipe": signed.recipe, "inputs": signed.inputs}
    found: Mapping[str, Any] = manifest.read_json(note) if note.exists() else {}
    return found


def table_of(folders: Folders) -> dict[str, Any]:
    """The `[crawl]` by which a crawl was signed or begun, as this release would write it; else nothing."""
    before = _made(folders).get("recipe", {}).get(STAGE)
    return CrawlConfig.upgraded(before) if before is not None else {}


def differences(crawl: Crawl, folders: Folders, recipe: Recipe) -> list[str]:
    """Why pictures that were stored would be others now, in words; none where they would not."""
    now = plan(recipe)
    strange = {receipt.plan for receipt in crawl.receipts.values()} - {now}
    if not strange:
        return []
    by = _made(folders)
    before = by.get("recipe", {}).get(STAGE)
    if before is None:
        return [UNKNOWN]
    upgraded, wanted = CrawlConfig.upgraded(before), recipe.table(STAGE)[STAGE]
    found = [f"[crawl] {key}" for key in changed(upgraded, {key: wanted[key] for key in OF_BYTES})]
    # Receipts of an earlier release have the plan of the whole stage.
    earlier = build.plan_of(STAGE, by["recipe"], by["inputs"]) == by["plan"]
    known = {plan_of(before)} | ({by["plan"]} if earlier else set())
    return found or ([] if strange <= known else [FORMAT])


def check(task: Task) -> None:
    """Before any work: a `UserError` where all that was fetched would be asked for again."""
    check_lists(task)
    if passed := sum(one.passed for one in block_list(task, removed=True).lists):
        said = f"{passed:,} PDQs of a quality below {QUALITY} in block lists name nothing"
        progress.tell("note", text=f"   crawl  {said}")
    if task.leave.refetch:
        move_on(task.folders.root)
    elif (task.folders.root / ".work" / MOVING).exists():
        raise UserError("crawl: a --refetch was cut short while it moved what was fetched: add it again")
    crawl = of(task.folders)
    other = differences(crawl, task.folders, task.recipe) if crawl is not None else []
    if crawl is not None and other and not task.leave.refetch:
        frontier = task.folders.reads("frontier")
        _refuse(task, other, crawl.standing(parts(frontier, manifest.load(frontier))))


def settle(task: Task) -> None:
    """Before the crawl's own work: what was fetched holds, or is moved aside."""
    crawl = of(task.folders)
    if crawl is None:
        remove_folder(task.folders.home)  # nothing whole lies there
    elif not differences(crawl, task.folders, task.recipe):
        _keep(task, crawl)
    else:  # with --refetch, or `check` had refused
        name = set_aside(task.folders.root, datetime.now(UTC))
        progress.tell("note", text=f"   crawl  what was fetched before is kept as {task.folders.root / name}")


def parts(frontier: Path, signed: Manifest | None) -> dict[int, Path]:
    """The parts of a frontier, by unit."""
    named = ((asking(file.name), file.name) for file in (signed.named("part-") if signed is not None else ()))
    return {which.unit: frontier / name for which, name in named if which is not None}


def _refuse(task: Task, other: Sequence[str], found: Standing) -> None:
    why = UNKNOWN if UNKNOWN in other else f"{' and '.join(other)} changed"
    kept = f"{task.folders.home}.DATE until `wit drop`"
    raise UserError(f"crawl: {why}: {told(found)}; --refetch does so, and keeps what is there as {kept}")


def _keep(task: Task, crawl: Crawl) -> None:
    """This release's plan for receipts of an earlier one. Whatever kills this, it may be done again."""
    now = plan(task.recipe)
    for which, receipt in crawl.receipts.items():
        path = crawl.home / f"unit-{which}{RECEIPT}"
        if receipt.plan != now or not path.exists():
            manifest.write_receipt(path, replace(receipt, plan=now))


def set_aside(root: Path, time: datetime) -> str:
    """Move ROOT/crawl aside, with the candidates that it was made for; returns its new name."""
    home, frontier = root / STAGE, root / "frontier"
    signed = manifest.load(frontier)
    for path in parts(frontier, signed).values():
        link(path, home / CANDIDATES / path.name)
    if signed is not None:
        held = {path.name for path in parts(frontier, signed).values()}
        files = tuple(file for file in signed.files if file.name in held)
        (home / CANDIDATES).mkdir(exist_ok=True)
        crawl = manifest.load(home)
        by = {STAGE: crawl.digest if crawl is not None else ""}  # says whether that was signed
        manifest.sign(home / CANDIDATES, replace(signed, files=files, inputs=by))
    remove_folder(root / ".work" / STAGE)
    name = next(name for name in _names(time) if not (root / name).exists())
    if in_store(root) is None:
        home.rename(root / name)
    else:
        manifest.write_json(root / ".work" / MOVING, {"name": name})
        move_on(root)
    return name


def move_on(root: Path) -> None:
    """Move what is left of a crawl that is on its way, object by object; a kill leaves it to whoever is next.

    Its signature goes first, so that nobody reads half of it as the crawl of the root.
    """
    note, home = root / ".work" / MOVING, root / STAGE
    if not note.exists():
        return
    target = root / manifest.read_json(note)["name"]
    pending.move(home / manifest.MANIFEST, target / manifest.MANIFEST)
    home.rename(target)
    note.unlink()


def _names(time: datetime) -> Iterator[str]:
    day = f"crawl.{time:%Y-%m-%d}"
    yield day
    for number in range(2, 1_000_000):
        yield f"{day}.{number}"


def aside(root: Path) -> list[Path]:
    """The crawls of a root that were moved aside, by name."""
    return sorted(path for path in root.glob("crawl.*") if ASIDE.fullmatch(path.name) and path.is_dir())


def files_of(home: Path) -> list[File]:
    """The files of a crawl: as its manifest has them, or its receipts where it was never signed."""
    signed = manifest.load(home)
    return list(signed.files) if signed else [file for one in whole(home).values() for file in one.files]
