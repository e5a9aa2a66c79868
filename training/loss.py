"""The loss of CLIP. Shapes: B pairs of a batch, D width of the shared space."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive(image_BD: Tensor, text_BD: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE of matching unit vectors, a scalar in nats; figure 3 of arXiv 2103.00020.

    Each image is to be told its own text among the batch's, and each text its image. ln(B) is chance.
    """
    logits_BB = scale * image_BD @ text_BD.T  # rows are images, columns texts
    own_B = torch.arange(len(logits_BB), device=logits_BB.device)
    return (cross_entropy(logits_BB, own_B) + cross_entropy(logits_BB.T, own_B)) / 2
