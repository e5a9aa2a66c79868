import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_pipeline.audit import evidence
from wit_pipeline.audit.evidence import Prediction, Review, Verdict, class_of, read_predictions, read_reviews
from wit_pipeline.vocabulary.errors import UserError

ROWS = [{"image": "dog/1.png", "correct": 1}, {"image": "2.png", "correct": 0}]


def prediction(image: str, correct: bool, group: str, name: str = "s") -> Prediction:
    return Prediction(set=name, image=image, correct=correct, group=group)


READ = [prediction("dog/1.png", True, "dog"), prediction("2.png", False, "")]


def test_the_three_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,correct,class\ndog/1.png,True,\n2.png,0,\n", encoding="utf-8-sig")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    pq.write_table(
        pa.table({"image": ["dog/1.png", "2.png"], "correct": [True, False]}), tmp_path / "a.parquet"
    )
    for kind in evidence.KINDS:
        assert read_predictions("s", tmp_path / f"a{kind}") == READ


def test_a_class_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("class,image,correct\n7,dog/1.png,1.0\n")
    assert read_predictions("s", tmp_path / "a.csv") == [prediction("dog/1.png", True, "7")]
    assert [class_of(image) for image in ("a/b/c.png", "c.png")] == ["a", ""]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "", "predictions are read from .csv, .jsonl, .parquet"),
        ("a.csv", "", "holds no row"),
        ("a.csv", "image,correct\na,2\n", "row 1: correct is 0 or 1, true or false; found '2'"),
        ("a.csv", "image,correct\na,1\na,1\n", "row 2: 'a' is there twice"),
        ("a.csv", "image,right\na,1\n", "row 1: wants image and correct"),
        ("a.csv", "image,correct\na\n", "row 1: wants image and correct"),
        ("a.jsonl", "[1]", "row 1: wants image and correct"),
        ("a.jsonl", "{", "cannot be read"),
        ("a.jsonl", "[" * 200_000, "cannot be read"),
        ("a.jsonl", "\udcff", "cannot be read"),
        ("a.parquet", "nothing", "cannot be read"),
    ],
)
def test_what_is_wrong_with_predictions_is_said(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, errors="surrogateescape")
    with pytest.raises(UserError) as error:
        read_predictions("s", tmp_path / name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for read in (lambda: read_predictions("s", tmp_path / "a.csv"), lambda: read_reviews(tmp_path / "a")):
        with pytest.raises(UserError, match="cannot be read"):
            read()


def review(verdict: str, pair_key: str = "k", name: str = "s") -> dict[str, Any]:
    return {"set": name, "image": "dog/1.png", "pair_key": pair_key, "verdict": verdict}


def test_the_last_verdict_on_a_pair_counts(tmp_path: Path) -> None:
    path = tmp_path / "reviewed.json"
    path.write_text(json.dumps({"reviewed": [review("same"), review("different"), review("unsure", "l")]}))
    assert [(item.pair_key, item.verdict) for item in read_reviews(path)] == [
        ("k", Verdict.DIFFERENT),
        ("l", Verdict.UNSURE),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "wants what the report saves"),
        ({"reviewed": []}, "holds no verdict"),
        ({"reviewed": [7]}, "verdict 1: wants set, image, pair_key and verdict"),
        ({"reviewed": [review("same"), review("maybe")]}, "verdict 2: is same, different or unsure"),
        ({"reviewed": [{**review("same"), "set": 3}]}, "verdict 1: wants set"),
    ],
)
def test_what_is_wrong_with_verdicts_is_said(tmp_path: Path, given: Any, said: str) -> None:
    path = tmp_path / "reviewed.json"
    path.write_text(json.dumps(given))
    with pytest.raises(UserError, match=said):
        read_reviews(path)


def test_evidence_is_kept_set_by_set_and_verdict_by_verdict(tmp_path: Path) -> None:
    assert evidence.read(tmp_path) == ([], [])
    other = prediction("x", True, "", name="other")
    first, second = (Review(set="s", image="a", pair_key=key, verdict=Verdict.SAME) for key in ("k", "l"))
    evidence.keep(tmp_path, {"s": READ, "other": [other]}, [first])
    changed = prediction("2.png", True, "")
    evidence.keep(tmp_path, {"s": [changed]}, [second])
    assert evidence.read(tmp_path) == ([other, changed], [first, second])
