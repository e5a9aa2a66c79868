"""Which training images lie near which evaluation images: by codes, and by a trained detector.

Everything within reach is collected and counted first; how near is a copy is decided when all has been seen
(`thresholds.py`). An evaluation image's mirror image is looked up like itself: the nearest of each tells what
chance does.
"""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.decoys import NOTHING

NEAR8 = 10  # bits of 64 within which a code is judged by phash16: by chance once in 1e6 pairs of photographs
WIDEST = 80  # bits of 256 up to which pairs are collected; phash16 alone is that near once in 1e6
SAME = 8  # bits of 256: so near, two images of a set are one picture
FARTHEST = 400  # thousandths by which a cosine may be short of 1, up to which pairs are collected

VIEWS = 8  # of an evaluation image, as a detector sees it (`evaluation.views`)
MIRRORED = 4  # the first of them that is a mirror image

Ints = NDArray[np.int64]


class Way(IntEnum):
    """How a pair was seen; of several, the first counts."""

    EXACT = 0  # equal bytes
    PLAIN = 1  # codes
    TRIM = 2  # codes, of one of the two or both without uniform borders
    MIRROR = 3  # codes, of the evaluation image's mirror image
    LEARNED = 4  # the detector alone


class By(IntEnum):
    """What the nearest match of an evaluation image is nearest by."""

    CODES = 0  # bits of phash16, of 256
    JUDGED = 1  # thousandths by which the cosine is short of 1, where codes are within `WIDEST`
    LEARNED = 2  # the same, wherever they are


REACH = (WIDEST, FARTHEST, FARTHEST)  # of each `By`
RINGS = (16, 80, 80)  # how far outside a distance chance is looked at


class Coded(Protocol):
    """What of a training image is looked up: an `Image`, or a row of a shard's table."""

    @property
    def sha256(self) -> str: ...
    @property
    def phash(self) -> str: ...
    @property
    def phash16(self) -> str: ...
    @property
    def weak(self) -> float: ...
    @property
    def trim_phash(self) -> str: ...
    @property
    def trim_phash16(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """An evaluation image and a training image near it."""

    set: str
    image: str  # name within the set
    key: str  # of the training image
    distance: int  # bits of 256 between their codes; 256 where one of them has none
    apart: int  # thousandths by which the cosine of their descriptors is short of 1; 1000 without a detector
    method: str  # exact, plain, trim, mirror or learned

    def __str__(self) -> str:
        """Set, image, bits between the codes, the cosine if a detector saw the two, and the way."""
        cosine = "" if self.apart >= NOTHING else f" {1 - self.apart / 1000:.3f}"
        return f"{self.set}/{self.image} {self.distance}{cosine} {self.method}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How near the nearest training image of some is to an evaluation image and to its mirror image.

    By codes, by the detector among those whose codes are near, and by the detector; 1000 is nothing in reach.
    """

    set: str
    image: str
    codes: int
    codes_decoy: int
    judged: int
    judged_decoy: int
    learned: int
    learned_decoy: int


DISTANCES = tuple(field.name for field in fields(Reached))[2:]  # `By`, of each the image's and its decoy's


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How many pairs of a set lie at a distance, and how many of them are nearer to the mirror image."""

    set: str
    by: int
    distance: int
    pairs: int
    decoys: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """How near another picture of its set is to an evaluation image; 1000 is not in reach."""

    set: str
    image: str
    codes: int
    learned: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """Pairs of an evaluation image that were seen and not kept, as others are nearer."""

    set: str
    image: str
    distance: int
    apart: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Evaluation images by row and training images by number, as arrays of one length."""

    row: Ints
    sample: Ints
    bits: Ints
    apart: Ints
    way: Ints

    def __getitem__(self, which: NDArray[np.bool_] | Ints) -> "Pairs":
        return Pairs(
            row=self.row[which],
            sample=self.sample[which],
            bits=self.bits[which],
            apart=self.apart[which],
            way=self.way[which],
        )

    def __len__(self) -> int:
        return len(self.row)

    def nearest(self, groups: Ints, most: int) -> NDArray[np.bool_]:
        """Which pairs are among the `most` nearest of their group; of equally near ones, the first rows."""
        steps = FARTHEST // WIDEST  # a bit is as far as this many thousandths
        near = np.where(self.way == Way.EXACT, -1, np.minimum(self.bits * steps, self.apart))
        order = np.lexsort((self.sample, self.row, near, groups))
        ordered = groups[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])[: len(ordered)]
        ranks = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
        kept = np.zeros(len(self), np.bool_)
        kept[order] = ranks < most
        return kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What some training images showed."""

    pairs: Pairs
    reached: Ints  # [3, 2, evaluation images]: `By`, then the image's own nearest and its mirror image's
    spread: Ints  # [3, 2, sets, distances]: `By`, then pairs and decoys, by how far apart they are


def pairs_of(row: Ints, sample: Ints, *, bits: Ints | int, apart: Ints | int, way: int) -> Pairs:
    blank = np.zeros(len(row), np.int64)
    return Pairs(row=row, sample=sample, bits=blank + bits, apart=blank + apart, way=blank + way)


NO_PAIRS = pairs_of(np.zeros(0, np.int64), np.zeros(0, np.int64), bits=0, apart=0, way=0)


def joined(*some: Pairs) -> Pairs:
    names = ("row", "sample", "bits", "apart", "way")
    return Pairs(**{name: np.concatenate([getattr(pairs, name) for pairs in some]) for name in names})


def others(pairs: Pairs, known: Pairs) -> Pairs:
    """Those of `pairs` that are not among the known."""
    packed = [item.row << 32 | item.sample for item in (pairs, known)]
    return pairs[~np.isin(packed[0], packed[1])]


def once(pairs: Pairs) -> Pairs:
    """Each pair as it was seen best: equal bytes, else the fewest bits, else by the order of the ways."""
    order = np.lexsort((pairs.way, pairs.bits, pairs.way != Way.EXACT, pairs.sample, pairs.row))
    ordered = pairs[order]
    packed = ordered.row << 32 | ordered.sample
    return ordered[np.r_[True, packed[1:] != packed[:-1]][: len(packed)]]
