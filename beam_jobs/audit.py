"""audit: every shard against every evaluation set, and a report for eyes."""

from collections.abc import Sequence

from beam_jobs.sets import index_of, read_sets
from beam_jobs.stage import Done, Stage, Task, Unit, Work
from beam_jobs.tables import write_whole
from wit_pipeline import rows
from wit_pipeline.audit import Overlap, nearest_first, overlaps, results, sample_images
from wit_pipeline.manifest import Counts, File, describe, write_json
from wit_pipeline.report.audit_report import audit_page
from wit_pipeline.shard import Row


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
    summary = results(sets, found, config, task.folders.signed("shard").counts.kept)
    count = write_whole(out / "overlap.parquet", Overlap, found)
    write_json(out / "results.json", summary)
    shown = {name: nearest_first(found, name, config.pairs_shown) for name in config.named_sets()}
    keys = {item.key for items in shown.values() for item in items}
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
