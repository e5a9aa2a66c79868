"""What a job's launcher tells while workers elsewhere are at it, and what ends with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.engine import build, graphs, job, progress
from beam_jobs.engine.engine import Engine
from beam_jobs.engine.job import Job
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.runners import begun, servers
from beam_jobs.engine.runners import flags as given_flags
from beam_jobs.engine.stage import Done, Folders, Needs, Stage, Task, Unit, Work
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts, Receipt, write_receipt

HERE = Path(__file__).parents[3]
EMBEDDED = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
LANES = ["", "", "a", "", "b", "a", "", "a", "b", "", "c", ""]


def note(task: Task, unit: Unit) -> Done:
    with (task.folders.root / "done.log").open("a") as log:
        log.write(f"{unit.name} {os.getpid()}\n")
    progress.tell("records", count=100, unit=unit.name)
    return Counts(read=1, kept=1), ()


def units(task: Task) -> list[Unit]:
    return [Unit(name=f"{lane}{number}", lane=lane, records=10) for number, lane in enumerate(LANES)]


STAGE = Stage(name="filter", about="", steps=(Work(name="Step", units=units, do=note),))


@contextmanager
def listening() -> Iterator[list[progress.Event]]:
    events: list[progress.Event] = []
    progress.send_to(events.append)
    try:
        yield events
    finally:
        progress.send_to(None)


def test_a_job_does_lanes_in_order_and_tells_of_each_unit_once(tmp_path: Path) -> None:
    jobs = Job(EMBEDDED, tmp_path)
    try:
        with listening() as events:
            made = build.run_stage(STAGE, Recipe(), tmp_path, Engine(workers=jobs))
    finally:
        jobs.close()
    assert made.counts.kept == len(LANES)
    done = [line.split()[0] for line in (tmp_path / "done.log").read_text().splitlines()]
    assert sorted(done) == sorted(unit.name for unit in units(None))  # type: ignore[arg-type]
    assert [name for name in done if name[0] == "a"] == ["a2", "a5", "a7"]
    told = [event for event in events if event["event"] == "unit"]
    assert sorted(event["unit"] for event in told) == sorted(done)
    records = [event["count"] for event in events if event["event"] == "records"]
    assert records == [10] * len(LANES)  # by receipts; what the workers told themselves is not told again


@given(st.lists(st.sampled_from(["", "", "a", "b", "c"]), max_size=30))
def test_lanes_hold_all_units_in_order(lanes: list[str]) -> None:
    given_ = [Unit(name=f"{number}", lane=lane) for number, lane in enumerate(lanes)]
    dealt = graphs.lanes(given_)
    assert sorted((unit.name for lane in dealt for unit in lane), key=int) == [unit.name for unit in given_]
    for lane in dealt:
        assert len(lane) == 1 or len({unit.lane for unit in lane}) == 1
        assert [int(unit.name) for unit in lane] == sorted(int(unit.name) for unit in lane)
    assert len(dealt) == len({*lanes} - {""}) + lanes.count("")


def step_in(root: Path) -> tuple[Work, Task]:
    folders = Folders(root=root, stage="filter")
    folders.out.mkdir(parents=True)
    return STAGE.steps[0], Task(folders=folders, recipe=Recipe(), plan="p")  # type: ignore[return-value]


def test_receipts_that_come_are_told_and_a_stall_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "LOOK", 0.01)
    step, task = step_in(tmp_path)
    mine, events = units(task), list[progress.Event]()

    def receipt(unit: Unit) -> None:
        path = step.receipt(task.folders, unit)
        write_receipt(path, Receipt(unit=unit.name, plan="p", counts=Counts(), files=()))

    receipt(mine[0])  # of an earlier run: not ours to tell
    jobs = Job([], tmp_path, stall=0.3 / 60)
    with job.Receipts(step, task, mine, events.append, jobs).followed():
        receipt(mine[1])
        end = time.monotonic() + 60
        while not any(event["event"] == "note" for event in events) and time.monotonic() < end:
            time.sleep(0.01)
    assert [event for event in events if event["event"] == "unit"] == [{"event": "unit", "unit": "1"}]
    (first, *_) = [event["text"] for event in events if event["event"] == "note"]
    assert "Step: no unit was done for 0 minutes. If its workers are gone, end this with Ctrl-C" in first


def test_names_of_jobs_are_beams_and_their_roots(tmp_path: Path) -> None:
    name = begun.job_name(tmp_path, "queries", "AddWords", "plan")
    assert name.startswith(begun.prefix(tmp_path) + "queries-addwords-")
    assert begun.job_name(tmp_path, "queries", "AddWords", "plan") == name
    assert begun.job_name(tmp_path, "queries", "AddWords", "other") != name
    assert begun.prefix(tmp_path / "other") != begun.prefix(tmp_path)


@pytest.mark.parametrize(
    ("flags", "goes_on"),
    [
        (EMBEDDED, False),
        (["--runner=PortableRunner", "--job_endpoint=host:1", "--environment_type=LOOPBACK"], False),
        (["--runner=PortableRunner", "--job_endpoint=host:1", "--environment_type=DOCKER"], True),
        (["--runner=FlinkRunner", "--job_endpoint=host:1"], True),
    ],
)
def test_which_jobs_outlive_their_launcher(flags: list[str], goes_on: bool) -> None:
    assert Job.survives(given_flags.read(flags)) == goes_on


# Job servers


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


SERVES = """
import os, socket, time
server = socket.create_server(("127.0.0.1", {port}))
print(os.getpid(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_ends_when_it_is_closed(tmp_path: Path, port: int) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = servers.Server([sys.executable, "-c", SERVES.format(port=port)], f"127.0.0.1:{port}", out)
    server.wait()
    pid = int(log.read_text())
    assert alive(pid)
    server.close()
    assert gone(pid)


def test_a_server_ends_with_a_launcher_that_is_killed(tmp_path: Path, port: int) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", SERVES.format(port=port)]
    launcher = f"""
import time
from beam_jobs.engine.runners import servers
server = servers.Server({command!r}, "127.0.0.1:{port}", open({str(log)!r}, "wb"))
server.wait()
print("up", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", launcher], cwd=HERE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        pid = int(log.read_text())
        assert alive(pid)
        process.send_signal(signal.SIGKILL)
    assert gone(pid)


def test_a_server_that_ends_at_once_is_told(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as out:
        server = servers.Server(["/bin/sh", "-c", "exit 3"], "127.0.0.1:1", out)
        with pytest.raises(RunError, match=r"ended as soon as it began \(code 3\)"):
            server.wait()
        server.close()


def test_units_of_one_process_are_done_one_after_another(tmp_path: Path) -> None:
    """Engines may give a process two bundles at once; a client and its decoders are there but once."""
    running, most = [0], [0]

    def do(task: Task, unit: Unit) -> Done:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.01)
        running[0] -= 1
        return Counts(), ()

    step, task = Work(name="Step", units=units, do=do), step_in(tmp_path)[1]
    lanes: list[Any] = graphs.lanes(units(task))
    threads = [threading.Thread(target=graphs.do_lane, args=(step, task, lane)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


@pytest.mark.parametrize(
    ("flags", "needs", "hints", "disk"),
    [
        ([], Needs(), [], None),
        ([], Needs(ram_gb=16), ["min_ram=16GB"], None),
        ([], Needs(ram_gb=4, disk_gb=100), ["min_ram=4GB"], 100),
        (["--resource_hint=min_ram=64GB"], Needs(ram_gb=4, disk_gb=100), ["min_ram=64GB"], 100),
        (["--disk_size_gb=50"], Needs(disk_gb=100), [], 50),
    ],
)
def test_a_step_asks_for_what_it_needs_unless_somebody_knows_better(
    flags: list[str], needs: Needs, hints: list[str], disk: int | None
) -> None:
    options = given_flags.read(["--runner=DataflowRunner", *flags])
    job.ask_for(options, needs)
    values = options.get_all_options()
    assert (values["resource_hints"], values["disk_size_gb"]) == (hints, disk)


def test_a_bundle_that_fails_once_is_said_again_and_what_was_done_stays(tmp_path: Path) -> None:
    """As on Dataflow, which runs a failing bundle four times."""
    done = list[str]()

    def do(task: Task, unit: Unit) -> Done:
        done.append(unit.name)
        if len(done) == 3:
            raise OSError(5, "the disk of a worker")
        return Counts(read=1, kept=1), ()

    step, task = Work(name="Step", units=units, do=do), step_in(tmp_path)[1]
    lanes = graphs.lanes(units(task))
    bundle = [lane for lane in lanes if lane[0].lane != "c"]

    def said() -> None:
        for lane in bundle:
            graphs.do_lane(step, task, lane)

    with pytest.raises(RunError, match="the disk of a worker"):
        said()
    said()
    assert sorted(done) == sorted([unit.name for lane in bundle for unit in lane] + [done[2]])


def test_a_job_whose_server_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "ATTENDS", 0.01)
    go_on = threading.Event()

    def wait() -> None:
        go_on.wait(60)

    def check() -> None:
        raise RunError("no job server is there any more")

    try:
        with pytest.raises(RunError, match="no job server is there any more"):
            job.attended(wait, check)
    finally:
        go_on.set()


def test_what_a_job_says_counts_more_than_that_its_server_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "ATTENDS", 0.2)

    def fail() -> None:
        time.sleep(0.3)
        raise RunError("the disk is full")

    def check() -> None:
        raise RunError("no job server is there any more")

    with pytest.raises(RunError, match="the disk is full"):
        job.attended(fail, check)
    job.attended(lambda: None, check)
