"""The evaluation sets' images, to look training images up in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.decoys import NOTHING
from wit_pipeline.copies.evaluation import AuditConfig, EvaluationImage
from wit_pipeline.copies.neardup import phash16_words, phash_words
from wit_pipeline.copies.nearest import Nearest, Words
from wit_pipeline.copies.sightings import (
    DISTANCES,
    FARTHEST,
    MIRRORED,
    NEAR8,
    NO_PAIRS,
    REACH,
    SAME,
    VIEWS,
    WIDEST,
    By,
    Coded,
    Cut,
    Ints,
    Look,
    Own,
    Pairs,
    Reached,
    Sighting,
    Spread,
    Way,
    joined,
    once,
    others,
    pairs_of,
)

ASKED, BLOCK = 512, 16_384  # training and evaluation images compared at once: 32 MB of cosines


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """An index over one kind of the evaluation images' codes."""

    rows: Ints  # which evaluation images have such codes
    codes: Nearest
    mirrored: bool
    trimmed: bool


class Evaluation:
    """All evaluation sets, to look training images up in. Flat images match by their bytes alone."""

    def __init__(self, known: Sequence[EvaluationImage], config: AuditConfig) -> None:
        self.known = known
        self._max_weak = config.max_weak
        self._sets, self._set_of = np.unique([item.set for item in known] or [""], return_inverse=True)
        self._by_sha: dict[str, list[int]] = {}
        for row, item in enumerate(known):
            self._by_sha.setdefault(item.sha256, []).append(row)
        comparable = [row for row, item in enumerate(known) if item.phash and item.weak <= config.max_weak]
        self._sides = [
            self._side(comparable, name, mirrored="mirror" in name, trimmed="trim" in name)
            for name in ("phash", "trim_phash", "mirror_phash", "trim_mirror_phash")
        ]
        self._comparable = np.array(comparable, np.int64)
        self._long = [self._words16(comparable, name) for name in ("phash16", "mirror_phash16")]
        self._views = _views([known[row].views for row in comparable])

    def _side(self, comparable: Sequence[int], name: str, *, mirrored: bool, trimmed: bool) -> _Side:
        rows = [row for row in comparable if getattr(self.known[row], name)]
        short = phash_words([getattr(self.known[row], name) for row in rows])
        codes = Nearest(short, self._words16(rows, f"{name}16"))
        return _Side(rows=np.array(rows, np.int64), codes=codes, mirrored=mirrored, trimmed=trimmed)

    def _words16(self, rows: Sequence[int], name: str) -> Words:
        return phash16_words([getattr(self.known[row], name) for row in rows])

    def look(self, images: Sequence[Coded], descriptors: NDArray[np.float32] | None = None) -> Look:
        """The pairs within reach. `descriptors` [images, dims] are what the detector made of the images."""
        reached = np.full((len(By), 2, len(self.known)), NOTHING, np.int64)
        spread = np.zeros((len(By), 2, len(self._sets), FARTHEST + 1), np.int64)
        coded = np.array(
            [i for i, image in enumerate(images) if image.phash16 and image.weak <= self._max_weak], np.int64
        )
        pairs = self._by_codes(images, coded, reached[By.CODES], spread[By.CODES])
        if descriptors is not None and len(coded):
            pairs = self._judged(pairs, descriptors, reached[By.JUDGED], spread[By.JUDGED])
            alone = self._by_detector(descriptors, coded, reached[By.LEARNED], spread[By.LEARNED])
            pairs = joined(pairs, self._with_bits(images, others(alone, pairs)))
        return Look(pairs=once(joined(self._exact(images), pairs)), reached=reached, spread=spread)

    def _count(self, spread: Ints, row: Ints, distance: Ints) -> None:
        """Add pairs, by their evaluation image's set."""
        near = distance <= FARTHEST
        np.add.at(spread, (self._set_of[row[near]], distance[near]), 1)

    def _exact(self, images: Sequence[Coded]) -> Pairs:
        found = [(row, i) for i, image in enumerate(images) for row in self._by_sha.get(image.sha256, [])]
        rows, samples = np.array(found, np.int64).reshape(-1, 2).T
        return pairs_of(rows, samples, bits=0, apart=0, way=Way.EXACT)

    def _by_codes(self, images: Sequence[Coded], coded: Ints, nearest: Ints, spread: Ints) -> Pairs:
        """Every pair of codes within reach; an image's own codes are looked up, and those without borders."""
        bordered = coded[[bool(images[i].trim_phash16) for i in coded]] if len(coded) else coded
        found = [NO_PAIRS]
        for samples, name in ((coded, "phash"), (bordered, "trim_phash")):
            short = phash_words([getattr(images[i], name) for i in samples])
            long = phash16_words([getattr(images[i], f"{name}16") for i in samples])
            for side in self._sides:
                way = _way(mirrored=side.mirrored, trimmed=side.trimmed or name != "phash")
                met = side.codes.within(short, NEAR8, second=long, second_radius=WIDEST)
                rows, whose = side.rows[met.rows], samples.repeat(np.diff(met.starts))
                np.minimum.at(nearest[int(side.mirrored)], rows, met.distances)
                found.append(pairs_of(rows, whose, bits=met.distances, apart=NOTHING, way=way))
        pairs = once(joined(*found))
        decoys = pairs[pairs.way == Way.MIRROR]
        self._count(spread[0], pairs.row, pairs.bits)
        self._count(spread[1], decoys.row, decoys.bits)
        return pairs

    def _judged(self, pairs: Pairs, descriptors: NDArray[np.float32], nearest: Ints, spread: Ints) -> Pairs:
        """The pairs with how far apart the detector sees them."""
        place = np.searchsorted(self._comparable, pairs.row)
        apart = np.stack(
            [_apart(np.einsum("pd,pd->p", descriptors[pairs.sample], view[place])) for view in self._views]
        )
        mirrored = pairs.way == Way.MIRROR
        own, mirror = apart[:MIRRORED].min(axis=0), apart[MIRRORED:].min(axis=0)
        np.minimum.at(nearest[0], pairs.row[~mirrored], own[~mirrored])
        np.minimum.at(nearest[1], pairs.row[mirrored], mirror[mirrored])
        self._count(spread[0], pairs.row, apart.min(axis=0))
        self._count(spread[1], pairs.row[mirrored], mirror[mirrored])
        return replace(pairs, apart=apart.min(axis=0))

    def _by_detector(
        self, descriptors: NDArray[np.float32], coded: Ints, nearest: Ints, spread: Ints
    ) -> Pairs:
        """Every pair that the detector sees within reach, by exact inner products."""
        found = [NO_PAIRS]
        for start in range(0, len(coded), ASKED):
            some = coded[start : start + ASKED]
            for first in range(0, len(self._comparable), BLOCK):
                block = slice(first, first + BLOCK)
                found.append(self._seen(descriptors[some], some, block, nearest, spread))
        return joined(*found)

    def _seen(
        self, asked: NDArray[np.float32], whose: Ints, block: slice, nearest: Ints, spread: Ints
    ) -> Pairs:
        rows = self._comparable[block]
        least = np.float32(1 - (FARTHEST + 0.5) / 1000)
        cosines = [asked @ view[block].T for view in self._views]
        own, mirror = np.maximum.reduce(cosines[:MIRRORED]), np.maximum.reduce(cosines[MIRRORED:])
        for side, found in enumerate((own, mirror)):
            nearest[side, rows] = np.minimum(nearest[side, rows], _apart(found.max(axis=0)))
        sample, place = np.nonzero((mirror >= least) & (mirror > own))
        self._count(spread[1], rows[place], _apart(mirror[sample, place]))
        best = np.maximum(own, mirror)
        sample, place = np.nonzero(best >= least)
        apart = _apart(best[sample, place])
        self._count(spread[0], rows[place], apart)
        return pairs_of(rows[place], whose[sample], bits=256, apart=apart, way=Way.LEARNED)

    def _with_bits(self, images: Sequence[Coded], pairs: Pairs) -> Pairs:
        """The pairs with the bits between their codes, plain or mirrored."""
        numbers, which = np.unique(pairs.sample, return_inverse=True)
        own = phash16_words([images[i].phash16 for i in numbers])[which]
        place = np.searchsorted(self._comparable, pairs.row)
        apart = [np.bitwise_count(own ^ long[place]).sum(axis=1) for long in self._long]
        return replace(pairs, bits=np.minimum(*apart).astype(np.int64))

    def own(self, first: int, last: int) -> Iterator[Own]:
        """Of some of the images that can be compared, how near other pictures of their set are.

        Rows `first` to `last` - 1 of those images, each looked up as a training image is, but not mirrored.
        """
        rows = self._comparable[first:last]
        seen = [self.known[row] for row in rows]
        look = self.look(seen, self._views[0][first:last] if len(self._views) else None)
        pairs = look.pairs[(look.pairs.way != Way.EXACT) & (look.pairs.bits > SAME)]
        pairs = pairs[self._set_of[pairs.row] == self._set_of[rows[pairs.sample]]]
        nearest = np.full((2, len(rows)), NOTHING, np.int64)
        by_codes = pairs[np.isin(pairs.way, (Way.PLAIN, Way.TRIM))]
        np.minimum.at(nearest[0], by_codes.sample, by_codes.bits)
        np.minimum.at(nearest[1], pairs.sample, pairs.apart)
        for item, codes, learned in zip(seen, *nearest.tolist(), strict=True):
            yield Own(set=item.set, image=item.image, codes=codes, learned=learned)

    def __len__(self) -> int:
        """How many images can be compared."""
        return len(self._comparable)

    def sightings(self, pairs: Pairs, keys: Sequence[str]) -> Iterator[Sighting]:
        """The pairs as records; `keys` are the training images'."""
        columns = (pairs.row, pairs.sample, pairs.bits, pairs.apart, pairs.way)
        for row, sample, bits, apart, way in zip(*(column.tolist() for column in columns), strict=True):
            item = self.known[row]
            yield Sighting(
                set=item.set,
                image=item.image,
                key=keys[sample],
                distance=bits,
                apart=apart,
                method=Way(way).name.lower(),
            )

    def cut(self, pairs: Pairs) -> Iterator[Cut]:
        """Pairs that are not kept, counted by evaluation image and distance."""
        kinds, counts = np.unique([pairs.row, pairs.bits, pairs.apart], axis=1, return_counts=True)
        for (row, bits, apart), count in zip(kinds.T.tolist(), counts.tolist(), strict=True):
            item = self.known[row]
            yield Cut(set=item.set, image=item.image, distance=bits, apart=apart, count=count)

    def spread(self, spread: Ints) -> Iterator[Spread]:
        """How far apart pairs are, and decoys, where there are any."""
        for by, number, distance in np.argwhere(spread.any(axis=1)).tolist():
            pairs, decoys = spread[by, :, number, distance].tolist()
            name = str(self._sets[number])
            yield Spread(set=name, by=by, distance=distance, pairs=pairs, decoys=decoys)

    def reached(self, reached: Ints) -> Iterator[Reached]:
        """How near each evaluation image was reached, of those that were."""
        near = np.where(reached > np.array(REACH)[:, None, None], NOTHING, reached)
        for row in np.flatnonzero((near < NOTHING).any(axis=(0, 1))).tolist():
            item, distances = self.known[row], near[:, :, row].ravel().tolist()
            yield Reached(set=item.set, image=item.image, **dict(zip(DISTANCES, distances, strict=True)))


def _way(*, mirrored: bool, trimmed: bool) -> Way:
    if mirrored:
        return Way.MIRROR
    return Way.TRIM if trimmed else Way.PLAIN


def _views(given: Sequence[bytes]) -> NDArray[np.float32]:
    """Descriptors [views, images, dims] of what was written of each image; [0, images, 0] of nothing."""
    joined = np.frombuffer(b"".join(given), np.float16).astype(np.float32)
    wide = joined.reshape(len(given), VIEWS, -1) if joined.size else np.zeros((len(given), 0, 0), np.float32)
    return np.ascontiguousarray(wide.transpose(1, 0, 2))


def _apart(cosines: NDArray[np.float32]) -> Ints:
    """Thousandths by which cosines are short of 1."""
    return np.clip(np.rint((1 - cosines.astype(np.float64)) * 1000), 0, NOTHING).astype(np.int64)
