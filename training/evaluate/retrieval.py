"""Retrieval on held-out shards: where each image's own caption ranks among all, and the reverse.

Shapes: N pairs, B of them in a batch or block, D width of the shared space.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.data.batches import Loader, Tally
from training.data.image import normalise
from training.data.shards import index
from training.data.tokenizer import Tokenizer
from training.evaluate.zero_shot import BATCH, CENTRE
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import RunError

BLOCK = 1_024  # queries compared with all candidates at a time


@torch.inference_mode()
def retrieval(
    model: Clip,
    tokenizer: Tokenizer,
    shards: Sequence[Path],
    *,
    image_size: int,
    context: int,
    caption_key: str = "",
) -> dict[str, Any]:
    """Recall at 1, 5 and 10 and the ranks, from image to text and from text to image, over all pairs.

    Raises `UserError` if a shard holds no pair and `RunError` if none of its samples can be used.
    """
    samples = index(shards, caption_key=caption_key)
    loader = Loader(
        samples=samples,
        tokenizer=tokenizer,
        image_size=image_size,
        context=context,
        workers=os.cpu_count() or 1,
    )
    device = model.logit_scale.device
    starts = range(0, len(samples), BATCH)
    picks = ([(i, CENTRE) for i in range(start, min(start + BATCH, len(samples)))] for start in starts)
    tally = Tally()
    images: list[Tensor] = []
    texts: list[Tensor] = []
    for batch in loader.batches(picks):
        tally.add(batch)
        if batch.samples:
            images.append(model.encode_image(normalise(batch.image_BHWC.to(device))))
            texts.append(model.encode_text(batch.text_BT.to(device)))
    if not images:
        raise RunError(f"none of the held-out samples can be used: {tally}")
    image_ND, text_ND = torch.cat(images), torch.cat(texts)
    return {
        "n": len(image_ND),
        "unusable": tally.bad.total() + sum(samples.unusable.values()),
        "image_to_text": recall(ranks(image_ND, text_ND)),
        "text_to_image": recall(ranks(text_ND, image_ND)),
        "chance": chance(len(image_ND)),
    }


def ranks(query_ND: Tensor, candidate_ND: Tensor) -> Tensor:
    """The rank of each query's own candidate, float [N], from 1.

    Candidates just as near share the mean of their ranks, so that equal captions, and a model that tells
    nothing apart, earn nothing.

    >>> ranks(torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[0.6, 0.8], [0, 1.0]])).tolist()
    [1.0, 1.0]
    >>> ranks(torch.ones(3, 1), torch.ones(3, 1)).tolist()
    [2.0, 2.0, 2.0]
    """
    parts = []
    for start in range(0, len(query_ND), BLOCK):
        scores_BN = query_ND[start : start + BLOCK] @ candidate_ND.T
        own_B1 = scores_BN.diagonal(offset=start)[:, None]
        above_B = (scores_BN > own_B1).sum(dim=1)
        equal_B = (scores_BN == own_B1).sum(dim=1)  # itself among them
        parts.append(above_B + (equal_B + 1) / 2)
    return torch.cat(parts)


def chance(n: int) -> dict[str, float]:
    """What ranks drawn at random from 1 to `n` would give."""
    shares = {f"r{k}": min(1.0, k / n) for k in (1, 5, 10)}
    return {**shares, "mean_rank": (n + 1) / 2, "median_rank": (n + 1) / 2}


def recall(rank_N: Tensor) -> dict[str, float]:
    """The share of ranks at most 1, 5 and 10, their mean and their median.

    >>> recall(torch.tensor([1.0, 3.0, 20.0]))["r5"]
    0.6666666865348816
    """
    shares = {f"r{k}": float((rank_N <= k).float().mean()) for k in (1, 5, 10)}
    return {**shares, "mean_rank": float(rank_N.mean()), "median_rank": float(rank_N.median())}
