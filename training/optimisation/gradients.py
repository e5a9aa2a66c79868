"""The gradients of one step: of a batch at once, or of one too large for memory, over many processes.

Gradient caching (Gao and others, 2021): the vectors of all micro-batches are made without gradients, the loss
of the whole batch gives each vector's, and each micro-batch is made once more and takes its own back. The
temperature's gradient comes from the loss of the whole batch, once.

Shapes: b pairs of this process, H = W pixels a side, C colours, T tokens, D width of the shared space.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.data.image import normalise
from training.distributed.parallel import synchronised, unite
from training.distributed.world import ALONE, World, gather, sizes_of
from training.model.norms import statistics_kept
from training.optimisation.loss import contrastive


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

    `model` is a `Clip`, or one that `in_parallel` made of it: the mean of the processes' losses is the loss
    of the batch. `text_bT` is best on the CPU. `micro_batch` 0 is the batch at once.
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
        # A gathered vector brings home the gradients of all processes' losses, summed; as those of the
        # parameters are averaged over processes, what is learnt from is the mean of the losses.
        return own * (len(image_bD) * world.size / sum(sizes))  # processes may have unequally many

    if not 0 < micro_batch < max(sizes):
        *vectors, scale = forward(slice(None))
        loss = loss_of(vectors[0], vectors[1], scale)
        loss.backward()  # type: ignore[no-untyped-call]
        unite(model, world)
        return loss.detach(), scale.detach()

    # As many in all processes, and none of them empty: each pass of a block in parts is all processes' doing,
    # and one that made fewer would leave the others waiting.
    parts = evenly(len(image_bHWC), min(math.ceil(max(sizes) / micro_batch), min(sizes)))
    # Both passes must give the same vectors: no layer draws by chance, and batch norms see the same parts.
    # Their running statistics move in the second pass alone.
    with torch.no_grad(), statistics_kept(model):
        made = [forward(part) for part in parts]
    leaves = [torch.cat([part[side] for part in made]).requires_grad_() for side in (0, 1)]
    scale = made[0][2].clone().requires_grad_()
    loss = loss_of(leaves[0], leaves[1], scale)
    loss.backward()  # type: ignore[no-untyped-call]
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
    for part in parts:
        last = part is parts[-1]
        with synchronised(model, now=last):  # one message for all parts, with the last
            # Each part gives the scale once more, but its gradient is the whole batch's: it goes in once.
            scale_grad = scale.grad if last else torch.zeros_like(scale)
            torch.autograd.backward(forward(part), [*(grad[part] for grad in grads), scale_grad])
    unite(model, world)
    return loss.detach(), scale.detach()


def evenly(count: int, parts: int) -> list[slice]:
    """`count` rows in so many parts, whose sizes differ by one at most."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return [slice(*span) for span in pairwise(bounds)]
