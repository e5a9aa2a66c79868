"""What a list names is never on disk: every file of a root is looked through, after a kill and a build."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import md5, sha1, sha256
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from tests.beam_jobs.world import World, make
from tests.factories import encoded, photograph
from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.pictures.image import Decoded, decode, decode_with_pdq
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS

KILLED = """
import os, signal, sys
from beam_jobs.__main__ import main
from beam_jobs.stages import crawl
left = iter(range(13))
def beat_of(pulse):
    return lambda fetched: next(left, None) is None and os.kill(os.getpid(), signal.SIGKILL)
crawl.beat_of = beat_of
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("blocked") / "world")
    with made.web:
        yield made


@dataclass(frozen=True)
class Listed:
    """A recipe with lists, and the bodies that they name."""

    recipe: Path
    bodies: list[bytes]
    entries: list[str]


def body(number: int) -> bytes:
    return encoded(photograph(number, (160, 120)), quality=95)


def known(content: bytes) -> Decoded:
    return decode(content, CrawlConfig())


@pytest.fixture
def listed(world: World, tmp_path: Path) -> Listed:
    entries = [
        md5(body(2)).hexdigest(),
        sha1(body(3)).hexdigest(),
        sha256(body(4)).hexdigest(),
        md5(known(body(5)).stored).hexdigest(),
        sha1(known(body(6)).stored).hexdigest(),
        known(body(7)).stored_sha256,
        f"phash:{known(body(8)).phash}",
    ]
    numbers = list(range(2, 9))
    (tmp_path / "of-an-office.txt").write_text("\n".join(entries[:3]))
    (tmp_path / "of-another.txt").write_text("\n".join(entries[3:]))
    try:
        found = decode_with_pdq(body(9), CrawlConfig())
    except ModuleNotFoundError:
        pass
    else:
        code = f"{int(found.pdq, 16) ^ (1 << 30) - 1:064x}"  # 30 bits away
        (tmp_path / "of-a-third.txt").write_text(f"{code},{found.pdq_quality},a.jpg\n")
        entries.append(code)
        numbers.append(9)
    recipe = tmp_path / "recipe.toml"
    names = f'[crawl]\nblock_lists = ["{tmp_path}/of-*.txt"]'
    recipe.write_text(world.recipe.read_text().replace("[crawl]", names))
    return Listed(recipe=recipe, bodies=[body(number) for number in numbers], entries=entries)


def told(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def check_nothing(root: Path, listed: Listed) -> None:
    """No file of a root has a piece of what was named, nor says what names it."""
    pictures = [content for one in listed.bodies for content in (one, known(one).stored)]
    pieces = [one[place : place + 48] for one in pictures for place in range(700, len(one) - 48, 997)]
    words = [b"of-an-office", b"of-another", b"of-a-third", *(one.encode() for one in listed.entries)]
    kept = [known(body(number)).stored for number in range(10, 20)]  # of which some were there at the kill
    files = [path for path in root.rglob("*") if path.is_file()]
    contents = (path.read_bytes() for path in files)
    assert any(one in content for content in contents for one in kept), "what is looked for would be found"
    for path in files:
        content = path.read_bytes()
        assert not [piece for piece in (*pieces, *words) if piece in content], path


def test_what_lists_name_is_never_in_the_root(world: World, listed: Listed, tmp_path: Path) -> None:
    root, report = tmp_path / "root", tmp_path / "matches.jsonl"
    how = ["--recipe", f"{listed.recipe}", "--root", f"{root}", "--workers", "1"]
    how += ["--report-matches", f"{report}"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "build", "--to", "crawl", *how], capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    check_nothing(root, listed)
    assert main(["build", "--to", "shard", *how]) == 0
    check_nothing(root, listed)
    assert main(["verify", "--root", f"{root}"]) == 0
    check_rows(world, listed, root)
    found = told(report)
    assert {str(line["url"]) for line in found} >= {world.web.url(f"/{number}.jpg") for number in range(2, 9)}
    assert {line["sha256"] for line in found} == {sha256(one).hexdigest() for one in listed.bodies}
    sums = {sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("of-*.txt")}
    assert {line["list"] for line in found} == sums
    assert report.stat().st_mode & 0o777 == 0o600


def check_rows(world: World, listed: Listed, root: Path) -> None:
    signed = manifest.load(root / "crawl")
    assert signed is not None
    assert signed.counts.rejected["block_listed"] == len(listed.bodies) + 1  # one URL has two captions
    table = [item for path in (root / "crawl").glob("unit-*.parquet") for item in rows.read(path, Fetched)]
    refused = [item for item in table if item.status == "block_listed"]
    assert len({replace(item, url="", page_urls=()) for item in refused}) == 1
    assert all(item.marks.md5 and item.marks.stored_sha1 for item in table if item.status == SUCCESS)


def test_where_matches_are_told(
    world: World, listed: Listed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["build", "--recipe", f"{listed.recipe}", "--root", f"{tmp_path}/root", "--workers", "1"]
    for place, said in (
        (tmp_path / "root" / "m.jsonl", "must not be a part"),
        (tmp_path, "cannot be written"),
    ):
        assert main([*how, "--report-matches", f"{place}"]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "root").exists()
    (tmp_path / "of-a-bad.txt").write_text("d41d8cd9\n")
    assert main(how) == 2
    assert "of-a-bad.txt: line 1 is no http(s) URL" in capsys.readouterr().err
    raw = listed.recipe.read_text().replace("[crawl]", '[crawl]\nstore = "raw"')
    (tmp_path / "of-a-bad.txt").unlink()
    listed.recipe.write_text(raw)
    assert main(how) == 2
    assert 'of pictures are not made where store = "raw"' in capsys.readouterr().err


def test_lists_are_held_against_what_was_stored_before_them(
    world: World, listed: Listed, tmp_path: Path
) -> None:
    root, report = tmp_path / "root", tmp_path / "matches.jsonl"
    how = ["--root", f"{root}", "--workers", "1"]
    assert main(["build", "--to", "crawl", "--recipe", f"{world.recipe}", *how]) == 0
    more = ["--recipe", f"{listed.recipe}", "--report-matches", f"{report}"]
    assert main(["build", "--to", "filter", *more, *how]) == 0
    signed = manifest.load(root / "filter")
    assert signed is not None
    unknown = 2  # of which only the sums of what was fetched are listed, which nobody asked for in time
    assert signed.counts.rejected["block_listed"] >= len(listed.bodies) - unknown
    assert {line["kind"] for line in told(report)} >= {"sha256", "md5", "sha1", "phash"}
