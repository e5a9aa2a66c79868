"""How near is a copy, for each evaluation set: the distances that keep chance below the rate asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_pipeline.copies.decoys import Histogram, Threshold, choose, compete, within
from wit_pipeline.copies.evaluation import AuditConfig
from wit_pipeline.copies.sightings import DISTANCES, REACH, RINGS, By, Own, Reached, Sighting, Spread
from wit_pipeline.vocabulary.rows import schema_of, table

# Bits of 256, and how often two unlike pictures are that near: read off 9e10 blends of halves of photographs
# from 48 on, below 48 extrapolated.
CHANCE = ((64, 4e-9), (56, 7e-10), (48, 1e-10), (40, 1e-11), (32, 1e-12))
EXPECTED = 0.01  # chance matches of an evaluation image in a whole data set, at most, where one is trusted
OWN = (By.CODES, By.LEARNED)  # what pictures of a set are near to one another by
KIND = 0.1  # of a set's images, the share with look-alikes in it above which the set is of one kind
# Of bits the half, and of a cosine's shortfall, which grows with the angle's square, the quarter: what is so
# near to an image is nearer to none of its look-alikes.
CLEAR = (2, 4)
Nearest = NDArray[np.int64]  # [images, 3, 2]: `By`, then how near an image was reached and its mirror image
Flags = NDArray[np.bool_]


def trusted_bits(images: int) -> int:
    """How near is trusted, until decoys object, in a data set of so many images."""
    return next((bits for bits, rate in CHANCE if rate * images <= EXPECTED), 0)


class Near(Protocol):
    """What of a pair decides: a `Sighting`, or an overlap that the audit found."""

    @property
    def image(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def distance(self) -> int: ...
    @property
    def apart(self) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Trusted:
    """How near is a copy until decoys object; -1 is never."""

    bits: int
    apart: int = -1  # thousandths of 1 - cosine

    def by(self, by: By) -> int:
        return self.bits if by is By.CODES else self.apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Within which distances a sighting is a copy; -1 is none."""

    codes: int  # bits of 256
    judged: int  # thousandths of 1 - cosine, where the codes are within reach
    learned: int  # the same, wherever they are
    own_codes: int = REACH[By.CODES]  # no wider limit is taken: pictures of the set itself lie as near
    own_learned: int = REACH[By.LEARNED]
    closer: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # image -> the three, of those that …
    # … have look-alikes in their set

    def near(self, image: str, distance: int, apart: int) -> bool:
        """Whether so many bits, and thousandths of 1 - cosine, are a copy's of an image."""
        codes, judged, learned = self.of_image(image)
        return distance <= codes or (distance <= REACH[By.CODES] and apart <= judged) or apart <= learned

    def takes(self, seen: Near) -> bool:
        """Whether a sighting is a copy."""
        return seen.method == "exact" or self.near(seen.image, seen.distance, seen.apart)

    def of_image(self, image: str) -> tuple[int, ...]:
        """The limits of each `By` of one image."""
        return self.closer.get(image, (self.codes, self.judged, self.learned))

    def of(self, by: By) -> int:
        """The set's limit of one kind."""
        return (self.codes, self.judged, self.learned)[by]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLimits:
    """The limits of a set, and what decided them."""

    limits: Limits
    histograms: tuple[Histogram, ...]  # of each `By`, of images by their nearest
    images: Threshold  # what the limits let in: images nearer than their mirror images …
    pairs: Threshold  # … and pairs; of both, how many are estimated to be there by chance
    stated: bool  # the recipe names the distance

    def curve(self, by: By) -> list[Threshold]:
        """What each distance would let in."""
        return within(self.histograms[by])


def merged(paths: Sequence[Path]) -> pa.Table:
    """The nearest of all that several tables of `Reached` tell of each evaluation image, by set and image."""
    table = _rows_of(Reached, paths)
    found = table.group_by(["set", "image"]).aggregate([(name, "min") for name in DISTANCES])
    ordered = [("set", "ascending"), ("image", "ascending")]
    return found.rename_columns(table.column_names).sort_by(ordered)


def spread_of(paths: Sequence[Path]) -> pa.Table:
    """What several tables of `Spread` tell together."""
    table = _rows_of(Spread, paths)
    found = table.group_by(["set", "by", "distance"]).aggregate([("pairs", "sum"), ("decoys", "sum")])
    return found.rename_columns(table.column_names)


def own_of(paths: Sequence[Path]) -> pa.Table:
    """The rows of several tables of `Own`."""
    return _rows_of(Own, paths)


