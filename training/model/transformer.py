"""The pre-norm transformer that both towers are made of, with openai/CLIP's parameter names.

Shapes: B samples, T tokens, N tokens of all texts, W width, H heads, K width of a head; x_W is [B, T, W] or
[N, W].
"""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu
from torch.nn.init import xavier_uniform_, zeros_
from torch.nn.parameter import Parameter
from torch.utils.checkpoint import checkpoint

from training.config import HEAD_WIDTH
from training.model.norms import statistics_kept
from training.model.packing import Groups


class QuickGelu(nn.Module):
    """x·sigmoid(1.702x), the approximation of GELU that CLIP was trained with.

    Written with silu(x) = x·sigmoid(x), which keeps one tensor for its gradient instead of two.
    """

    def forward(self, x: Tensor) -> Tensor:
        return silu(1.702 * x) / 1.702


class Linear(nn.Linear):
    """A linear layer whose weight may be kept in fewer bits than it is computed in."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, computed(self.weight, x), self.bias)


def computed(weight: Tensor, x: Tensor) -> Tensor:
    """`weight` in the dtype that it is computed with `x` in; autocast sees to that by itself."""
    if weight.dtype == x.dtype or torch.is_autocast_enabled(x.device.type):
        return weight
    return weight.to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention; initialised as `torch.nn.MultiheadAttention` is."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.causal = causal
        self.in_proj_weight = Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = Parameter(torch.empty(3 * width))
        self.out_proj = Linear(width, width)
        xavier_uniform_(self.in_proj_weight)
        zeros_(self.in_proj_bias)
        zeros_(self.out_proj.bias)

    def forward(self, x_W: Tensor, groups: Groups = ()) -> Tensor:
        """[B, T, W], or [N, W] of texts in groups, one after another; as many of each."""
        qkv_3W = linear(x_W, computed(self.in_proj_weight, x_W), self.in_proj_bias)
        if not groups:
            mixed_W = self.mix(qkv_3W)
        else:
            parts = torch.split(qkv_3W, [count * length for count, length in groups])
            apart = zip(parts, groups, strict=True)
            mixed_W = torch.cat(
                [self.mix(part.view(*group, part.shape[-1])).flatten(0, 1) for part, group in apart]
            )
        out_W: Tensor = self.out_proj(mixed_W)
        return out_W

    def mix(self, qkv_BT3W: Tensor) -> Tensor:
        """The values of each text or image, mixed by its queries and keys, as [B, T, W]."""
        batch, tokens, _ = qkv_BT3W.shape
        qkv_3BHTK = qkv_BT3W.view(batch, tokens, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        q_BHTK, k_BHTK, v_BHTK = qkv_3BHTK.unbind()
        mixed_BHTK = scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=self.causal)
        return mixed_BHTK.transpose(1, 2).flatten(2)


class Mlp(nn.Module):
    """Four times the width and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = Linear(width, 4 * width)
        self.gelu: nn.Module = QuickGelu()  # `Clip` puts another in its place
        self.c_proj = Linear(4 * width, width)

    def forward(self, x_W: Tensor) -> Tensor:
        out_W: Tensor = self.c_proj(self.gelu(self.c_fc(x_W)))
        return out_W


class Block(nn.Module):
    """One layer: attention, then the MLP, each normed before and added after."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, causal=causal)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x_W: Tensor, groups: Groups = ()) -> Tensor:
        x_W = x_W + self.attn(self.ln_1(x_W), groups)
        out_W: Tensor = x_W + self.mlp(self.ln_2(x_W))
        return out_W


class Transformer(nn.Module):
    """A stack of blocks. `causal`: a token sees itself and what stands before it."""

    def __init__(self, width: int, layers: int, *, causal: bool) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, causal=causal) for _ in range(layers))
        self.recompute = False

    def forward(self, x_W: Tensor, groups: Groups = ()) -> Tensor:
        """[B, T, W], or [N, W] of texts in groups, one after another; as many of each."""
        for block in self.resblocks:
            x_W = through(block, x_W, groups, again=self.recompute)
        return x_W


def through(module: nn.Module, *inputs: Any, again: bool) -> Tensor:
    """`module` of `inputs`. `again`: what is inside is not kept, and computed once more for the gradients."""
    if again and torch.is_grad_enabled():
        contexts = partial(_contexts, module)
        kept: Tensor = checkpoint(module, *inputs, use_reentrant=False, context_fn=contexts)
        return kept
    out: Tensor = module(*inputs)
    return out


def _contexts(module: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What the first and the second pass run in."""
    return nullcontext(), statistics_kept(module)
