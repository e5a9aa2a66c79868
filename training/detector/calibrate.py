"""From which cosine on two pictures are one: measured on pictures that the net has not seen."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.detector.augment import planes, strong
from training.detector.net import Net, described
from wit_pipeline.copies.detector import square
from wit_pipeline.copies.neardup import distances16, phash16_words
from wit_pipeline.pictures.codes import codes_of
from wit_pipeline.pictures.grey import grey

COPIES = 8  # of each held-out picture
ALIKE = 90  # bits of 256: pictures within these of another are left out, as they may be one picture
RATES = (1e-4, 1e-5, 1e-6)  # of chance matches a pair
TRUSTED = 1e-9
CAUTION = 0.01  # of cosine, beyond what the tail's line says


def calibrated(net: Net, held_out: NDArray[np.uint8], overlays_BCHW: Tensor, size: int) -> dict[str, float]:
    """Cosines that two different pictures reach at each of `RATES`, and the one that is trusted.

    Copies are compared with the mirror images of all other originals: as near by chance as those are, and no
    copies, whatever a crawl holds twice. The rarer rates are read off a line through the tail, which on
    photographs falls faster than the line: so it errs towards too near.
    """
    draws = np.random.default_rng(0)
    source = held_out[unlike(held_out)]
    squares = np.stack([square(picture, size) for picture in source])
    plain, mirrored = described(net, planes(squares)), described(net, planes(squares[:, :, ::-1].copy()))
    tails, own = [], []
    for _ in range(COPIES):
        copies = described(net, strong(source, size, overlays_BCHW, draws))
        own.append(np.sum(plain * copies, axis=1))
        cosines = mirrored @ copies.T
        np.fill_diagonal(cosines, -1)  # some pictures are their own mirror image
        tails.append(np.sort(cosines, axis=None)[-len(cosines) :])
    pairs = COPIES * len(plain) * (len(plain) - 1)
    tail = np.sort(np.concatenate(tails))[::-1]
    line = tail_line(tail, pairs)
    found = {f"{rate:.0e}": min(line(rate), 0.999) for rate in RATES}
    reached = float(np.mean(np.concatenate(own) >= found["1e-06"]))
    trusted = min(line(TRUSTED) + CAUTION, 0.999)
    return {**found, "trusted": trusted, "recall_1e-06": reached, "pairs": pairs}


def unlike(squares: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pictures [n] have codes that are near no other's; all, where hardly any has."""
    codes = phash16_words([codes_of(grey(picture)).phash16 for picture in squares])
    bits = distances16(codes, codes)
    np.fill_diagonal(bits, 256)
    found: NDArray[np.bool_] = bits.min(axis=1) > ALIKE
    return found if found.sum() * 2 > len(found) else np.ones(len(found), np.bool_)


def tail_line(tail: NDArray[np.float32], pairs: int) -> Callable[[float], float]:
    """The cosine that is reached at a rate: measured where 10 pairs or more reach it, else by a line.

    The line runs through cosine against the logarithm of the rate, over the nearest 10 to `len(tail)` pairs.
    """
    ranks = np.unique(np.geomspace(10, len(tail), 30).astype(int))
    slope, start = np.polyfit(np.log10(ranks / pairs), tail[ranks - 1], 1)

    def at(rate: float) -> float:
        rank = int(rate * pairs)
        if 10 <= rank <= len(tail):
            return float(tail[rank - 1])
        return float(start + slope * np.log10(rate))

    return at
