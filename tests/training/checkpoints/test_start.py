import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

from tests.training.conftest import MakeShards
from training.checkpoints import checkpoint
from training.checkpoints.start import begin_with, resized, weights_of
from training.config import MODELS, TextConfig, TrainConfig, VitConfig
from training.data.tokenizer import Tokenizer
from training.loop.train import train
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import UserError, WitError

TEXT = TextConfig(layers=1, width=64, context=8, vocab_size=600)
SMALL = replace(MODELS["ViT-Ti/8-64"], text=TEXT)
LARGE = replace(SMALL, vision=VitConfig(image_size=96, patch_size=8, layers=4, width=128))


def test_places_on_a_larger_grid_lie_between_those_of_the_smaller() -> None:
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    places_TW = torch.cat([torch.tensor([[7.0, 9.0]]), torch.stack([rows.flatten(), columns.flatten()], 1)])
    made = resized(places_TW, 1 + 12 * 12)
    assert made.shape == (145, 2)
    assert made[0].tolist() == [7.0, 9.0]
    grid = made[1:].reshape(12, 12, 2)
    expected = (torch.arange(12.0) + 0.5) * 8 / 12 - 0.5
    torch.testing.assert_close(grid[3:9, 5, 0], expected[3:9], atol=0.02, rtol=0)  # away from the edges
    torch.testing.assert_close(grid[5, 3:9, 1], expected[3:9], atol=0.02, rtol=0)
    assert resized(places_TW, 65) is places_TW


def test_a_model_at_another_size_begins_with_all_that_was_learnt() -> None:
    small, large = Clip(SMALL), Clip(LARGE)
    begin_with(large, small.state_dict(), Path("x"))
    for name, value in large.state_dict().items():
        if name != "visual.positional_embedding":
            assert torch.equal(value, small.state_dict()[name]), name


@pytest.mark.parametrize("kind", ["pt", "safetensors", "wrapped"])
def test_files_with_the_published_names_are_read(tmp_path: Path, kind: str) -> None:
    state = Clip(SMALL).half().state_dict()
    path = tmp_path / f"weights.{'safetensors' if kind == 'safetensors' else 'pt'}"
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "wrapped":
        torch.save(
            {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, path
        )
    else:
        torch.save(state, path)
    weights, tokenizer, activation = weights_of(path, print)
    assert tokenizer is None
    assert activation is None
    assert weights.keys() == state.keys()
    begin_with(Clip(SMALL), weights, path)


@pytest.mark.parametrize("content", [None, b"nothing", b""])
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "step-000003.pt"])
def test_what_holds_no_weights_is_the_users(tmp_path: Path, content: bytes | None, name: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WitError, match=re.escape(name)) as raised:
        weights_of(path, print)
    assert "\n" not in str(raised.value)


def test_another_model_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "w.pt")
    with pytest.raises(UserError, match="holds no weights with the names of openai/CLIP"):
        weights_of(tmp_path / "w.pt", print)
    state = Clip(SMALL).state_dict()
    del state["logit_scale"]
    with pytest.raises(UserError, match="is another model's: logit_scale is missing"):
        begin_with(Clip(SMALL), state, Path("w.pt"))
    narrow = replace(SMALL, vision=VitConfig(image_size=64, patch_size=8, layers=4, width=64))
    with pytest.raises(UserError, match=r"is another model's: visual\..* and \d+ more"):
        begin_with(Clip(narrow), Clip(SMALL).state_dict(), Path("w.pt"))


def test_a_run_begins_where_another_ended(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    """With its tokenizer; and goes on from its own checkpoints afterwards."""
    shards = [str(make_shards())]
    first = train(recipe, shards, tmp_path / "first", console=console)
    again = replace(recipe, init=str(tmp_path / "first"), steps=3, learning_rate=1e-9)
    second = train(again, shards, tmp_path / "second", console=console)
    one, other = checkpoint.load(first), checkpoint.load(second)
    assert one.tokenizer == other.tokenizer
    for name, value in one.model.items():
        torch.testing.assert_close(other.model[name], value, atol=1e-6, rtol=1e-5)
    assert train(again, shards, tmp_path / "second", console=console) == second
    torch.save(one.model, tmp_path / "bare.pt")
    bare = replace(again, init=str(tmp_path / "bare.pt"))
    with pytest.raises(UserError, match="nothing beside it says its activation; set activation: quick_gelu"):
        train(bare, shards, tmp_path / "third", console=console)
    bare = replace(bare, activation="quick_gelu")
    with pytest.raises(UserError, match="has no tokenizer beside it; name its list of merges"):
        train(bare, shards, tmp_path / "third", console=console)
    Tokenizer.parse(one.tokenizer).save(tmp_path / "tokenizer.json")
    train(
        replace(bare, tokenizer=str(tmp_path / "tokenizer.json")), shards, tmp_path / "third", console=console
    )
