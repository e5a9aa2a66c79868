import pytest
import torch

from training.config import MODELS, TrainConfig
from training.model.clip import Clip
from training.optimisation import optim

B_32 = MODELS["ViT-B/32"]


def test_all_but_gains_and_biases_decay() -> None:
    with torch.device("meta"):
        model = Clip(B_32)
    decayed = optim.decayed(model)
    spared = set(model.state_dict()) - decayed
    assert {"logit_scale", "ln_final.weight", "visual.ln_pre.weight", "visual.ln_post.bias"} <= spared
    assert {"token_embedding.weight", "positional_embedding", "text_projection"} <= decayed
    assert {"visual.class_embedding", "visual.positional_embedding", "visual.proj"} <= decayed
    assert all(name == "logit_scale" or "ln_" in name or name.endswith("bias") for name in spared)
    assert len(decayed) == 24 * 4 + 7  # four matrices a layer; embeddings, patches and projections


def test_the_optimizer_is_the_papers_for_vits() -> None:
    with torch.device("meta"):
        model = Clip(B_32)
    adam = optim.optimizer(model, B_32, TrainConfig())
    assert [group["weight_decay"] for group in adam.param_groups] == [0.2, 0.2, 0.0]
    assert {(group["betas"], group["eps"]) for group in adam.param_groups} == {((0.9, 0.98), 1e-6)}
    assert sum(len(group["params"]) for group in adam.param_groups) == 302


def test_the_optimizer_is_the_papers_for_resnets() -> None:
    """Table 18 has other betas and epsilon for these; gains and biases of batch norms do not decay."""
    with torch.device("meta"):
        model = Clip(MODELS["RN50"])
    adam = optim.optimizer(model, MODELS["RN50"], TrainConfig())
    assert {(group["betas"], group["eps"]) for group in adam.param_groups} == {((0.9, 0.999), 1e-8)}
    decayed = optim.decayed(model)
    assert {"visual.conv1.weight", "visual.layer1.0.downsample.0.weight"} <= decayed
    assert {"visual.attnpool.positional_embedding", "visual.attnpool.q_proj.weight"} <= decayed
    assert not [name for name in decayed if ".bn" in name or "downsample.1" in name or name.endswith("bias")]


def test_groups_stand_in_the_models_order() -> None:
    """The state of a resumed optimizer is matched by place: a set's order would differ by process."""
    with torch.device("meta"):
        model = Clip(B_32)
    order = {id(parameter): i for i, parameter in enumerate(model.parameters())}
    for group in optim.optimizer(model, B_32, TrainConfig()).param_groups:
        places = [order[id(parameter)] for parameter in group["params"]]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("step", "rate"), [(1, 0.1), (5, 0.5), (10, 1.0), (11, 0.9997), (55, 0.5086), (100, 0.0003)]
)
def test_the_rate_climbs_and_follows_a_cosine_down(step: int, rate: float) -> None:
    assert optim.learning_rate(step, peak=1, warmup=10, steps=100) == pytest.approx(rate, abs=1e-4)


def test_the_rate_never_rises_after_the_warm_up_and_is_never_0() -> None:
    rates = [optim.learning_rate(step, peak=2e-3, warmup=7, steps=50) for step in range(1, 51)]
    assert max(rates) == rates[6] == 2e-3
    assert rates[6:] == sorted(rates[6:], reverse=True)
    assert min(rates) > 0
    assert optim.learning_rate(1, peak=1, warmup=0, steps=1) > 0


@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("text", [False, True])
def test_what_is_kept_in_16_bits_has_an_optimizer_of_its_own(adam: bool, text: bool) -> None:
    with torch.device("meta"):
        model = Clip(B_32)
    made = optim.optimizer(model, B_32, TrainConfig(half_adam=adam, half_text=text))
    assert type(made).__name__ == ("HalfAdamW" if adam or text else "AdamW")
