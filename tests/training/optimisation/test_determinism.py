"""What a step computes is a function of its inputs, to the bit, however many threads compute it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from training.config import MODELS, ClipConfig, ResNetConfig, TextConfig, TrainConfig
from training.model.clip import Clip
from training.optimisation import optim
from training.optimisation.gradients import backward

AGAIN = 3  # times that each operator is computed
PAIRS, CONTEXT = 48, 24
TEXT = TextConfig(layers=1, width=128, context=CONTEXT, vocab_size=600)
VIT = replace(MODELS["ViT-Ti/8-64"], text=TEXT)
SMALL = ResNetConfig(image_size=64, layers=(1, 1, 1, 1), width=16)
RESNET = ClipConfig(embed_dim=64, vision=SMALL, text=TEXT)


class EachAgain(TorchDispatchMode):
    """Computes each operator some times more of the same inputs; `differing` names those that disagree."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.differing: set[str] = set()
        self.seen = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if "index_put" in func.__name__ and any(map(repeated, args[1])):
            self.differing.add(str(func))  # adds in the order in which threads come, which is often the same
        if func.is_view or torch.Tag.nondeterministic_seeded in func.tags or "empty" in func.__name__:
            return func(*args, **kwargs)
        changes = func._schema.is_mutable
        copies = [copied((args, kwargs)) for _ in range(AGAIN)] if changes else [(args, kwargs)] * AGAIN
        out = func(*args, **kwargs)
        self.seen += 1
        expected = bits((args, kwargs, out) if changes else out)
        for again, how in copies:
            made = func(*again, **how)
            if bits((again, how, made) if changes else made) != expected:
                self.differing.add(str(func))
        return out


def repeated(index: Tensor | None) -> bool:
    return index is not None and len(torch.unique(index)) < len(index)


def copied(tree: Any) -> Any:
    return tree_map_only(Tensor, lambda one: one.detach().clone(), tree)


def bits(tree: Any) -> list[bytes]:
    """What lies in all tensors of a tree."""
    tensors = [leaf.detach() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
    return [one.contiguous().flatten().view(torch.uint8).numpy().tobytes() for one in tensors if one.numel()]


@pytest.fixture(params=[1, 2, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def batch(size: int) -> tuple[Tensor, Tensor]:
    """Pixels and texts of all lengths."""
    chance = torch.Generator().manual_seed(1)
    image_BHWC = torch.randint(256, (PAIRS, size, size, 3), dtype=torch.uint8, generator=chance)
    text_BT = torch.randint(1, 500, (PAIRS, CONTEXT), generator=chance)
    last_B = torch.randint(1, CONTEXT, (PAIRS,), generator=chance)
    text_BT[torch.arange(CONTEXT) > last_B[:, None]] = 0
    text_BT[torch.arange(PAIRS), last_B] = 599
    return image_BHWC, text_BT


KINDS: dict[str, tuple[ClipConfig, TrainConfig, dict[str, Any]]] = {
    "vit": (VIT, TrainConfig(), {}),
    "parts": (VIT, TrainConfig(half_adam=True, half_text=True), {"micro_batch": 20, "chunk": 24}),
    "bf16": (VIT, TrainConfig(), {"bf16": True}),
    "resnet": (RESNET, TrainConfig(), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_operator_of_a_step_says_the_same_again(threads: int, kind: str) -> None:
    sizes, config, how = KINDS[kind]
    torch.manual_seed(0)
    model = Clip(sizes)
    if config.half_text:
        model.halve()
    optimizer = optim.optimizer(model, sizes, config)
    image_BHWC, text_BT = batch(sizes.vision.image_size)
    with EachAgain() as mode:
        backward(model, image_BHWC, text_BT, **how)
        optimizer.step()
    assert mode.seen > 200
    assert not mode.differing


def test_rows_added_in_any_order_are_seen() -> None:
    """What was wrong before: the gradient of an index adds up in the order in which threads come."""
    table = torch.zeros(4, 8, requires_grad=True)
    with EachAgain() as mode:
        table[torch.tensor([0, 1, 1, 3])].sum().backward()  # type: ignore[no-untyped-call]
    assert any("index_put" in name for name in mode.differing)
    with EachAgain() as mode:
        table[torch.tensor([0, 1, 2])].sum().backward()  # type: ignore[no-untyped-call]
    assert not mode.differing


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_gpu_torch_itself_knows_of_no_chance(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`use_deterministic_algorithms` raises and names what has no fixed order."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    sizes, config, how = KINDS[kind]
    model = Clip(sizes).cuda()
    if config.half_text:
        model.halve()
    optimizer = optim.optimizer(model, sizes, config)
    image_BHWC, text_BT = batch(sizes.vision.image_size)
    torch.use_deterministic_algorithms(True)
    try:
        backward(model, image_BHWC.cuda(), text_BT, **how)
        optimizer.step()
    finally:
        torch.use_deterministic_algorithms(False)
