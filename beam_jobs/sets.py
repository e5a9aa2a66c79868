"""The evaluation sets' codes, as dedup wrote them, and their index: one a process for each plan."""

from collections.abc import Iterable
from pathlib import Path

from beam_jobs.stage import Task
from wit_pipeline import evaluation, rows
from wit_pipeline.evaluation import Evaluation, EvaluationImage

_indexes: dict[str, Evaluation] = {}  # by plan


def read_sets(paths: Iterable[Path]) -> list[EvaluationImage]:
    """The codes in some files."""
    return [item for path in paths for item in rows.read(path, EvaluationImage)]


def index_of(task: Task, paths: Iterable[Path]) -> Evaluation:
    """The index of the codes in `paths`; a `RunError` where a set has no readable image."""
    if task.plan not in _indexes:
        known, config = read_sets(paths), task.recipe.audit
        evaluation.check_readable(known, config.named_sets())
        _indexes[task.plan] = Evaluation(known, config)
    return _indexes[task.plan]
