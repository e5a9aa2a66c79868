"""Shards that others made, audited without a build."""

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs.__main__ import main
from tests.beam_jobs.world import World, make
from tests.factories import encoded, photograph
from wit_pipeline.audit.anybody import Beside, beside
from wit_pipeline.audit.audit import Overlap
from wit_pipeline.vocabulary import rows

COPY = encoded(photograph(500, (160, 120)), quality=60)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("anybody") / "world")
    with made.web:
        yield made


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Nothing but a set."""
    for number in (500, 501):
        path = tmp_path / "eval" / "dog" / f"{number}.ppm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photograph(number, (160, 120)), "PPM"))
    made = tmp_path / "recipe.toml"
    made.write_text(f'[audit.sets]\neval = "{tmp_path}/eval"\n')
    return made


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def shards(folder: Path) -> Path:
    """Two tars as img2dataset writes them, one picture of which is damaged."""
    folder.mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as archive:
            for number in range(6):
                key = f"{shard:05d}{number:04d}"
                body = encoded(photograph(10 * shard + number, (160, 120)))
                if (shard, number) == (1, 2):
                    body = COPY
                if (shard, number) == (0, 3):
                    body = body[:900]
                add(archive, f"{key}.jpg", body)
                add(archive, f"{key}.txt", f"picture {number}".encode())
                add(archive, f"{key}.json", json.dumps({"url": f"http://a.test/{key}.jpg"}).encode())
    return folder


def audited(recipe: Path, place: str, out: Path) -> tuple[dict[str, object], list[Overlap]]:
    how = ["audit", "--recipe", f"{recipe}", "--shards", place, "--out", f"{out}", "--workers", "1"]
    assert main(how) == 0
    results = json.loads((out / "audit" / "results.json").read_text())
    return results, list(rows.read(out / "audit" / "overlap.parquet", Overlap))


def test_tars_that_others_made(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (shards(tmp_path / "tars") / "00000.tar").read_bytes()
    (tmp_path / "tars" / "00002.tar").write_bytes(whole[:5000])
    results, (found,) = audited(recipe, f"{tmp_path}/tars/*.tar", tmp_path / "out")
    (damaged,) = cast(list[str], results["damaged"])
    assert "00002.tar cannot be read" in damaged
    assert f"{damaged}: nothing of it was compared" in capsys.readouterr().err
    assert (found.image, found.key) == ("dog/500.ppm", "00001.tar/000010002.jpg")
    assert (found.url, found.caption) == ("http://a.test/000010002.jpg", "picture 2")
    assert results["samples"] == 11
    assert results["unread"] == {"decode_error": 1}
    assert found.key in (tmp_path / "out" / "audit" / "report.html").read_text()
    capsys.readouterr()
    assert audited(recipe, f"{tmp_path}/tars/*.tar", tmp_path / "out")[1] == [found]
    assert "audit" in capsys.readouterr().err  # it stands: nothing is done again


def test_a_folder_and_a_table_are_shards_as_well(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures" / "a"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"{number}.png").write_bytes(encoded(photograph(number, (160, 120)), "PNG"))
    (folder / "seen.heic").write_bytes(b"")
    (folder / "copy.ppm").write_bytes(encoded(photograph(501, (160, 120)), "PPM"))
    results, (found,) = audited(recipe, f"{tmp_path}/pictures", tmp_path / "one")
    assert "--shards: 6 images; not read: 1 .heic" in capsys.readouterr().err
    (folder / "seen.heic").unlink()
    assert (found.image, found.key, found.method) == ("dog/501.ppm", "a/copy.ppm", "exact")
    assert results["samples"] == 6
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in sorted(folder.iterdir())]
    pq.write_table(pa.table({"image": images}), tmp_path / "x.parquet")
    results, (found,) = audited(recipe, f"{tmp_path}/x.parquet", tmp_path / "two")
    assert (found.image, found.key, results["samples"]) == ("dog/501.ppm", "copy.ppm", 6)


def test_shards_of_a_build_are_judged_as_the_build_judges_them(world: World, tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert main(["build", "--recipe", f"{world.recipe}", "--root", f"{root}", "--workers", "1"]) == 0
    theirs = list(rows.read(root / "audit" / "overlap.parquet", Overlap))
    shutil.copytree(root / "shard", tmp_path / "copied")
    results, ours = audited(world.recipe, f"{tmp_path}/copied", tmp_path / "out")
    assert theirs
    judged = [
        [(item.set, item.image, item.distance, item.method, item.url, item.caption) for item in found]
        for found in (theirs, ours)
    ]
    assert judged[0] == judged[1]
    assert results["samples"] == json.loads((root / "audit" / "results.json").read_text())["samples"]


def test_what_is_asked_wrongly_is_said(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "built" / "shard").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    bare = tmp_path / "bare.toml"
    bare.write_text("seed = 1\n")
    tars = f"{shards(tmp_path / 'tars')}"
    for how, said in (
        ([], "wants --root DIR, or --shards PATTERN and --out DIR"),
        (["--shards", tars], "wants --root DIR, or --shards"),
        (["--shards", tars, "--out", f"{tmp_path}/o", "--root", f"{tmp_path}/r"], "wants --root DIR, or"),
        (["--shards", tars, "--out", f"{tmp_path}/built"], "a dataset is built there"),
        (["--shards", f"{tmp_path}/none/*.tar", "--out", f"{tmp_path}/o"], "is not there"),
        (["--shards", f"{tmp_path}/empty", "--out", f"{tmp_path}/o"], "no image lies in"),
    ):
        assert main(["audit", "--recipe", f"{recipe}", "--workers", "1", *how]) == 2
        assert said in capsys.readouterr().err
    how = ["--shards", tars, "--out", f"{tmp_path}/o"]
    assert main(["audit", "--recipe", f"{bare}", "--workers", "1", *how]) == 2
    assert "names no [audit.sets]" in capsys.readouterr().err
    assert not (tmp_path / "o" / "audit").exists()


def test_what_a_tar_says_of_its_pictures(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        add(archive, "a/1.jpg", b"")
        add(archive, "a/1.json", b'{"URL": "http://a.test/", "TEXT": "a dog", "page": 3}')
        add(archive, "a/2.v1.jpg", b"")
        add(archive, "a/2.txt", b" a cat\n")
        add(archive, "a/2.json", b"[1]")
        add(archive, "a/3.jpg", b"")
        add(archive, "a/3.json", b"{")
    keys = {f"a/{name}": f"x/{name}" for name in ("1.jpg", "2.v1.jpg", "3.jpg")}
    assert beside(tmp_path / "x.tar", keys) == {
        "x/1.jpg": Beside(url="http://a.test/", caption="a dog"),
        "x/2.v1.jpg": Beside(caption="a cat"),
        "x/3.jpg": Beside(),
    }
    assert beside(tmp_path / "x.zip", keys) == {}
