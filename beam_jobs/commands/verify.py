"""`wit verify`: whether all that was signed is there as it was, nothing else is, and the counts follow.

All that is off is said, a line each. What is checked of a stage without another's word: its manifest, by its
seal; its files, by size and sum; that nothing else lies there; that its counts are those of its tables
(`funnel`). Of each stage and those before it: that it was made from what is there now, and lost no record.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from beam_jobs.commands import contents, funnel, sealed
from beam_jobs.commands.contents import Read
from beam_jobs.engine import build, pending
from beam_jobs.engine.stage import NOTE
from beam_jobs.stages import keeping
from beam_jobs.stages.audit import EVIDENCE
from beam_jobs.stages.stages import STAGES
from wit_pipeline.crawl.journal import HEAD, PREFIX, journals, records
from wit_pipeline.takedown.takedown import FOLDER, found_of, lists
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.asked import RECEIPT
from wit_pipeline.vocabulary.errors import RunError, UserError, WitError
from wit_pipeline.vocabulary.manifest import MANIFEST, Manifest

REPORT = "report"
DETECTOR = "detector"  # where the docs have a copy detector put
BESIDE = {".work", EVIDENCE, FOLDER, REPORT, DETECTOR}  # what a root has beside its stages


class Said(NamedTuple):
    """A line of the answer."""

    text: str
    wrong: bool = True


def run(root: Path, look: Read = contents.read) -> None:
    """wit verify: a `RunError` where anything is off."""
    wrong = []
    for said in verify(root, look):
        sys.stdout.write(f"{said.text}\n")
        if said.wrong:
            wrong.append(said.text)
    if wrong:
        more = f"{len(wrong):,} things are off; the first: " if len(wrong) > 1 else ""
        raise RunError(more + wrong[0])


def verify(root: Path, look: Read = contents.read) -> Iterator[Said]:
    """What is to be said of a root, in the order of its stages, where `look` tells what a file holds."""
    there, kept = known(root)
    for name in sorted(there - {*STAGES, *kept, *BESIDE}):
        yield Said(f"{root / name}: is of no stage, so nobody signed it", wrong=False)  # a recipe, a model, …
    if (pending.folder(root) / pending.READY).exists():
        yield Said(f"{pending.folder(root)}: a `wit remove` was cut short; run it again")
    if (moving := root / ".work" / keeping.MOVING).exists():
        yield Said(f"{moving}: a --refetch was cut short while it moved what was fetched; run it again")
    found: dict[str, Manifest] = {}
    for name in STAGES:
        yield from _stage(root, name, found, look)
    for name in kept:
        yield from _kept_crawl(root / name, look)
    yield from map(Said, _lists(root / FOLDER, look))
    yield from map(Said, _evidence(root, found, look))
    yield from _report(root / REPORT, found, look)


def known(root: Path) -> tuple[set[str], list[str]]:
    """What lies in a root, and the crawls of it that were moved aside; a `UserError` where it is none."""
    there = {path.name for path in root.iterdir()} if root.exists() else set()
    kept = [path.name for path in keeping.aside(root)]
    if not there & {*STAGES, *kept}:
        raise UserError(f"--root {root}: holds no signed stage; run `wit build` first")
    return there, kept


def _stage(root: Path, name: str, found: dict[str, Manifest], look: Read) -> Iterator[Said]:
    """A stage; its manifest is put to those that were `found` before."""
    folder, under_way = root / name, (root / ".work" / name / NOTE).exists()
    files = sealed.names(folder)
    if MANIFEST not in files:
        if under_way:
            yield Said(f"{name:>8}  is under way: `wit build` goes on with it", wrong=False)
            if name == keeping.STAGE:
                yield from map(Said, sealed.receipts(folder, None, files, look))
                yield from _journals(folder)
        elif files:
            yield Said(f"{folder}: holds {len(files):,} files, but no {MANIFEST}: nobody signs for them")
        elif after := [other for other in STAGES if name in _inputs(root / other)]:
            yield Said(f"{folder}: is missing, though {after[0]} was made from it")
        return
    wrong = list(_signed(folder, name, found, files, look))
    if not wrong:
        wrong = list(sealed.guarded(folder, lambda: funnel.counted(found[name], folder, found)))
    yield from map(Said, wrong)
    if not wrong:
        signed = found[name]
        yield Said(f"{name:>8}  {len(signed.files):,} files as signed, digest {signed.digest}", wrong=False)


def _inputs(folder: Path) -> Mapping[str, str]:
    """What the manifest of a folder says that it was made from; nothing where it cannot be read."""
    try:
        signed = manifest.load(folder)
    except (WitError, KeyError, TypeError, AttributeError):
        return {}
    return signed.inputs if signed is not None else {}


def _signed(
    folder: Path, name: str, found: dict[str, Manifest], files: set[str], look: Read
) -> Iterator[str]:
    """A signed stage: its manifest, its files, and what it was made from."""
    path = folder / MANIFEST
    signed, wrong = sealed.read(path, manifest.manifest_of)
    yield from wrong
    if signed is None:
        return
    found[name] = signed
    if signed.stage != name:
        yield f"{path}: is of stage {signed.stage}, and lies in {name}"
    if not wrong and build.format_of(signed) == 0:
        yield f"{path}: its plan does not follow from its recipe and inputs"
    yield from sealed.files_as_signed(folder, signed.files, look)
    named = {file.name for file in signed.files} | {MANIFEST}
    receipts = {file for file in files if file.endswith(RECEIPT)} if name == keeping.STAGE else set()
    for file in sorted(files - named - receipts):
        yield f"{folder / file}: nobody signed for it"
    if name == keeping.STAGE:
        yield from sealed.receipts(folder, signed, files, look)
    for other in STAGES[name].reads:
        made = signed.inputs.get(other, "")
        if other in found and made != found[other].digest:
            now = found[other].digest
            yield f"{path}: was made from another {other} (digest {made[:12] or 'none'}…, not {now[:12]}…)"


def _journals(folder: Path) -> Iterator[Said]:
    """The journals of units under way: a kill cuts the last record short, and changes none."""
    for path in journals(folder):
        size, count, whole = path.stat().st_size, -1, 0  # the first record is of no URL
        with path.open("rb") as file:
            for _ in records(file):
                count, whole = count + 1, file.tell()
            file.seek(whole)
            head = file.read(HEAD.size)
        lengths = sum(HEAD.unpack(head)[:2]) if len(head) == HEAD.size else size
        if whole + HEAD.size + lengths <= size:
            yield Said(f"{path}: is damaged after {whole:,} bytes; what follows will be asked for again")
        else:
            yield Said(f"{path.name}: {max(count, 0):,} URLs, {size - whole:,} bytes cut short", wrong=False)


def _kept_crawl(home: Path, look: Read) -> Iterator[Said]:
    """A crawl that was moved aside, and the candidates that it was made for."""
    files, candidates = sealed.names(home), home / keeping.CANDIDATES
    wrong: list[str] = []
    signed: Manifest | None = None
    if MANIFEST in files:
        signed, wrong = sealed.read(home / MANIFEST, manifest.manifest_of)
        wrong += sealed.files_as_signed(home, signed.files, look) if signed is not None else ()
    elif not any(name.endswith(RECEIPT) for name in files) or _inputs(candidates).get(keeping.STAGE):
        wrong.append(f"{home}: has lost its {MANIFEST}: nobody signs for it")
    wrong += sealed.receipts(home, signed, files, look)
    listed = signed.files if signed is not None else keeping.files_of(home) if not wrong else ()
    known = {file.name for file in listed} | {MANIFEST}
    for name in sorted(files - known if listed else ()):
        stays = name.endswith(RECEIPT) or name.startswith(f"{keeping.CANDIDATES}/")
        begun = signed is None and name.startswith((PREFIX, "hosts.", "classes."))  # what a kill left
        if not stays and not begun:
            wrong.append(f"{home / name}: nobody signed for it")
    is_new = any(name.endswith(RECEIPT) and sealed.is_sealed(home / name) for name in files)
    wrong += sealed.own(candidates, look, needed=is_new and bool(sealed.names(candidates)))
    yield from map(Said, wrong)
    if not wrong:
        yield Said(f"{home.name}  {len(listed):,} files as they were when it was moved aside", wrong=False)


def _lists(folder: Path, look: Read) -> Iterator[str]:
    """The lists of `wit remove`: each by the sum in its name, and all by the manifest beside them."""
    for path in lists(folder) if folder.exists() else ():
        sum16 = path.name.removesuffix(".txt").rpartition("-")[2]
        if not look(path).sha256.startswith(sum16):
            yield f"{path}: is not the list that was received"
    strange = sealed.names(folder) - {MANIFEST}
    for path in lists(folder) if folder.exists() else ():
        strange -= {path.name, found_of(path).name}
    for name in sorted(strange):
        if not name.startswith(".pending/"):
            yield f"{folder / name}: nobody signed for it"
    yield from sealed.own(folder, look, needed=bool(sealed.names(folder)))


def _evidence(root: Path, found: Mapping[str, Manifest], look: Read) -> Iterator[str]:
    """What people brought: as the audit read it."""
    read = found["audit"].inputs if "audit" in found else {}
    named = {name: digest for name, digest in read.items() if name.startswith(f"{EVIDENCE}/")}
    for name, digest in named.items():
        if not (root / name).exists():
            yield f"{root / name}: is missing, though the audit read it"
        elif look(root / name).sha256 != digest:
            yield f"{root / name}: is not what the audit read"
    for name in sorted(sealed.names(root / EVIDENCE)):
        if "audit" in found and f"{EVIDENCE}/{name}" not in named:
            yield f"{root / EVIDENCE / name}: the audit has not read it"


def _report(folder: Path, found: Mapping[str, Manifest], look: Read) -> Iterator[Said]:
    """The report: as it was written, and whether it is of what is there now."""
    wrong = list(sealed.own(folder, look, needed=bool(sealed.names(folder))))
    yield from map(Said, wrong)
    made = _inputs(folder)
    for name in sorted(made.keys() - found.keys()):
        yield Said(
            f"{folder.parent / name}: is missing, or nobody signs for it, though the report tells of it"
        )
    if made and any(made.get(name) != signed.digest for name, signed in found.items()):
        yield Said(f"{folder}: is of an earlier state; run `wit report` again", wrong=False)
