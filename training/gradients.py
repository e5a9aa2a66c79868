"""The gradients of one step: of a batch at once, or of one too large for memory, over many processes.

Gradient caching (Gao and others, 2021): the vectors of all micro-batches are made without gradients, the loss
of the whole batch gives each vector's, and each micro-batch is made once more and takes its own back. The
temperature's gradient comes from the loss of the whole batch, once.

Shapes: b pairs of this process, H = W pixels a side, C colours, T tokens, D width of the shared space.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.distributed import ALONE, World, gather, sizes_of
from training.image import normalise
from training.loss import contrastive
from training.norms import statistics_kept


def backward(
    model: nn.Module,
    image_bHWC: Tensor,
    text_bT: Tensor,
    *,
    micro_batch: int = 0,
    chunk: int = 0,
    bf16: bool = False,
    world: World = ALONE,
) -> tuple[Tensor, Tensor]:
    """Add the gradients of a batch to the model's; returns the loss and the scale, detached.

    `model` is a `Clip`, or one in `DistributedDataParallel`, which averages the processes' gradients: the
    mean of their losses is the loss of the batch. `micro_batch` 0 is the batch at once.
    """
    device = image_bHWC.device
    sizes = sizes_of(len(image_bHWC), world, device)
    cast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)

    def forward(some: slice) -> tuple[Tensor, Tensor, Tensor]:
        with cast:
            made: tuple[Tensor, Tensor, Tensor] = model(normalise(image_bHWC[some]), text_bT[some])
        return made

    def loss_of(image_bD: Tensor, text_bD: Tensor, scale: Tensor) -> Tensor:
        if world.size == 1:
            return contrastive(image_bD, text_bD, scale, chunk=chunk)
        own = contrastive(
            image_bD,
            text_bD,
            scale,
            chunk=chunk,
            all_image_BD=gather(image_bD, sizes, world.rank),
            all_text_BD=gather(text_bD, sizes, world.rank),
            first=sum(sizes[: world.rank]),
        )
        return own * (len(image_bD) * world.size / sum(sizes))  # processes may have unequally many

    count = len(image_bHWC)
    if not 0 < micro_batch < count:
        *vectors, scale = forward(slice(None))
        loss = loss_of(vectors[0], vectors[1], scale)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), scale.detach()

    parts = [slice(start, start + micro_batch) for start in range(0, count, micro_batch)]
    with torch.no_grad(), statistics_kept(model):
        made = [forward(part) for part in parts]
    leaves = [torch.cat([part[side] for part in made]).requires_grad_() for side in (0, 1)]
    scale = made[0][2].clone().requires_grad_()
    loss = loss_of(leaves[0], leaves[1], scale)
    loss.backward()  # type: ignore[no-untyped-call]
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
    for part in parts:
        last = part is parts[-1]
        with nullcontext() if last else unsynchronised(model):
            scale_grad = scale.grad if last else torch.zeros_like(scale)
            torch.autograd.backward(forward(part), [*(grad[part] for grad in grads), scale_grad])
    return loss.detach(), scale.detach()


def unsynchronised(model: nn.Module) -> AbstractContextManager[None]:
    """Gradients are added up and not yet sent."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()
