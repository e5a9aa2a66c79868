"""How near is a copy, told from decoys: lookups that can only be wrong, beside those that may be right.

A mirrored evaluation image is as far from unrelated images as the image itself: over 4e8 pairs of photographs
its codes' rate of chance matches is within 20 % of the true one, down to 2e-7. Each image competes with its
mirror image, and the nearer of the two counts, at its distance; what is there by chance is a decoy as often
as a target. So decoys within a distance stand for as many false targets, and their share is the
false-discovery rate. Once the distance is chosen, a mirror image's matches are matches.

As mirror images' matches are matches in the end, they, too, are there by chance as often as decoys are: each
decoy stands for two false ones. And an image with a copy hides its decoy, but not the other pairs that chance
adds to it: so pairs are counted as well as images, each a target or a decoy by which of the two is nearer.

Real mirrored copies lie near, and chance grows with the distance: eight- to twentyfold in 16 bits of codes,
on digits, texts and photographs, and in 80 thousandths of a cosine. So no more decoys are put down to chance
than a quarter of those in the ring outside that is so wide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

RING = 16  # bits: so far outside a distance, chance is looked at
BOTH = 2  # sides that chance meets as often, the image and its mirror image
SHARE = 4  # of a ring's decoys, one in so many at most is taken to lie within it too
NOTHING = 1000  # a distance: no match within reach


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """How many images of a set were nearest at each distance, from 0 up, or how many pairs lie there."""

    targets: tuple[int, ...]
    decoys: tuple[int, ...]
    ring: int = RING  # how far outside a distance chance is looked at

    def __post_init__(self) -> None:
        if len(self.targets) != len(self.decoys):
            raise ValueError(f"{len(self.targets)} distances of targets, {len(self.decoys)} of decoys")


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A distance, and what lies within it."""

    distance: int
    targets: int  # evaluation images nearer to some training image than their mirror images are
    decoys: int  # false ones, as many as decoys that chance explains stand for

    @property
    def fdr(self) -> float:
        """Of the targets, the share that is estimated to be there by chance."""
        return min(self.decoys / self.targets, 1.0) if self.targets else float(self.decoys > 0)


def compete(nearest: Iterable[tuple[int, int]], widest: int, *, ring: int = RING) -> Histogram:
    """The histogram of (distance of an image, of its mirror image), each the nearest match of either.

    Where both are equally near, as where a picture is its own mirror image, neither counts.
    """
    targets, decoys = [0] * (widest + 1), [0] * (widest + 1)
    for target, decoy in nearest:
        if target < decoy and target <= widest:
            targets[target] += 1
        elif decoy < target and decoy <= widest:
            decoys[decoy] += 1
    return Histogram(targets=tuple(targets), decoys=tuple(decoys), ring=ring)


def within(found: Histogram) -> list[Threshold]:
    """What each distance, from 0 up, lets in."""
    below = list(accumulate(found.decoys))
    rows, targets = [], 0
    for distance, more in enumerate(found.targets):
        targets, decoys = targets + more, below[distance]
        if distance + found.ring < len(below):  # rounded up: one decoy in the ring is enough to keep one
            decoys = min(decoys, -(-(below[distance + found.ring] - decoys) // SHARE))
        rows.append(Threshold(distance=distance, targets=targets, decoys=BOTH * decoys))
    return rows


def choose(found: Sequence[Histogram], fdr: float, trusted: int) -> int:
    """The largest distance at which at most a share `fdr` of each histogram is there by chance, as estimated.

    -1 where no distance is clean enough: equal bytes alone are copies. Beyond `trusted` one decoy more than
    there are is counted: else, of many distances, the one with the luckiest count were taken, and a set
    without any copy would have one every second time. So a wide distance has to be earned, by 200 matches for
    a share of 1 %; up to `trusted`, where chance matches are all but unknown, decoys can only object.
    """

    def clean(item: Threshold) -> bool:
        return item.decoys + BOTH * (item.distance > trusted) <= fdr * item.targets

    rows = zip(*(within(histogram) for histogram in found), strict=True)
    return max((row[0].distance for row in rows if all(map(clean, row))), default=-1)
