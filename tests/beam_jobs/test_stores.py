"""A root in a store: the same bytes as on this machine, one build at a time, and every command over it."""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from beam_jobs.__main__ import main
from beam_jobs.commands import drop, remove, verify
from beam_jobs.engine import lock
from beam_jobs.engine.recipe import load
from beam_jobs.engine.stage import NO_LEAVE, Leave, Task
from beam_jobs.stages import keeping
from beam_jobs.stages.stages import STAGES
from tests.beam_jobs.alike import bytes_of, same
from tests.beam_jobs.world import World, make
from tests.stores import CREDENTIALS, Server, gs, s3
from tests.web import Endpoint, whole
from wit_pipeline.vocabulary import manifest, store
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.store import StorePath, files_below, in_store, place

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


# Where the same is true of both, the slower one is a slow test.
GS_FIRST = pytest.mark.parametrize(
    "server", [pytest.param(s3, marks=pytest.mark.slow), gs], ids=["s3", "gs"], indirect=True
)


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


@GS_FIRST
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


class Killed(Exception):
    """The process is no more."""


@contextmanager
def cut_at(last: int) -> Iterator[None]:
    """Whatever is to change in a store after `last` changes of objects ends this process, so to speak."""
    acts = itertools.count()

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def act(*arguments: object, **named: object) -> None:
            if next(acts) >= last:
                raise Killed
            real(*arguments, **named)

        return act

    def clear(folder: StorePath) -> None:  # in one request for thousands, of which a part may be done
        for path in files_below(cast(Path, folder)):
            path.unlink(missing_ok=True)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StorePath, "clear", clear)
        for name in ("upload", "copy", "unlink"):
            patched.setattr(StorePath, name, counted(getattr(StorePath, name)))
        yield


def put(folder: Path, root: Path) -> None:
    """A folder of this machine in a store."""
    paths = [path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts]
    with ThreadPoolExecutor(8) as pool:
        there = [in_store(root / path.relative_to(folder).as_posix()) for path in paths]
        list(pool.map(StorePath.upload, there, paths))


def held(root: Path) -> dict[str, str]:
    """The digests of a root's files, but for what is under way."""
    found = {str(path.relative_to(root)): path for path in files_below(root)}
    names = [name for name in found if not name.startswith(".work/")]
    with ThreadPoolExecutor(8) as pool:
        sums = pool.map(lambda name: manifest.reread(found[name]).sha256, names)
        return dict(zip(names, sums, strict=True))


@GS_FIRST
@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_a_take_down_that_is_cut_at_any_object_is_completed(
    world: World, here: Path, server: Server, tmp_path: Path, step: int
) -> None:
    """The n-th upload, copy or deletion is not made, for every n or some; then the command is run again."""
    listed, moment = tmp_path / "list.txt", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    listed.write_text(f"{world.web.url('/2.jpg')}\n{world.web.url('/5.jpg')}\n")
    shutil.copytree(here, tmp_path / "whole")
    remove.remove(tmp_path / "whole", listed, lambda: moment)
    wanted, kills = held(tmp_path / "whole"), 0
    for last in range(0, 400, step):
        root = place(server.at(f"cut{step}-{last}"))
        put(here, root)
        try:
            with cut_at(last):
                remove.remove(root, listed, lambda: moment)
        except Killed:
            kills += 1
        else:
            assert held(root) == wanted
            break
        remove.remove(root, listed, lambda: moment, take_over=True)
        assert held(root) == wanted, last
    assert kills >= 30 // step


def killed(last: int, act: Callable[[], object]) -> bool:
    """Whether an act was ended after so many changes; it may be done before."""
    try:
        with cut_at(last):
            act()
    except Killed:
        return True
    return False


