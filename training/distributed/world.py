"""Several processes that train one model: who they are, and what they tell one another.

`torchrun` says it in the environment. Shapes: b pairs of this process, B of all, D width of the shared space.
"""

import gc
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from wit_pipeline.vocabulary.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """How many processes train, and which of them this is."""

    size: int = 1
    rank: int = 0
    local_rank: int = 0  # among those of this machine: its GPU

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's part of `count` samples of a batch, which all share evenly."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


ALONE = World()


def world_of(environment: Mapping[str, str] = os.environ) -> World:
    """The world that `torchrun` states; a `UserError` where it states half of one."""
    names = ("WORLD_SIZE", "RANK", "LOCAL_RANK")
    if not any(name in environment for name in names):
        return ALONE
    try:
        size, rank, local = (int(environment[name]) for name in names)
    except (KeyError, ValueError):
        raise UserError("WORLD_SIZE, RANK and LOCAL_RANK are not all there; start it by torchrun") from None
    return World(size=size, rank=rank, local_rank=local)


@contextmanager
def joined(world: World, device: torch.device) -> Iterator[None]:
    """The processes can hear one another while the block runs."""
    if world.size == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
        gc.collect()  # what still holds on to the group would take it apart while the process ends
        dist.barrier()  # whoever is done first waits for the others' last words
    finally:
        dist.destroy_process_group()


class Gather(torch.autograd.Function):
    """The rows of all processes, in their order; each gets back the sum of all gradients of its own rows."""

    @staticmethod
    def forward(ctx: Any, own_bD: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:
        """[B, D] of [b, D], where processes may have unequally many."""
        ctx.sizes, ctx.rank = sizes, rank
        padded = own_bD.new_zeros(max(sizes), *own_bD.shape[1:])
        padded[: len(own_bD)] = own_bD
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad_BD: Tensor) -> tuple[Tensor | None, ...]:
        """[b, D] of each process's [B, D]."""
        grad_BD = grad_BD.contiguous()
        dist.all_reduce(grad_BD)
        first = sum(ctx.sizes[: ctx.rank])
        return grad_BD[first : first + ctx.sizes[ctx.rank]], None, None


def gather(own_bD: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:
    """The rows of all processes, [B, D]."""
    made: Tensor = Gather.apply(own_bD, sizes, rank)  # type: ignore[no-untyped-call]
    return made


def sizes_of(count: int, world: World, device: torch.device) -> tuple[int, ...]:
    """How many pairs each process has."""
    if world.size == 1:
        return (count,)
    counts = torch.zeros(world.size, dtype=torch.int64, device=device)
    counts[world.rank] = count
    dist.all_reduce(counts)
    return tuple(counts.tolist())


def added(read: int, bad: Counter[str], world: World) -> tuple[int, Counter[str]]:
    """What all processes have counted together."""
    if world.size == 1:
        return read, bad
    told: list[Any] = [None] * world.size
    dist.all_gather_object(told, (read, dict(bad)))
    total: Counter[str] = Counter()
    for _, reasons in told:
        total.update(reasons)
    return sum(count for count, _ in told), total


def mean(value: Tensor, world: World) -> Tensor:
    """The mean over all processes."""
    if world.size == 1:
        return value
    summed = value.detach().clone()
    dist.all_reduce(summed)
    return summed / world.size


def agreed(asked: bool, world: World, device: torch.device) -> bool:
    """Whether any process was asked: all hear it at the same step."""
    if world.size == 1:
        return asked
    told = torch.tensor(int(asked), device=device)
    dist.all_reduce(told)
    return bool(told)
