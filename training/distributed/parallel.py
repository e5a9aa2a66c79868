"""A model in many processes: whole in each, or in parts (FSDP2).

A model's state is the same either way, so a checkpoint goes on in any number of processes, whole or in parts.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import Parameter

from training.distributed.world import World
from training.model.clip import Clip
from training.model.transformer import Block
from training.model.vision.resnet import Bottleneck


def in_parallel(model: Clip, world: World, device: torch.device, *, parts: bool) -> nn.Module:
    """The model, whose gradients are averaged over all processes; `parts`: each holds a part of each matrix.

    In parts, each block is put together when it is computed and taken apart after. Gains, biases and the
    temperature stay whole, as they are small and may be of another dtype; `unite` averages theirs.
    """
    if world.size == 1:
        return model
    if not parts:
        return DistributedDataParallel(model)  # inputs stay where they are: texts are sorted on the CPU
    mesh = init_device_mesh(device.type, (world.size,))
    small = {parameter for parameter in model.parameters() if parameter.ndim < 2}
    blocks = [module for module in model.modules() if isinstance(module, Block | Bottleneck)]
    for module in (*blocks, model.visual, model):
        fully_shard(module, mesh=mesh, ignored_params=small)
    return model


def synchronised(model: nn.Module, *, now: bool) -> AbstractContextManager[None]:
    """Gradients of the passes inside are sent to the others, or only added up if it is not yet time."""
    if isinstance(model, DistributedDataParallel) and not now:
        return model.no_sync()
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(now)
    return nullcontext()


def unite(model: nn.Module, world: World) -> None:
    """Average the gradients that FSDP leaves alone, all in one message."""
    if not isinstance(model, FSDPModule):
        return
    apart = [
        parameter.grad
        for parameter in model.parameters()
        if not isinstance(parameter, DTensor) and parameter.grad is not None
    ]
    sent = torch.cat([gradient.float().flatten() for gradient in apart])
    dist.all_reduce(sent)
    means = torch.split(sent / world.size, [gradient.numel() for gradient in apart])
    for gradient, mean in zip(apart, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


def clip_gradients(parameters: Iterable[Parameter], most: float) -> Tensor:
    """The norm of all gradients together, which are scaled down to `most` if it is larger; 0 is no bound."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    square_2 = torch.zeros(2, device=gradients[0].device)  # of those that are whole, and of those in parts
    for gradient in gradients:
        square_2[int(isinstance(gradient, DTensor))] += local(gradient).float().square().sum()
    if any(isinstance(gradient, DTensor) for gradient in gradients):
        dist.all_reduce(square_2[1])
    norm = square_2.sum().sqrt()
    if most:
        factor = (most / (norm + 1e-6)).clamp(max=1)
        for gradient in gradients:
            local(gradient).mul_(factor)
    return norm


def local(value: Tensor) -> Tensor:
    """This process's part, or the whole where there are no parts."""
    return value.to_local() if isinstance(value, DTensor) else value


def own_part(whole: Tensor, like: Tensor) -> Tensor:
    """This process's part of what all processes have alike."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None).to_local()


def maximum(part: Tensor, like: Tensor) -> Tensor:
    """The largest magnitude, over all parts if `like` is in parts."""
    largest = part.abs().max() if part.numel() else part.new_zeros(())
    if isinstance(like, DTensor):
        dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest


def whole(state: Mapping[str, Any], *, kept: bool) -> dict[str, Any]:
    """A state dict with its tensors put together; all processes take part, and some have it `kept`."""
    return {name: _whole(value, kept=kept) for name, value in state.items()}


def _whole(value: Any, *, kept: bool) -> Any:
    if isinstance(value, Mapping):
        return whole(value, kept=kept)
    if not isinstance(value, DTensor):
        return value
    put = value.full_tensor()
    return put.cpu() if kept else None


def parted(state: Mapping[str, Any], parameters: Iterable[Parameter]) -> dict[str, Any]:
    """An optimizer's state dict with what belongs to a parameter in parts taken apart like it."""
    placed = list(parameters)
    kept = {place: _parted(value, placed[place]) for place, value in state["state"].items()}
    return {**state, "state": kept}


def _parted(kept: Mapping[str, Any], like: Parameter) -> dict[str, Any]:
    if not isinstance(like, DTensor):
        return dict(kept)
    mesh, placements = like.device_mesh, like.placements
    return {
        name: distribute_tensor(value.to(like.device), mesh, placements, src_data_rank=None)
        if isinstance(value, Tensor) and value.shape == like.shape and value.ndim
        else value
        for name, value in kept.items()
    }
