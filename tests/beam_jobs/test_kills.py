"""A crawl that is killed again and again, and ends as if it never had been."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from tests.factories import encoded, photograph
from tests.web import JPEG, Endpoint, Visit, Web, to, whole
from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.chance import uniform
from wit_pipeline.vocabulary.records import SUCCESS, Candidate

HOSTS, PICTURES = 6, 30
FIRST, LAST = 1.5, 5.0  # seconds after its start when a build may be killed: most of it is in the crawl
PAGE = "<page><title>A</title><ns>0</ns><revision><text>a red dog</text></revision></page>"
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 1
[[extract.sources]]
kind = "list"
path = ["{folder}/list.jsonl"]
[frontier]
unit_urls = 12
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
allow_hosts = {hosts}
"""


def slow(visit: Visit) -> Iterator[bytes]:
    visit.pause(0.05)
    yield from whole(JPEG)(visit)


def endpoint(number: int) -> Endpoint:
    """What is at an address: the same however often it is asked for."""
    match number % 11:
        case 3:
            return Endpoint(whole(b"no", status="404 Not Found"), "")
        case 5:
            return Endpoint(whole(encoded(photograph(number))[:2000]), "")
        case 7:
            return Endpoint(to("/0.jpg"), "")
        case 9:
            return Endpoint(slow, "")
    return Endpoint(whole(encoded(photograph(number, (300, 200)))), "")


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    """Some hosts with pictures, and the recipe that crawls them."""
    with ExitStack() as stack:
        webs = [
            stack.enter_context(Web({f"/{i}.jpg": endpoint(host * PICTURES + i) for i in range(PICTURES)}))
            for host in range(HOSTS)
        ]
        lines = [
            json.dumps({"url": web.url(f"/{i}.jpg"), "caption": f"a red dog, number {i} of {host}"})
            for host, web in enumerate(webs)
            for i in range(PICTURES)
        ]
        (tmp_path / "dump.xml").write_text(f'<mediawiki version="0.11">{PAGE}</mediawiki>')
        (tmp_path / "list.jsonl").write_text("\n".join(lines))
        hosts = json.dumps([web.authority for web in webs])
        (tmp_path / "recipe.toml").write_text(RECIPE.format(folder=tmp_path, hosts=hosts))
        yield tmp_path / "recipe.toml"


def start(recipe: Path, root: Path, last: str = "crawl") -> subprocess.Popen[bytes]:
    arguments = ["--recipe", str(recipe), "--root", str(root), "--to", last, "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "beam_jobs", "build", *arguments],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def tree(root: Path) -> dict[str, str]:
    """The crawl's files but those that say when: name to digest."""
    when = ("times-", "hosts.parquet", "manifest.json")
    return {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in (root / "crawl").iterdir()
        if not path.name.startswith(when) and not path.name.endswith(".receipt.json")
    }


def killed(recipe: Path, root: Path, kills: int, seed: int) -> int:
    """Build, killed at most so often, every other time the main process alone; returns how often it was."""
    assert start(recipe, root, "frontier").wait() == 0
    for number in range(kills):
        process = start(recipe, root)
        moment = FIRST + (LAST - FIRST) * uniform(f"{seed}:{number}", seed=seed, purpose="kill")
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            (os.kill if number % 2 else os.killpg)(process.pid, signal.SIGKILL)
            process.wait()
        else:
            return number
    assert start(recipe, root).wait() == 0
    return kills


def check(recipe: Path, root: Path, unkilled: dict[str, str]) -> None:
    assert tree(root) == unkilled
    signed = manifest.load(root / "crawl")
    assert signed is not None
    assert signed.counts.adds_up()
    found = [
        item.url
        for file in signed.named("unit-", ".parquet")
        for item in rows.read(root / "crawl" / file.name, Fetched)
    ]
    frontier = manifest.load(root / "frontier")
    assert frontier is not None
    wanted = [
        item.url
        for file in frontier.named("part-", ".parquet")
        for item in rows.read(root / "frontier" / file.name, Candidate)
    ]
    assert Counter(found) == Counter(wanted)  # each exactly once
    assert len(wanted) == HOSTS * PICTURES
    assert signed.counts.kept > len(wanted) // 2
    assert SUCCESS not in signed.counts.rejected


def campaign(recipe: Path, folder: Path, kills: int) -> None:
    whole_root = folder / "whole"
    assert start(recipe, whole_root).wait() == 0
    unkilled, so_far, seed = tree(whole_root), 0, 0
    while so_far < kills:
        so_far += killed(recipe, folder / str(seed), kills - so_far, seed)
        check(recipe, folder / str(seed), unkilled)
        seed += 1


def test_a_few_kills_change_nothing(recipe: Path, tmp_path: Path) -> None:
    campaign(recipe, tmp_path, 3)


@pytest.mark.slow
def test_a_hundred_kills_change_nothing(recipe: Path, tmp_path: Path) -> None:
    campaign(recipe, tmp_path, 100)
