"""Truth against outcome: each kind of trouble is counted, and one that was missed shows."""

import json
from collections import Counter
from pathlib import Path

import pytest

from beam_jobs.demo import __main__ as driver
from beam_jobs.demo import truth
from beam_jobs.demo.posts import fate, plan_held, plan_posts
from beam_jobs.demo.troubles import LEAST, Trouble
from beam_jobs.demo.world import EVALUATION_SET, World
from beam_jobs.engine import recipe
from training.config import read_recipe
from wit_pipeline.vocabulary.errors import UserError

BASE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def world() -> World:
    held = plan_held(0, 1)
    posts = plan_posts(60, 0, BASE, held)
    return World(folder=Path("w"), base_url=BASE, posts=tuple(posts), held=tuple(held))


def perfect(world: World) -> truth.Seen:
    return Counter((*fate(post), post.url) for post in world.planted)


@pytest.mark.parametrize("kind", Trouble)
def test_what_met_its_fate_is_ok_and_one_less_is_off(world: World, kind: Trouble) -> None:
    found = perfect(world)
    line = truth.trouble_line(kind, world, found)
    assert (line.wanted, line.found, line.good) == (str(LEAST), str(LEAST), True)
    missed = next(post for post in world.planted if post.trouble is kind)
    del found[(*fate(missed), missed.url)]
    line = truth.trouble_line(kind, world, found)
    assert (line.found, line.good) == (str(LEAST - 1), False)


def test_of_a_picture_and_its_copy_either_may_go(world: World) -> None:
    found = perfect(world)
    post = next(post for post in world.planted if post.trouble is Trouble.NEAR_COPY)
    del found[(*fate(post), post.url)]
    found[(*fate(post), post.original)] += 1
    assert truth.trouble_line(Trouble.NEAR_COPY, world, found).good


@pytest.mark.parametrize(("top1", "good"), [(0.12, False), (0.13, True)])
def test_zero_shot_must_beat_three_guesses(tmp_path: Path, top1: float, good: bool) -> None:
    results = {"datasets": {EVALUATION_SET: {"top1": top1, "chance": 0.04, "classes": 25}}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert truth.zero_shot(tmp_path / "results.json").good is good


def test_the_recipe_is_one_for_both_commands(world: World, tmp_path: Path) -> None:
    path = driver.write_recipe(world, tmp_path, "127.0.0.1:4321", images=1800)
    loaded = recipe.load(path)
    assert loaded.crawl.allow_hosts == ("127.0.0.1:4321",)
    assert loaded.queries.wikipedia == ("w/dump.xml.bz2",)
    assert loaded.balance.per_query == driver.RARE + 1800 // driver.A_QUERY
    assert read_recipe(path) == read_recipe(driver.RECIPE)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="no demo made"):
        driver.clear(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_folder_of_an_earlier_demo_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "truth.json").write_text("{}")
    driver.clear(tmp_path)
    assert not tmp_path.exists()


def test_too_small_a_world_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert driver.main(["--images", "199"]) == 2
    assert "at least 200" in capsys.readouterr().err


@pytest.mark.slow
def test_a_whole_demo_finds_what_was_planted(tmp_path: Path) -> None:
    assert driver.main(["--images", "200", "--no-train", "--out", str(tmp_path / "demo")]) == 0
