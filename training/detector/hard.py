"""Which pictures a net takes for one another: side by side in a batch they teach more than chance company.

Rates of chance matches below one in a million are decided by such pictures, and few batches hold two.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.detector.augment import planes
from training.detector.net import Net, described
from wit_pipeline.copies.detector import square

Draws = np.random.Generator
NEAREST = 16  # pictures that are known as near to each
MAY_BE_ONE = 64  # bits of 256: pictures with codes this near may be copies, and are no example of others
AMONG = 20_000  # pictures that are compared at a time: all pairs are
AT_ONCE = 1024  # rows


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """For some pictures the others that the net thinks nearest."""

    pictures: NDArray[np.int64]  # [n], where they stand among those learnt
    nearest: NDArray[np.int64]  # [n, NEAREST], the same; the picture itself where fewer are near

    def pick(self, pairs: int, draws: Draws) -> NDArray[np.int64]:
        """Pictures by twos, each beside one that is near to it; any may be there twice."""
        rows = draws.choice(len(self.pictures), pairs, replace=len(self.pictures) < pairs)
        ranks = draws.integers(self.nearest.shape[1], size=pairs)
        return np.concatenate([self.pictures[rows], self.nearest[rows, ranks]])


def company(
    net: Net, learnt: NDArray[np.uint8], codes: NDArray[np.uint64], size: int, draws: Draws
) -> Company:
    """The nearest of each of `AMONG` pictures or fewer, none of which may be a copy of it."""
    some = np.sort(draws.choice(len(learnt), min(AMONG, len(learnt)), replace=False))
    known = np.concatenate(
        [
            described(net, planes(np.stack([square(learnt[i], size) for i in part])))
            for part in np.array_split(some, -(-len(some) // AT_ONCE))
        ]
    )
    nearest = [
        _nearest(known, codes[some], first, min(NEAREST, len(some) - 1))
        for first in range(0, len(some), AT_ONCE)
    ]
    return Company(some, some[np.concatenate(nearest)])


def _nearest(
    known: NDArray[np.float32], codes: NDArray[np.uint64], first: int, count: int
) -> NDArray[np.int64]:
    """Rows of the nearest of each of the `AT_ONCE` rows from `first`, themselves in place of copies."""
    rows = np.arange(first, min(first + AT_ONCE, len(known)))
    cosines = torch.from_numpy(known[rows] @ known.T)
    cosines[torch.arange(len(rows)), torch.from_numpy(rows)] = -2
    found = cosines.topk(count, dim=1).indices.numpy()
    bits = np.bitwise_count(codes[rows][:, None] ^ codes[found]).sum(axis=2, dtype=np.int64)
    return np.where(bits > MAY_BE_ONE, found, rows[:, None])
