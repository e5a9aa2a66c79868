"""One dataset whichever engine builds it, and one line where an engine goes away."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from tests.beam_jobs import engine_table, engines
from tests.beam_jobs.alike import same
from tests.beam_jobs.world import IMAGES, World, make

SLOW = ("prism process", "prism pool", "flink")
HOUSE = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("engines") / "world")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def here(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the local runner builds."""
    root = tmp_path_factory.mktemp("here") / "root"
    assert main(command(world, root)) == 0
    return root


def command(world: World, root: Path, *more: str, name: str = "build") -> list[str]:
    return [name, "--recipe", str(world.recipe), "--root", str(root), *more]


def is_here(engine: str) -> None:
    if why := engines.absent(engine):
        pytest.skip(why)


def servers() -> set[int]:
    """Processes of an engine of ours."""
    found = subprocess.run(["pgrep", "-f", f"^{engines.MADE}/"], capture_output=True, text=True, check=False)
    return {int(pid) for pid in found.stdout.split()}


def none_left(before: set[int]) -> bool:
    end = time.monotonic() + 20
    while servers() - before and time.monotonic() < end:
        time.sleep(0.1)
    return not servers() - before


@pytest.mark.parametrize(
    "engine",
    ["embed", "prism loopback", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def test_a_build_on_any_engine_is_the_build_here(
    engine: str, world: World, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    is_here(engine)
    asked, before = len(world.web.log.paths), servers()
    with engines.flags(engine) as flags:
        assert main(command(world, tmp_path / "root", "--", *flags)) == 0
    same(tmp_path / "root", here)
    assert len(world.web.log.paths) - asked <= 2 * IMAGES  # each picture once, and files of robots and wishes
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    assert len(lines) < 30
    assert re.search(r"the engine's own log: \S+/engine\.log$", lines[-1])
    assert none_left(before)


@pytest.mark.parametrize("engine", ["prism process", "prism pool"])
def test_workers_that_are_processes_of_their_own_end_a_build(
    engine: str, world: World, here: Path, tmp_path: Path
) -> None:
    """Each job is a new process, which takes seconds to begin: the whole build of them is a slow test."""
    is_here(engine)
    root = tmp_path / "root"
    shutil.copytree(here, root)
    for stage in ("balance", "shard", "audit"):
        shutil.rmtree(root / stage)
    with engines.flags(engine) as flags:
        assert main(command(world, root, "--", *flags)) == 0
    same(root, here)


def test_every_two_circumstances_meet_in_few_builds() -> None:
    factors = list(engine_table.FACTORS.values())
    rows = engine_table.covering(factors)
    assert len(rows) <= 16
    met = set().union(*map(engine_table.pairs, rows))
    for one, other in combinations(range(len(factors)), 2):
        for value, another in product(factors[one], factors[other]):
            assert (one, value, other, another) in met


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_runner_starts_ends_with_wit(number: int, world: World, tmp_path: Path) -> None:
    is_here("prism loopback")
    before = servers()
    with engines.flags("prism loopback") as flags:
        given = command(world, tmp_path / "root", "--workers", "2", "--", *flags)
        with subprocess.Popen(
            [sys.executable, "-m", "beam_jobs", *given], cwd=HOUSE, stderr=subprocess.PIPE, text=True
        ) as process:
            end = time.monotonic() + 60
            while not servers() - before and time.monotonic() < end:
                time.sleep(0.05)
            assert servers() - before
            time.sleep(2)
            process.send_signal(number)
            assert process.stderr is not None
            said = process.stderr.read().splitlines()
    if number == signal.SIGTERM:
        assert said[-1] == "wit: stopped; run again to go on"
    assert none_left(before)


def test_a_server_that_is_killed_is_one_line_and_the_build_goes_on(
    world: World, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    is_here("prism loopback")
    root, before = tmp_path / "root", servers()

    def kill() -> None:
        while not (root / "extract" / "manifest.json").exists():
            time.sleep(0.05)
        for pid in servers() - before:
            os.kill(pid, signal.SIGKILL)

    killing = threading.Thread(target=kill, daemon=True)
    killing.start()
    with engines.flags("prism loopback") as flags:
        code = main(command(world, root, "--", *flags))
        killing.join(60)
        line = capsys.readouterr().err.splitlines()[-1]
        assert code == 1
        assert line.startswith("wit: --runner=PrismRunner failed: ")
        assert "run again to go on; its log: " in line
        assert main(command(world, root, "--", *flags)) == 0
    same(root, here)


def pictures(world: World) -> list[str]:
    return [path for path in world.web.log.paths if path.endswith(".jpg")]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["worker", "launcher"])
def test_what_is_killed_while_it_crawls_asks_for_little_twice(
    what: str, world: World, here: Path, tmp_path: Path
) -> None:
    """Workers are processes of their own here, which Beam's boot starts anew when one dies."""
    is_here("prism process")
    root, before, asked = tmp_path / "root", servers(), len(pictures(world))
    with engines.flags("prism process") as flags:
        command_line = [sys.executable, "-m", "beam_jobs", *command(world, root, "--", *flags)]
        killed = 0
        for _ in range(3):
            with subprocess.Popen(command_line, cwd=HOUSE, stderr=subprocess.PIPE, text=True) as launcher:
                while launcher.poll() is None:
                    if not killed and len(pictures(world)) - asked >= 5:
                        pids = [launcher.pid] if what == "launcher" else workers()
                        for pid in pids:
                            os.kill(pid, signal.SIGKILL)
                        killed += len(pids)
                    time.sleep(0.02)
                assert launcher.stderr is not None
                launcher.stderr.read()
            if launcher.returncode == 0:
                break
    assert killed
    assert launcher.returncode == 0
    same(root, here)
    urls = 30
    assert len(pictures(world)) - asked <= urls + 2 * urls // 4  # a unit under way is asked again, in part
    assert none_left(before)


def workers() -> list[int]:
    """The Python workers that engines of ours started."""
    name = "apache_beam.runners.worker.sdk_worker_main"
    found = subprocess.run(["pgrep", "-f", name], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()][-1:]
