from dataclasses import replace

import pytest
import torch
from torch import Tensor

from training.config import MODELS, ClipConfig, ResNetConfig, TextConfig
from training.model.clip import Clip
from training.optimisation.gradients import backward, evenly

TEXT = TextConfig(layers=1, width=64, context=8, vocab_size=50)
VIT = replace(MODELS["ViT-Ti/8-64"], text=TEXT)
RESNET = ClipConfig(embed_dim=32, vision=ResNetConfig(image_size=64, layers=(1, 1, 1, 1), width=8), text=TEXT)


def batch(pairs: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (pairs, 64, 64, 3), generator=generator, dtype=torch.uint8)
    return image, torch.randint(1, 50, (pairs, 8), generator=generator)


def gradients(config: ClipConfig, pairs: int, **how: int) -> tuple[Clip, Tensor, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = Clip(config)
    loss, _ = backward(model, *batch(pairs), **how)  # type: ignore[arg-type]
    return model, loss, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    "how", [{"micro_batch": 4}, {"micro_batch": 5}, {"micro_batch": 4, "chunk": 3}, {"chunk": 7}]
)
def test_a_batch_in_parts_has_the_gradients_of_the_whole(how: dict[str, int]) -> None:
    """The temperature's too, which is not multiplied by the number of parts."""
    _, loss, wanted = gradients(VIT, 12)
    _, cached, found = gradients(VIT, 12, **how)
    torch.testing.assert_close(cached, loss, atol=1e-6, rtol=0)
    assert found.keys() == wanted.keys()
    assert wanted["logit_scale"].abs() > 1e-4
    for name, grad in wanted.items():
        apart = (found[name] - grad).abs().max()
        assert apart <= 2e-6 * max(1.0, float(grad.abs().max())), name


@pytest.mark.parametrize("micro_batch", [12, 13])
def test_parts_as_large_as_the_batch_are_the_batch(micro_batch: int) -> None:
    _, loss, wanted = gradients(VIT, 12)
    _, same, found = gradients(VIT, 12, micro_batch=micro_batch)
    assert same == loss
    assert all((found[name] == grad).all() for name, grad in wanted.items())


def test_running_statistics_are_updated_once_a_part() -> None:
    """Each micro-batch passes twice: the first time must leave no trace."""
    model, _, _ = gradients(RESNET, 12, micro_batch=4)
    norm = model.get_submodule("visual.bn1")
    assert norm.get_buffer("num_batches_tracked") == 3
    torch.manual_seed(0)
    once = Clip(RESNET)
    image_BHWC, text_BT = batch(12)
    for part in (slice(0, 4), slice(4, 8), slice(8, 12)):
        backward(once, image_BHWC[part], text_BT[part])
    torch.testing.assert_close(
        norm.get_buffer("running_mean"), once.get_submodule("visual.bn1").get_buffer("running_mean")
    )


@pytest.mark.parametrize("config", [VIT, RESNET], ids=["vit", "resnet"])
@pytest.mark.parametrize("micro_batch", [0, 4])
def test_blocks_computed_twice_have_the_gradients_and_statistics_of_blocks_kept(
    config: ClipConfig, micro_batch: int
) -> None:
    torch.manual_seed(0)
    models = [Clip(config), Clip(config)]
    models[1].load_state_dict(models[0].state_dict())
    models[1].recompute_blocks()
    for model in models:
        backward(model, *batch(12), micro_batch=micro_batch)
    for (name, one), other in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        assert one.grad is not None
        torch.testing.assert_close(other.grad, one.grad, atol=1e-6, rtol=1e-5, msg=name)
    kept, again = (dict(model.named_buffers()) for model in models)
    for name, value in kept.items():
        torch.testing.assert_close(again[name], value, msg=name)


@pytest.mark.parametrize(
    ("count", "parts", "sizes"), [(7, 3, [2, 2, 3]), (6, 3, [2, 2, 2]), (3, 3, [1, 1, 1])]
)
def test_parts_are_even_and_hold_each_row_once(count: int, parts: int, sizes: list[int]) -> None:
    rows = [list(range(count))[part] for part in evenly(count, parts)]
    assert [len(part) for part in rows] == sizes
    assert [row for part in rows for row in part] == list(range(count))
