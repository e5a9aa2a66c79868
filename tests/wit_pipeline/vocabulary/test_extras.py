"""What is said where an extra is not installed."""

import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from wit_pipeline.vocabulary import extras
from wit_pipeline.vocabulary.errors import UserError

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
NOT_OF_USERS = {"bench", "dev", "mutants"}
IMPORTED_AS = {  # requirement -> module, where the two have other names
    "c2pa-python": "c2pa",
    "apache-beam[gcp]": "google.cloud.storage",
    "apache-beam[aws]": "boto3",
}


def test_the_table_names_every_module_of_every_extra() -> None:
    brought = {
        extra: {
            IMPORTED_AS.get(name, name)
            for name in (re.split(r"[<>=!~; ]", requirement)[0] for requirement in requirements)
        }
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if extra not in NOT_OF_USERS
    }
    assert {extra: set(modules) for extra, modules in extras.MODULES.items()} == brought


def test_every_extra_is_one_of_the_package() -> None:
    assert extras.install("torch") == f"pip install '{PROJECT['name']}[train]'"


@pytest.mark.parametrize("module", [name for names in extras.MODULES.values() for name in names])
def test_a_missing_module_is_told_by_its_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError) as raised:
        import_module(module)
    assert extras.missing(raised.value) == f"{module} is not installed: {extras.install(module)}"
    with pytest.raises(UserError, match=rf"^x needs {module}, which is not installed: pip install '.*\]'$"):
        extras.needs(module, "x")


@pytest.mark.parametrize("name", ["torch.nowhere", "onnx.nowhere", "numpy", "beam_jobs", "", None])
def test_any_other_failing_import_is_no_missing_extra(name: str | None) -> None:
    assert extras.missing(ModuleNotFoundError("no", name=name)) == ""


def test_a_broken_module_is_no_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "py7zr.py").write_text("import nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "py7zr", raising=False)
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        extras.needs("py7zr", "x")
