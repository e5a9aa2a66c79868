"""The vision transformer of CLIP: a norm before the layers as well as after, no bias on the patches.

Shapes: B images, C = 3 colours, P patches (T = P + 1 tokens), W width, D width of the shared space.
"""

import torch
from torch import Tensor, nn
from torch.nn.init import normal_
from torch.nn.parameter import Parameter

from training.config import VitConfig
from training.model.transformer import Transformer


class VisionTransformer(nn.Module):
    """Normalised pixels to embeddings, read at the class token."""

    def __init__(self, config: VitConfig, embed_dim: int) -> None:
        super().__init__()
        patches = (config.image_size // config.patch_size) ** 2
        self.conv1 = nn.Conv2d(3, config.width, config.patch_size, stride=config.patch_size, bias=False)
        self.class_embedding = Parameter(torch.empty(config.width))
        self.positional_embedding = Parameter(torch.empty(patches + 1, config.width))
        self.ln_pre = nn.LayerNorm(config.width)
        self.transformer = Transformer(config.width, config.layers, causal=False)
        self.ln_post = nn.LayerNorm(config.width)
        self.proj = Parameter(torch.empty(config.width, embed_dim))
        for parameter in (self.class_embedding, self.positional_embedding, self.proj):
            normal_(parameter, std=config.width**-0.5)  # the layers keep PyTorch's own initialisation

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """`image_BCHW`, float with CLIP's mean and deviation taken out, as float [B, D]."""
        patch_BPW = self.conv1(image_BCHW).flatten(2).transpose(1, 2)
        class_B1W = self.class_embedding.expand(patch_BPW.shape[0], 1, -1).to(patch_BPW.dtype)
        x_BTW = torch.cat([class_B1W, patch_BPW], dim=1) + self.positional_embedding
        x_BTW = self.transformer(self.ln_pre(x_BTW))
        out_BD: Tensor = self.ln_post(x_BTW[:, 0]) @ self.proj
        return out_BD
