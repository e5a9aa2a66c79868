"""The list of `make mutants`, and how its results are read."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house_mutants", HERE / ".ci" / "mutants.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_what_is_listed_is_there(mutants: ModuleType) -> None:
    modules = mutants.listed(mutants.LISTED.read_text())
    paths = [path for module in modules for path in (module.path, *module.tests)]
    assert [path for path in paths if not (HERE / path).is_file()] == []
    assert len({module.path for module in modules}) == len(modules) >= 10
    assert all(module.tests for module in modules)


def test_some_are_chosen_by_a_part_of_their_path(mutants: ModuleType) -> None:
    modules = mutants.listed(mutants.LISTED.read_text())
    assert mutants.chosen(modules, []) == modules
    assert [module.path.rpartition("/")[2] for module in mutants.chosen(modules, ["filter", "loss"])] == [
        "filter.py",
        "loss.py",
    ]


@pytest.mark.parametrize(
    ("operator", "line", "wanted"),
    [
        ("core/NumberReplacer", "per_query: int = 20_000", True),
        ("core/ReplaceComparisonOperator_Lt_LtE", "if a < b:", True),
        ("core/ReplaceComparisonOperator_Lt_Is", "if a < b:", False),
        ("core/ReplaceBinaryOperator_BitOr_Add", "found: int | None", False),
        ("core/ReplaceTrueWithFalse", "@dataclass(frozen=True)", False),
        ("core/ReplaceTrueWithFalse", "return True", True),
    ],
)
def test_which_changes_are_tried(mutants: ModuleType, operator: str, line: str, wanted: bool) -> None:
    assert mutants.wanted(operator, line) is wanted


def test_a_session_is_read(mutants: ModuleType) -> None:
    results = [
        {"worker_outcome": "normal", "test_outcome": "survived", "diff": "a"},
        {"worker_outcome": "normal", "test_outcome": "killed", "diff": "b"},
        {"worker_outcome": "normal", "test_outcome": "incompetent", "diff": "c"},
        {"worker_outcome": "exception", "test_outcome": "incompetent", "diff": None},
        {"worker_outcome": "skipped", "test_outcome": None, "diff": None},
        None,
    ]
    dump = "\n".join(json.dumps([{}, result]) for result in results) + "\n"
    found = list(mutants.judged(dump))
    assert found == [("a", True), ("b", False), ("c", False)]
    score = mutants.Score(path="a.py", mutants=3, survivors=("a",), seconds=1.4)
    assert score.row() == "| a.py | 3 | 2 | 66.7 % | 1 |"


def test_of_a_diff_what_changed_is_said(mutants: ModuleType) -> None:
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2"
    assert mutants.changed_lines(diff) == "@@ -1,2 +1,2 @@\n-    return 1\n+    return 2"
