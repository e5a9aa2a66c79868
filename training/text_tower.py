"""The text tower: a causal transformer, read where the text ends.

Shapes: B texts, T tokens (at most the context), W width, D width of the shared space, V vocabulary.
"""

import torch
from torch import Tensor, nn
from torch.nn.init import normal_
from torch.nn.parameter import Parameter

from training.config import TextConfig
from training.transformer import Block, Transformer

STEP = 8  # tokens: texts are grouped by length, so many to a group that few tokens are computed in vain


class TextTower(nn.Module):
    """Token ids to embeddings; `Clip` adds eyes to it.

    It is the base and not a part of `Clip`, since openai/CLIP keeps its parameters at the top level.

    Since attention is causal and only the end token is read, what stands after the end changes nothing: texts
    of about one length are computed together, and no longer than they are.
    """

    def __init__(self, config: TextConfig, embed_dim: int) -> None:
        super().__init__()
        self.transformer = Transformer(config.width, config.layers, causal=True)
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.positional_embedding = Parameter(torch.empty(config.context, config.width))
        self.ln_final = nn.LayerNorm(config.width)
        self.text_projection = Parameter(torch.empty(config.width, embed_dim))
        self.initialise()

    def initialise(self) -> None:
        """Standard deviations of openai/CLIP's `initialize_parameters`."""
        width = self.ln_final.normalized_shape[0]
        blocks = list(self.transformer.resblocks)
        residual = width**-0.5 * (2 * len(blocks)) ** -0.5  # two sums into the residual stream a layer
        normal_(self.token_embedding.weight, std=0.02)
        normal_(self.positional_embedding, std=0.01)
        for block in blocks:
            assert isinstance(block, Block)
            normal_(block.attn.in_proj_weight, std=width**-0.5)
            normal_(block.attn.out_proj.weight, std=residual)
            normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            normal_(block.mlp.c_proj.weight, std=residual)
        normal_(self.text_projection, std=width**-0.5)

    def embed_text(self, text_BT: Tensor) -> Tensor:
        """`text_BT`, int64 ids with the end token the largest of each row, as float [B, D]."""
        end_B = text_BT.argmax(dim=-1)
        order_B, groups = by_length(end_B, text_BT.shape[1])
        parts = [self.embed_cropped(text_BT[rows, :length], end_B[rows]) for rows, length in groups]
        return torch.cat(parts)[order_B]

    def embed_cropped(self, text_BT: Tensor, end_B: Tensor) -> Tensor:
        """Ids whose ends are among the T tokens, as float [B, D]."""
        x_BTW = self.token_embedding(text_BT) + self.positional_embedding[: text_BT.shape[1]]
        x_BTW = self.ln_final(self.transformer(x_BTW))
        x_BW = x_BTW[torch.arange(len(text_BT), device=text_BT.device), end_B]
        out_BD: Tensor = x_BW @ self.text_projection
        return out_BD


def by_length(end_B: Tensor, longest: int) -> tuple[Tensor, list[tuple[Tensor, int]]]:
    """The rows of each group of texts with its length, a multiple of `STEP` or the longest; and where in the
    groups, one after another, each row is.
    """
    length_B = (end_B // STEP + 1) * STEP
    sorted_B = length_B.argsort(stable=True)
    lengths, counts = length_B[sorted_B].unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
    rows = torch.split(sorted_B, counts.tolist())
    groups = zip(rows, lengths.clamp(max=longest).tolist(), strict=True)
    return sorted_B.argsort(), list(groups)
