"""`wit verify`: whether all that was signed is there as it was, nothing else is, and the counts follow.

All that is off is said, a line each. What is checked of a stage without another's word: its manifest, by its
seal; its files, by size and sum; that nothing else lies there; that its counts are those of its tables
(`funnel`). Of each stage and those before it: that it was made from what is there now, and lost no record.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from beam_jobs.commands import funnel
from beam_jobs.engine import build, pending
from beam_jobs.engine.stage import NOTE
from beam_jobs.stages import keeping
from beam_jobs.stages.audit import EVIDENCE
from beam_jobs.stages.stages import STAGES
from wit_pipeline.crawl.journal import PREFIX
from wit_pipeline.takedown.takedown import FOLDER, found_of, lists
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.asked import RECEIPT
from wit_pipeline.vocabulary.errors import RunError, UserError, WitError
from wit_pipeline.vocabulary.manifest import MANIFEST, SEAL, File, Manifest
from wit_pipeline.vocabulary.store import files_below

REPORT = "report"
DETECTOR = "detector"  # where the docs have a copy detector put
BESIDE = {".work", EVIDENCE, FOLDER, REPORT, DETECTOR}  # what a root has beside its stages
T = TypeVar("T")


class Said(NamedTuple):
    """A line of the answer."""

    text: str
    wrong: bool = True


def run(arguments: argparse.Namespace) -> None:
    """wit verify: exit 1 where anything is off."""
    wrong = []
    for said in verify(arguments.root):
        sys.stdout.write(f"{said.text}\n")
        if said.wrong:
            wrong.append(said.text)
    if wrong:
        more = f"{len(wrong):,} things are off; the first: " if len(wrong) > 1 else ""
        raise RunError(more + wrong[0])


def verify(root: Path) -> Iterator[Said]:
    """What is to be said of a root, in the order of its stages."""
    there = {path.name for path in root.iterdir()} if root.exists() else set()
    kept = [path.name for path in keeping.aside(root)]
    if not there & {*STAGES, *kept}:
        raise UserError(f"--root {root}: holds no signed stage; run `wit build` first")
    for name in sorted(there - {*STAGES, *kept, *BESIDE}):
        yield Said(f"{root / name}: is of no stage")
    if (pending.folder(root) / pending.READY).exists():
        yield Said(f"{pending.folder(root)}: a `wit remove` was cut short; run it again")
    found: dict[str, Manifest] = {}
    for name in STAGES:
        yield from _stage(root, name, found)
    for name in kept:
        yield from _kept_crawl(root / name)
    yield from map(Said, _lists(root / FOLDER))
    yield from map(Said, _evidence(root, found))
    yield from _report(root / REPORT, found)


def _stage(root: Path, name: str, found: dict[str, Manifest]) -> Iterator[Said]:
    """A stage; its manifest is put to those that were `found` before."""
    folder, under_way = root / name, (root / ".work" / name / NOTE).exists()
    files = _names(folder)
    if MANIFEST not in files:
        if under_way:
            yield Said(f"{name:>8}  is under way: `wit build` goes on with it", wrong=False)
            if name == keeping.STAGE:
                yield from map(Said, _receipts(folder, None, files))
        elif files:
            yield Said(f"{folder}: holds {len(files):,} files, but no {MANIFEST}: nobody signs for them")
        elif after := [other for other in STAGES if name in _inputs(root / other)]:
            yield Said(f"{folder}: is missing, though {after[0]} was made from it")
        return
    wrong = list(_signed(folder, name, found, files))
    if not wrong:
        wrong = list(_guarded(folder, lambda: funnel.counted(found[name], folder, found)))
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


def _guarded(path: Path, check: Callable[[], Iterator[str]]) -> Iterator[str]:
    """What a check says; where the files are no such tables as it expects, that."""
    try:
        yield from check()
    except WitError as error:
        yield str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        yield f"{path}: says what no stage writes ({type(error).__name__}: {error})"


def _signed(folder: Path, name: str, found: dict[str, Manifest], files: set[str]) -> Iterator[str]:
    """A signed stage: its manifest, its files, and what it was made from."""
    path = folder / MANIFEST
    signed, wrong = _read(path, manifest.manifest_of)
    yield from wrong
    if signed is None:
        return
    found[name] = signed
    if signed.stage != name:
        yield f"{path}: is of stage {signed.stage}, and lies in {name}"
    if not wrong and build.format_of(signed) == 0:
        yield f"{path}: its plan does not follow from its recipe and inputs"
    yield from _files(folder, signed.files)
    named = {file.name for file in signed.files} | {MANIFEST}
    receipts = {file for file in files if file.endswith(RECEIPT)} if name == keeping.STAGE else set()
    for file in sorted(files - named - receipts):
        yield f"{folder / file}: nobody signed for it"
    if name == keeping.STAGE:
        yield from _receipts(folder, signed, files)
    for other in STAGES[name].reads:
        made = signed.inputs.get(other, "")
        if other in found and made != found[other].digest:
            now = found[other].digest
            yield f"{path}: was made from another {other} (digest {made[:12] or 'none'}…, not {now[:12]}…)"


def _read(path: Path, make: Callable[[Mapping[str, Any]], T]) -> tuple[T | None, list[str]]:
    """What a manifest or receipt says, and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text)
        made = make(value)
        again = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, [f"{path}: cannot be read ({type(error).__name__}: {error})"]
    known = {*made.__slots__, "digest", SEAL} if isinstance(made, Manifest) else {*made.__slots__, SEAL}  # type: ignore[attr-defined]
    if set(value) - known or text != again:
        return made, [f"{path}: is not as it was written"]
    if SEAL in value and value[SEAL] != manifest.seal_of(value):
        return made, [f"{path}: is not what was signed: its seal is another"]
    if isinstance(made, Manifest) and value.get("digest") != made.digest:
        return made, [f"{path}: its digest is not that of the files it names"]
    names = [file.name for file in made.files]  # type: ignore[attr-defined]
    if len(set(names)) < len(names) or any("/" in name or name == MANIFEST for name in names):
        return made, [f"{path}: names a file twice, or one that lies elsewhere"]
    return made, []


