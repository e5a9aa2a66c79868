import math
from pathlib import Path

import pytest

from training.config import MODELS, TrainConfig, VitConfig, peak, read_recipe
from wit_pipeline.vocabulary.errors import UserError

RECIPES = Path(__file__).parents[2] / "training" / "recipes"


def test_the_example_recipes_are_read() -> None:
    assert read_recipe(RECIPES / "tiny.toml").model == "ViT-Ti/8-64"
    paper = read_recipe(RECIPES / "vit_b_32.toml")
    assert (paper.batch_size, paper.epochs, paper.learning_rate) == (32_768, 32, 5e-4)
    assert (paper.warmup_steps, paper.weight_decay, paper.gradient_clip) == (2_000, 0.2, 0.0)


def test_other_tables_of_a_recipe_stay_unread(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("seed = 3\n[queries]\nanything = 1\n[train]\nsteps = 4\n")
    assert read_recipe(path) == TrainConfig(steps=4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nbatch_sise = 8", "did you mean 'batch_size'"),
        ("[train]\nbatch_size = '8'", "wants a whole number"),
        ("[train]\nmodel = 'ViT-B/33'", "did you mean 'ViT-B/32'"),
        ("[train]\nprecision = 'fp8'", "not one of auto, fp32, bf16"),
        ("[training]\nsteps = 1", r"has no \[train\] table"),
        ("train = 3", r"has no \[train\] table"),
    ],
)
def test_a_recipe_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_recipe(path)


@pytest.mark.parametrize(
    ("key", "allowed", "refused"),
    [
        ("batch_size", 2, 1),
        ("epochs", 1, 0),
        ("steps", 0, -1),
        ("vocab_size", 514, 513),
        ("context", 3, 2),
        ("checkpoint_every", 1, 0),
        ("max_bad_share", 1.0, 1.01),
        ("max_bad_share", 0.0, -0.01),
        ("learning_rate", 0.0, -1e-9),
        ("weight_decay", 0.0, -0.1),
        ("weight_decay", 0.0, math.nan),
        ("gradient_clip", 0.0, math.nan),
        ("learning_rate", 0.0, math.nan),
        ("max_bad_share", 0.0, math.nan),
    ],
)
def test_both_sides_of_each_bound(key: str, allowed: float, refused: float) -> None:
    TrainConfig(**{key: allowed})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=key):
        TrainConfig(**{key: refused})  # type: ignore[arg-type]


def test_patches_must_tile_the_image() -> None:
    with pytest.raises(ValueError, match="no multiple of patch_size"):
        VitConfig(image_size=60, patch_size=8, layers=1, width=64)


def test_every_model_has_the_contexts_of_the_paper_unless_told() -> None:
    assert {model.text.context for model in MODELS.values()} == {77}


@pytest.mark.parametrize(
    ("model", "rate"),
    [("RN50", 5e-4), ("RN50x16", 4e-4), ("RN50x64", 3.6e-4), ("ViT-L/14", 4e-4), ("ViT-L/14@336px", 2e-5)],
)
def test_the_learning_rate_is_the_papers_for_the_model_unless_it_is_stated(model: str, rate: float) -> None:
    assert peak(TrainConfig(model=model)) == rate
    assert peak(TrainConfig(model=model, learning_rate=1e-3)) == 1e-3