def _rows_of(record: Any, paths: Sequence[Path]) -> pa.Table:
    return pa.concat_tables([schema_of(record).empty_table(), *map(table, paths)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What all parts have shown of a set."""

    near: Nearest
    names: NDArray[np.object_]  # of the images, a row of `near` each
    images: tuple[Histogram, ...]  # of each `By`
    pairs: tuple[Histogram, ...]

    def some(self, which: Flags) -> "Seen":
        """The same of some of the images; the pairs are told of all alone."""
        near = self.near[which]
        images = tuple(_images(near, by) for by in By)
        return replace(self, near=near, names=self.names[which], images=images)


def seen(reached: pa.Table, spread: pa.Table, config: AuditConfig) -> dict[str, Seen]:
    """What all parts have shown, by set."""
    names, counted = (np.array(table.column("set").to_pylist(), dtype=object) for table in (reached, spread))
    columns = [reached.column(name).to_numpy() for name in DISTANCES]
    near = np.stack(columns, axis=1).astype(np.int64).reshape(-1, len(By), 2)
    images = np.array(reached.column("image").to_pylist(), dtype=object)
    counts = np.stack([spread.column(i).to_numpy() for i in range(1, 5)], axis=1).astype(np.int64)
    return {
        name: Seen(
            near=near[names == name],
            names=images[names == name],
            images=tuple(_images(near[names == name], by) for by in By),
            pairs=tuple(_pairs(counts[counted == name], by) for by in By),
        )
        for name in config.named_sets()
    }


def _images(near: Nearest, by: By) -> Histogram:
    return compete(near[:, by].tolist(), REACH[by], ring=RINGS[by])


def _pairs(counts: NDArray[np.int64], by: By) -> Histogram:
    """The histogram of pairs, of rows (by, distance, pairs, decoys); beyond reach none are told."""
    here = counts[(counts[:, 0] == by) & (counts[:, 1] <= REACH[by])]
    made = np.zeros((2, REACH[by] + 1), np.int64)
    made[:, here[:, 1]] = here[:, 2:].T
    targets, decoys = (tuple(side.tolist()) for side in made)
    return Histogram(targets=targets, decoys=decoys, ring=RINGS[by])


def decide(
    known: Mapping[str, Seen], own: pa.Table, config: AuditConfig, trusted: Trusted
) -> dict[str, Limits]:
    """The limits of every set, by its decoys and its own images, or as the recipe states them.

    Texts, digits or logos are nearer to one another than to mirrored ones, and decoys do not see it. Where a
    set is of one such kind, no distance counts at which other pictures of the set itself lie, but of a share
    of its images, as it is asked for of copies; with a detector there are three ways to be near, and each
    gets a third of it. Where a few of its images have look-alikes, as maps among photographs, those have
    limits of their own, and the others keep the set's.
    """
    names, images = (np.array(own.column(name).to_pylist(), dtype=object) for name in ("set", "image"))
    apart = np.stack([own.column(name).to_numpy() for name in ("codes", "learned")])
    limits = {}
    for name, found in known.items():
        of_set = apart[:, names == name]
        by_decoys = _chosen(found, name, config, trusted)
        crowded = of_set <= np.array([[by_decoys.codes], [max(by_decoys.judged, by_decoys.learned)]])
        which: Flags = np.any(crowded, axis=0)
        if np.count_nonzero(which) > KIND * len(which):
            share = config.fdr / (len(By) if config.detector else 1)
            own_of_set = [_uncrowded(side, share, REACH[by]) for side, by in zip(of_set, OWN, strict=True)]
            limits[name] = _chosen(found, name, config, trusted, tuple(own_of_set))
        else:
            here = images[names == name][which]
            kind = _chosen(found.some(np.isin(found.names, here)), name, config, trusted)
            closer = _closer(kind, of_set[:, which], crowded[:, which], stated=name in config.distances)
            limits[name] = replace(by_decoys, closer=dict(zip(here.tolist(), closer, strict=True)))
    return limits


def _closer(
    kind: Limits, nearest: NDArray[np.int64], crowded: Flags, *, stated: bool
) -> list[tuple[int, ...]]:
    """The limits of images [2, images] that others of their set are `nearest` to: `CLEAR` of those.

    They are no wider than decoys of such images allow, which is `kind`; stated bits hold for all.
    """
    clear = nearest // np.array(CLEAR)[:, None]
    codes, learned = np.where(crowded, clear, np.array([[REACH[by]] for by in OWN]))
    limits = (
        np.full_like(codes, kind.codes) if stated else np.minimum(kind.codes, codes),
        np.minimum(kind.judged, learned),
        np.minimum(kind.learned, learned),
    )
    return [tuple(row) for row in np.stack(limits, axis=1).tolist()]


def _uncrowded(nearest: NDArray[np.int64], share: float, reach: int) -> int:
    """The largest distance at which at most a share of a set's images has another picture of it."""
    allowed = int(share * len(nearest))  # so many may lie within: the limit stays below the next one
    return int(min(reach, np.sort(nearest)[allowed] - 1)) if len(nearest) else reach


def of_sets(
    known: Mapping[str, Seen], config: AuditConfig, limits: Mapping[str, Limits]
) -> dict[str, SetLimits]:
    """What lies within the limits of every set."""
    return {
        name: SetLimits(
            limits=limits[name],
            histograms=found.images,
            images=passing(found, limits[name]),
            pairs=passing_pairs(found, limits[name]),
            stated=name in config.distances,
        )
        for name, found in known.items()
    }


def _chosen(
    found: Seen,
    name: str,
    config: AuditConfig,
    trusted: Trusted,
    own: tuple[int, ...] = (REACH[By.CODES], REACH[By.LEARNED]),
) -> Limits:
    """The widest limits whose copies, of all ways together, are by chance at the rate that is asked for.

    Ways err apart from one another: where together they are wrong too often, each gets a part of the rate. No
    limit is wider than `own`, by codes and by the detector.
    """
    own_codes, own_learned = own
    for parts in range(1, len(By) + 1):
        codes, judged, learned = (
            choose([found.images[by], found.pairs[by]], config.fdr / parts, trusted.by(by)) for by in By
        )
        limits = Limits(
            codes=config.distances.get(name, min(codes, own_codes)),
            judged=min(judged, own_learned) if config.detector else -1,
            learned=min(learned, own_learned) if config.detector else -1,
            own_codes=own_codes,
            own_learned=own_learned,
        )
        if all(told(found, limits).fdr <= config.fdr for told in (passing, passing_pairs)):
            break
    return limits


def passing(found: Seen, limits: Limits) -> Threshold:
    """How many images pass a limit and are nearer than their mirror images; how many of them by chance.

    Chance is counted within the set's limits, which are the widest.
    """
    bounds = np.array([limits.of_image(name) for name in found.names.tolist()], np.int64).reshape(-1, len(By))
    own, mirror = found.near[:, :, 0], found.near[:, :, 1]
    targets = int(((own <= bounds) & (own < mirror)).any(axis=1).sum())
    decoys = sum(row.decoys for row in _within(found.images, limits))
    return Threshold(distance=limits.codes, targets=targets, decoys=decoys)


def passing_pairs(found: Seen, limits: Limits) -> Threshold:
    """How many pairs pass the limit that lets in the most, and how many pass any by chance."""
    rows = _within(found.pairs, limits)
    targets = max((row.targets for row in rows), default=0)
    return Threshold(distance=limits.codes, targets=targets, decoys=sum(row.decoys for row in rows))


def _within(histograms: Sequence[Histogram], limits: Limits) -> list[Threshold]:
    """What each limit lets in."""
    bounds = [(by, min(limits.of(by), REACH[by])) for by in By if limits.of(by) >= 0]
    return [within(histograms[by])[bound] for by, bound in bounds]


def to_json(limits: Mapping[str, Limits]) -> dict[str, Any]:
    """The limits as one stage tells them to the next; the inverse of `from_json`."""
    return {name: asdict(found) for name, found in limits.items()}


def from_json(stated: Mapping[str, Mapping[str, Any]]) -> dict[str, Limits]:
    return {
        name: Limits(**{**limits, "closer": {image: tuple(own) for image, own in limits["closer"].items()}})
        for name, limits in stated.items()
    }


def nearness(seen: Near) -> tuple[bool, int, int]:
    """Sorts the nearest first: equal bytes, then by codes, then by the detector."""
    return seen.method != "exact", seen.distance, seen.apart


def rank(seen: Sighting) -> tuple[Any, ...]:
    """Sorts the nearest first, equally near ones by name."""
    return *nearness(seen), seen.set, seen.image, seen.key


def copies(seen: Iterable[Sighting], limits: Mapping[str, Limits]) -> list[Sighting]:
    """Those sightings that are copies."""
    return [item for item in seen if limits[item.set].takes(item)]


def by_caption(copies: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    """Copies by the pair that is the caption; nearest first."""
    found: dict[str, list[Sighting]] = {}
    for copy in sorted(copies, key=rank):
        found.setdefault(copy.key, []).append(copy)
    return found
