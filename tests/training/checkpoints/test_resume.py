"""What a run may be given on the way, and what makes it another."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.training.conftest import MakeShards
from training.checkpoints import checkpoint
from training.config import TURNED, TrainConfig, peak
from training.data.batches import Era, plan
from training.loop.train import train
from wit_pipeline.vocabulary.config import as_table
from wit_pipeline.vocabulary.errors import UserError

ON_THE_WAY: dict[str, Any] = {
    "epochs": 2,
    "steps": 5,
    "learning_rate": 1e-4,
    "warmup_steps": 1,
    "weight_decay": 0.1,
    "gradient_clip": 0.5,
    "micro_batch": 8,
    "loss_chunk": 4,
    "recompute": True,
    "precision": "fp32",
    "max_bad_share": 0.5,
}
ANOTHER: dict[str, Any] = {
    "model": "ViT-Ti/16",
    "batch_size": 8,
    "seed": 1,
    "init": "elsewhere",
    "activation": "gelu",
    "tokenizer": "elsewhere.json",
    "caption_key": "alt",
    "vocab_size": 601,
    "context": 12,
    "half_adam": True,
    "half_text": True,
}


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def begun(recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console) -> TrainConfig:
    """A recipe, of which two steps are done in `tmp_path`/run."""
    make_shards(count=40)
    train(replace(recipe, steps=2), [str(tmp_path / "shards")], tmp_path / "run", console=console)
    return replace(recipe, steps=4)


def test_each_knob_stands_in_one_of_the_two_lists() -> None:
    assert set(ON_THE_WAY) == TURNED
    assert set(ON_THE_WAY) | set(ANOTHER) == set(as_table(TrainConfig()))


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_what_may_be_turned_on_the_way_is_and_is_written_down(
    begun: TrainConfig, name: str, tmp_path: Path, console: Console
) -> None:
    config = replace(begun, **{name: ON_THE_WAY[name]})
    last = train(config, [str(tmp_path / "shards")], tmp_path / "run", console=console)
    saved = checkpoint.load(last)
    told = rows(tmp_path / "run")
    assert [row["step"] for row in told] == list(range(1, config.steps + 1))
    (change,) = saved.changes
    was = {"steps": 2}.get(name, getattr(begun, name))
    assert change["step"] == 2
    assert change["changed"][name] == [was, ON_THE_WAY[name]]
    assert told[2]["changed"] == change["changed"]
    assert all("changed" not in row for row in told if row["step"] != 3)
    assert saved.config[name] == ON_THE_WAY[name]
    assert saved.optimizer["param_groups"][0]["weight_decay"] == config.weight_decay
    assert told[-1]["learning_rate"] <= peak(config)
    # What is not turned again is not said again.
    again = checkpoint.load(train(config, [str(tmp_path / "shards")], tmp_path / "run", console=console))
    assert again.changes == saved.changes


@pytest.mark.parametrize("name", ANOTHER)
def test_what_makes_a_run_is_refused_and_what_may_change_is_told(
    begun: TrainConfig, name: str, tmp_path: Path, console: Console
) -> None:
    config = replace(begun, **{name: ANOTHER[name]})
    with pytest.raises(UserError, match=f"run's: {name} was .* on the way may change: .*gradient_clip"):
        train(config, [str(tmp_path / "shards")], tmp_path / "run", console=console)


@pytest.mark.parametrize("removed", [False, True])
def test_other_samples_go_on_with_a_new_order_from_there(
    begun: TrainConfig, removed: bool, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    """More shards, or the same from which samples were taken out."""
    (tmp_path / "shards").rename(tmp_path / "before")
    if removed:
        make_shards(count=40, mute={3, 30})
    else:
        make_shards(count=60, shards=3)
    train(begun, [str(tmp_path / "shards")], tmp_path / "run", console=console)
    told = rows(tmp_path / "run")
    assert [row["epoch"] for row in told] == [0, 0, 1, 1]
    assert told[2]["changed"]["samples"] == [40, 38 if removed else 60]
    last = checkpoint.load(tmp_path / "run" / "checkpoints" / "step-000004.pt")
    assert last.era == {"step": 2, "epoch": 1}
    # A run that is taken up again goes on in that order.
    longer = replace(begun, steps=5)
    train(longer, [str(tmp_path / "shards")], tmp_path / "run", console=console)
    assert rows(tmp_path / "run")[-1]["epoch"] == (2 if removed else 1)


def test_a_checkpoint_of_an_earlier_release_goes_on(
    begun: TrainConfig, tmp_path: Path, console: Console
) -> None:
    """Which knew neither `activation` nor the shards' names, and summed them in another way."""
    path = tmp_path / "run" / "checkpoints" / "step-000002.pt"
    found = checkpoint.load(path)
    config = {name: value for name, value in found.config.items() if name != "activation"}
    old = replace(found, config=config, shards="another", names=(), samples=0, era={})
    checkpoint.save(path.parent, old, keep=1)
    train(begun, [str(tmp_path / "shards")], tmp_path / "run", console=console)
    assert [row["epoch"] for row in rows(tmp_path / "run")] == [0, 0, 1, 1]
    with pytest.raises(UserError, match="activation was '' and is 'gelu'"):
        train(
            replace(begun, activation="gelu"), [str(tmp_path / "shards")], tmp_path / "run", console=console
        )


def test_an_era_passes_each_sample_once_an_epoch() -> None:
    era = Era(step=5, epoch=2)
    picks = [i for batch in plan(12, batch_size=4, seed=0, first=5, last=8, era=era) for i, _ in batch]
    assert Counter(picks) == Counter(range(12))
    assert (
        list(plan(12, batch_size=4, seed=0, first=6, last=8, era=era))
        == list(plan(12, batch_size=4, seed=0, first=5, last=8, era=era))[1:]
    )
    assert era.last(4, 3) == 11
    assert era.last(1, 3) == 5
