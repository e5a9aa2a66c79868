"""A small residual net without any normalisation of activations.

Batch statistics would tell which pictures of a batch are copies of one another (CLIP, appendix C). Weights
are standardised instead, as in normaliser-free nets (Brock and others, 2021), and folded when exported.

Shapes: B pictures, C channels, H height, W width, D dims of a descriptor, O and I channels out and in.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (32, 64, 128, 256)  # channels of the stages; each halves the sides but the first
PATCH = 4  # pixels a side that become channels
GELU_GAIN = 1.7015  # makes the variance of GELU of a standard normal 1 again
MIDDLE = 128.0  # of a pixel's values


class StandardConv(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1 / fan-in, and a gain of their own."""

    def __init__(self, inside: int, outside: int, size: int, stride: int = 1) -> None:
        super().__init__(inside, outside, size, stride, padding=size // 2)
        self.gain = nn.Parameter(torch.ones(outside, 1, 1, 1))
        nn.init.normal_(self.weight)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def filters(self) -> Tensor:
        """The filters [O, I, H, W] that are applied."""
        variance_O, mean_O = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        fan_in = self.weight[0].numel()
        return self.gain * (self.weight - mean_O) * torch.rsqrt(variance_O * fan_in + 1e-4)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.conv2d(x_BCHW, self.filters(), self.bias, self.stride, self.padding)


class Block(nn.Module):
    """Two convolutions beside a shortcut; at the start the shortcut alone."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.first = StandardConv(inside, outside, 3, stride)
        self.second = StandardConv(outside, outside, 3)
        self.across = StandardConv(inside, outside, 1) if inside != outside else nn.Identity()
        self.share = nn.Parameter(torch.tensor(0.2))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        active = gelu(x_BCHW)
        short = F.avg_pool2d(active, 2) if self.stride == 2 else x_BCHW  # averaged first: no aliasing
        beside: Tensor = self.across(short)
        more: Tensor = self.second(gelu(self.first(active)))
        return beside + self.share * more


def gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh") * GELU_GAIN


class Net(nn.Module):
    """Squares of uint8 to descriptors of length 1."""

    def __init__(self, dims: int = 128) -> None:
        super().__init__()
        self.stem = StandardConv(3 * PATCH**2, WIDTHS[0], 3)
        pairs = zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
        self.blocks = nn.Sequential(
            *(Block(inside, outside, 1 if i == 0 else 2) for i, (inside, outside) in enumerate(pairs))
        )
        self.power = nn.Parameter(torch.tensor(3.0))
        self.head = nn.Linear(WIDTHS[-1], dims)

    def forward(self, squares_BHWC: Tensor) -> Tensor:
        """uint8 [B, H, W, C] to float32 [B, D]."""
        x_BCHW = ((squares_BHWC.float() - MIDDLE) / 64).permute(0, 3, 1, 2)
        x_BCHW = gelu(self.blocks(self.stem(F.pixel_unshuffle(x_BCHW, PATCH))))
        pooled_BC = generalised_mean(x_BCHW.float(), self.power.float())
        described: Tensor = self.head(pooled_BC)
        return F.normalize(described.float(), dim=1)


def generalised_mean(x_BCHW: Tensor, power: Tensor) -> Tensor:
    """Between mean and maximum over all places (GeM, Radenović and others, 2018)."""
    return x_BCHW.clamp(min=1e-3).pow(power).mean(dim=(2, 3)).pow(1 / power)


@torch.no_grad()
def described(net: Net, squares_BCHW: Tensor) -> NDArray[np.float32]:
    """The descriptors [B, D] of pictures, float32 in [0, 255]."""
    device = next(net.parameters()).device
    made = [
        net(some.permute(0, 2, 3, 1).round().to(torch.uint8).to(device)).float().cpu().numpy()
        for some in torch.split(squares_BCHW, 256)
    ]
    return np.concatenate(made)
