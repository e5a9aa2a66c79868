"""What people bring to the audit: a model's answers to an evaluation set, and verdicts on pairs.

Both are kept in ROOT/evidence, so that every later audit of the root counts them: they are its inputs.
"""

import csv
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.manifest import aside

PREDICTIONS = "predictions.parquet"
REVIEWS = "reviews.parquet"
KINDS = (".csv", ".jsonl", ".parquet")
YES, NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a model made of one evaluation image."""

    set: str
    image: str  # path within the set
    correct: bool
    group: str  # its class


class Verdict(StrEnum):
    """What a person saw in a pair."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A person's verdict on an evaluation image and the training image found for it."""

    set: str
    image: str
    pair_key: str
    verdict: Verdict


def class_of(image: str) -> str:
    """The class of an evaluation image: the first folder of its path, "" where it lies in none."""
    return image.partition("/")[0] if "/" in image else ""


def read_predictions(name: str, path: Path) -> list[Prediction]:
    """A set's predictions; a `UserError` says what is wrong with the file, and in which row."""
    found: dict[str, Prediction] = {}
    for number, row in enumerate(_rows(path), 1):
        where = f"--predictions {name}={path}: row {number}"
        if not isinstance(row, dict) or row.get("image") in (None, "") or row.get("correct") is None:
            raise UserError(f"{where}: wants image and correct (and class, if you like), found {_short(row)}")
        image = str(row["image"])
        if image in found:
            raise UserError(f"{where}: {_short(image)} is there twice; one row an image")
        group = row.get("class")
        found[image] = Prediction(
            set=name,
            image=image,
            correct=_truth(row["correct"], where),
            group=class_of(image) if group in (None, "") else str(group),
        )
    if not found:
        raise UserError(f"--predictions {name}={path}: holds no row")
    return list(found.values())


def _truth(value: Any, where: str) -> bool:
    text = str(value).strip().lower()
    if text not in YES | NO:
        raise UserError(f"{where}: correct is 0 or 1, true or false; found {_short(value)}")
    return text in YES


def check_images(name: str, predictions: Iterable[Prediction], images: Container[str]) -> None:
    """A `UserError` for a prediction of an image that the set does not have."""
    for item in predictions:
        if item.image not in images:
            raise UserError(
                f"--predictions {name}: {_short(item.image)} is not in the set; wants paths within its folder"
            )


def read_reviews(path: Path) -> list[Review]:
    """The verdicts that a report's page saved; the last one on a pair counts."""
    what = f"--reviewed {path}"
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{what}: cannot be read as JSON: {error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("reviewed"), list):
        raise UserError(f'{what}: wants what the report saves, {{"reviewed": […]}}')
    found: dict[tuple[str, str, str], Review] = {}
    for number, row in enumerate(given["reviewed"], 1):
        review = _review(row, f"{what}: verdict {number}")
        found[review.set, review.image, review.pair_key] = review
    if not found:
        raise UserError(f"{what}: holds no verdict")
    return list(found.values())


def _review(row: Any, where: str) -> Review:
    names = ("set", "image", "pair_key", "verdict")
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in names):
        raise UserError(f"{where}: wants set, image, pair_key and verdict, found {_short(row)}")
    if row["verdict"] not in list(Verdict):
        raise UserError(f"{where}: is same, different or unsure, found {_short(row['verdict'])}")
    return Review(
        set=row["set"], image=row["image"], pair_key=row["pair_key"], verdict=Verdict(row["verdict"])
    )


def _rows(path: Path) -> Iterator[Any]:
    """The rows of a CSV, JSONL or Parquet file, by its ending."""
    if path.suffix.lower() not in KINDS:
        raise UserError(f"{path}: predictions are read from {', '.join(KINDS)}")
    try:
        if path.suffix.lower() == ".parquet":
            yield from rows.read_rows(path)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                yield from csv.DictReader(file)
            else:
                yield from (json.loads(line) for line in file if line.strip())
    except (OSError, ValueError, RecursionError, csv.Error, RunError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def _short(value: Any) -> str:
    return repr(value)[:80]


def read(folder: Path) -> tuple[list[Prediction], list[Review]]:
    """What is kept in a root's evidence folder, each kind in order of set and image."""
    predictions, reviews = folder / PREDICTIONS, folder / REVIEWS
    return (
        list(rows.read(predictions, Prediction)) if predictions.exists() else [],
        list(rows.read(reviews, Review)) if reviews.exists() else [],
    )


def keep(folder: Path, predictions: Mapping[str, Iterable[Prediction]], reviews: Iterable[Review]) -> None:
    """Add to the evidence: a set's predictions replace what was there for it, a verdict one on its pair."""
    known, verdicts = read(folder)
    given = [item for items in predictions.values() for item in items]
    if given:
        kept = [item for item in known if item.set not in predictions]
        _write(folder / PREDICTIONS, Prediction, [*kept, *given])
    by_pair = {(item.set, item.image, item.pair_key): item for item in [*verdicts, *reviews]}
    if by_pair:
        _write(folder / REVIEWS, Review, by_pair.values())


def _write(path: Path, record: type, items: Iterable[Any]) -> None:
    with aside(path) as temporary:
        rows.write(temporary, record, sorted(items, key=lambda item: (item.set, item.image)))
