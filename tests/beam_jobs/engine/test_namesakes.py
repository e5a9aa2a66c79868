"""A stranger's package under the name of one of ours ends the command in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from beam_jobs.engine.namesakes import HOME, PACKAGES, namesake, told


def installed(folder: Path, name: str, files: str) -> None:
    """A distribution of version 2.1 with a record of its files."""
    information = folder / f"{name}-2.1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n")
    (information / "RECORD").write_text(files)


def packaged(folder: Path, name: str) -> Path:
    """A package of that name, and its file."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    return folder / name / "__init__.py"


@pytest.mark.parametrize("package", PACKAGES)
def test_ours_is_ours(package: str) -> None:
    assert namesake(package) == ""
    assert told() == ""
    assert (HOME / package).is_dir()


def test_another_that_comes_first_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = packaged(tmp_path / "theirs", "somewords")
    packaged(tmp_path / "ours", "somewords")
    monkeypatch.syspath_prepend(str(tmp_path / "ours"))
    assert namesake("somewords", tmp_path / "ours") == ""
    monkeypatch.syspath_prepend(str(tmp_path / "theirs"))
    assert namesake("somewords", tmp_path / "ours").startswith(f"{theirs} stands in the way of our package")


def test_another_that_was_installed_over_ours_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(tmp_path, "morewords")
    installed(tmp_path, "morewords", "morewords/__init__.py,,\nmorewords/pool.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert namesake("morewords", tmp_path).startswith("morewords 2.1 and webimagetext have both been")


def test_another_distribution_of_that_name_with_other_files_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(tmp_path, "fewwords")
    installed(tmp_path, "fewwords", "few_words_of_theirs/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert namesake("fewwords", tmp_path) == ""


def test_one_that_is_missing_is_named(tmp_path: Path) -> None:
    assert namesake("nowordsatall", tmp_path).startswith("our package nowordsatall is missing in")


def test_the_command_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "queries.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", "import beam_jobs.__main__"],
        env={"PYTHONPATH": f"{tmp_path}:{HOME}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"wit: {tmp_path / 'queries.py'} stands in the way of our package queries")
    assert done.stderr.count("\n") == 1
