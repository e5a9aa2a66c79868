"""Nothing that was fetched is asked for again, or lost, unless the user says so (`--refetch`).

A crawl may take weeks, and a row more in a list, another threshold or a new release would have its units
made anew. Where they hold all the same (`wit_pipeline.crawl.standing`) they get receipts for the new plan.
Where they do not, it is said in numbers what would be asked for again; with `--refetch` the crawl is moved
aside:

    ROOT/crawl.DATE/            what ROOT/crawl was, its manifest and receipts too
    ROOT/crawl.DATE/frontier/   the candidates that it was made for: what was found on which page
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beam_jobs.engine import build, files, progress
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import NOTE, Folders, Task
from wit_pipeline.crawl.standing import Standing, changed, holds, recounted, standing, told
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import File, Manifest, Receipt
from wit_pipeline.vocabulary.store import in_store, remove_folder
from wit_pipeline.vocabulary.units import named

STAGE = "crawl"
ASIDE = re.compile(r"crawl\.[0-9]{4}-[0-9]{2}-[0-9]{2}(?:\.[0-9]+)?")
UNKNOWN = "what began it is not known (an older release, or .work was deleted)"
CANDIDATES = "frontier"  # folder of a crawl that was moved aside


Made = Mapping[str, Any]  # plan, recipe and inputs: of a manifest, or of the note of what is under way


@dataclass(frozen=True, kw_only=True, slots=True)
class Crawl:
    """What lies in a crawl's folder, signed or under way."""

    home: Path
    tables: Mapping[int, Path]  # of the units, by number
    receipts: Mapping[int, Receipt]  # of those that are whole

    def holds(self, parts: Mapping[int, Path]) -> bool:
        """Whether all of it does for the parts of a frontier."""
        return holds(self.tables, parts, self.receipts)

    def standing(self, parts: Mapping[int, Path]) -> Standing:
        """What those parts would have asked again of it. Reads and hashes every URL: for a message alone."""
        return standing(self.tables, parts)


def number(name: str) -> int:
    """The number in the name of a unit, or of a part or file of one: "unit-000012.tar"."""
    told = named(name)
    assert told is not None, f"{name} is of no unit"
    return told.unit


def whole(home: Path) -> dict[int, Receipt]:
    """The receipts of a crawl's folder, by unit, of whatever plan."""
    found = manifest.read_receipts(sorted(home.glob("unit-*.receipt.json")))
    return {number(receipt.unit): receipt for receipt in found if receipt is not None}


def of(folders: Folders) -> Crawl | None:
    """The crawl of a root; None where there is nothing that was fetched."""
    home = folders.home
    signed, receipts = manifest.load(home), whole(home)
    if signed is not None:
        names = [file.name for file in signed.named("unit-", ".parquet")]
    else:
        written = (file.name for receipt in receipts.values() for file in receipt.files)
        names = [name for name in written if name.startswith("unit-") and name.endswith(".parquet")]
    tables = {number(name): home / name for name in names if (home / name).exists()}
    return Crawl(home=home, tables=tables, receipts=receipts) if tables else None


def made(folders: Folders) -> Made:
    """What the crawl of a root was made by; nothing where that is not known."""
    signed, note = manifest.load(folders.home), folders.work / NOTE
    if signed is not None:
        return {"plan": signed.plan, "recipe": signed.recipe, "inputs": signed.inputs}
    return manifest.read_json(note) if note.exists() else {}


def inputs(recipe: Recipe) -> dict[str, str]:
    """What decides a crawl beside the recipe's table and the frontier: the block lists."""
    return {f"block_lists {file.name}": file.version for file in files.block_lists(recipe.crawl)}


def differences(folders: Folders, recipe: Recipe) -> list[str]:
    """What is other than it was when a root's crawl was made, but for its frontier, in words."""
    by = made(folders)
    before, now = by.get("recipe"), recipe.table(STAGE)
    if not before:
        return [UNKNOWN]
    found = [f"[crawl] {key}" for key in changed(CrawlConfig.upgraded(before.get(STAGE, {})), now[STAGE])]
    found += ["seed"] * (before.get("seed") != now["seed"])
    outside = (version for name, version in by["inputs"].items() if name != "frontier")
    found += ["[crawl] block_lists"] * (sorted(outside) != sorted(inputs(recipe).values()))
    same_format = build.plan_of(STAGE, before, by["inputs"]) == by["plan"]
    return found + ["the format of a crawl"] * (not same_format)