def _names(folder: Path) -> set[str]:
    """All files in a folder, and in those in it."""
    return {str(path.relative_to(folder)) for path in files_below(folder)} if folder.exists() else set()


def _files(folder: Path, files: tuple[File, ...] | list[File]) -> Iterator[str]:
    """Every file's size and sum; of a table, its rows."""
    for file in files:
        path = folder / file.name
        if not path.exists():
            yield f"{path}: is missing"
            continue
        now = manifest.reread(path)
        if (now.bytes, now.sha256) != (file.bytes, file.sha256):
            sums = f"sha256 {now.sha256[:12]}…, not {file.sha256[:12]}…"
            yield f"{path}: is not what was signed ({now.bytes:,} bytes, {sums})"
        else:
            yield from _guarded(path, lambda path=path, file=file: funnel.rows_of(path, file))  # type: ignore[misc]


def _receipts(folder: Path, signed: Manifest | None, files: set[str]) -> Iterator[str]:
    """The receipts of a crawl's units: each for files that its manifest has too, and none of those without.

    Of a crawl that nobody signed they are all there is, and their files are looked at here.
    """
    named = {file.name: file for file in signed.files} if signed is not None else {}
    told = set()
    for name in sorted(file for file in files if file.endswith(RECEIPT)):
        receipt, wrong = _read(folder / name, manifest.receipt_of)
        yield from wrong
        if receipt is None:
            continue
        if f"{receipt.unit}{RECEIPT}" != name:
            yield f"{folder / name}: is of {receipt.unit}"
        told |= {file.name for file in receipt.files}
        if signed is None:
            yield from _files(folder, receipt.files)
        elif not wrong and any(named.get(file.name) != file for file in receipt.files):
            yield f"{folder / name}: is for other files than {MANIFEST} has"
    for name in sorted(named.keys() - told):
        if name.startswith(("unit-", "times-")):
            yield f"{folder / name}: has lost its receipt"


