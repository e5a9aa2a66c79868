"""The evaluation sets in a job: their codes, as dedup wrote them, and the detector; once a process."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from beam_jobs.engine import progress
from beam_jobs.engine.files import version
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Task, Unit
from wit_pipeline.copies import evaluation
from wit_pipeline.copies.describing import descriptors
from wit_pipeline.copies.evaluation import AuditConfig, Describer, EvaluationImage
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.sightings import Coded, Look
from wit_pipeline.copies.thresholds import Seen, Trusted, merged, seen, spread_of, trusted_bits
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.store import given

LIMITS = "limits.json"  # in dedup's folder: how near is a copy, which the audit goes by

SHOWN = ("reached", "spread")  # tables of what a unit of work saw, that limits are decided by

_indexes: dict[str, Evaluation] = {}  # by plan


def table(task: Task, kind: str, unit: Unit) -> Path:
    """The table of one kind that a unit of work writes for the steps after it."""
    return task.folders.scratch / f"{kind}-{unit.name}.parquet"


def shown(task: Task, units: Sequence[Unit]) -> dict[str, Seen]:
    """What all units of work have shown of each set."""
    reached, spread = ([table(task, kind, unit) for unit in units] for kind in SHOWN)
    return seen(merged(reached), spread_of(spread), task.recipe.audit)


def read_sets(paths: Iterable[Path]) -> list[EvaluationImage]:
    """The codes in some files."""
    return [item for path in paths for item in rows.read(path, EvaluationImage)]


def index_of(task: Task, paths: Callable[[], Iterable[Path]]) -> Evaluation:
    """The index of the codes in what `paths` lists; a `RunError` where a set has no readable image.

    To list them may open every archive of every set: that, too, is done once.
    """
    if task.plan not in _indexes:
        known, config = read_sets(paths()), task.recipe.audit
        evaluation.check_readable(known, config.named_sets())
        _indexes[task.plan] = Evaluation(known, config)
    return _indexes[task.plan]


def inputs(recipe: Recipe) -> dict[str, str]:
    """The evaluation sets and the detector, each with what tells one version of it from another."""
    config = recipe.audit
    places = config.named_sets().items()
    found = {f"sets {name}": version(config.files(name), place) for name, place in places}
    detector = detector_at(recipe.audit.detector)
    return {**found, **({"detector": detector.digest} if detector else {})}


def told(config: AuditConfig) -> Iterator[str]:
    """What of each set is not read, in words; a `UserError` for one of which nothing is."""
    for name in config.named_sets():
        if said := config.survey(name).told():
            yield f"[audit.sets] {name}: {said}"


def check(task: Task) -> None:
    """Before any work: say what of the sets is not read."""
    for said in told(task.recipe.audit):
        progress.tell("note", text=f"{'dedup':>8}  {said}")


@cache
def detector_at(path: str) -> Describer | None:
    """The detector of a recipe, if it names one; a `UserError` where it cannot be run."""
    if not path:
        return None
    from wit_pipeline.copies.detector import Detector  # loads its runtime: only where one is named

    return Detector(given(path))


def detector_of(task: Task) -> Describer | None:
    return detector_at(task.recipe.audit.detector)


def trusted(task: Task, images: int) -> Trusted:
    """How near is a copy in a data set of so many images, until decoys object."""
    detector = detector_of(task)
    apart = int((1 - detector.trusted) * 1000) if detector else -1
    return Trusted(bits=trusted_bits(images), apart=apart)


def look(task: Task, known: Evaluation, images: Sequence[Coded], stored: Callable[[int], bytes]) -> Look:
    """What some training images show; `stored` gives the bytes of one, for the detector."""
    detector = detector_of(task)
    if not detector:
        return known.look(images)
    made = descriptors(len(images), lambda i: stored(i) if images[i].phash else b"", detector)
    return known.look(images, made)