def check(task: Task) -> None:
    """Before any work: a `UserError` where the recipe alone says that all would be asked for again."""
    other = differences(task.folders, task.recipe)
    crawl = of(task.folders) if other not in ([], [UNKNOWN]) and not task.refetch else None
    if crawl is not None:
        frontier = task.folders.reads("frontier")
        _refuse(task, other, crawl.standing(_parts(frontier, manifest.load(frontier))))


def before_crawl(task: Task) -> None:
    """Before the crawl's own work: its units hold, or it is moved aside, or a `UserError` says what it is."""
    crawl = of(task.folders)
    if crawl is None:
        remove_folder(task.folders.home)  # nothing whole lies there
        return
    if crawl.tables.keys() == crawl.receipts.keys() and _all_of(task.plan, crawl):
        return
    parts = _parts(task.folders.reads("frontier"), task.folders.signed("frontier"))
    if _holds(task, crawl, parts):
        _keep(task, crawl, parts)


def before_frontier(task: Task, frontier: Manifest) -> None:
    """Before a frontier takes the place of another: the same for the crawl that was made of that one."""
    of_crawl = replace(task, folders=replace(task.folders, stage=STAGE, in_place=True))
    if made(of_crawl.folders).get("inputs", {}).get("frontier") == frontier.digest:
        return
    crawl = of(of_crawl.folders)
    if crawl is not None:
        _holds(of_crawl, crawl, _parts(task.folders.out, frontier))


def _all_of(plan: str, crawl: Crawl) -> bool:
    return all(receipt.plan == plan for receipt in crawl.receipts.values())


def _parts(frontier: Path, signed: Manifest | None) -> dict[int, Path]:
    named = signed.named("part-") if signed is not None else ()
    return {number(file.name): frontier / file.name for file in named}


def _holds(task: Task, crawl: Crawl, parts: Mapping[int, Path]) -> bool:
    """Whether all units do; if not, they are moved aside, or a `UserError` says what that would ask again."""
    other = differences(task.folders, task.recipe)
    if not other and crawl.holds(parts):
        return True
    if not task.refetch:
        _refuse(task, other or ["its frontier"], crawl.standing(parts))
    name = set_aside(task.folders.root, datetime.now(UTC))
    progress.tell("note", text=f"   crawl  what was fetched before is kept as {task.folders.root / name}")
    return False


def _refuse(task: Task, other: Sequence[str], found: Standing) -> None:
    why = UNKNOWN if UNKNOWN in other else f"{' and '.join(other)} changed"
    kept = f"{task.folders.home}.DATE until `wit drop`"
    raise UserError(f"crawl: {why}: {told(found)}; --refetch does so, and keeps what is there as {kept}")


def _keep(task: Task, crawl: Crawl, parts: Mapping[int, Path]) -> None:
    """Receipts for the new plan. Whatever kills this, it may be done again: no plan's receipts are lost."""
    for unit, path in crawl.tables.items():
        counts = recounted(path, parts[unit])
        receipt = replace(crawl.receipts[unit], plan=task.plan, counts=counts)
        manifest.write_receipt(crawl.home / f"unit-{unit:06d}.receipt.json", receipt)
    progress.tell("note", text=f"   crawl  {len(crawl.tables):,} units hold: nothing of them is asked again")


def set_aside(root: Path, time: datetime) -> str:
    """Move ROOT/crawl aside, with the candidates that it was made for; returns its new name."""
    home, frontier = root / STAGE, root / "frontier"
    for path in _parts(frontier, manifest.load(frontier)).values():
        _link(path, home / CANDIDATES / path.name)
    remove_folder(root / ".work" / STAGE)
    name = next(name for name in _names(time) if not (root / name).exists())
    home.rename(root / name)
    return name


def _names(time: datetime) -> Iterator[str]:
    day = f"crawl.{time:%Y-%m-%d}"
    yield day
    for number in range(2, 1_000_000):
        yield f"{day}.{number}"


def _link(source: Path, target: Path) -> None:
    """The same file under a second name, as no file of a stage is ever written to; or a copy."""
    there = in_store(source)
    if there is not None:
        return there.copy(target)
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return None


def aside(root: Path) -> list[Path]:
    """The crawls of a root that were moved aside, by name."""
    return sorted(path for path in root.glob("crawl.*") if ASIDE.fullmatch(path.name) and path.is_dir())


def files_of(home: Path) -> list[File]:
    """The files of a crawl: as its manifest has them, or its receipts where it was never signed."""
    signed = manifest.load(home)
    return list(signed.files) if signed else [file for one in whole(home).values() for file in one.files]
