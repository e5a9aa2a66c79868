"""A stage's folder as if it had been built, for the measurement of the stage that reads it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest


def sign(folder: Path, count: int, files: Sequence[File], recipe: Mapping[str, Any] | None = None) -> None:
    """Sign `files` as the output of the stage that the folder is named after: all of `count` records kept."""
    made = Manifest(
        stage=folder.name,
        plan="",
        inputs={},
        recipe=recipe or {},
        counts=Counts(read=count, kept=count),
        files=tuple(files),
        started="",
        finished="",
    )
    manifest.sign(folder, made)
