from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest, Receipt, aside, describe

COUNTS = st.builds(
    Counts,
    read=st.integers(0, 99),
    kept=st.integers(0, 99),
    rejected=st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
)


def signed(folder: Path, counts: Counts) -> Manifest:
    (folder / "part-0.parquet").write_bytes(b"rows")
    return Manifest(
        stage="filter",
        plan="p",
        inputs={"crawl": "d"},
        recipe={"seed": 0},
        counts=counts,
        files=(describe(folder / "part-0.parquet", 1),),
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
    )


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    made = signed(tmp_path, Counts(read=3, kept=1, rejected={"too_small": 2}))
    manifest.sign(tmp_path, made)
    assert manifest.load(tmp_path) == made
    assert manifest.load(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(("read", "adds_up"), [(2, False), (3, True), (4, False)])
def test_counts_that_do_not_add_up_are_not_signed(tmp_path: Path, read: int, adds_up: bool) -> None:
    made = signed(tmp_path, Counts(read=read, kept=1, rejected={"too_small": 2}))
    if adds_up:
        manifest.sign(tmp_path, made)
    else:
        with pytest.raises(RunError, match="records were lost"):
            manifest.sign(tmp_path, made)
        assert manifest.load(tmp_path) is None


@given(COUNTS, COUNTS, COUNTS)
def test_adding_counts_is_associative_and_has_a_zero(a: Counts, b: Counts, c: Counts) -> None:
    assert (a + b) + c == a + (b + c)
    assert dict((a + Counts()).rejected) == dict(a.rejected)
    assert (a + Counts()).read == a.read
    assert (a + Counts()).kept == a.kept


def test_the_digest_is_of_the_files_alone(tmp_path: Path) -> None:
    made = signed(tmp_path, Counts())
    assert made.digest == replace(made, started="later", inputs={}).digest
    assert made.digest != replace(made, files=()).digest


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"

    def break_off() -> None:
        with aside(target) as temporary:
            temporary.write_text("half")
            (tmp_path / "elsewhere").read_text()

    with pytest.raises(FileNotFoundError):
        break_off()
    assert list(tmp_path.iterdir()) == []
    with aside(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_receipt_counts_for_its_plan_and_its_files_only(tmp_path: Path) -> None:
    (tmp_path / "unit.tar").write_bytes(b"123")
    receipt = Receipt(
        unit="unit", plan="p", counts=Counts(read=1, kept=1), files=(describe(tmp_path / "unit.tar"),)
    )
    path = tmp_path / "unit.receipt.json"
    assert manifest.read_receipt(path, "p") is None
    manifest.write_receipt(path, receipt)
    assert manifest.read_receipt(path, "p") == receipt
    assert manifest.read_receipt(path, "another") is None
    (tmp_path / "unit.tar").write_bytes(b"12")
    assert manifest.read_receipt(path, "p") is None


def test_a_broken_manifest_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        manifest.load(tmp_path)


def test_a_file_of_no_rows_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"abc")
    assert describe(tmp_path / "a.tar").rows == 0


def test_files_are_named_by_both_ends() -> None:
    names = ("part-0.parquet", "part-0.tar", "times-0.parquet")
    files = tuple(File(name=name, rows=0, bytes=0, sha256="") for name in names)
    made = Manifest(
        stage="",
        plan="",
        inputs={},
        recipe={},
        counts=Counts(),
        files=files,
        started="",
        finished="",
    )
    assert [file.name for file in made.named("part-", ".parquet")] == ["part-0.parquet"]
    assert [file.name for file in made.named("part-")] == ["part-0.parquet", "part-0.tar"]


def test_json_has_a_key_a_line_and_letters_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.json"  # whose folders are made
    manifest.write_json(path, {"b": "é", "a": [1]})
    assert path.read_text(encoding="utf-8") == '{\n "b": "é",\n "a": [\n  1\n ]\n}\n'
