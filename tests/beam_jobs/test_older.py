"""A crawl of an earlier release is read for ever: nothing of it is asked again, and rounds go on from it.

`tests/golden/root-0.1` was built by the release of that number, from a web that is no more: whoever asked it
for a picture again would lose it.
"""

import json
import shutil
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from tests.factories import encoded, photograph
from tests.web import Endpoint, Web, whole
from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.records import SUCCESS

GOLDEN = Path(__file__).parents[1] / "golden" / "root-0.1"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "recipe.toml"
    path.write_text(path.read_text().format(folder=tmp_path))
    return path


def build(recipe: Path, to: str = "shard") -> int:
    root = recipe.parent / "root"
    return main(["build", "--recipe", f"{recipe}", "--root", f"{root}", "--to", to, "--workers", "1"])


def test_a_crawl_of_an_older_release_is_built_on(recipe: Path) -> None:
    crawl, before = recipe.parent / "root" / "crawl", manifest.load(GOLDEN / "root" / "crawl")
    assert before is not None
    assert build(recipe) == 0
    now = manifest.load(crawl)
    assert now is not None
    assert {file.name: file.sha256 for file in before.named("unit-")}.items() <= {
        file.name: file.sha256 for file in now.named("unit-")
    }.items()
    assert now.counts == before.counts
    shard = manifest.load(recipe.parent / "root" / "shard")
    assert shard is not None
    assert shard.counts.kept == 6  # of seven pairs two are of one picture
    assert main(["verify", "--root", f"{recipe.parent / 'root'}"]) == 0


def test_a_round_goes_on_from_it(recipe: Path) -> None:
    picture = Endpoint(whole(encoded(photograph(90, (72, 64))), "Content-Type: image/jpeg"), SUCCESS)
    with Web({"/new.jpg": picture}) as web:
        listed = recipe.parent / "list.jsonl"
        row = json.dumps({"url": web.url("/new.jpg"), "caption": "A red dog, new"})
        listed.write_text(f"{listed.read_text()}\n{row}")
        allowed = f'allow_hosts = ["{web.authority}", "'
        recipe.write_text(recipe.read_text().replace('allow_hosts = ["', allowed))
        assert build(recipe) == 0
        assert [path for path in web.log.paths if path.endswith(".jpg")] == ["/new.jpg"]
    crawl = recipe.parent / "root" / "crawl"
    for name in ("unit-000000.tar", "unit-000001.tar", "unit-000000.parquet", "unit-000001.parquet"):
        assert (crawl / name).read_bytes() == (GOLDEN / "root" / "crawl" / name).read_bytes()
    (added,) = rows.read(crawl / "unit-000002.parquet", Fetched)
    assert (added.status, added.image.unit) == (SUCCESS, 2)
