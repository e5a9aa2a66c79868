"""Month A, then A and B: the same pairs as both at once, and after --reshard the same bytes."""

import os
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from tests.beam_jobs.world import make
from wit_pipeline.shard import Row, tables_of
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import Manifest

FIRST = 18  # rows of the list in month A


def signed(root: Path) -> Manifest:
    found = manifest.load(root / "shard")
    assert found is not None
    return found


def pairs(root: Path) -> list[str]:
    tables = (root / "shard" / table.name for table in tables_of(signed(root).files))
    return sorted(row.pair_key for path in tables for row in rows.read(path, Row))


def test_two_months_are_one_in_another_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, months, whole = make(tmp_path / "world"), tmp_path / "months", tmp_path / "whole"
    listed = tmp_path / "world" / "list.jsonl"
    lines = listed.read_text()

    def build(root: Path, *more: str) -> None:
        command = ["build", "--recipe", str(world.recipe), "--root", str(root), "--workers", "1", *more]
        assert main(command) == 0

    with world.web:
        listed.write_text("\n".join(lines.splitlines()[:FIRST]))
        build(months)
        before = {path.name: path.stat().st_ino for path in (months / "shard").glob("0*.tar")}
        listed.write_text(lines)
        build(months)
        build(whole)
    assert {name: os.stat(months / "shard" / name).st_ino for name in before} == before
    assert pairs(months) == pairs(whole)
    assert signed(months).digest != signed(whole).digest
    assert main(["verify", "--root", str(months)]) == 0
    build(months, "--reshard")
    assert signed(months).digest == signed(whole).digest
    capsys.readouterr()
    build(months, "--reshard", "--json")
    assert capsys.readouterr().out.count('"skip"') == 9  # there is nothing to do
    assert main(["verify", "--root", str(months)]) == 0
