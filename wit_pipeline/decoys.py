"""How near is a copy, told from decoys: lookups that can only be wrong, beside those that may be right.

A mirrored evaluation code is as far from unrelated images as the code itself: over 4e8 pairs of photographs
its rate of chance matches is within 20 % of the true one, down to 2e-7. So as many images have a match by
chance as have a decoy's, and their share is the false-discovery rate. Mirrored copies in the data count as
decoys, which errs towards too near; once the distance is chosen, a mirror image's matches are matches.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TRUSTED = 32  # bits of 256: among 2e8 pairs of photographs and 4e8 with tiny ones, none by chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """How many images of a set have their nearest match at each distance, in bits of 256, from 0 up.

    An image counts once on each side, however many images it lies near.
    """

    targets: tuple[int, ...]  # by their own code
    decoys: tuple[int, ...]  # by their mirror image's

    def __post_init__(self) -> None:
        if len(self.targets) != len(self.decoys):
            raise ValueError(f"{len(self.targets)} distances of targets, {len(self.decoys)} of decoys")


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A distance, and what lies within it."""

    distance: int  # bits of 256; -1 where no distance is clean enough: equal bytes alone are copies
    targets: int  # evaluation images with a match
    decoys: int  # with a match of their mirror image, which stands for one by chance
    fdr: float  # of the targets, the share that is estimated to be there by chance


def histogram(targets: Iterable[int], decoys: Iterable[int], widest: int) -> Histogram:
    """The histogram of the nearest distances, one of each image that has a match within `widest` bits."""
    counts = [[0] * (widest + 1), [0] * (widest + 1)]
    for side, distances in zip(counts, (targets, decoys), strict=True):
        for bits in distances:
            side[bits] += 1
    return Histogram(targets=tuple(counts[0]), decoys=tuple(counts[1]))


def added(one: Histogram, other: Histogram) -> Histogram:
    """The histogram of two disjoint groups of images; both reach equally far."""
    return Histogram(
        targets=tuple(a + b for a, b in zip(one.targets, other.targets, strict=True)),
        decoys=tuple(a + b for a, b in zip(one.decoys, other.decoys, strict=True)),
    )


def within(found: Histogram) -> list[Threshold]:
    """What each distance, from 0 up, lets in; the rate is that of the decoys, at most 1."""
    rows, targets, decoys = [], 0, 0
    for distance, (more, chance) in enumerate(zip(found.targets, found.decoys, strict=True)):
        targets, decoys = targets + more, decoys + chance
        fdr = min(decoys / targets, 1.0) if targets else float(decoys > 0)
        rows.append(Threshold(distance=distance, targets=targets, decoys=decoys, fdr=fdr))
    return rows


def choose(found: Histogram, fdr: float) -> Threshold:
    """The largest distance at which at most a share `fdr` of the matches is estimated to be there by chance.

    Beyond `TRUSTED` one decoy more than there are is counted: else, of many distances, the one with the
    luckiest count were taken, and a set without any copy would have one every second time. So a wide distance
    has to be earned, by 100 matches for a share of 1 %; up to `TRUSTED` decoys can only speak against one.
    """
    clean = [item for item in within(found) if item.decoys + (item.distance > TRUSTED) <= fdr * item.targets]
    return clean[-1] if clean else Threshold(distance=-1, targets=0, decoys=0, fdr=0.0)
