from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from wit_pipeline.vocabulary.config import as_table, how, read_toml, section
from wit_pipeline.vocabulary.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    path: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Knobs:
    count: int = 3
    share: float = 0.5
    name: str = "x"
    on: bool = True
    mode: Literal["fast", "slow"] = "fast"
    inner: tuple[Inner, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    threads: int = how(8)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is at least 1, found {self.count}")


def test_a_table_becomes_the_dataclass() -> None:
    table = {"count": 5, "share": 1, "inner": [{"path": ["a", "b"]}], "sets": {"s": "dir"}, "mode": "slow"}
    made = section(Knobs, table, "r.toml: [knobs]")
    assert made == Knobs(count=5, share=1.0, inner=(Inner(path=("a", "b")),), sets={"s": "dir"}, mode="slow")
    assert section(Knobs, {k: v for k, v in as_table(made).items() if k != "threads"}, "again") == made


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"cuont": 1}, "[k]: no such key 'cuont'; did you mean 'count'?"),
        ({"zzz": 1}, "[k]: no such key 'zzz'; known: count, share"),
        ({"count": "5"}, "[k] count: wants a whole number, found '5'"),
        ({"count": True}, "[k] count: wants a whole number, found True"),
        ({"share": "half"}, "[k] share: wants a number"),
        ({"on": 1}, "[k] on: wants true or false, found 1"),
        ({"mode": "medium"}, "[k] mode: 'medium' is not one of fast, slow"),
        ({"inner": {"path": []}}, "[k] inner: wants an array"),
        ({"inner": [{}]}, "[k] inner[0]: needs path"),
        ({"inner": [{"path": "a"}]}, "[k] inner[0] path: wants an array, found 'a'"),
        ({"sets": "dir"}, "[k] sets: wants a table"),
        ({"count": -1}, "[k] count: counts from 0, found -1"),
        ({"count": 10**20}, "[k] count: 100000000000000000000 is no number that this can be"),
        ({"share": float("nan")}, "[k] share: nan is no number that this can be"),
        ({"share": float("inf")}, "[k] share: inf is no number that this can be"),
        ({"threads": -3}, "[k] threads: counts from 0, found -3"),
        ({"count": 0}, "[k]: count is at least 1, found 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        section(Knobs, table, "[k]")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_table_holds_what_is_built_and_not_how_fast() -> None:
    assert as_table(Knobs(threads=1)) == as_table(Knobs(threads=64))
    assert as_table(Knobs(count=4)) != as_table(Knobs(count=5))


def test_a_missing_or_broken_file_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such recipe"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[a\n")
    with pytest.raises(UserError, match="is not TOML"):
        read_toml(tmp_path / "bad.toml")
