"""The bounds of the measurements: what is compared, left out, and told."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import check
from benchmarks.check import BOUNDS, Bound, Failed, beyond, lacking, ratio_in, read, written

FAST = Bound(
    name="fast", command=("fast",), ratio="theirs of ours", pattern=r"ours is ([0-9.,]+) ", at_least=3.0
)
SMALL = Bound(name="small", command=("small",), ratio="ours of theirs", pattern=r"([0-9.]+) of", at_most=0.4)


@pytest.mark.parametrize(
    ("ratio", "bound", "wrong"),
    [
        (3.0, FAST, ""),
        (2.9, FAST, "2.9, where at least 3 must hold"),
        (0.4, SMALL, ""),
        (0.41, SMALL, "0.41, where at most 0.4 may be"),
        (float("nan"), SMALL, "nan, where at most 0.4 may be"),
        (float("nan"), FAST, "nan, where at least 3 must hold"),
        (0.1, replace(SMALL, at_least=0.2), "0.1, where at least 0.2 must hold"),
    ],
)
def test_both_sides_of_a_bound(ratio: float, bound: Bound, wrong: str) -> None:
    assert beyond(ratio, bound) == wrong


def test_the_ratio_is_what_the_pattern_finds() -> None:
    assert ratio_in("a\nours is 16,265.5 (1 to 2) times as fast\n", FAST) == 16265.5
    with pytest.raises(Failed, match="in what it printed:\nnothing"):
        ratio_in("nothing", FAST)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at_least or at_most is wanted"):
        replace(FAST, at_least=None)
    with pytest.raises(ValueError, match="one group is wanted"):
        replace(FAST, pattern="ours is [0-9]")


def test_what_is_not_there_is_left_out_with_a_reason(tmp_path: Path) -> None:
    assert lacking(FAST) == ""
    assert lacking(replace(FAST, needs=("json", "nosuchmodule"))).startswith("nosuchmodule is not installed")
    held = replace(FAST, data="photos")
    assert lacking(held, tmp_path) == "the sample data does not lie beside this checkout"
    (tmp_path / "photos").mkdir()
    assert lacking(held, tmp_path) == ""


def test_the_list_comes_back_and_names_what_is_there() -> None:
    bounds = read(BOUNDS.read_text(encoding="utf-8"))
    assert read(written(bounds)) == bounds
    assert len({one.name for one in bounds}) == len(bounds)
    for one in bounds:
        assert find_spec(f"benchmarks.{one.command[0]}"), one.name
        assert one.last is None or beyond(one.last, one) == "", one.name
        assert (one.last is None) == (one.date is None)


def test_the_command_fails_and_names_what_is_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(FAST, name="broken")
    absent = replace(FAST, name="absent", needs=("nosuchmodule",))
    path = tmp_path / "bounds.json"
    path.write_text(written([FAST, SMALL, broken, absent]))
    monkeypatch.setattr(check, "BOUNDS", path)

    def measured(bound: Bound) -> float:
        if bound.name == "broken":
            raise Failed("ended with 1")
        return 0.5

    monkeypatch.setattr(check, "measured", measured)
    assert check.main(["--keep"]) == 1
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "beyond its bound, or failed: fast: 0.5, where at least 3 must hold",
        "beyond its bound, or failed: small: 0.5, where at most 0.4 may be",
        "beyond its bound, or failed: broken: ended with 1",
    ]
    assert [one.last for one in read(path.read_text())] == [0.5, 0.5, None, None]
    assert check.main(["absent"]) == 0
    assert check.main(["small"]) == 1
