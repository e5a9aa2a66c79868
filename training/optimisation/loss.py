"""The loss of CLIP, for batches of any size.

Shapes: B pairs of the whole batch, b of them on this process, c of a chunk, D width of the shared space.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive(
    image_bD: Tensor,
    text_bD: Tensor,
    scale: Tensor,
    *,
    chunk: int = 0,
    all_image_BD: Tensor | None = None,
    all_text_BD: Tensor | None = None,
    first: int = 0,
) -> Tensor:
    """Symmetric InfoNCE of matching unit vectors, a scalar in nats; figure 3 of arXiv 2103.00020.

    Each image is to be told its own text among the batch's, and each text its image. ln(B) is chance.

    Of many processes each has `b` pairs, which stand at `first` and after in the vectors of all: it computes
    the logits of its own alone (section 2.5), and the mean over processes is the loss of the batch. With a
    `chunk` no more than [c, B] logits are held at a time, computed once more for the gradients.
    """
    images_BD = image_bD if all_image_BD is None else all_image_BD
    texts_BD = text_bD if all_text_BD is None else all_text_BD
    if chunk:
        rows: Tensor = ChunkedRows.apply(image_bD, texts_BD, scale, first, chunk)  # type: ignore[no-untyped-call]
        columns: Tensor = ChunkedRows.apply(text_bD, images_BD, scale, first, chunk)  # type: ignore[no-untyped-call]
        return (rows + columns) / 2
    own_b = torch.arange(first, first + len(image_bD), device=image_bD.device)
    if all_image_BD is None and all_text_BD is None:
        # Rows are images, columns texts. From the left: b·D numbers are scaled, not B·B.
        logits_BB = scale * image_bD @ text_bD.T
        return (cross_entropy(logits_BB, own_b) + cross_entropy(logits_BB.T, own_b)) / 2
    rows, columns = scale * image_bD @ texts_BD.T, scale * text_bD @ images_BD.T
    return (cross_entropy(rows, own_b) + cross_entropy(columns, own_b)) / 2


class ChunkedRows(torch.autograd.Function):
    """The mean cross entropy of each query's own key among all keys, some rows at a time.

    Forward keeps a number a row, the logarithm of its sum; backward makes the rows again.
    """

    @staticmethod
    def forward(ctx: Any, query_bD: Tensor, key_BD: Tensor, scale: Tensor, first: int, chunk: int) -> Tensor:
        """A scalar; query i's own key stands at `first` + i."""
        sum_b = torch.empty(len(query_bD), device=query_bD.device, dtype=torch.float32)
        own_b = torch.empty_like(sum_b)
        for start in range(0, len(query_bD), chunk):
            logits_cB = rows_of(query_bD, key_BD, scale, start, chunk)
            stop = start + len(logits_cB)
            sum_b[start:stop] = logits_cB.logsumexp(dim=1)
            own_b[start:stop] = logits_cB.diagonal(first + start)  # of row i the key first + start + i
        ctx.save_for_backward(query_bD, key_BD, scale, sum_b)
        ctx.first, ctx.chunk = first, chunk
        return (sum_b - own_b).mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the query, the keys and the scale."""
        query_bD, key_BD, scale, sum_b = ctx.saved_tensors
        query_grad_bD, key_grad_BD = torch.empty_like(query_bD), torch.zeros_like(key_BD)
        scale_grad = torch.zeros((), device=scale.device, dtype=torch.float32)
        for start in range(0, len(query_bD), ctx.chunk):
            logits_cB = rows_of(query_bD, key_BD, scale, start, ctx.chunk)
            stop = start + len(logits_cB)
            # Softmax less 1 at the own key is what cross entropy gives back to the logits.
            share_cB = (logits_cB - sum_b[start:stop, None]).exp_()
            share_cB.diagonal(ctx.first + start).sub_(1)
            share_cB *= grad / len(query_bD)
            # A logit is scale · cosine: the scale gets back the cosines, which are logits / scale.
            scale_grad += torch.linalg.vecdot(share_cB.flatten(), logits_cB.flatten()) / scale
            share_cB *= scale
            query_grad_bD[start:stop] = share_cB.to(key_BD.dtype) @ key_BD
            key_grad_BD += share_cB.T.to(query_bD.dtype) @ query_bD[start:stop]
        return query_grad_bD, key_grad_BD, scale_grad.to(scale.dtype), None, None


def rows_of(query_bD: Tensor, key_BD: Tensor, scale: Tensor, start: int, chunk: int) -> Tensor:
    """The logits of some queries, float32 [c, B]."""
    # A sum of B exponentials wants float32, whatever the vectors are in.
    return scale * (query_bD[start : start + chunk] @ key_BD.T).float()
