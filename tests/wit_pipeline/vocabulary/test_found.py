import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.found import Found, each_once, meant

FILES = ("a.tsv", "a[1].tsv", "a1.tsv", "w?.tsv", "wx.tsv", "en/b.tsv", "fr/b.tsv", "r[1]/c.tsv", "r1/c.tsv")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some files, each of which holds its name, in the current folder."""
    for name in FILES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path / "data")
    return tmp_path / "data"


def found(*patterns: str) -> list[Found]:
    return each_once([item for pattern in patterns for item in meant(pattern, "recipe")])


def names(*patterns: str) -> list[str]:
    items = found(*patterns)
    for item in items:  # what was found is what lies there, whatever its name means to a pattern
        assert Path(item.path).read_text().endswith(item.name)
    return [item.name for item in items]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.tsv", ["a.tsv", "a1.tsv", "a[1].tsv", "w?.tsv", "wx.tsv"]),
        ("./*.tsv", ["a.tsv", "a1.tsv", "a[1].tsv", "w?.tsv", "wx.tsv"]),
        (".//./a.tsv", ["a.tsv"]),
        ("a[1].tsv", ["a[1].tsv"]),  # it is there
        ("a[0-9].tsv", ["a1.tsv"]),
        ("w?.tsv", ["w?.tsv"]),
        ("w[x].tsv", ["wx.tsv"]),
        ("a[[]1].tsv", ["a[1].tsv"]),
        ("*/b.tsv", ["en/b.tsv", "fr/b.tsv"]),
        ("en/*", ["b.tsv"]),
        ("**/c.tsv", ["r1/c.tsv", "r[1]/c.tsv"]),
        ("r[1]/*.tsv", ["c.tsv"]),
        ("none*", []),
        ("none", []),
        ("e?", []),  # a folder
    ],
)
def test_what_a_pattern_means(here: Path, pattern: str, expected: list[str]) -> None:
    assert names(pattern) == expected
    assert names(f"{here}/{pattern}") == expected


def test_a_folder_that_is_named_like_a_pattern_is_that_folder(here: Path) -> None:
    assert [item.path for item in found("r[1]/*.tsv")] == ["r[1]/c.tsv"]
    assert [item.path for item in found("r[0-9]/*.tsv")] == ["r1/c.tsv"]


def test_one_file_is_read_once_whatever_it_is_called(here: Path) -> None:
    (here / "0.tsv").symlink_to("a.tsv")
    os.link(here / "a.tsv", here / "z.tsv")
    (here.parent / "link").symlink_to(here)
    (item,) = found("?.tsv", "./a.tsv", f"{here}/a.tsv", "../data/a.tsv", "../link/a.tsv")
    assert (item.path, item.name) == ("a.tsv", "a.tsv")
    again = ("z.tsv", "0.tsv", "a.tsv", f"{here}/a.tsv", "../data/a.tsv", "../link/a.tsv")
    assert item.also == again


def test_a_link_has_its_own_name_where_it_alone_is_meant(here: Path) -> None:
    (here / "blob").write_text("x.tsv")
    (here / "x.tsv").symlink_to("blob")
    assert names("x.tsv") == ["x.tsv"]


def test_a_link_that_leads_nowhere_is_told(here: Path) -> None:
    (here / "gone.tsv").symlink_to("nothing")
    with pytest.raises(UserError, match=r"recipe: gone\.tsv is a link that leads nowhere"):
        found("*.tsv")


def test_namesakes_are_told_apart_by_their_folders(here: Path) -> None:
    assert names("en/b.tsv", "fr/b.tsv") == ["b.tsv", "fr/b.tsv"]
    assert names("fr/b.tsv", "en/b.tsv") == ["b.tsv", "en/b.tsv"]
    (here / "x" / "en").mkdir(parents=True)
    (here / "x" / "en" / "b.tsv").write_text("x/en/b.tsv")
    assert names("fr/b.tsv", "en/b.tsv", "x/en/b.tsv") == ["b.tsv", "en/b.tsv", "x/en/b.tsv"]


def test_what_comes_later_does_not_rename_what_was_there(here: Path) -> None:
    before = names("*/b.tsv")
    (here / "de").mkdir()
    (here / "de" / "b.tsv").write_text("de/b.tsv")
    assert set(before) < set(names("*/b.tsv"))
    assert set(before) < set(names("*/b.tsv", "a.tsv", "en"))


def test_a_moved_folder_gives_the_same_names_and_versions(here: Path) -> None:
    patterns: Sequence[str] = ("*.tsv", "*/*.tsv", "r[1]/c.tsv")
    before = [(item.name, item.version) for item in found(*(f"{here}/{pattern}" for pattern in patterns))]
    moved = here.rename(here.parent / "el[s]e where")
    assert before == [
        (item.name, item.version) for item in found(*(f"{moved}/{pattern}" for pattern in patterns))
    ]


@given(st.lists(st.text("a[]?*!-1/.", min_size=1, max_size=6), min_size=1, max_size=5, unique=True))
def test_any_name_that_is_there_is_found_by_itself(
    tmp_path_factory: pytest.TempPathFactory, written: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    made = set()
    for name in written:
        path = folder / os.path.normpath(name.strip("/") or "a")
        if folder in path.parents and not path.exists() and not any(p.is_file() for p in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
            made.add(path)
    for path in made:
        if "*" not in str(path):
            assert [item.path for item in meant(str(path), "")] == [str(path)]
