"""Two processes that train together are one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from tests.training.conftest import TOY, write_shards
from training.__main__ import main
from training.checkpoints import checkpoint
from training.distributed.world import ALONE, World, world_of
from wit_pipeline.vocabulary.errors import UserError

STEPS = 20
# Each command in a group of its own: the next one would meet what is left of the last one's.
MANY = """
import os, sys
from training.__main__ import main
for one in sys.argv[1:]:
    os.environ["MASTER_PORT"], *command = one.split()
    if main(command):
        sys.exit(1)
"""

# What two processes do, by the recipe's lines: the first is that of one process too, the second theirs alone.
CASES = {
    "whole": ("", ""),
    "whole, in micro-batches, some unusable": ("max_bad_share = 0.5", "micro_batch = 3\nloss_chunk = 5"),
    "in parts, in micro-batches, some unusable": (
        "max_bad_share = 0.5\ngradient_clip = 0.5",
        "fsdp = true\nmicro_batch = 3",
    ),
    "in parts, in 16 bits": ("half_adam = true\nhalf_text = true", "fsdp = true\nrecompute = true"),
}

# Of the loss: in 16 bits a gradient's last bit is that of a bf16, and not the same for halves of a batch.
APART = {name: 3e-2 if "16 bits" in name else 1e-5 for name in CASES}


def command(folder: Path, shards: Path, recipe: str) -> str:
    """Train by a recipe into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(f"{TOY}steps = {STEPS}\ncheckpoint_every = 10\n{recipe}\n")
    return f"train --recipe {folder}/recipe.toml --shards {shards} --out {folder}"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def together(commands: Iterable[str]) -> None:
    """Do all in two processes that hear one another over gloo."""
    placed = [f"{free_port()} {command}" for command in commands]
    started = []
    for rank in range(2):
        place = {"WORLD_SIZE": 2, "RANK": rank, "LOCAL_RANK": rank}
        environment = {**os.environ, **{name: str(value) for name, value in place.items()}}
        environment |= {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", MANY, *placed],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    try:
        complaints = [process.communicate(timeout=180)[1].decode() for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert [process.returncode for process in started] == [0, 0], "\n".join(complaints)


def losses(out: Path) -> list[float]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    return [row["loss"] for row in rows]


def apart(one: Path, other: Path) -> float:
    return max(abs(a - b) for a, b in zip(losses(one), losses(other), strict=True))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each case a folder of one process's run and one of two processes'."""
    root = tmp_path_factory.mktemp("worlds")
    torch.set_num_threads(1)
    shards = {
        broken: write_shards(root / name, count=64, broken=broken)
        for name, broken in (("sound", ()), ("broken", (3, 4, 5)))
    }
    of_two = []
    for name, (shared, own) in CASES.items():
        pairs = shards[(3, 4, 5) if "unusable" in name else ()]
        assert main(command(root / f"{name} alone".replace(" ", "_"), pairs, shared).split()) == 0
        of_two.append(command(root / name.replace(" ", "_"), pairs, f"{shared}\n{own}"))
    together(of_two)
    return root


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_losses_of_one(made: Path, name: str) -> None:
    two = made / name.replace(" ", "_")
    alone = made / f"{two.name}_alone"
    assert apart(two, alone) < APART[name]
    last = [checkpoint.load(path / "checkpoints" / "step-000020.pt") for path in (alone, two)]
    assert last[0].bad == last[1].bad
    assert last[0].read == last[1].read == STEPS * 16
    for weight, value in last[0].model.items():
        assert (value.dtype, value.shape) == (last[1].model[weight].dtype, last[1].model[weight].shape)


def test_a_checkpoint_of_two_goes_on_in_one_and_in_parts_and_whole(made: Path) -> None:
    """`workers`, `fsdp` and how many processes there are say how, and not what."""
    names = ("whole,_in_micro-batches,_some_unusable", "in_parts,_in_16_bits")
    for name in names:
        (made / name / "checkpoints" / "step-000020.pt").unlink()
        (made / f"{name}_alone" / "checkpoints" / "step-000020.pt").unlink()
    (shared, own), (halved, _) = (CASES[name.replace("_", " ")] for name in names)
    broken, sound = made / "broken", made / "sound"
    assert main(command(made / names[0], broken, f"{shared}\n{own}").split()) == 0
    assert main(command(made / names[1], sound, f"{halved}\nrecompute = true").split()) == 0
    together(
        [
            command(made / f"{names[0]}_alone", broken, f"{shared}\nfsdp = true"),
            command(made / f"{names[1]}_alone", sound, f"{halved}\nfsdp = true"),
        ]
    )
    for name in names:
        assert apart(made / name, made / f"{name}_alone") < APART[name.replace("_", " ")]


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
