"""A root in a store: the same bytes as on this machine, one build at a time, and every command over it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.engine import lock
from beam_jobs.stages.stages import STAGES
from tests.beam_jobs.alike import bytes_of, same
from tests.beam_jobs.world import World, make
from tests.stores import Server, gs, s3
from tests.web import Endpoint, whole
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.store import in_store, place

HOUSE = Path(__file__).parents[2]

# The servers and their clients leave sockets to the garbage collector, which is theirs to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("stores") / "world")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def here(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, built on this machine."""
    root = tmp_path_factory.mktemp("here") / "root"
    assert build(world, str(root)) == 0
    return root


@pytest.fixture(scope="module", params=[s3, gs], ids=["s3", "gs"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as running:
        yield running


def build(world: World, root: str, *more: str) -> int:
    return main(["build", "--recipe", str(world.recipe), "--root", root, "--workers", "1", *more])


def test_a_build_in_a_store_is_the_build_here(
    world: World, here: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    text = server.at("one/root")
    root = place(text)
    assert build(world, text) == 0
    same(root, here)
    asked = len(world.web.log.paths)
    assert build(world, text) == 0  # there is nothing to do
    assert len(world.web.log.paths) == asked
    found = in_store(root)
    assert found is not None
    assert not [path for path in found.rglob("*") if path.name in (lock.BUILD, "receipts")]
    capsys.readouterr()
    for command in (
        ["report"],
        ["verify"],
        ["why", world.web.url("/near.jpg")],
        ["plan", "--recipe", str(world.recipe)],
    ):
        assert main([command[0], "--root", text, *command[1:]]) == 0, command
    assert "near_duplicate" in capsys.readouterr().out
    assert (root / "report" / "index.html").exists()


def test_a_take_down_in_a_store(world: World, here: Path, server: Server, tmp_path: Path) -> None:
    """After `one/root` was built: the same samples go as on this machine, and the audit with them."""
    text, copy = server.at("one/root"), tmp_path / "copy"
    if manifest.load(place(text) / "audit") is None:
        assert build(world, text) == 0
    shutil.copytree(here, copy)
    listed = tmp_path / "list.txt"
    listed.write_text(world.web.url("/5.jpg"))
    for root in (str(copy), text):
        assert main(["remove", "--root", root, "--list", str(listed)]) == 0
        assert main(["verify", "--root", root]) == 0
        assert main(["drop", "--root", root, "crawl.2020-01-01"]) == 2
        assert build(world, root) == 0
    found, wanted = manifest.load(place(text) / "shard"), manifest.load(copy / "shard")
    assert found is not None
    assert wanted is not None
    there = {file.name: file.sha256 for file in found.files if file.name.endswith((".tar", "0.parquet"))}
    assert there == {file.name: file.sha256 for file in wanted.files if file.name in there}
    assert found.counts == wanted.counts
    assert bytes_of(place(text) / "crawl") == bytes_of(copy / "crawl")


def test_inputs_may_lie_in_a_store(world: World, here: Path, server: Server, tmp_path: Path) -> None:
    """The dump, the list, a block list and the evaluation set: what is built does not depend on it."""
    folder = world.recipe.parent
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found = in_store(place(server.at(f"in/{path.relative_to(folder).as_posix()}")))
            assert found is not None
            found.upload(path)
    text = world.recipe.read_text()
    for name in ("dump*.xml", "list.jsonl", "eval"):
        text = text.replace(f"{folder}/{name}", server.at(f"in/{name}"))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    assert main(["build", "--recipe", str(recipe), "--root", str(tmp_path / "root"), "--workers", "1"]) == 0
    for stage in ("queries", "extract", "frontier", "shard", "audit"):
        found_stage, wanted = manifest.load(tmp_path / "root" / stage), manifest.load(here / stage)
        assert found_stage is not None
        assert wanted is not None
        assert found_stage.digest == wanted.digest, stage


@pytest.mark.slow
def test_rounds_in_a_store_are_those_of_this_machine(server: Server, tmp_path: Path) -> None:
    """Two rounds and a take-down between them; each URL is asked for once by each root."""
    made = make(tmp_path / "world")
    listed, first = made.recipe.parent / "list.jsonl", (made.recipe.parent / "list.jsonl").read_text()
    (tmp_path / "gone.txt").write_text(f"{made.web.url('/7.jpg')}\n")
    there, asked = server.at("rounds/root"), []
    with made.web:
        for root in (there, str(tmp_path / "root")):
            listed.write_text(first)
            before = len(made.web.log.paths)
            assert build(made, root) == 0
            assert main(["remove", "--root", root, "--list", str(tmp_path / "gone.txt")]) == 0
            more = [
                json.dumps({"url": made.web.url(f"/{i}.jpg?2"), "caption": f"A river, {i}"}) for i in (1, 9)
            ]
            listed.write_text("\n".join([first, *more]))
            assert build(made, root) == 0
            assert main(["verify", "--root", root]) == 0
            asked.append(sorted(path for path in made.web.log.paths[before:] if ".jpg" in path))
    assert asked[0] == asked[1]
    assert len(asked[0]) == len(set(asked[0])) > 30
    store, here = place(there), tmp_path / "root"
    for stage in STAGES:
        found, wanted = manifest.load(store / stage), manifest.load(here / stage)
        assert found is not None, stage
        assert wanted is not None
        assert found.counts == wanted.counts, stage
        for name in [file.name for file in wanted.files if stage == "shard" and file.name.endswith(".tar")]:
            assert (store / stage / name).read_bytes() == (here / stage / name).read_bytes()
    assert bytes_of(store / "crawl") == bytes_of(here / "crawl")


@pytest.mark.slow
def test_what_had_no_answer_is_asked_again_in_a_store(server: Server, tmp_path: Path) -> None:
    made = make(tmp_path / "world")
    recipe = made.recipe
    recipe.write_text(recipe.read_text().replace("[crawl]\n", "[crawl]\nretries = 0\nagain_after = 0.0\n"))
    root = server.at("again/root")
    good = made.web.endpoints["/5.jpg"]
    made.web.endpoints["/5.jpg"] = Endpoint(whole(b"", status="503 Busy"), "")
    with made.web:
        assert build(made, root, "--to", "crawl") == 0
        found = manifest.load(place(root) / "crawl")
        assert found is not None
        assert found.counts.rejected["http_error"] == 1
        made.web.endpoints["/5.jpg"] = good
        before = len(made.web.log.paths)
        assert main(["crawl", "--recipe", str(recipe), "--root", root, "--workers", "1", "--again"]) == 0
        assert [path for path in made.web.log.paths[before:] if ".jpg" in path] == ["/5.jpg"]
        assert build(made, root, "--to", "filter") == 0
    found = manifest.load(place(root) / "crawl")
    assert found is not None
    assert "http_error" not in found.counts.rejected
    assert main(["verify", "--root", root]) == 0


def test_two_launchers_one_wins(server: Server) -> None:
    root = place(server.at("locks"))
    with lock.building(root):
        with pytest.raises(UserError, match=rf"process {os.getpid()} of .* if that one is dead: --take-over"):
            lock._in_store(in_store(root), take_over=False).__enter__()  # type: ignore[arg-type]
        lock.check(root)
    with lock.building(root):  # it was let go
        pass


class Ended(Exception):
    """What stands for the end of this process."""


def test_a_lock_that_was_taken_over_is_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(lock, "LOOK", 0.0)
    monkeypatch.setattr("os._exit", end)
    root = in_store(place(server.at("taken")))
    assert root is not None
    first, second = lock._Lock(root), lock._Lock(root)
    first.take(take_over=False)
    assert first.lost() == ""
    second.take(take_over=True)
    assert "builds here since" in first.lost()
    lock._held[str(root)] = first
    with pytest.raises(RunError, match="was taken over"):
        lock.check(place(str(root)))
    del lock._held[str(root)]
    with pytest.raises(Ended):
        lock._watch(first, threading.Event())
    assert "was taken over: process" in capsys.readouterr().err
    first.release()  # and leaves that of the other alone
    assert second.lost() == ""
    second.release()
    assert second.lost() == "its lock was deleted"


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("x://b/r", "x:// cannot be read"),
        ("s3://", "names no bucket"),
        ("s3://wit-none/r?endpoint_override={authority}&scheme=http", "there is no bucket wit-none"),
        ("s3://wit-test/r?endpoint_override=127.0.0.1:1&scheme=http", "Could not connect"),
        ("gs://wit-test/r?endpoint_override=127.0.0.1:1&scheme=http", "Could not connect"),
        ("s3://wit-test/r?endpoint_overide={authority}", "endpoint_overide"),
    ],
)
def test_a_root_that_cannot_be_is_one_line(
    world: World, root: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with s3() as server:
        try:
            code = build(world, root.format(authority=server.authority))
        except SystemExit as error:  # of argparse
            code = int(str(error.code))
    told = capsys.readouterr().err
    assert code == 2
    assert said in told
    assert told.count("\n") == 1


@contextmanager
def launched(world: World, root: str, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "beam_jobs", "build", "--recipe", str(world.recipe), "--root", root]
    running = subprocess.Popen(
        [*command, "--workers", "2", *more], cwd=HOUSE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_builds_in_a_store_end_the_same(world: World, here: Path, kills: int) -> None:
    """Launcher and workers at once, at several moments; what is signed is whole at each of them."""
    with s3() as server:
        text = server.at("killed")
        root = place(text)
        for kill in range(kills):
            with launched(world, text, "--take-over") as running:
                end = time.monotonic() + 7 + 30 * kill / kills
                while running.poll() is None and time.monotonic() < end:
                    time.sleep(0.05)
            for stage in STAGES:
                signed = manifest.load(root / stage)
                for file in signed.files if signed is not None else ():
                    assert manifest.reread(root / stage / file.name).sha256 == file.sha256
        assert build(world, text, "--take-over") == 0
        same(root, here)


@pytest.mark.parametrize(("serve", "module"), [(s3, "boto3"), (gs, "google.cloud.storage")])
def test_a_root_needs_the_stores_client_before_any_work(
    serve: Callable[[], AbstractContextManager[Server]],
    module: str,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serve() as server:
        monkeypatch.setitem(sys.modules, module, None)
        assert build(world, server.at("none")) == 2
        assert f"needs {module}, which is not installed: pip install" in capsys.readouterr().err
        assert not place(server.at("none")).exists()
