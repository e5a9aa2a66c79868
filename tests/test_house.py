"""The house as a whole: one word per stage, stages look only forward, a record walks all the way."""

import ast
import dataclasses
import importlib
from pathlib import Path

import pytest

from beam_jobs.recipe import Recipe
from beam_jobs.stages import STAGES
from wit_pipeline.records import Reason

HERE = Path(__file__).parents[1]
ORDER = ["queries", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard", "audit"]


def test_the_stages_and_their_order() -> None:
    assert list(STAGES) == ORDER


@pytest.mark.parametrize("name", ORDER)
def test_one_word_per_stage(name: str) -> None:
    assert STAGES[name].name == name
    assert importlib.import_module(f"beam_jobs.{name}").STAGE is STAGES[name]
    assert name in {field.name for field in dataclasses.fields(Recipe)}
    assert (HERE / "wit_pipeline" / f"{name}.py").exists() or (HERE / name).is_dir()
    assert (HERE / "tests" / "wit_pipeline" / f"test_{name}.py").exists() or (HERE / "tests" / name).is_dir()
    makefile = (HERE / "Makefile").read_text()
    assert f" {name}" in next(line for line in makefile.splitlines() if line.startswith("STAGES :="))
    assert f"\n## {name}\n" in (HERE / "docs" / "architecture.md").read_text()


def test_stages_look_only_forward() -> None:
    for position, stage in enumerate(STAGES.values()):
        assert all(ORDER.index(read) < position for read in stage.reads)
        assert stage.accounts in ("", *stage.reads)


def test_every_record_is_accounted_for_by_the_stage_after() -> None:
    chain = [stage.accounts for stage in STAGES.values()]
    assert chain == ["", "", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard"]


def test_every_reason_is_given_by_somebody() -> None:
    sources = [
        path.read_text() for path in (HERE / "wit_pipeline").rglob("*.py") if path.name != "records.py"
    ]
    unused = [
        reason.name for reason in Reason if not any(f"Reason.{reason.name}" in text for text in sources)
    ]
    assert unused == []


@pytest.mark.parametrize("package", ["wit_pipeline", "queries", "beam_jobs", "training", "tests"])
def test_nobody_imports_from_the_future(package: str) -> None:
    for path in (HERE / package).rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not any(node.module == "__future__" for node in imports), path


def test_only_fetch_opens_a_socket() -> None:
    banned = {"socket", "requests", "urllib3", "http.client", "urllib.request"}
    for package in ("wit_pipeline", "queries"):
        for path in (HERE / package).rglob("*.py"):
            if path.parent.name != "fetch":
                names = {
                    alias.name
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.Import)
                    for alias in node.names
                } | {
                    node.module or ""
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.ImportFrom)
                }
                assert not names & banned, path
