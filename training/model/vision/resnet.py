"""The ResNet of CLIP: a stem of three convolutions, averaged instead of strided, read by attention.

As published with openai/CLIP: ResNet-D's shortcut and blur pooling by averages of 2 × 2 (Zhang, 2019), which
come after the second convolution of a block and before its shortcut's.

Shapes: B images, C channels, H rows, W columns, T = H·W + 1 tokens, N heads, D width of the shared space.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.init import normal_, zeros_
from torch.nn.parameter import Parameter

from training.config import HEAD_WIDTH, ResNetConfig
from training.model.transformer import through

EXPANSION = 4  # of a block's channels, at its end
STRIDE = 32  # pixels a side that one place of the last layer stands for


class Shortcut(nn.Sequential):
    """What goes past a block whose shape changes; the average has no parameters, so names begin after it."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))
        self.average = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        out_BCHW: Tensor = self[1](self[0](self.average(x_BCHW)))
        return out_BCHW


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3, 1 × 1, all of stride 1."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.average = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, EXPANSION * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(EXPANSION * width)
        zeros_(self.bn3.weight)  # a block is its shortcut at first
        changes = stride > 1 or inside != EXPANSION * width
        self.downsample = Shortcut(inside, EXPANSION * width, stride) if changes else None

    def forward(self, x_BCHW: Tensor) -> Tensor:
        out_BCHW = self.bn1(self.conv1(x_BCHW)).relu()
        out_BCHW = self.bn2(self.conv2(out_BCHW)).relu()
        out_BCHW = self.bn3(self.conv3(self.average(out_BCHW)))
        short_BCHW = x_BCHW if self.downsample is None else self.downsample(x_BCHW)
        summed_BCHW: Tensor = (out_BCHW + short_BCHW).relu()
        return summed_BCHW


class AttentionPool(nn.Module):
    """One query, the mean of all places, over the places and the mean itself."""

    def __init__(self, side: int, width: int, embed_dim: int) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.positional_embedding = Parameter(torch.empty(side**2 + 1, width))
        self.k_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, embed_dim)
        normal_(self.positional_embedding, std=width**-0.5)
        for projection in (self.k_proj, self.q_proj, self.v_proj, self.c_proj):
            normal_(projection.weight, std=width**-0.5)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        place_BTC = x_BCHW.flatten(2).transpose(1, 2)
        x_BTC = torch.cat([place_BTC.mean(dim=1, keepdim=True), place_BTC], dim=1)
        x_BTC = x_BTC + self.positional_embedding.to(x_BTC.dtype)
        query_B1C = x_BTC[:, :1]
        mixed_BNTK = scaled_dot_product_attention(
            self.split(self.q_proj(query_B1C)), self.split(self.k_proj(x_BTC)), self.split(self.v_proj(x_BTC))
        )
        out_BD: Tensor = self.c_proj(mixed_BNTK.transpose(1, 2).flatten(1))
        return out_BD

    def split(self, x_BTC: Tensor) -> Tensor:
        """[B, T, C] by heads, [B, N, T, C / N]."""
        return x_BTC.view(*x_BTC.shape[:2], self.heads, HEAD_WIDTH).transpose(1, 2)


class ResNet(nn.Module):
    """Normalised pixels to embeddings."""

    def __init__(self, config: ResNetConfig, embed_dim: int) -> None:
        super().__init__()
        stem, width = config.width // 2, config.width
        self.conv1 = nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        self.conv3 = nn.Conv2d(stem, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.average = nn.AvgPool2d(2)
        inside, layers = width, []
        for number, blocks in enumerate(config.layers):
            outside = width * 2**number
            strides = [1 if number == 0 else 2] + [1] * (blocks - 1)
            layer = []
            for stride in strides:
                layer.append(Bottleneck(inside, outside, stride))
                inside = EXPANSION * outside
            layers.append(nn.Sequential(*layer))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.attnpool = AttentionPool(config.image_size // STRIDE, inside, embed_dim)
        self.recompute = False

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """`image_BCHW`, float with CLIP's mean and deviation taken out, as float [B, D]."""
        x_BCHW = image_BCHW
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x_BCHW = norm(conv(x_BCHW)).relu()
        x_BCHW = self.average(x_BCHW)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in layer:
                x_BCHW = through(block, x_BCHW, again=self.recompute)
        out_BD: Tensor = self.attnpool(x_BCHW)
        return out_BD