def _kept_crawl(home: Path) -> Iterator[Said]:
    """A crawl that was moved aside, and the candidates that it was made for."""
    files, candidates = _names(home), home / keeping.CANDIDATES
    wrong: list[str] = []
    signed: Manifest | None = None
    if MANIFEST in files:
        signed, wrong = _read(home / MANIFEST, manifest.manifest_of)
        wrong += _files(home, signed.files) if signed is not None else ()
    elif not any(name.endswith(RECEIPT) for name in files) or _inputs(candidates).get(keeping.STAGE):
        wrong.append(f"{home}: has lost its {MANIFEST}: nobody signs for it")
    wrong += _receipts(home, signed, files)
    listed = signed.files if signed is not None else keeping.files_of(home) if not wrong else ()
    known = {file.name for file in listed} | {MANIFEST}
    for name in sorted(files - known if listed else ()):
        stays = name.endswith(RECEIPT) or name.startswith(f"{keeping.CANDIDATES}/")
        begun = signed is None and name.startswith((PREFIX, "hosts.", "classes."))  # what a kill left
        if not stays and not begun:
            wrong.append(f"{home / name}: nobody signed for it")
    sealed = any(name.endswith(RECEIPT) and _is_sealed(home / name) for name in files)
    wrong += _own(candidates, needed=sealed and bool(_names(candidates)))
    yield from map(Said, wrong)
    if not wrong:
        yield Said(f"{home.name}  {len(listed):,} files as they were when it was moved aside", wrong=False)


def _is_sealed(path: Path) -> bool:
    """Whether a receipt is of this release or a later one."""
    try:
        return SEAL in manifest.read_json(path)
    except (WitError, TypeError):
        return False


def _own(folder: Path, *, needed: bool) -> Iterator[str]:
    """A folder of no stage that has a manifest of its own, as those of earlier releases have not."""
    files = _names(folder)
    if MANIFEST not in files:
        if needed:
            yield f"{folder}: has no {MANIFEST}: nobody signs for what it holds"
        return
    signed, wrong = _read(folder / MANIFEST, manifest.manifest_of)
    yield from wrong
    if signed is not None:
        yield from _files(folder, signed.files)
        for name in sorted(files - {file.name for file in signed.files} - {MANIFEST}):
            yield f"{folder / name}: nobody signed for it"


def _lists(folder: Path) -> Iterator[str]:
    """The lists of `wit remove`: each by the sum in its name, and all by the manifest beside them."""
    for path in lists(folder) if folder.exists() else ():
        sum16 = path.name.removesuffix(".txt").rpartition("-")[2]
        if not manifest.reread(path).sha256.startswith(sum16):
            yield f"{path}: is not the list that was received"
    strange = _names(folder) - {MANIFEST}
    for path in lists(folder) if folder.exists() else ():
        strange -= {path.name, found_of(path).name}
    for name in sorted(strange):
        if not name.startswith(".pending/"):
            yield f"{folder / name}: nobody signed for it"
    yield from _own(folder, needed=bool(_names(folder)))


def _evidence(root: Path, found: Mapping[str, Manifest]) -> Iterator[str]:
    """What people brought: as the audit read it."""
    read = found["audit"].inputs if "audit" in found else {}
    named = {name: digest for name, digest in read.items() if name.startswith(f"{EVIDENCE}/")}
    for name, digest in named.items():
        if not (root / name).exists():
            yield f"{root / name}: is missing, though the audit read it"
        elif manifest.reread(root / name).sha256 != digest:
            yield f"{root / name}: is not what the audit read"
    for name in sorted(_names(root / EVIDENCE)):
        if "audit" in found and f"{EVIDENCE}/{name}" not in named:
            yield f"{root / EVIDENCE / name}: the audit has not read it"


def _report(folder: Path, found: Mapping[str, Manifest]) -> Iterator[Said]:
    """The report: as it was written, and whether it is of what is there now."""
    wrong = list(_own(folder, needed=bool(_names(folder))))
    yield from map(Said, wrong)
    made = _inputs(folder)
    if made and any(made.get(name) != signed.digest for name, signed in found.items()):
        yield Said(f"{folder}: is of an earlier state; run `wit report` again", wrong=False)
