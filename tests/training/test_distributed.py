"""Two processes that train together are one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.training.conftest import TOY, MakeShards
from training import checkpoint
from training.distributed import ALONE, World, world_of
from wit_pipeline.errors import UserError


def run(shards: Path, out: Path, *, processes: int, steps: int = 20, more: str = "") -> list[float]:
    """The losses of a run by the command, in one process or in several that hear one another over gloo."""
    recipe = out.with_suffix(".toml")
    recipe.write_text(f"{TOY}steps = {steps}\ncheckpoint_every = 10\n{more}\n")
    command = [sys.executable, "-m", "training", "train", "--recipe", str(recipe)]
    command += ["--shards", str(shards), "--out", str(out)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(processes):
        place = {"WORLD_SIZE": processes, "RANK": rank, "LOCAL_RANK": rank, "MASTER_PORT": port}
        world = {name: str(value) for name, value in place.items()} if processes > 1 else {}
        environment = {**os.environ, **world, "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=environment, **pipes))  # type: ignore[call-overload]
    for process in started:
        _, complaint = process.communicate(timeout=240)
        assert process.returncode == 0, complaint.decode()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    return [row["loss"] for row in rows]


def close(one: Sequence[float], other: Sequence[float]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-5


def test_two_processes_have_the_losses_of_one(make_shards: MakeShards, tmp_path: Path) -> None:
    shards = make_shards(count=64)
    alone = run(shards, tmp_path / "alone", processes=1)
    assert close(run(shards, tmp_path / "two", processes=2), alone)
    assert close(run(shards, tmp_path / "parts", processes=2, more="micro_batch = 3\nloss_chunk = 5"), alone)


def test_a_run_of_two_with_unusable_samples_goes_on_in_one(make_shards: MakeShards, tmp_path: Path) -> None:
    """Processes have unequally many pairs then; the checkpoint is the whole world's."""
    shards = make_shards(count=64, broken={3, 4, 5})
    more = "max_bad_share = 0.5"
    alone = run(shards, tmp_path / "alone", processes=1, more=more)
    two = run(shards, tmp_path / "two", processes=2, more=more)
    assert close(two, alone)
    for path in sorted((tmp_path / "two" / "checkpoints").glob("step-*20.pt")):
        path.unlink()
    assert close(run(shards, tmp_path / "two", processes=1, more=more), alone)
    last = [checkpoint.load(tmp_path / name / "checkpoints" / "step-000020.pt") for name in ("alone", "two")]
    assert last[0].bad == last[1].bad
    assert last[0].read == last[1].read == 20 * 16


@pytest.mark.parametrize(
    ("environment", "world"),
    [
        ({}, ALONE),
        ({"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}, World(size=4, rank=3, local_rank=1)),
    ],
)
def test_the_world_is_what_torchrun_says(environment: dict[str, str], world: World) -> None:
    assert world_of(environment) == world
    assert world.leads == (world.rank == 0)


@pytest.mark.parametrize("environment", [{"RANK": "0"}, {"WORLD_SIZE": "x", "RANK": "0", "LOCAL_RANK": "0"}])
def test_half_a_world_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UserError, match="start it by torchrun"):
        world_of(environment)


def test_a_batch_is_shared_in_order() -> None:
    shares = [World(size=3, rank=rank).share(12) for rank in range(3)]
    assert [list(range(12))[share] for share in shares] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
