"""A run that dies at any moment goes on as if it had not: losses and samples to the bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import TOY, MakeShards
from training.checkpoints import checkpoint

# Threads as many as torch takes by itself.
AS_USERS = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}


def start(recipe: Path, shards: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "training", "train", "--recipe", str(recipe)]
    command += ["--shards", str(shards), "--out", str(out)]
    with out.with_suffix(".log").open("ab") as said:
        return subprocess.Popen(command, env=AS_USERS, stdout=said)


def lines(out: Path) -> list[str]:
    path = out / "metrics.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def told(out: Path) -> list[tuple[int, float, int, float]]:
    """What of each step depends on nothing but the recipe."""
    rows = [json.loads(line) for line in lines(out)]
    return [(row["step"], row["loss"], row["samples"], row["scale"]) for row in rows]


def reach(process: subprocess.Popen[bytes], out: Path, step: int) -> None:
    """Wait until a run has told of so many steps, or has ended."""
    while process.poll() is None and len(lines(out)) < step:
        time.sleep(0.01)


@pytest.mark.parametrize(("kills", "steps"), [(2, 40), pytest.param(10, 200, marks=pytest.mark.slow)])
def test_a_killed_run_is_the_unbroken_run(
    kills: int, steps: int, make_shards: MakeShards, tmp_path: Path
) -> None:
    """With the default number of threads; and two unbroken runs are one."""
    shards, recipe = make_shards(count=70, broken={7}), tmp_path / "recipe.toml"
    recipe.write_text(f"{TOY}steps = {steps}\ncheckpoint_every = 7\n")
    whole = [tmp_path / "whole", tmp_path / "again"]
    for out in whole:
        assert start(recipe, shards, out).wait() == 0
    assert told(whole[0]) == told(whole[1])
    killed, died = tmp_path / "killed", 0
    draws = np.random.default_rng(kills)
    for at in sorted(draws.choice(np.arange(5, steps - 5), kills, replace=False).tolist()):
        process = start(recipe, shards, killed)
        reach(process, killed, at)
        time.sleep(float(draws.uniform(0, 0.05)))
        process.send_signal(signal.SIGKILL)
        died += process.wait() == -signal.SIGKILL
        assert checkpoint.newest(killed / "checkpoints", print) is not None or at < 8
    assert died == kills
    assert start(recipe, shards, killed).wait() == 0
    assert told(killed) == told(tmp_path / "whole")
    name = f"checkpoints/step-{steps:06d}.pt"
    last = [checkpoint.load(out / name) for out in (killed, *whole)]
    for other in last[1:]:
        assert (last[0].read, last[0].bad) == (other.read, other.bad)
        assert all(torch.equal(value, other.model[name]) for name, value in last[0].model.items())


def test_sigterm_saves_and_ends_well(make_shards: MakeShards, tmp_path: Path) -> None:
    shards, recipe, out = make_shards(count=70), tmp_path / "recipe.toml", tmp_path / "out"
    recipe.write_text(f"{TOY}steps = 400\ncheckpoint_every = 1000\n")
    process = start(recipe, shards, out)
    reach(process, out, 10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    said = out.with_suffix(".log").read_text()
    assert "stopped as asked; the same command goes on from there" in said
    (path,) = checkpoint.saved(out / "checkpoints")
    saved = checkpoint.load(path).step
    assert 10 <= saved < 400
    assert len(lines(out)) == saved
