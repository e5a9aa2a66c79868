"""AdamW and its schedule, as table 18 and section 2.5 of arXiv 2103.00020 give them."""

import math
from collections.abc import Iterator

from torch import nn
from torch.nn.parameter import Parameter
from torch.optim import AdamW

from training.clip import Clip
from training.config import ClipConfig, VitConfig


def adam(config: ClipConfig) -> tuple[tuple[float, float], float]:
    """Adam's two betas and epsilon for the image tower's family (table 18)."""
    return ((0.9, 0.98), 1e-6) if isinstance(config.vision, VitConfig) else ((0.9, 0.999), 1e-8)


def optimizer(model: Clip, config: ClipConfig, weight_decay: float) -> AdamW:
    """AdamW over all parameters, `weight_decay` decoupled on those that `decayed` names.

    One fused kernel a step, four times as fast on a CPU as the loop over tensors.
    """
    names = decayed(model)
    weights = [parameter for name, parameter in model.named_parameters() if name in names]
    others = [parameter for name, parameter in model.named_parameters() if name not in names]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    betas, eps = adam(config)
    return AdamW(groups, betas=betas, eps=eps, fused=True)


def decayed(model: nn.Module) -> set[str]:
    """The parameters that are neither gains nor biases, as the paper says.

    Gains are the weights of the norms and `logit_scale`. Embeddings, of tokens, of positions and of the
    class, and the projections are weights and decay.
    """
    gains = {id(parameter) for parameter in norm_gains(model)}
    return {
        name
        for name, parameter in model.named_parameters()
        if id(parameter) not in gains and parameter.ndim and not name.endswith("bias")
    }


def norm_gains(model: nn.Module) -> Iterator[Parameter]:
    norms = (nn.LayerNorm, nn.BatchNorm2d)
    return (module.weight for module in model.modules() if isinstance(module, norms))


def learning_rate(step: int, *, peak: float, warmup: int, steps: int) -> float:
    """The rate of `step`, from 1 to `steps`: up to `peak` in a line over `warmup` steps, then down a cosine.

    0 would be reached at `steps` + 1: no step is wasted. A run shorter than its warm-up only climbs.

    >>> [round(learning_rate(step, peak=1, warmup=2, steps=5), 3) for step in range(1, 6)]
    [0.5, 1.0, 0.854, 0.5, 0.146]
    """
    if step <= warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup + 1))) / 2
