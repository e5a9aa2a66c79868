"""audit: every shard against every evaluation set, and a report for eyes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import sets
from wit_pipeline.audit import evidence
from wit_pipeline.audit.audit import Overlap, overlap_of, results, sample_images, sheets, sift
from wit_pipeline.copies import thresholds
from wit_pipeline.copies.evaluation import AuditConfig
from wit_pipeline.copies.sightings import Cut, Reached, Spread
from wit_pipeline.report.audit_report import audit_page
from wit_pipeline.shard import CHANGED, Stored, present, tables_of
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, File, aside, describe, read_json, write_json

R = TypeVar("R")

KINDS = ("near", *sets.SHOWN, "cut")
EVIDENCE = "evidence"  # folder of a root: predictions and verdicts, as people gave them


def units(task: Task) -> Sequence[Unit]:
    """One unit of work for each shard."""
    shards = [file for file in tables_of(task.folders.signed("shard").files) if file.rows]
    return [Unit(name=f"overlap-{file.name.removesuffix('.parquet')}", covers=file.name) for file in shards]


def do(task: Task, unit: Unit) -> Done:
    """Write what of one shard lies near which evaluation images, and how near each of those was reached."""
    known = sets.index_of(task, lambda: task.folders.files("dedup", "evaluation-"))
    samples = present(
        task.folders.reads("shard"), unit.covers, bool(task.folders.signed("shard").named(CHANGED))
    )
    with Stored(task.folders.reads("shard") / unit.covers.replace(".parquet", ".tar")) as stored:
        seen = sets.look(task, known, samples, lambda i: stored.image(samples[i].key))
    kept = seen.pairs.nearest(seen.pairs.row, task.recipe.audit.pairs_kept)
    by_key = {sample.key: sample for sample in samples}
    shown = known.sightings(seen.pairs[kept], [sample.key for sample in samples])
    near, reached, spread, cut = (sets.table(task, kind, unit) for kind in KINDS)
    write_whole(near, Overlap, (overlap_of(item, by_key[item.key]) for item in shown))
    write_whole(reached, Reached, known.reached(seen.reached))
    write_whole(spread, Spread, known.spread(seen.spread))
    write_whole(cut, Cut, known.cut(seen.pairs[~kept]))
    files = tuple(describe(path) for path in (near, reached, spread, cut))
    return Counts(read=len(samples), kept=len(samples)), files


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """overlap.parquet, results.json and report.html."""
    out, config = task.folders.out, task.recipe.audit
    known = sets.read_sets(task.folders.files("dedup", "evaluation-"))
    near, cut = ([sets.table(task, kind, unit) for unit in units(task)] for kind in ("near", "cut"))
    limits = thresholds.from_json(read_json(task.folders.reads("dedup") / sets.LIMITS))
    told = thresholds.of_sets(sets.shown(task, units(task)), config, limits)
    found = sift(_all(near, Overlap), _all(cut, Cut), limits, config)
    samples = task.folders.signed("shard").counts.kept
    predictions, reviews = evidence.read(task.folders.root / EVIDENCE)
    summary = results(known, found, told, config, samples, predictions, reviews)
    count = write_whole(out / "overlap.parquet", Overlap, found.copies)
    write_json(out / "results.json", summary)
    shown = sheets(found, config)
    keys = {item.key for sheet in shown.values() for item in (*sheet.sample, *sheet.edge, *sheet.beyond)}
    pictures = sample_images(task.folders.reads("shard"), keys)
    page = audit_page(summary, shown, pictures, config)
    with aside(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return (
        describe(out / "overlap.parquet", count),
        describe(out / "results.json"),
        describe(out / "report.html"),
    )


def _all(paths: Iterable[Path], record: type[R]) -> Iterator[R]:
    return (item for path in paths for item in rows.read(path, record))


STAGE = Stage(
    name="audit",
    about="overlap of the shards with each evaluation set, with the pairs side by side",
    reads=("shard", "dedup"),
    accounts="shard",
    steps=(Work(name="Compare", units=units, do=do, scratch=True),),
    finish=finish,
)


def of(root: Path) -> Stage:
    """The stage with what people brought to this root among its inputs: new evidence, new audit."""
    kept = sorted(path for path in (root / EVIDENCE).glob("*.parquet") if path.is_file())
    brought = {f"{EVIDENCE}/{path.name}": describe(path).sha256 for path in kept}
    return replace(STAGE, inputs=lambda recipe: brought)


def bring(root: Path, config: AuditConfig, predictions: Mapping[str, Path], reviewed: Path | None) -> None:
    """Keep what a command named as evidence; a `UserError` names what cannot be read or is of no set."""
    names = config.named_sets()
    read = {name: evidence.read_predictions(name, path) for name, path in predictions.items()}
    reviews = [] if reviewed is None else evidence.read_reviews(reviewed)
    for name in (*read, *(item.set for item in reviews)):
        if name not in names:
            known = ", ".join(names) or "none"
            raise UserError(f"{name[:80]!r} is no set in [audit.sets]; those are {known}")
    for name, items in read.items():
        images = {item.name for item in config.pictures(name)}
        evidence.check_images(name, items, images)
    if read or reviews:
        evidence.keep(root / EVIDENCE, read, reviews)