@GS_FIRST
def test_a_refetch_that_is_cut_at_any_object_is_completed_and_so_is_a_drop(
    world: World, here: Path, server: Server
) -> None:
    """What was fetched is moved object by object: all of it is there afterwards, once, under one name."""
    recipe = load(world.recipe)
    recipe = replace(recipe, crawl=replace(recipe.crawl, jpeg_quality=33))
    before, kills = held(here), Counter[str]()

    def settle(root: Path, leave: Leave) -> None:
        task = Task(folders=STAGES["crawl"].folders(root), recipe=recipe, leave=leave)
        keeping.check(task)
        keeping.settle(task)

    for last in range(0, 400, 11):
        root = place(server.at(f"refetch-{last}"))
        put(here, root)
        with pytest.raises(UserError, match="would be asked again"):
            settle(root, NO_LEAVE)
        if killed(last, lambda root=root: settle(root, Leave(refetch=True))):  # type: ignore[misc]
            kills["moves"] += 1
            half = (root / ".work" / keeping.MOVING).exists()
            assert any("--refetch was cut short" in said.text for said in verify.verify(root)) is half
            with pytest.raises(UserError, match="was cut short" if half else "would be asked again"):
                settle(root, NO_LEAVE)
            settle(root, Leave(refetch=True))
        found = held(root)
        (day,) = {name.partition("/")[0] for name in found if name.startswith("crawl.")}
        assert not [name for name in found if name.startswith("crawl/")]
        crawl = {name: sha256 for name, sha256 in before.items() if name.startswith("crawl/")}
        assert {name: found[name.replace("crawl/", f"{day}/")] for name in crawl} == crawl
        parts = {name: sha256 for name, sha256 in before.items() if name.startswith("frontier/part-")}
        assert {name: found[f"{day}/{name}"] for name in parts} == parts
        if killed(last, lambda root=root, day=day: drop.drop(root, day)):  # type: ignore[misc]
            kills["drops"] += 1
            drop.drop(root, day, take_over=True)
        assert not [name for name in held(root) if name.startswith("crawl")]
        if last > 11 * max(kills.values()):
            break
    assert min(kills.values()) >= 2


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
def answering(status: str) -> Iterator[str]:
    """An authority that says one thing to everybody, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listening.accept()
                    kept.append(near)
                    near.recv(1 << 16)
                    if status:
                        near.sendall(
                            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                        )
                        near.close()

        kept = list[socket.socket]()
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


COMMANDS = {
    "build": ["--recipe", "{recipe}"],
    "plan": ["--recipe", "{recipe}"],
    "report": [],
    "why": ["a"],
    "verify": [],
    "remove": ["--list", "{recipe}"],
    "drop": ["crawl.2020-01-01"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("root", "status", "said"),
    [
        ("s3://{bucket}/r?endpoint_override={authority}&scheme=http", "403 Forbidden", "ACCESS_DENIED"),
        ("gs://{bucket}/r?endpoint_override={authority}&scheme=http", "403 Forbidden", "PERMISSION_DENIED"),
        ("gs://{bucket}/r?endpoint_override={authority}&scheme=http", "", "no answer within 1 s"),
        ("s3://{bucket}/r?endpoint_override={authority}&scheme=http", "", "no answer within 1 s"),
    ],
)
def test_a_store_that_does_not_let_us_in_is_one_line_before_any_work(
    world: World,
    command: str,
    root: str,
    status: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    if not status:
        monkeypatch.setattr(store, "ANSWERS", 1.0)
    with answering(status) as authority:
        text = root.format(bucket=f"wit-{command}", authority=authority)
        more = [item.format(recipe=world.recipe) for item in COMMANDS[command]]
        assert main([command, "--root", text, *more]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_root_that_may_be_read_but_not_locked_is_one_line(world: World, tmp_path: Path) -> None:
    """Without credentials pyarrow asks as nobody, which a public bucket allows; to build takes a name."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with s3() as server:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "beam_jobs",
                "build",
                "--recipe",
                str(world.recipe),
                "--root",
                server.at("no"),
            ],
            cwd=HOUSE,
            env={**clean, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "cannot be locked: Unable to locate credentials" in done.stderr
    assert done.stderr.count("\n") == 1


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


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
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
