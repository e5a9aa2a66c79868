"""The text tower: a causal transformer, read where the text ends.

Shapes: B texts, T tokens (at most the context), N tokens of all texts, W width, D width of the shared space.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from torch.nn.init import normal_
from torch.nn.parameter import Parameter

from training.config import TextConfig
from training.model.packing import Packed, pack
from training.model.transformer import Block, Transformer, computed


class TextTower(nn.Module):
    """Token ids to embeddings; `Clip` adds eyes to it.

    It is the base and not a part of `Clip`, since openai/CLIP keeps its parameters at the top level.
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

    def halve(self) -> None:
        """Keep the matrices in bf16; gains and biases, a thousandth of all, stay float32."""
        for name, parameter in self.named_parameters():
            if not name.startswith("visual.") and parameter.ndim > 1:
                parameter.data = parameter.data.bfloat16()

    def embed_text(self, text_BT: Tensor) -> Tensor:
        """`text_BT`, int64 ids with the end token the largest of each row, as float [B, D].

        Best on the CPU, where texts are packed without waiting for a GPU; what is computed is sent there.
        """
        return self.embed_packed(pack(text_BT).to(self.positional_embedding.device))

    def embed_packed(self, texts: Packed) -> Tensor:
        """Packed texts as float [B, D]."""
        # Not by an index: its gradient adds the rows of one place in whatever order threads come.
        place_NW = embedding(texts.place_N, self.positional_embedding)
        x_NW = self.token_embedding(texts.ids_N).float() + place_NW.float()
        x_BW = self.ln_final(self.transformer(x_NW, texts.groups)[texts.end_B])
        out_BD: Tensor = x_BW @ computed(self.text_projection, x_BW)
        return out_BD
