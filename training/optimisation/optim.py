"""AdamW and its schedule, as table 18 and section 2.5 of arXiv 2103.00020 give them."""

import math
from collections.abc import Iterator

from torch import nn
from torch.nn.parameter import Parameter
from torch.optim import AdamW, Optimizer

from training.config import ClipConfig, TrainConfig, VitConfig
from training.model.clip import Clip
from training.optimisation.half import HalfAdamW


def adam(config: ClipConfig) -> tuple[tuple[float, float], float]:
    """Adam's two betas and epsilon for the image tower's family (table 18)."""
    return ((0.9, 0.98), 1e-6) if isinstance(config.vision, VitConfig) else ((0.9, 0.999), 1e-8)


def optimizer(model: Clip, sizes: ClipConfig, config: TrainConfig) -> Optimizer:
    """AdamW over all parameters, decay decoupled on those that `decayed` names.

    One fused kernel a step, four times as fast on a CPU as the loop over tensors; the loop where something
    is kept in 16 bits. Matrices stand apart from vectors: the kernel takes parts (FSDP's) or whole tensors.
    """
    names = decayed(model)
    named = list(model.named_parameters())
    matrices = [parameter for name, parameter in named if name in names and parameter.ndim > 1]
    vectors = [parameter for name, parameter in named if name in names and parameter.ndim == 1]
    others = [parameter for name, parameter in named if name not in names]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    betas, eps = adam(sizes)
    if config.half_adam or config.half_text:
        return HalfAdamW(groups, betas=betas, eps=eps, half_statistics=config.half_adam, seed=config.seed)
    return AdamW(groups, betas=betas, eps=eps, fused=True)


def parameters(optimizer: Optimizer) -> list[Parameter]:
    """All parameters, in the order that the optimizer's state counts them."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


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
