"""`wit audit --shards`: anybody's shards, or a folder of pictures, against the evaluation sets of a recipe.

No build precedes it: the pictures are decoded here, in processes that may die, and how near is a copy is told
by these shards' own decoys. The audit lies in OUT/audit, as a build's does.
"""

import argparse
import asyncio
import atexit
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path

from beam_jobs.commands import on_engine
from beam_jobs.engine import build, progress, recipe
from beam_jobs.engine.files import version
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.runners import checks
from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import audit, dedup, sets
from wit_pipeline.audit import anybody, evidence
from wit_pipeline.audit.anybody import Sample, Told, beside, overlaps_of, sample_of, told_of, unread_of
from wit_pipeline.audit.audit import Overlap, results, sheets, sift
from wit_pipeline.copies import any_format, picture_sets, thresholds
from wit_pipeline.copies.picture_sets import Holder, Picture
from wit_pipeline.copies.sightings import Cut, Reached, Sighting, Spread
from wit_pipeline.copies.thresholds import Limits
from wit_pipeline.pictures.decoders import Decoders
from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.report.audit_report import audit_page
from wit_pipeline.vocabulary import machine, rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, File, aside, describe, read_json, write_json
from wit_pipeline.vocabulary.store import given, in_store

WHAT = "--shards"
LOOSE = 2_000  # pictures of a folder that are a unit of work
AT_ONCE = 64  # bodies that wait for decoders
DECODE = "wit_pipeline.copies.any_format:decode_any"
KINDS = ("near", *sets.SHOWN, "cut", "told")

Answer = tuple[Picture, Decoded | ImageError]


def run(arguments: argparse.Namespace) -> None:
    """wit audit --shards PATTERN --out DIR."""
    loaded, out = recipe.load(arguments.recipe), arguments.root
    if not loaded.audit.sets:
        raise UserError(f"{arguments.recipe}: names no [audit.sets] to hold shards against")
    if (out / "shard").exists() or (out / "crawl").exists():
        raise UserError(f"--out {out}: a dataset is built there, whose audit `wit audit --root {out}` makes")
    options = checks.options(arguments.beam, out)
    stage = of(arguments.shards, out)
    audit.bring(out, loaded.audit, dict(arguments.predictions), arguments.reviewed)
    display = progress.JsonLines() if arguments.json else progress.Display()
    with on_engine.running(arguments, options, display) as running:
        trusted = partial(on_engine.trust, running, options, out)
        build.run_stages([stage], loaded, out, running, take_over=arguments.take_over, begin=trusted)
        for said in read_json(out / "audit" / "results.json")["damaged"]:
            progress.tell("note", text=f"{audit.STAGE.name:>8}  {said}: nothing of it was compared")
        progress.tell("note", text=f"{out}/audit/report.html and results.json")


def of(pattern: str, out: Path) -> Stage:
    """The audit of the shards that a pattern means, by what people brought to OUT."""
    holders(pattern)  # one that means nothing is told before any work
    compare = partial(units, pattern)
    brought = audit.of(out).inputs(Recipe())
    return Stage(
        name="audit",
        about=audit.STAGE.about,
        also=("crawl",),
        inputs=lambda recipe: {**sets.inputs(recipe), **brought, WHAT: state_of(pattern)},
        check=partial(check, pattern),
        steps=(
            Work(name="EncodeSets", units=dedup.set_units, do=dedup.encode_set),
            Work(name="Among", units=dedup.own_units, do=dedup.look_among, scratch=True),
            Work(name="Compare", units=compare, do=do, scratch=True),
        ),
        finish=partial(finish, compare),
    )


def holders(pattern: str) -> list[Holder]:
    """The shards, or the pictures of a folder."""
    return picture_sets.holders(WHAT, given(pattern))[0]


def check(pattern: str, task: Task) -> None:
    """Before any work: say what of the sets, and beside the shards, is not read."""
    sets.check(task)
    if said := picture_sets.holders(WHAT, given(pattern))[1].told():
        progress.tell("note", text=f"{audit.STAGE.name:>8}  {WHAT}: {said}")


def state_of(pattern: str) -> str:
    """What tells one state of the shards from another."""
    paths = [item.path for item in holders(pattern)]
    below = given(pattern)
    while not below.is_dir() and below.parent != below and in_store(below) is None:
        below = below.parent
    return version(paths, below)


def units(pattern: str, task: Task) -> Sequence[Unit]:
    """A unit of work for each archive, and for some thousand pictures that lie loose."""
    found = holders(pattern)
    loose = [item for item in found if not item.is_archive]
    covers = [[item] for item in found if item.is_archive]
    covers += [loose[start : start + LOOSE] for start in range(0, len(loose), LOOSE)]
    return [Unit(name=f"overlap-{number:06d}", covers=some) for number, some in enumerate(covers)]


def pictures_of(unit: Unit) -> list[Picture]:
    """The pictures of a unit, each with its name among all."""
    return [picture for holder in unit.covers for picture in holder.pictures(WHAT)]


@cache
def decoders(config: CrawlConfig) -> Decoders:
    """The process's decoders, which are processes of their own."""
    made = Decoders(config, DECODE)
    atexit.register(made.close)
    return made


def decoded(found: Iterable[Picture], config: CrawlConfig) -> Iterator[Answer]:
    """Each picture and what its decode told, some of them at once."""

    async def all_of(bodies: Sequence[tuple[Picture, bytes]]) -> list[Decoded | BaseException]:
        each = (decoders(config).decode(body) for _, body in bodies)
        return await asyncio.gather(*each, return_exceptions=True)

    left = picture_sets.read(list(found))
    while bodies := list(islice(left, AT_ONCE)):
        for (picture, _), told in zip(bodies, asyncio.run(all_of(bodies)), strict=True):
            if not isinstance(told, Decoded | ImageError):
                raise told
            yield picture, told


