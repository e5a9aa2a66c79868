"""Evaluation sets as people have them, audited."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from tests.beam_jobs.world import World, make
from tests.factories import encoded, photograph
from wit_pipeline.audit.audit import Overlap
from wit_pipeline.vocabulary import rows


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("sets") / "world")
    with made.web:
        yield made


def signs(folder: Path) -> Path:
    """As GTSRB lies there: a folder a class, PPMs, and a table in each."""
    for number, drawn in enumerate((500, 501, 502)):
        name = folder / "00001" / f"00000_{number:05d}.ppm"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(encoded(photograph(drawn, (160, 120)), "PPM"))
    (folder / "00001" / "GT-00001.csv").write_text("Filename;Width;Height\n")
    (folder / "00001" / "seen.heic").write_bytes(b"0000ftypheic")
    return folder


def test_a_folder_of_ppm_is_audited_and_what_is_not_read_is_said(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, root = tmp_path / "recipe.toml", tmp_path / "root"
    text = world.recipe.read_text().replace(f"{world.recipe.parent}/eval", f"{signs(tmp_path / 'signs')}")
    recipe.write_text(text)
    said = "[audit.sets] eval: 3 images; not read: 1 .csv, 1 .heic"
    assert main(["plan", "--recipe", f"{recipe}"]) == 0
    assert said in capsys.readouterr().out
    assert main(["build", "--recipe", f"{recipe}", "--root", f"{root}", "--workers", "1", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    notes = [number for number, line in enumerate(told) if said in line.get("text", "")]
    begun = [number for number, line in enumerate(told) if line.get("event") not in ("note", None)]
    assert notes
    assert notes[0] < begun[0]
    found = list(rows.read(root / "audit" / "overlap.parquet", Overlap))
    assert {item.image for item in found} == {"00001/00000_00000.ppm"}
    results = json.loads((root / "audit" / "results.json").read_text())
    assert "00001/00000_00000.ppm" in (root / "audit" / "report.html").read_text()
    assert results["sets"]["eval"]["images"] == 3


def test_a_set_of_which_nothing_is_read_ends_a_build_before_it_begins(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "1.cr2").write_bytes(b"")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(world.recipe.read_text().replace(f"{world.recipe.parent}/eval", f"{tmp_path / 'raw'}"))
    assert main(["build", "--recipe", f"{recipe}", "--root", f"{tmp_path}/root", "--workers", "1"]) == 2
    assert "not read: 1 .cr2" in capsys.readouterr().err
    assert not (tmp_path / "root" / "queries").exists()
