"""A crawl that is killed again and again, and ends as if it never had been."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
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
PARTS = (range(22), range(22, 30))  # of a host's pictures: what each round adds
ROUNDS = len(PARTS)
AT_ONCE = HOSTS * 2  # connections to all hosts, of all processes: what a kill may ask for in vain
FIRST, LAST = 1.5, 5.0  # seconds after its start when a build may be killed: most of it is in the crawl
PAGE = "<page><title>A</title><ns>0</ns><revision><text>a red dog</text></revision></page>"
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 1
[[extract.sources]]
kind = "list"
path = ["{folder}/list-*.jsonl"]
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


@dataclass(frozen=True)
class Hosts:
    """Some hosts with pictures, and the recipe that crawls them, in rounds."""

    recipe: Path
    webs: list[Web]

    def name(self, number: int) -> None:
        """Begin round `number`: its list is there from now on."""
        waiting = self.recipe.parent / f"waiting-{number}.jsonl"
        (self.recipe.parent / f"list-{number}.jsonl").write_bytes(waiting.read_bytes())

    def forget(self) -> None:
        """No list but the first is there."""
        for number in range(1, ROUNDS):
            (self.recipe.parent / f"list-{number}.jsonl").unlink(missing_ok=True)

    def requests(self) -> int:
        """Requests for pictures that all hosts have seen."""
        return sum(path.endswith(".jpg") for web in self.webs for path in web.log.paths)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """The first round names most of the pictures, the other the rest."""
    with ExitStack() as stack:
        webs = [
            stack.enter_context(Web({f"/{i}.jpg": endpoint(host * PICTURES + i) for i in range(PICTURES)}))
            for host in range(HOSTS)
        ]
        for number, pictures in enumerate(PARTS):
            lines = [
                json.dumps({"url": web.url(f"/{i}.jpg"), "caption": f"a red dog, number {i} of {host}"})
                for host, web in enumerate(webs)
                for i in pictures
            ]
            (tmp_path / f"waiting-{number}.jsonl").write_text("\n".join(lines))
        (tmp_path / "dump.xml").write_text(f'<mediawiki version="0.11">{PAGE}</mediawiki>')
        authorities = json.dumps([web.authority for web in webs])
        (tmp_path / "recipe.toml").write_text(RECIPE.format(folder=tmp_path, hosts=authorities))
        made = Hosts(recipe=tmp_path / "recipe.toml", webs=webs)
        made.name(0)
        yield made


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


def killed(recipe: Path, root: Path, kills: int, seed: str) -> int:
    """Build, killed at most so often, every other time the main process alone; returns how often it was."""
    assert start(recipe, root, "frontier").wait() == 0
    for number in range(kills):
        process = start(recipe, root)
        moment = FIRST + (LAST - FIRST) * uniform(f"{seed}:{number}", seed=0, purpose="kill")
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
    assert not list((root / "crawl").glob("journal-*"))
    assert signed.counts.kept > len(wanted) // 2
    assert SUCCESS not in signed.counts.rejected


def campaign(hosts: Hosts, folder: Path, kills: int) -> None:
    """Builds of some rounds each, killed in all of them, against one that never was."""
    recipe, whole_root = hosts.recipe, folder / "whole"
    for number in range(ROUNDS):
        hosts.name(number)
        assert start(recipe, whole_root).wait() == 0
    unkilled, asked, so_far, seed = tree(whole_root), hosts.requests(), 0, 0
    while so_far < kills:
        hosts.forget()
        root, before, here = folder / str(seed), hosts.requests(), 0
        for number in range(ROUNDS):
            hosts.name(number)
            share = max(1, (kills - so_far - here) // (ROUNDS - number))
            here += killed(recipe, root, share, f"{seed}.{number}")
        check(recipe, root, unkilled)
        assert hosts.requests() - before <= asked + here * AT_ONCE
        so_far, seed = so_far + here, seed + 1


def test_a_few_kills_change_nothing(hosts: Hosts, tmp_path: Path) -> None:
    campaign(hosts, tmp_path, 2)


@pytest.mark.slow
def test_a_hundred_kills_change_nothing(hosts: Hosts, tmp_path: Path) -> None:
    campaign(hosts, tmp_path, 100)
