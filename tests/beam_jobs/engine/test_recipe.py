"""The recipes that ship say what the code does."""

import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from beam_jobs.engine import recipe
from beam_jobs.engine.recipe import Recipe
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError

FOLDER = Path(recipe.__file__).parents[1] / "recipes"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.name)
def test_every_recipe_is_valid(path: Path) -> None:
    recipe.load(path)


def test_the_papers_recipe_shows_the_defaults() -> None:
    shown, plain = recipe.load(FOLDER / "wit.toml"), Recipe()
    for name in ("frontier", "crawl", "filter", "dedup", "balance", "shard", "audit"):
        assert getattr(shown, name) == getattr(plain, name), name
    assert shown.table("extract")["extract"] | {"sources": []} == plain.table("extract")["extract"]
    assert replace(shown.queries, wikipedia=()) == plain.queries


def test_the_papers_recipe_shows_every_key_of_the_crawl() -> None:
    shown = tomllib.loads((FOLDER / "wit.toml").read_text(encoding="utf-8"))["crawl"]
    assert set(shown) == {field.name for field in fields(CrawlConfig)}


def test_a_table_leaves_out_what_changes_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[crawl]\nthreads = 1\n")
    assert recipe.load(tmp_path / "a.toml").table("crawl") == Recipe().table("crawl")
    (tmp_path / "a.toml").write_text("[crawl]\ntimeout = 1\n")
    assert recipe.load(tmp_path / "a.toml").table("crawl") != Recipe().table("crawl")


def test_the_trainers_table_stays_unread(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[train]\nanything = 1\n")
    assert recipe.load(tmp_path / "a.toml") == Recipe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crawl = 1\n", "wants a table, found 1"),
        ('seed = "x"\n', "seed: wants a whole number"),
        ("x = 1\n", "no such"),
    ],
)
def test_what_is_no_section(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        recipe.load(tmp_path / "a.toml")


CONTRACT = """
seed = 0
[queries]
wikipedia = ["dumps/enwiki-*.xml.bz2"]
pageviews = []
wordnet = ""
min_count = 100
budget = 500000
[[extract.sources]]
kind = "list"
path = ["lists/*.parquet"]
url = "URL"
text = "TEXT"
[crawl]
user_agent = "my-crawler/1.0 (+https://example.org/crawler)"
allow_hosts = ["127.0.0.1:8000"]
[dedup]
evaluation = "flag"
[balance]
per_query = 20000
mode = "expected"
[shard]
samples = 10000
[audit.sets]
cifar10 = "eval/cifar10/test"
"""


def test_the_keys_that_others_write_stay(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(CONTRACT)
    found = recipe.load(tmp_path / "a.toml")
    assert found.queries.wikipedia == ("dumps/enwiki-*.xml.bz2",)
    (listed,) = found.extract.sources
    assert isinstance(listed, ListSource)
    assert listed.url == "URL"
    assert dict(found.audit.sets) == {"cifar10": "eval/cifar10/test"}
