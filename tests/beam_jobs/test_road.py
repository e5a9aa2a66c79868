"""One record through the whole house, twice, and what stands in each room afterwards."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import webdataset

from beam_jobs.__main__ import main
from beam_jobs.commands import inspect
from tests.beam_jobs.world import IMAGES, World, make
from wit_pipeline.audit.audit import Overlap
from wit_pipeline.crawl.accounts import Class, Host
from wit_pipeline.pictures.version import decoder
from wit_pipeline.shard import Row
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.records import Reject

# The readers leave files to the garbage collector, which is theirs to mend.
READER_LEAKS = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
STAGES = ["queries", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard", "audit"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("road") / "world")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def root(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once, by one worker, in this process."""
    folder = tmp_path_factory.mktemp("root") / "one"
    assert build(world, folder) == 0
    return folder


def build(world: World, folder: Path, *more: str) -> int:
    return main(["build", "--recipe", str(world.recipe), "--root", str(folder), "--workers", "1", *more])


def signed(root: Path, stage: str) -> Manifest:
    found = manifest.load(root / stage)
    assert found is not None
    return found


def rejects(root: Path, stage: str) -> list[Reject]:
    files = signed(root, stage).named("rejects-")
    return [item for file in files for item in rows.read(root / stage / file.name, Reject)]


def samples(root: Path) -> list[Row]:
    files = signed(root, "shard").named("", ".parquet")
    return [row for file in files for row in rows.read(root / "shard" / file.name, Row)]


def test_the_funnel(root: Path) -> None:
    counts = {stage: signed(root, stage).counts for stage in STAGES}
    assert all(count.adds_up() for count in counts.values())
    assert counts["queries"].read == counts["queries"].kept == 4
    assert dict(counts["extract"].rejected) == {"no_query": 1}
    assert dict(counts["frontier"].rejected) == {"duplicate_pair": 1}
    assert dict(counts["crawl"].rejected) == {"http_not_found": 1, "opted_out": 1}
    assert dict(counts["filter"].rejected) == {"image_too_small": 1}
    assert dict(counts["dedup"].rejected) == {"duplicate": 1, "near_duplicate": 1}
    assert dict(counts["balance"].rejected) == {"other_text": 1}
    assert counts["shard"].kept == IMAGES + 1
    chain = STAGES[1:]
    assert all(counts[a].kept == counts[b].read for a, b in pairwise(chain))


def test_what_was_dropped_names_what_stays(root: Path) -> None:
    kept = {row.pair_key for row in samples(root)}
    dropped = rejects(root, "dedup")
    assert len(dropped) == 2
    assert all(item.detail.split()[1].rstrip(",") in kept for item in dropped)
    (joined,) = rejects(root, "balance")
    (caption,) = [row for row in samples(root) if row.texts]
    assert (joined.detail, joined.caption) == (f"a text of {caption.pair_key}", caption.texts)
    (same,) = rejects(root, "frontier")
    assert same.caption == "A red dog, number 0"
    assert not same.where.endswith("#0")  # the first place is the one that is kept
    assert same.detail == "kept at 0/0"


def test_the_evaluation_copy_is_flagged_and_found_by_the_audit(root: Path) -> None:
    (flagged,) = [row for row in samples(root) if row.evaluation]
    assert flagged.url.endswith("/eval.jpg")
    (found,) = rows.read(root / "audit" / "overlap.parquet", Overlap)
    assert (found.set, found.image, found.pair_key) == ("eval", "dog/1.png", flagged.pair_key)
    results = json.loads((root / "audit" / "results.json").read_text())
    assert results["sets"]["eval"]["overlap_share"] == 0.5
    assert "data:image/webp" in (root / "audit" / "report.html").read_text()


@READER_LEAKS
def test_webdataset_opens_the_shards(root: Path) -> None:
    urls = sorted(str(path) for path in (root / "shard").glob("*.tar"))
    found = list(webdataset.WebDataset(urls, shardshuffle=False).decode("pil"))
    assert [sample["__key__"] for sample in found] == [row.key for row in samples(root)]
    assert [sample["txt"] for sample in found] == [row.caption for row in samples(root)]
    assert all(sample["jpg"].size == (sample["json"]["width"], sample["json"]["height"]) for sample in found)


@READER_LEAKS
def test_hugging_face_datasets_opens_the_shards(root: Path, tmp_path: Path) -> None:
    files = sorted(str(path) for path in (root / "shard").glob("*.tar"))
    loaded = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(tmp_path))
    assert loaded.num_rows == len(samples(root))
    assert sorted(loaded["txt"]) == sorted(row.caption for row in samples(root))
    assert loaded[0]["json"]["status"] == "success"
    folder = datasets.load_dataset(str(root / "shard"), split="train", cache_dir=str(tmp_path))
    assert folder["txt"][:] == loaded["txt"][:]


