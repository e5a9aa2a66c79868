"""A take-down from a whole root: what goes, what stays, and what a kill leaves."""

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5, sha1, sha256
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.commands import remove
from beam_jobs.engine import pending
from tests.beam_jobs.test_road import READ_CROISSANT
from tests.beam_jobs.world import World, make
from tests.factories import encoded, photograph
from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.listed import marks
from wit_pipeline.listed.entries import Entry, entry_hash
from wit_pipeline.pictures.image import decode_with_pdq
from wit_pipeline.shard import Row
from wit_pipeline.takedown.takedown import Removed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.records import SUCCESS

TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("remove") / "world")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def built(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "root"
    assert build(world, root) == 0
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "root")
    return tmp_path / "root"


def build(world: World, root: Path, *more: str) -> int:
    return main(["build", "--recipe", str(world.recipe), "--root", str(root), "--workers", "1", *more])


def take_down(root: Path, text: str, time: datetime = TIME) -> str:
    path = root.parent / "list.txt"
    path.write_text(text)
    return remove.remove(root, path, lambda: time)


def signed(root: Path, stage: str) -> Manifest:
    found = manifest.load(root / stage)
    assert found is not None
    return found


def samples(root: Path) -> dict[str, Row]:
    tables = sorted((root / "shard").glob("[0-9]*.parquet"))
    return {row.url: row for path in tables for row in rows.read(path, Row)}


