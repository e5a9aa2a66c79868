"""How near is a copy, told from decoys: lookups that can only be wrong, beside those that may be right.

A mirrored evaluation image is as far from unrelated images as the image itself: over 4e8 pairs of photographs
its codes' rate of chance matches is within 20 % of the true one, down to 2e-7. Each image competes with its
mirror image, and the nearer of the two counts, at its distance; what is there by chance is a decoy as often
as a target. So decoys within a distance stand for as many false targets, and their share is the
false-discovery rate. Once the distance is chosen, a mirror image's matches are matches.

Real mirrored copies lie near, and chance grows with the distance: eight- to twentyfold in 16 bits, on digits,
texts and photographs. So no more decoys are put down to chance than a quarter of those in the ring outside.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

RING = 0.2  # of the widest distance: so far outside a distance, chance is looked at
SHARE = 4  # of a ring's decoys, one in so many at most is taken to lie within it too
NOTHING = 1000  # a distance: no match within reach


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """How many images of a set, or their decoys, were nearest at each distance, from 0 up."""

    targets: tuple[int, ...]
    decoys: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.targets) != len(self.decoys):
            raise ValueError(f"{len(self.targets)} distances of targets, {len(self.decoys)} of decoys")


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A distance, and what lies within it."""

    distance: int  # -1 where no distance is clean enough: equal bytes alone are copies
    targets: int  # evaluation images nearer to some training image than their mirror images are
    decoys: int  # the other way round, as far as chance explains them: each stands for a false target
    fdr: float  # of the targets, the share that is estimated to be there by chance


def compete(nearest: Iterable[tuple[int, int]], widest: int) -> Histogram:
    """The histogram of (distance of an image, of its mirror image), each the nearest match of either.

    Where both are equally near, as where a picture is its own mirror image, neither counts.
    """
    targets, decoys = [0] * (widest + 1), [0] * (widest + 1)
    for target, decoy in nearest:
        if target < decoy and target <= widest:
            targets[target] += 1
        elif decoy < target and decoy <= widest:
            decoys[decoy] += 1
    return Histogram(targets=tuple(targets), decoys=tuple(decoys))


def within(found: Histogram) -> list[Threshold]:
    """What each distance, from 0 up, lets in; the rate is of the decoys that chance explains, at most 1."""
    reach = round(RING * (len(found.decoys) - 1))
    below = list(accumulate(found.decoys))
    rows, targets = [], 0
    for distance, more in enumerate(found.targets):
        targets, decoys = targets + more, below[distance]
        if distance + reach < len(below):
            decoys = min(decoys, -(-(below[distance + reach] - decoys) // SHARE))
        fdr = min(decoys / targets, 1.0) if targets else float(decoys > 0)
        rows.append(Threshold(distance=distance, targets=targets, decoys=decoys, fdr=fdr))
    return rows


def choose(found: Histogram, fdr: float, trusted: int) -> Threshold:
    """The largest distance at which at most a share `fdr` of the matches is estimated to be there by chance.

    Beyond `trusted` one decoy more than there are is counted: else, of many distances, the one with the
    luckiest count were taken, and a set without any copy would have one every second time. So a wide distance
    has to be earned, by 100 matches for a share of 1 %; up to `trusted`, where chance matches are all but
    unknown, decoys can only speak against one.
    """
    clean = [item for item in within(found) if item.decoys + (item.distance > trusted) <= fdr * item.targets]
    return clean[-1] if clean else Threshold(distance=-1, targets=0, decoys=0, fdr=0.0)
