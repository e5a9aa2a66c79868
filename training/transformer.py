"""The pre-norm transformer that both towers are made of, with openai/CLIP's parameter names.

Shapes: B samples, T tokens, W width, H heads, K width of a head.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu
from torch.nn.init import xavier_uniform_, zeros_
from torch.nn.parameter import Parameter
from torch.utils.checkpoint import checkpoint

from training.config import HEAD_WIDTH
from training.norms import statistics_kept


class QuickGelu(nn.Module):
    """x·sigmoid(1.702x), the approximation of GELU that CLIP was trained with.

    Written with silu(x) = x·sigmoid(x), which keeps one tensor for its gradient instead of two.
    """

    def forward(self, x: Tensor) -> Tensor:
        return silu(1.702 * x) / 1.702


class Attention(nn.Module):
    """Multi-head self-attention; initialised as `torch.nn.MultiheadAttention` is."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.causal = causal
        self.in_proj_weight = Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)
        xavier_uniform_(self.in_proj_weight)
        zeros_(self.in_proj_bias)
        zeros_(self.out_proj.bias)

    def forward(self, x_BTW: Tensor) -> Tensor:
        batch, tokens, _ = x_BTW.shape
        qkv_BT3W = linear(x_BTW, self.in_proj_weight, self.in_proj_bias)
        qkv_3BHTK = qkv_BT3W.view(batch, tokens, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        q_BHTK, k_BHTK, v_BHTK = qkv_3BHTK.unbind()
        mixed_BHTK = scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=self.causal)
        out_BTW: Tensor = self.out_proj(mixed_BHTK.transpose(1, 2).flatten(2))
        return out_BTW


class Mlp(nn.Module):
    """Four times the width and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = QuickGelu()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x_BTW: Tensor) -> Tensor:
        out_BTW: Tensor = self.c_proj(self.gelu(self.c_fc(x_BTW)))
        return out_BTW


class Block(nn.Module):
    """One layer: attention, then the MLP, each normed before and added after."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, causal=causal)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x_BTW: Tensor) -> Tensor:
        x_BTW = x_BTW + self.attn(self.ln_1(x_BTW))
        out_BTW: Tensor = x_BTW + self.mlp(self.ln_2(x_BTW))
        return out_BTW


class Transformer(nn.Module):
    """A stack of blocks. `causal`: a token sees itself and what stands before it."""

    def __init__(self, width: int, layers: int, *, causal: bool) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, causal=causal) for _ in range(layers))
        self.recompute = False

    def forward(self, x_BTW: Tensor) -> Tensor:
        for block in self.resblocks:
            x_BTW = through(block, x_BTW, again=self.recompute)
        return x_BTW


def through(module: nn.Module, x: Tensor, *, again: bool) -> Tensor:
    """`module` of `x`. `again`: what is inside is not kept, and computed once more for the gradients."""
    if again and torch.is_grad_enabled():
        contexts = partial(_contexts, module)
        kept: Tensor = checkpoint(module, x, use_reentrant=False, context_fn=contexts)
        return kept
    out: Tensor = module(x)
    return out


def _contexts(module: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What the first and the second pass run in."""
    return nullcontext(), statistics_kept(module)