def members(root: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted((root / "shard").glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                assert content is not None
                found[member.name] = content.read()
    return found


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


def removed(root: Path) -> list[Removed]:
    return list(rows.read(root / "shard" / "removed.parquet", Removed))


def fetched(root: Path) -> dict[str, Fetched]:
    return {
        item.url: item
        for path in (root / "crawl").glob("unit-*.parquet")
        for item in rows.read(path, Fetched)
    }


def test_what_is_named_goes_and_the_rest_stays_as_it_was(
    world: World, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, content, known = samples(root), members(root), fetched(root)
    two, five, eight = (before[world.web.url(f"/{number}.jpg")] for number in (2, 5, 8))
    stored = known[eight.url].image.stored_sha256
    said = take_down(root, f"# a letter\n{two.url}#top\n{five.sha256}\n{stored}\n")
    assert said.startswith("3 samples taken down from ")
    assert said.endswith(" shards, 3 images erased; run `wit audit` again")
    after = samples(root)
    assert set(before) - set(after) == {two.url, five.url, eight.url}
    assert all(before[url] == row for url, row in after.items())
    keys = {two.key, five.key, eight.key}
    assert members(root) == {name: body for name, body in content.items() if name[:9] not in keys}
    counts = signed(root, "shard").counts
    assert (counts.read, counts.kept, dict(counts.rejected)) == (len(before), len(after), {"taken_down": 3})
    assert main(["verify", "--root", str(root)]) == 0
    assert not any(content[f"{key}.jpg"] in path.read_bytes() for key in keys for path in files_of(root))
    assert f"{len(after)} image-text pairs" in (root / "shard" / "README.md").read_text()
    assert "3 samples were taken down" in (root / "shard" / "README.md").read_text()
    index = manifest.read_json(root / "shard" / "shards.json")["shardlist"]
    assert [entry["filesize"] for entry in index] == [
        (root / "shard" / entry["url"]).stat().st_size for entry in index
    ]
    assert sum(entry["nsamples"] for entry in index) == len(after)
    capsys.readouterr()
    assert main(["why", "--root", str(root), two.url]) == 0
    told = capsys.readouterr().out
    assert f"sample {two.key} was taken down: entry " in told
    (entry,) = [item for item in removed(root) if item.key == two.key]
    assert entry.entry == entry_hash(Entry("url", two.url.removeprefix("http://")))
    assert entry.list.startswith("20260102T030405Z-")
    assert two.url not in (root / "shard" / "removed.parquet").read_bytes().decode("latin-1")


def test_croissant_gives_the_records_that_stay(world: World, root: Path) -> None:
    """removed.parquet lies beside the tables and is none of them."""
    take_down(root, world.web.url("/2.jpg"))
    command = [sys.executable, "-c", READ_CROISSANT]
    done = subprocess.run(command, cwd=root / "shard", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == [row.caption for row in samples(root).values()]


def test_the_report_is_made_anew(world: World, root: Path) -> None:
    """It tells of the overlap, whose pictures are gone, and of how many samples there are."""
    assert main(["report", "--root", str(root)]) == 0
    before = (root / "report" / "index.html").read_text()
    take_down(root, world.web.url("/2.jpg"))
    after = (root / "report" / "index.html").read_text()
    assert "taken_down" in after
    assert "taken_down" not in before
    told = signed(root, "report").inputs
    assert told == {name: signed(root, name).digest for name in told}
    assert "audit" not in told
    assert main(["verify", "--root", str(root)]) == 0


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_rebuild_brings_nothing_back_and_numbers_the_rest_alike(
    world: World, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = samples(root)[world.web.url("/2.jpg")]
    other = samples(root)[world.web.url("/3.jpg")]
    take_down(root, f"{row.url}\n")
    take_down(root, f"{other.sha256}\n", TIME.replace(hour=9))
    asked = len(world.web.log.paths)
    digest = signed(root, "shard").digest
    capsys.readouterr()
    assert build(world, root, "--json") == 0
    skipped = [line for line in capsys.readouterr().out.splitlines() if '"skip"' in line]
    assert len(skipped) == 8  # all but the audit
    assert signed(root, "audit").counts.read == signed(root, "shard").counts.kept == len(samples(root))
    shutil.rmtree(root / "shard")
    assert build(world, root) == 0
    assert signed(root, "shard").digest == digest
    assert len(world.web.log.paths) == asked
    assert main(["verify", "--root", str(root)]) == 0


def test_what_was_taken_down_and_is_listed_no_more_is_no_loss(
    world: World, root: Path, tmp_path: Path
) -> None:
    """Its pair is not read any more; removed.parquet tells of its sample for ever."""
    url = world.web.url("/2.jpg")
    take_down(root, url)
    lines = (world.recipe.parent / "list.jsonl").read_text().splitlines()
    (tmp_path / "list.jsonl").write_text("\n".join(line for line in lines if f'"{url}"' not in line))
    text = world.recipe.read_text()
    (tmp_path / "recipe.toml").write_text(
        text.replace(f"{world.recipe.parent}/list.jsonl", f"{tmp_path}/list.jsonl")
    )
    assert build(replace(world, recipe=tmp_path / "recipe.toml"), root) == 0
    counts = signed(root, "shard").counts
    assert (counts.read, dict(counts.rejected)) == (counts.kept, {})
    assert [item.reason for item in removed(root)] == ["taken_down"]
    assert main(["verify", "--root", str(root)]) == 0
    shard = signed(root, "shard")
    forged = replace(shard.counts, read=shard.counts.read + 1, rejected={"taken_down": 1})
    manifest.sign(root / "shard", replace(shard, counts=forged))
    assert main(["verify", "--root", str(root)]) == 1


def test_the_same_bytes_do_not_return_under_another_address(world: World, root: Path) -> None:
    """Of /1.jpg and /same.jpg, which have the same bytes, one is in the shards; the list names the other."""
    kept, dropped = world.web.url("/1.jpg"), world.web.url("/same.jpg")
    if kept not in samples(root):
        kept, dropped = dropped, kept
    assert take_down(root, dropped).startswith("1 samples taken down from 1 shards, 2 images erased")
    assert kept not in samples(root)
    (found,) = (root / "removed").glob("*.found.txt")
    assert found.read_text() == f"{fetched(root)[kept].image.sha256}\n"
    shutil.rmtree(root / "shard")
    assert build(world, root) == 0
    assert kept not in samples(root)


def test_a_domain_takes_all_and_leaves_shards_without_samples(world: World, root: Path) -> None:
    said = take_down(root, "127.0.0.1\n")
    assert said.startswith("25 samples taken down from 3 shards")
    assert samples(root) == {}
    assert members(root) == {}
    assert main(["verify", "--root", str(root)]) == 0
    stored = [item.image for item in fetched(root).values() if item.status == SUCCESS]
    for image in stored:
        content = (root / "crawl" / f"unit-{image.unit:06d}.tar").read_bytes()
        assert not any(content[image.offset : image.offset + image.length])


def test_twice_changes_nothing(world: World, root: Path) -> None:
    text = f"{world.web.url('/2.jpg')}\n"
    take_down(root, text)
    before = tree(root)
    said = take_down(root, text, TIME.replace(year=2027))
    assert said == "0 samples taken down from 0 shards, 0 images erased"
    assert tree(root) == before


def test_a_list_that_names_nothing_here_is_kept_and_changes_no_stage(root: Path) -> None:
    before = {name: value for name, value in tree(root).items() if not name.startswith("removed/")}
    assert take_down(root, "elsewhere.test").startswith("0 samples taken down")
    after = tree(root)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2  # and its signature


class Killed(Exception):
    """The process is no more."""


@pytest.mark.parametrize("name", ["move", "drop", "aside"])
def test_a_kill_at_any_step_leaves_a_root_that_is_completed(
    world: World, built: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th file is not written, moved or dropped, for every n; then the command is run again."""
    text = f"{world.web.url('/2.jpg')}\n{world.web.url('/5.jpg')}\n"
    shutil.copytree(built, tmp_path / "whole")
    take_down(tmp_path / "whole", text)
    wanted = tree(tmp_path / "whole")
    places = {"move": (pending, "move"), "drop": (pending, "drop"), "aside": (manifest, "write_json")}
    kills = 0
    for last in range(100):
        root = tmp_path / "killed"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(built, root)
        with monkeypatch.context() as patched:
            stop_at(patched, *places[name], last)
            try:
                take_down(root, text)
            except Killed:
                kills += 1
                half = (root / "removed" / ".pending" / "ready.json").exists()
            else:
                break
        if half:
            with pytest.raises(UserError, match="was cut short here; run it again first"):
                pending.check(root)
        else:
            before = {key: value for key, value in tree(root).items() if ".pending" not in key}
            assert before == tree(built)
        take_down(root, text)
        assert tree(root) == wanted
    assert kills >= {"move": 8, "drop": 1, "aside": 4}[name]


def stop_at(patched: pytest.MonkeyPatch, module: object, name: str, last: int) -> None:
    done = 0
    real = getattr(module, name)

    def once(*arguments: object) -> object:
        nonlocal done
        done += 1
        if done > last:
            raise Killed
        return real(*arguments)

    patched.setattr(module, name, once)


def test_a_build_does_not_go_on_from_half_a_removal(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        stop_at(patched, pending, "move", 3)
        with pytest.raises(Killed):
            take_down(root, world.web.url("/2.jpg"))
    assert build(world, root) == 2
    assert "a `wit remove` was cut short here; run it again first" in capsys.readouterr().err


def test_a_stage_that_was_stale_stays_stale(world: World, root: Path) -> None:
    """A manifest of another plan is not made to look current."""
    old = signed(root, "filter")
    manifest.sign(root / "filter", replace(old, plan="of another version"))
    take_down(root, world.web.url("/2.jpg"))
    assert signed(root, "filter").plan == "of another version"
    assert signed(root, "filter").inputs["crawl"] == signed(root, "crawl").digest


@pytest.mark.parametrize(
    ("text", "message"),
    [("# nothing\n", "names nothing"), ("a.test\nwhat is it\n", "list.txt: line 2 is no http")],
)
def test_a_list_that_cannot_be_used(root: Path, text: str, message: str) -> None:
    before = tree(root)
    with pytest.raises(UserError, match=message):
        take_down(root, text)
    assert tree(root) == before


def test_a_root_that_was_not_crawled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("a.test")
    arguments = ["--root", str(tmp_path / "none"), "--list", str(tmp_path / "list.txt")]
    assert main(["remove", *arguments]) == 2
    assert "holds no signed crawl" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def stored_of(root: Path, url: str) -> bytes:
    return members(root)[f"{samples(root)[url].key}.jpg"]


def test_sums_and_codes_name_what_was_stored_before_a_list_asked_for_them(
    world: World, root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before, report = samples(root), tmp_path / "matches.jsonl"
    two, five, eight = (world.web.url(f"/{number}.jpg") for number in (2, 5, 8))
    lines = [md5(stored_of(root, two)).hexdigest(), sha1(stored_of(root, five)).hexdigest()]
    lines.append(f"phash:{before[eight].phash}")
    (tmp_path / "list.txt").write_text("\n".join(lines))
    how = ["--list", f"{tmp_path}/list.txt", "--report-matches"]
    assert main(["remove", "--root", f"{root}", *how, f"{root}/matches.jsonl"]) == 2
    assert "must not be a part" in capsys.readouterr().err
    assert main(["remove", "--root", f"{root}", *how, f"{report}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 samples taken down from ")
    assert "were stored before" not in said  # as they were fetched, being small
    assert set(before) - set(samples(root)) == {two, five, eight}
    assert main(["verify", "--root", f"{root}"]) == 0
    found = [json.loads(line) for line in report.read_text().splitlines()]
    assert {line["url"] for line in found} == {two, five, eight}
    assert {line["kind"] for line in found} == {"md5", "sha1", "phash"}
    assert {line["list"] for line in found} == {sha256((tmp_path / "list.txt").read_bytes()).hexdigest()}


def test_nothing_is_decoded_where_a_list_asked_in_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pdqhash", reason="needs the extra pdq")
    (tmp_path / "asks.txt").write_text(f"pdq:{'5' * 64}\n{'d' * 32}\n")
    recipe, root = tmp_path / "recipe.toml", tmp_path / "root"
    lists = f'[crawl]\nblock_lists = ["{tmp_path}/asks.txt"]'
    recipe.write_text(world.recipe.read_text().replace("[crawl]", lists))
    assert main(["build", "--recipe", f"{recipe}", "--root", f"{root}", "--workers", "1"]) == 0
    known = fetched(root)
    two, five = (known[world.web.url(f"/{number}.jpg")].marks for number in (2, 5))
    monkeypatch.setattr(marks, "pdq_of_stored", None)
    said = take_down(root, f"{two.pdq},{two.pdq_quality}\n{five.md5}\n")
    assert said.startswith("2 samples taken down from ")
    assert "were stored before" not in said


def test_what_cannot_be_compared_is_counted(world: World, tmp_path: Path) -> None:
    """Stored smaller than they came: the sums of what came are known to nobody, their PDQs nearly."""
    pytest.importorskip("pdqhash", reason="needs the extra pdq")
    recipe, root = tmp_path / "recipe.toml", tmp_path / "root"
    recipe.write_text(world.recipe.read_text().replace("[crawl]", "[crawl]\nstore_side = 100"))
    how = ["build", "--to", "shard", "--recipe", f"{recipe}", "--root", f"{root}", "--workers", "1"]
    assert main(how) == 0
    two, five = (encoded(photograph(number, (160, 120)), quality=95) for number in (2, 5))
    code = decode_with_pdq(five, CrawlConfig())
    said = take_down(root, f"{md5(two).hexdigest()}\n{code.pdq},{code.pdq_quality}\n")
    assert said.startswith("1 samples taken down from ")
    images = len(list(fetched(root))) - 2  # of which two gave none
    assert f"; {images - 1} images were stored before a list asked for md5 or sha1" in said  # one is small
    assert f"; {images} images were stored before a list asked for PDQ" in said
    assert world.web.url("/5.jpg") not in samples(root)