def codes_of_sets(task: Task) -> list[Path]:
    """The tables of the evaluation images' codes."""
    return [task.folders.out / f"{unit.name}.parquet" for unit in dedup.set_units(task)]


class _Kept:
    """The stored bytes of a unit's pictures, which a detector looks at: on disk, as there may be many."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._file = tempfile.TemporaryFile(dir=machine.folder())  # noqa: SIM115  closed by __exit__
        self._ends = [0]

    def __enter__(self) -> "_Kept":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, stored: bytes) -> None:
        if self._wanted:
            self._file.write(stored)
            self._ends.append(self._file.tell())

    def __call__(self, number: int) -> bytes:
        self._file.seek(self._ends[number])
        return self._file.read(self._ends[number + 1] - self._ends[number])


def do(task: Task, unit: Unit) -> Done:
    """Write what of some pictures lies near which evaluation images, and how near those were reached."""
    known, config = sets.index_of(task, partial(codes_of_sets, task)), task.recipe.audit
    samples, unread = list[Sample](), Counter[str]()
    found, damaged = _readable(unit)
    with _Kept(bool(config.detector)) as kept:
        for picture, told in decoded(found, any_format.decoding(task.recipe.crawl)):
            if isinstance(told, ImageError):
                unread[str(told.reason)] += 1
            else:
                samples.append(sample_of(picture.name, told))
                kept.add(told.stored)
        seen = sets.look(task, known, samples, kept)
    nearest = seen.pairs.nearest(seen.pairs.row, config.pairs_kept)
    shown = list(known.sightings(seen.pairs[nearest], [sample.key for sample in samples]))
    paths = near, reached, spread, cut, counted = [sets.table(task, kind, unit) for kind in KINDS]
    write_whole(near, Overlap, overlaps_of(shown, _beside(unit, found, shown)))
    write_whole(reached, Reached, known.reached(seen.reached))
    write_whole(spread, Spread, known.spread(seen.spread))
    write_whole(cut, Cut, known.cut(seen.pairs[~nearest]))
    count = len(samples) + unread.total()
    write_whole(counted, Told, [told_of(len(samples), unread, damaged)])
    return Counts(read=count, kept=len(samples), rejected=dict(unread)), tuple(map(describe, paths))


def _readable(unit: Unit) -> tuple[list[Picture], str]:
    """The pictures of a unit; or none, and what is amiss with its archive: one of thousands ends no audit."""
    try:
        return pictures_of(unit), ""
    except UserError as error:
        return [], str(error)


def _beside(unit: Unit, found: Iterable[Picture], shown: Iterable[Sighting]) -> Mapping[str, anybody.Beside]:
    near = {item.key for item in shown}
    members = {item.member: item.name for item in found if item.name in near and item.member}
    return beside(unit.covers[0].path, members)


def limits_of(task: Task, covered: Sequence[Unit], samples: int) -> dict[str, Limits]:
    """How near is a copy of each set, by the decoys of these shards and the set's own images."""
    own = thresholds.own_of([sets.table(task, "own", unit) for unit in dedup.own_units(task)])
    shown = sets.shown(task, covered)
    return thresholds.decide(shown, own, task.recipe.audit, sets.trusted(task, samples))


def finish(compare: Callable[[Task], Sequence[Unit]], task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """overlap.parquet, limits.json, results.json and report.html."""
    out, config, covered = task.folders.out, task.recipe.audit, compare(task)
    known = sets.read_sets(codes_of_sets(task))
    near, cut, told = ([sets.table(task, kind, unit) for unit in covered] for kind in ("near", "cut", "told"))
    counted = [item for path in told for item in rows.read(path, Told)]
    samples = sum(item.kept for item in counted)
    if not samples:
        damaged = (item.damaged for item in counted if item.damaged)
        raise UserError(f"{WHAT}: no picture can be read: {next(damaged, '') or unread_of(counted)}")
    limits = limits_of(task, covered, samples)
    found = sift(
        (item for path in near for item in rows.read(path, Overlap)),
        (item for path in cut for item in rows.read(path, Cut)),
        limits,
        config,
    )
    predictions, reviews = evidence.read(task.folders.root / audit.EVIDENCE)
    stated = thresholds.of_sets(sets.shown(task, covered), config, limits)
    summary = results(known, found, stated, config, samples, predictions, reviews)
    summary |= {"unread": unread_of(counted), "damaged": [item.damaged for item in counted if item.damaged]}
    count = write_whole(out / "overlap.parquet", Overlap, found.copies)
    write_json(out / sets.LIMITS, thresholds.to_json(limits))
    write_json(out / "results.json", summary)
    shown = sheets(found, config)
    keys = {item.key for sheet in shown.values() for item in (*sheet.sample, *sheet.edge, *sheet.beyond)}
    page = audit_page(summary, shown, pictures(covered, near, keys), config)
    with aside(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    names = (sets.LIMITS, "results.json", "report.html")
    return describe(out / "overlap.parquet", count), *(describe(out / name) for name in names)


def pictures(covered: Sequence[Unit], near: Sequence[Path], keys: set[str]) -> Mapping[str, bytes]:
    """Some samples' pictures, by key, in a format of the web."""
    found: dict[str, bytes] = {}
    for unit, path in zip(covered, near, strict=True):
        wanted = keys.intersection(rows.column(path, "key"))
        chosen = [item for item in pictures_of(unit) if item.name in wanted] if wanted else []
        found |= {item.name: any_format.of_the_web(body) for item, body in picture_sets.read(chosen)}
    return found
