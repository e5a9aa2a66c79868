"""Texts one after another, without what stands after their ends.

Attention is causal and only the end token is read, so nothing after the end matters. What is done token by
token is done to all tokens of a batch at once; attention alone needs texts of one length side by side.

Shapes: B texts, T tokens of the longest, N tokens of all texts together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 8  # tokens: a text is as long as the next multiple, for few groups and few tokens in vain

Groups = tuple[tuple[int, int], ...]  # of texts of one length: how many, how long


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A batch of texts, shortest first."""

    ids_N: Tensor
    place_N: Tensor  # of a token in its text
    end_B: Tensor  # where in N each text of the batch ends, in the batch's order
    groups: Groups

    def to(self, device: torch.device) -> "Packed":
        """The same on a device, which need not be waited for."""
        ids_N, place_N, end_B = (
            one.to(device, non_blocking=True) for one in (self.ids_N, self.place_N, self.end_B)
        )
        return Packed(ids_N=ids_N, place_N=place_N, end_B=end_B, groups=self.groups)


def pack(text_BT: Tensor, step: int = STEP) -> Packed:
    """`text_BT`, int64 ids with the end token the largest of each row, packed on the CPU.

    Each text takes as many tokens as it has, up to the next multiple of `step`, or T if that is less.
    """
    text_BT = text_BT.cpu()
    last_B = text_BT.argmax(dim=-1)
    length_B = ((last_B // step + 1) * step).clamp(max=text_BT.shape[1])
    order_B = length_B.argsort(stable=True)
    length_B = length_B[order_B]
    lengths, counts = length_B.unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
    groups = tuple(zip(counts.tolist(), lengths.tolist(), strict=True))
    taken_BT = torch.arange(text_BT.shape[1]) < length_B[:, None]
    end_B = torch.empty_like(last_B)
    end_B[order_B] = length_B.cumsum(0) - length_B + last_B[order_B]
    return Packed(
        ids_N=text_BT[order_B][taken_BT],
        place_N=torch.arange(text_BT.shape[1]).expand_as(taken_BT)[taken_BT],
        end_B=end_B,
        groups=groups,
    )
