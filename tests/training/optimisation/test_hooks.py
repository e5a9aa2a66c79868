"""What is done for speed alone changes nothing: compiled blocks, a layout in memory, one fused kernel."""

import copy
import shutil
from collections.abc import Callable

import pytest
import torch
from torch.optim import AdamW

from training.config import ClipConfig, ResNetConfig, TextConfig, TrainConfig, VitConfig
from training.model.clip import Clip
from training.optimisation import optim
from training.optimisation.gradients import backward

TEXT = TextConfig(layers=2, width=64, context=16, vocab_size=600)
VIT = ClipConfig(embed_dim=32, vision=VitConfig(image_size=32, patch_size=8, layers=2, width=64), text=TEXT)
RESNET = ClipConfig(
    embed_dim=32, vision=ResNetConfig(image_size=32, layers=(1, 1, 1, 1), width=16), text=TEXT
)
SIZES = {"vit": VIT, "resnet": RESNET}


def model_of(sizes: ClipConfig) -> Clip:
    """With every branch alive: the last norms of residual blocks begin at 0."""
    torch.manual_seed(0)
    model = Clip(sizes)
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight"):
            parameter.data.fill_(0.5)
    return model


def step(model: Clip, length: int = 12) -> list[torch.Tensor]:
    """The loss of a batch, and all gradients."""
    chance = torch.Generator().manual_seed(length)
    image_BHWC = torch.randint(256, (6, 32, 32, 3), dtype=torch.uint8, generator=chance)
    text_BT = torch.randint(1, 500, (6, 16), generator=chance)
    for row, end in enumerate((3, 5, length, 9, 15, length)):
        text_BT[row, end] = 599
    model.zero_grad()
    loss, _ = backward(model, image_BHWC, text_BT)
    return [loss, *(parameter.grad for parameter in model.parameters() if parameter.grad is not None)]


def close(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    assert len(one) == len(other) > 30
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_channels_last_changes_nothing(sizes: ClipConfig) -> None:
    model = model_of(sizes)
    plain = step(copy.deepcopy(model))
    model.visual.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    close(step(model), plain)


@pytest.mark.slow  # a minute of a C++ compiler
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the compiler's own
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile wants a C++ compiler")
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_compiled_blocks_change_nothing(sizes: ClipConfig) -> None:
    """For texts of other lengths, too."""
    model = model_of(sizes)
    plain = [step(copy.deepcopy(model), length) for length in (12, 7, 2)]
    names = set(model.state_dict())
    model.compile_blocks()
    for length, expected in zip((12, 7, 2), plain, strict=True):
        close(step(model, length), expected)
    assert set(model.state_dict()) == names


def test_the_fused_kernel_is_adamw() -> None:
    def made(make: Callable[[Clip], torch.optim.Optimizer]) -> list[torch.Tensor]:
        model = model_of(VIT)
        optimizer = make(model)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        for length in (12, 7):
            step(model, length)
            optimizer.step()
        return [parameter.detach() for parameter in model.parameters()]

    def plain(model: Clip) -> AdamW:
        fused = optim.optimizer(model, VIT, TrainConfig())
        return AdamW(fused.param_groups, fused=False, foreach=False)

    close(made(lambda model: optim.optimizer(model, VIT, TrainConfig())), made(plain))
