"""CLIP: two towers into one space, and the temperature of their cosines.

Source: arXiv 2103.00020; names and shapes of the parameters are openai/CLIP's, all at the same place.
Shapes: B samples, C colours, T tokens, D width of the shared space.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.parameter import Parameter

from training.config import ClipConfig, ResNetConfig, VitConfig
from training.model.text_tower import TextTower
from training.model.transformer import Block, Mlp, Transformer
from training.model.vision.resnet import Bottleneck, ResNet
from training.model.vision.vit import VisionTransformer

INITIAL_SCALE = 1 / 0.07
MAX_SCALE = 100.0  # above it training was unstable (section 2.5)


class Clip(TextTower):
    """Both towers and the temperature; `config.text.vocab_size` is the tokenizer's."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__(config.text, config.embed_dim)
        self.visual = vision_tower(config.vision, config.embed_dim)
        if config.activation == "gelu":
            for module in self.modules():
                if isinstance(module, Mlp):
                    module.gelu = nn.GELU()
        self.logit_scale = Parameter(torch.tensor(math.log(INITIAL_SCALE)))

    def encode_image(self, image_BCHW: Tensor) -> Tensor:
        """Unit vectors, float32 [B, D], of normalised pixels."""
        return normalize(self.visual(image_BCHW).float(), dim=-1)

    def encode_text(self, text_BT: Tensor) -> Tensor:
        """Unit vectors, float32 [B, D], of token ids."""
        return normalize(self.embed_text(text_BT).float(), dim=-1)

    def forward(self, image_BCHW: Tensor, text_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Unit vectors of the images, of the texts, and the factor of their cosines."""
        return self.encode_image(image_BCHW), self.encode_text(text_BT), self.logit_scale.exp()

    def recompute_blocks(self) -> None:
        """Keep of each block its input alone, and compute the rest once more for the gradients."""
        for module in self.modules():
            if isinstance(module, Transformer | ResNet):
                module.recompute = True

    def compile_blocks(self) -> None:
        """Have the image tower's blocks compiled when they are first computed, and the text tower's MLPs.

        Attention of texts has other groups in each batch, which would be compiled anew each time.
        """
        for module in self.visual.modules():
            if isinstance(module, Block | Bottleneck):
                module.compile()
        for module in self.transformer.modules():
            if isinstance(module, Mlp):
                module.compile(dynamic=True)

    @torch.no_grad()
    def clip_scale(self) -> None:
        """Keep exp(logit_scale) at or below 100; to be called after each step of the optimizer."""
        self.logit_scale.clamp_(max=math.log(MAX_SCALE))


def vision_tower(config: VitConfig | ResNetConfig, embed_dim: int) -> VisionTransformer | ResNet:
    """The image tower that `config` describes."""
    if isinstance(config, ResNetConfig):
        return ResNet(config, embed_dim)
    return VisionTransformer(config, embed_dim)
