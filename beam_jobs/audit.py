"""audit: every shard against every evaluation set, and a report for eyes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from beam_jobs.sets import index_of, read_sets
from beam_jobs.stage import Done, Stage, Task, Unit, Work
from beam_jobs.tables import write_whole
from wit_pipeline import evaluation, evidence, rows
from wit_pipeline.audit import Overlap, overlaps, results, sample_images, sheets
from wit_pipeline.errors import UserError
from wit_pipeline.evaluation import AuditConfig
from wit_pipeline.manifest import Counts, File, describe, write_json
from wit_pipeline.report.audit_report import audit_page
from wit_pipeline.shard import Row

EVIDENCE = "evidence"  # folder of a root: predictions and verdicts, as people gave them


def units(task: Task) -> Sequence[Unit]:
    """One unit of work for each shard."""
    tables = task.folders.signed("shard").named("", ".parquet")
    shards = [file for file in tables if file.rows and file.name[0].isdigit()]
    return [Unit(name=f"overlap-{file.name.removesuffix('.parquet')}", covers=file.name) for file in shards]


def do(task: Task, unit: Unit) -> Done:
    """Look the samples of one shard up in every set."""
    known = index_of(task, task.folders.files("dedup", "evaluation-"))
    samples = list(rows.read(task.folders.reads("shard") / unit.covers, Row))
    path = task.folders.scratch / f"{unit.name}.parquet"
    count = write_whole(path, Overlap, overlaps(samples, known))
    return Counts(read=len(samples), kept=len(samples)), (describe(path, count),)


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """overlap.parquet, results.json and report.html."""
    out, config = task.folders.out, task.recipe.audit
    sets = read_sets(task.folders.files("dedup", "evaluation-"))
    found = [
        item
        for unit in units(task)
        for item in rows.read(task.folders.scratch / f"{unit.name}.parquet", Overlap)
    ]
    found.sort(key=lambda item: (item.set, item.image, item.distance, item.key))
    predictions, reviews = evidence.read(task.folders.root / EVIDENCE)
    samples = task.folders.signed("shard").counts.kept
    summary = results(sets, found, config, samples, predictions, reviews)
    count = write_whole(out / "overlap.parquet", Overlap, found)
    write_json(out / "results.json", summary)
    shown = sheets(found, config)
    keys = {item.key for sheet in shown.values() for item in (*sheet.sample, *sheet.edge)}
    pictures = sample_images(task.folders.reads("shard"), keys)
    page = audit_page(summary, shown, pictures, config)
    (out / "report.html").write_text(page, encoding="utf-8")
    return (
        describe(out / "overlap.parquet", count),
        describe(out / "results.json"),
        describe(out / "report.html"),
    )


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
    inputs = {f"{EVIDENCE}/{path.name}": describe(path).sha256 for path in kept}
    return replace(STAGE, inputs=lambda recipe: inputs)


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
        images = {path.relative_to(names[name]).as_posix() for path in evaluation.images(name, names[name])}
        evidence.check_images(name, items, images)
    if read or reviews:
        evidence.keep(root / EVIDENCE, read, reviews)
