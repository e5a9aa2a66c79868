"""What is kept in 16 bits, against the same in 32."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from torch.nn.parameter import Parameter
from torch.optim import AdamW

from training.checkpoints import checkpoint
from training.config import MODELS, TrainConfig
from training.loop.train import train
from training.model.clip import Clip
from training.optimisation.half import HalfAdamW, rounded

MakeShards = Callable[..., Path]
BETAS, EPS = (0.9, 0.98), 1e-8


def noise(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randint(1 << 16, shape, dtype=torch.int32, generator=torch.Generator().manual_seed(seed))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_value_is_rounded_to_one_of_its_two_neighbours(value: float) -> None:
    exact = torch.full((64,), value)
    places = rounded(exact, noise((64,))).view(torch.int16) - (exact.view(torch.int32) >> 16).short()
    assert set(places.tolist()) <= {0, 1}


def test_rounding_is_right_in_the_mean() -> None:
    """The mean of n roundings is within five standard errors, and to the nearest it would not be."""
    n = 1 << 18
    for value in (1.001, -1.001, 3.3e-5, 1 / 3):
        made = rounded(torch.full((n,), value), noise((n,))).double()
        error = abs(made.mean().item() - np.float32(value).item())
        assert error < 5 * made.std().item() / n**0.5
        assert abs(torch.tensor(value).bfloat16().item() - value) > 20 * error


def test_what_bf16_holds_is_not_rounded() -> None:
    held = torch.randn(1000, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(rounded(held.float(), noise((1000,))), held)


def steps(optimizer: torch.optim.Optimizer, weight: Parameter, scale: float, count: int = 50) -> None:
    chance = torch.Generator().manual_seed(1)
    for _ in range(count):
        weight.grad = (scale * torch.randn(weight.shape, generator=chance)).to(weight.dtype)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        optimizer.step()


def weight_of(dtype: torch.dtype = torch.float32) -> Parameter:
    return Parameter(torch.randn(64, 32, generator=torch.Generator().manual_seed(0)).to(dtype))


def groups(weight: Parameter) -> list[dict[str, object]]:
    return [{"params": [weight], "weight_decay": 0.2}]


def test_in_32_bits_it_is_torchs_adamw() -> None:
    ours, theirs = weight_of(), weight_of()
    steps(HalfAdamW(groups(ours), betas=BETAS, eps=EPS, half_statistics=False, seed=0), ours, 1e-2)
    steps(AdamW(groups(theirs), betas=BETAS, eps=EPS), theirs, 1e-2)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1e3, 1e-2, 1e-7, 1e-12])
def test_statistics_in_fp16_move_the_weights_alike(scale: float) -> None:
    """At any size of the gradients: squares of 1e-24 are far below what fp16 holds without a factor."""
    ours, theirs = weight_of(), weight_of()
    start = weight_of()
    halved = HalfAdamW(groups(ours), betas=BETAS, eps=scale * 1e-6, half_statistics=True, seed=0)
    steps(halved, ours, scale)
    steps(AdamW(groups(theirs), betas=BETAS, eps=scale * 1e-6), theirs, scale)
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 2e-3 * moved
    state = halved.state[ours]
    assert {state[name].dtype for name in ("exp_avg", "exp_avg_sq")} == {torch.float16}


def test_no_gradient_at_all_moves_nothing() -> None:
    weight = weight_of()
    optimizer = HalfAdamW(
        [{"params": [weight], "weight_decay": 0.0}], betas=BETAS, eps=EPS, half_statistics=True, seed=0
    )
    steps(optimizer, weight, 0.0, count=2)
    assert torch.equal(weight, weight_of())


def test_small_steps_add_up_in_bf16() -> None:
    """A thousand steps of 1e-5 from 1, where the last bit is 2^-7: to the nearest not one would be seen."""
    weight = Parameter(torch.ones(4096, dtype=torch.bfloat16))
    optimizer = HalfAdamW(
        [{"params": [weight], "weight_decay": 0.0}], betas=BETAS, eps=1e-12, half_statistics=False, seed=0
    )
    for _ in range(1000):
        weight.grad = torch.ones_like(weight)
        optimizer.param_groups[0]["lr"] = 1e-5
        optimizer.step()
    assert weight.float().mean().item() == pytest.approx(1 - 1e-2, abs=1e-3)


def test_chance_differs_by_step_parameter_and_seed_and_is_that_of_a_run_taken_up_again() -> None:
    def made(seed: int, count: int, broken: bool = False) -> torch.Tensor:
        weight = weight_of(torch.bfloat16)
        optimizer = HalfAdamW(groups(weight), betas=BETAS, eps=EPS, half_statistics=True, seed=seed)
        steps(optimizer, weight, 1e-2, count)
        if broken:
            again = HalfAdamW(groups(weight), betas=BETAS, eps=EPS, half_statistics=True, seed=seed)
            again.load_state_dict(optimizer.state_dict())
            assert again.state[weight]["exp_avg"].dtype == torch.float16
            optimizer = again
        steps(optimizer, weight, 1e-2, 5)
        return weight.detach()

    assert torch.equal(made(0, 5), made(0, 5, broken=True))
    assert not torch.equal(made(0, 5), made(1, 5))


def test_the_text_towers_matrices_alone_are_halved() -> None:
    model = Clip(MODELS["ViT-Ti/8-64"])
    model.halve()
    halved = {name for name, value in model.state_dict().items() if value.dtype == torch.bfloat16}
    assert {"token_embedding.weight", "positional_embedding", "text_projection"} <= halved
    assert len(halved) == 3 + 3 * 4
    assert not [name for name in halved if name.startswith("visual") or "ln_" in name or "bias" in name]


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def curve() -> dict[str, list[float]]:
    return {}


@pytest.mark.parametrize(
    ("switches", "apart"),
    [
        pytest.param({"half_adam": True}, 0.02, marks=pytest.mark.slow),
        pytest.param({"half_text": True}, 0.05, marks=pytest.mark.slow),
        ({"half_adam": True, "half_text": True}, 0.05),
        pytest.param({"precision": "bf16"}, 0.05, marks=pytest.mark.slow),
        pytest.param(
            {"precision": "bf16", "half_text": True, "half_adam": True, "recompute": True},
            0.05,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_curve_of_the_loss_is_that_of_32_bits(
    recipe: TrainConfig,
    make_shards: MakeShards,
    tmp_path: Path,
    console: Console,
    curve: dict[str, list[float]],
    switches: dict[str, object],
    apart: float,
) -> None:
    shards = [str(make_shards(count=64))]
    config = replace(recipe, steps=40, checkpoint_every=40, gradient_clip=1.0)
    if not curve:
        train(config, shards, tmp_path / "whole", console=console)
        curve["losses"] = losses(tmp_path / "whole")
    assert curve["losses"][-1] < 0.6 * curve["losses"][0]  # it learns: a curve to be kept to
    train(replace(config, **switches), shards, tmp_path / "half", console=console)  # type: ignore[arg-type]
    made = losses(tmp_path / "half")
    assert np.abs(np.subtract(made, curve["losses"])).mean() < apart * curve["losses"][0]


def test_a_loss_in_bf16_is_nearly_that_in_32_bits(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    """Two steps: many a CPU has bf16 at a twentieth of its speed in fp32."""
    shards = [str(make_shards())]
    made = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        train(replace(recipe, steps=2, precision=precision), shards, out, console=console)
        made[precision] = losses(out)
    assert made["bf16"] != made["fp32"]
    assert made["bf16"] == pytest.approx(made["fp32"], rel=0.02)


def test_a_run_in_16_bits_goes_on_where_it_was(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards())]
    config = replace(recipe, half_adam=True, half_text=True)
    train(config, shards, tmp_path / "one", console=console)
    third = tmp_path / "one" / "checkpoints" / "step-000003.pt"
    train(config, shards, tmp_path / "two", resume=str(third), console=console)
    assert losses(tmp_path / "two") == losses(tmp_path / "one")[3:]
    one, two = (
        checkpoint.load(tmp_path / name / "checkpoints" / "step-000006.pt") for name in ("one", "two")
    )
    assert all(torch.equal(one.model[name], two.model[name]) for name in one.model)
    model, _, _ = checkpoint.restore(one)  # for evaluation, in float32
    assert model.token_embedding.weight.dtype == torch.float32