def test_plain_tar_lists_the_members(root: Path) -> None:
    with tarfile.open(root / "shard" / "00000.tar") as archive:
        assert archive.getnames()[:3] == ["000000000.jpg", "000000000.txt", "000000000.json"]
    assert len(signed(root, "shard").named("", ".tar")) == 3


READ_CROISSANT = """
import json, mlcroissant, os
rows = list(mlcroissant.Dataset("croissant.json").records("samples"))
print(json.dumps([row["samples/caption"].decode() for row in rows]), flush=True)
os._exit(0)  # the reader's threads now and then abort an interpreter that ends
"""


def test_croissant_gives_the_records(root: Path) -> None:
    """In a process of its own, with the paths relative to it; nothing is fetched."""
    command = [sys.executable, "-c", READ_CROISSANT]
    done = subprocess.run(command, cwd=root / "shard", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == [row.caption for row in samples(root)]


def test_a_second_build_does_nothing(world: World, root: Path) -> None:
    before = len(world.web.log.paths)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert build(world, root, "--json") == 0
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert events[0]["text"].endswith("to audit: is signed, nothing to do")
    assert [(event["event"], event["stage"]) for event in events[1:-1]] == [
        ("skip", stage) for stage in STAGES
    ]
    assert events[-1]["event"] == "note"
    assert f"{root}/audit/report.html" in events[-1]["text"]
    assert len(world.web.log.paths) == before


def test_two_workers_build_the_same(world: World, root: Path, tmp_path: Path) -> None:
    assert build(world, tmp_path / "two", "--workers", "2") == 0
    for stage in STAGES:
        if stage != "crawl":  # its table holds times
            assert signed(tmp_path / "two", stage).digest == signed(root, stage).digest, stage
    assert not list((tmp_path / "two").rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["LOOPBACK", "beam:env:embedded_python:v1"])
def test_beams_embedded_job_server_builds_the_same(
    world: World, root: Path, tmp_path: Path, environment: str
) -> None:
    flags = ["--runner=PortableRunner", "--job_endpoint=embed", f"--environment_type={environment}"]
    assert build(world, tmp_path / "other", "--", *flags) == 0
    for stage in STAGES:
        if stage != "crawl":  # its table holds times
            assert signed(tmp_path / "other", stage).digest == signed(root, stage).digest, stage


def test_another_threshold_redoes_what_it_touches(world: World, root: Path, tmp_path: Path) -> None:
    changed = tmp_path / "recipe.toml"
    changed.write_text(world.recipe.read_text() + "\n[filter]\nmin_side = 30\n")
    before = len(world.web.log.paths)
    subprocess.run(["cp", "-r", str(root), str(tmp_path / "copy")], check=True)
    assert main(["build", "--recipe", str(changed), "--root", str(tmp_path / "copy"), "--workers", "1"]) == 0
    assert len(world.web.log.paths) == before  # nothing is fetched again
    assert signed(tmp_path / "copy", "crawl") == signed(root, "crawl")
    assert signed(tmp_path / "copy", "shard").counts.kept == IMAGES + 2


@pytest.mark.parametrize("stage", ["crawl", "shard"])
def test_a_killed_build_goes_on_and_ends_the_same(
    world: World, root: Path, tmp_path: Path, stage: str
) -> None:
    folder = tmp_path / "killed"
    arguments = ["build", "--recipe", str(world.recipe), "--root", str(folder), "--workers", "1"]
    killed = subprocess.Popen(
        [sys.executable, "-m", "beam_jobs", *arguments], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    out = folder / stage if stage == "crawl" else folder / ".work" / stage / "out"
    while killed.poll() is None and not list(out.glob("*.receipt.json")):
        time.sleep(0.002)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert manifest.load(folder / stage) is None
    assert build(world, folder) == 0
    assert signed(folder, "shard").digest == signed(root, "shard").digest


def test_the_crawl_is_accounted_for_by_host_and_by_status(root: Path) -> None:
    (host,) = rows.read(root / "crawl" / "hosts.parquet", Host)
    classes = {item.status: item for item in rows.read(root / "crawl" / "classes.parquet", Class)}
    counts = signed(root, "crawl").counts
    assert {name: item.candidates for name, item in classes.items()} == {
        "success": counts.kept,
        **counts.rejected,
    }
    assert host.urls == sum(item.urls for item in classes.values()) == IMAGES + 6
    (message,) = classes["http_not_found"].messages
    assert "404" in message
    assert dict(zip(host.statuses, host.counts, strict=True)) == {
        name: item.urls for name, item in classes.items()
    }


def test_a_plan_tells_what_a_root_holds_and_who_stored_it(
    world: World, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ["plan", "--recipe", str(world.recipe), "--root"]
    assert main([*plan, str(root)]) == 0
    told = capsys.readouterr().out
    assert f"{IMAGES + 6} URLs were asked for" in told
    assert re.search(r"[0-9.]+%  success\n", told)
    assert f"pictures stored by decoder {decoder()}" in told
    old = Path(shutil.copytree(root / "crawl", tmp_path / "old" / "crawl"))
    table = pq.read_table(old / "unit-000000.parquet")
    pq.write_table(table.replace_schema_metadata(None), old / "unit-000000.parquet")
    assert main([*plan, str(tmp_path / "old")]) == 0
    assert "pictures stored by decoder 1\n" in capsys.readouterr().out
    assert main([*plan, str(tmp_path / "new")]) == 0
    assert "holds nothing that was fetched" in capsys.readouterr().out


def test_why_report_and_verify(world: World, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "--root", str(root), world.web.url("/near.jpg")]) == 0
    told = capsys.readouterr().out
    assert "rejected near_duplicate" in told
    assert "from" in told
    key = samples(root)[0].pair_key
    assert main(["why", "--root", str(root), key]) == 0
    assert "sample 000000000 of 00000.tar" in capsys.readouterr().out
    assert main(["report", "--root", str(root)]) == 0
    page = (root / "report" / "index.html").read_text()
    assert "near_duplicate" in page
    assert "Hosts with the most failures" in page
    assert main(["verify", "--root", str(root)]) == 0


def test_why_looks_at_the_unit_of_a_url_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stages after the frontier, which have a hundred thousand files each where a crawl is large."""
    looked: list[Path] = []
    read = rows.table

    def table(path: Path, *arguments: Any, **named: Any) -> Any:
        looked.append(path)
        return read(path, *arguments, **named)

    monkeypatch.setattr(rows, "table", table)
    sample = samples(root)[0]
    told = list(inspect.life(root, sample.pair_key))
    assert [line.split()[0] for line in told] == STAGES[1:-1]
    for stage in ("crawl", "filter", "dedup", "balance"):
        units = {path.stem.partition("-")[2] for path in looked if path.parent.name == stage}
        assert len(units) == 1
    assert len(signed(root, "filter").named("part-")) > 1


def test_why_tells_the_same_wherever_it_looks_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        row
        for file in signed(root, "extract").named("part-")
        for row in rows.table(root / "extract" / file.name, ["key", "url"]).to_pylist()
    ]
    asked = sorted({row["key"] for row in found} | {row["url"] for row in found})
    quickly = [list(inspect.life(root, what)) for what in asked]
    looked: list[Path] = []
    read = rows.table

    def table(path: Path, *arguments: Any, **named: Any) -> Any:
        looked.append(path)
        return read(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "table", table)
        list(inspect.life(root, samples(root)[0].pair_key))
    parts = [path for path in looked if path.parent.name == "frontier" and path.name.startswith("part-")]
    assert len(parts) == 1 < len(signed(root, "frontier").named("part-"))
    monkeypatch.setattr(inspect, "units_and_rejects", lambda *_: set())
    monkeypatch.setattr(inspect, "shards", lambda *_: set())
    assert quickly == [list(inspect.life(root, what)) for what in asked]


def test_verify_finds_a_flipped_byte(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["cp", "-r", str(root), str(tmp_path / "copy")], check=True)
    shard = tmp_path / "copy" / "shard" / "00001.tar"
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    assert main(["verify", "--root", str(tmp_path / "copy")]) == 1
    assert "00001.tar: is not what was signed" in capsys.readouterr().err


def test_what_people_bring_is_an_input_of_the_audit(world: World, root: Path, tmp_path: Path) -> None:
    brought = tmp_path / "root"
    shutil.copytree(root, brought)
    answers = tmp_path / "answers.csv"
    command = ["audit", "--recipe", str(world.recipe), "--root", str(brought), "--workers", "1"]
    answers.write_text("image,correct\ndog/9.png,1\n")
    assert main([*command, "--predictions", f"eval={answers}"]) == 2
    assert main([*command, "--predictions", f"other={answers}"]) == 2
    assert not (brought / "evidence").exists()
    answers.write_text("image,correct\ndog/1.png,1\ndog/2.png,0\n")
    (found,) = rows.read(root / "audit" / "overlap.parquet", Overlap)
    verdict = {"set": "eval", "image": found.image, "pair_key": found.pair_key, "verdict": "same"}
    (tmp_path / "reviewed.json").write_text(json.dumps({"reviewed": [verdict]}))
    more = ["--predictions", f"eval={answers}", "--reviewed", str(tmp_path / "reviewed.json")]
    assert main([*command, *more]) == 0
    made = json.loads((brought / "audit" / "results.json").read_text())["sets"]["eval"]
    assert made["scores"]["tests"]["all_minus_clean"] == 0.5
    assert made["reviewed"]["precision"] == 1.0
    before = signed(brought, "audit")
    assert build(world, brought) == 0  # a later build keeps what was brought
    assert signed(brought, "audit") == before
    assert signed(root, "audit").digest != before.digest
