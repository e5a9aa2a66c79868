"""How much of each evaluation set stands in the shards: overlap per set, with every pair that says so."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from wit_pipeline.audit.evidence import Prediction, Review, Verdict, check_images, class_of
from wit_pipeline.audit.overlap_tests import Outcome, Tally, interval, judged, scores, stated, tally
from wit_pipeline.copies.evaluation import AuditConfig, EvaluationImage
from wit_pipeline.copies.sightings import REACH, By, Cut, Sighting
from wit_pipeline.copies.thresholds import Limits, SetLimits, nearness
from wit_pipeline.pictures.codes import CODE_NAME
from wit_pipeline.shard import Row, Stored
from wit_pipeline.vocabulary.chance import draw

STAGE = "audit"
MOST_HIT = 10  # training images named that stand for several evaluation images
DRAWN = 5000  # pairs that a page draws at most, about 7 KB each, however many sets there are


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """An evaluation image and a pair of the shards that lies near it."""

    set: str
    image: str  # name within the set
    pair_key: str
    distance: int  # bits of 256
    cosine: float  # of their descriptors; 0 without a detector
    method: str  # exact, plain, trim, mirror or learned
    key: str  # of the sample: its shard's number, then its own
    url: str
    page_url: str
    caption: str

    @property
    def apart(self) -> int:
        """Thousandths by which the cosine is short of 1."""
        return round((1 - self.cosine) * 1000)


S = TypeVar("S", EvaluationImage, Overlap, Prediction, Review, Cut)  # what belongs to a set


def overlap_of(seen: Sighting, sample: Row) -> Overlap:
    """A sighting with what is to be said of the sample."""
    return overlap_with(seen, sample.pair_key, sample.key, sample)


class About(Protocol):
    """What is known of a picture beside its bytes."""

    @property
    def url(self) -> str: ...
    @property
    def page_url(self) -> str: ...
    @property
    def caption(self) -> str: ...


def overlap_with(seen: Sighting, pair_key: str, key: str, about: About) -> Overlap:
    """A sighting with the keys of what was seen and what is known of it."""
    return Overlap(
        set=seen.set,
        image=seen.image,
        pair_key=pair_key,
        distance=seen.distance,
        cosine=1 - seen.apart / 1000,
        method=seen.method,
        key=key,
        url=about.url,
        page_url=about.page_url,
        caption=about.caption,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What all shards have shown, within the limits and beyond."""

    copies: Sequence[Overlap]  # at most `pairs_kept` of an evaluation image; by set, image and nearness
    beyond: Sequence[Overlap]  # the nearest of each evaluation image that has no copy
    cut: Mapping[str, int]  # copies that were not kept, by set


def sift(
    seen: Iterable[Overlap], cut: Iterable[Cut], limits: Mapping[str, Limits], config: AuditConfig
) -> Found:
    """The copies among what is near, and what was cut of them."""
    copies: dict[tuple[str, str], list[Overlap]] = {}
    beyond: dict[tuple[str, str], Overlap] = {}
    lost: Counter[str] = Counter()
    for item in seen:
        place = (item.set, item.image)
        if limits[item.set].takes(item):
            copies.setdefault(place, []).append(item)
        elif place not in beyond or rank(item) < rank(beyond[place]):
            beyond[place] = item
    for left in cut:
        if limits[left.set].near(left.image, left.distance, left.apart):
            lost[left.set] += left.count
    for (name, _), items in copies.items():
        lost[name] += max(0, len(items) - config.pairs_kept)
    kept = {place: heapq.nsmallest(config.pairs_kept, items, rank) for place, items in copies.items()}
    return Found(
        copies=[item for place in sorted(kept) for item in kept[place]],
        beyond=[beyond[place] for place in sorted(beyond) if place not in copies],
        cut=lost,
    )


def rank(item: Overlap) -> tuple[Any, ...]:
    """Sorts the nearest pair first, equally near ones by sample."""
    return *nearness(item), item.key


def results(
    known: Sequence[EvaluationImage],
    found: Found,
    limits: Mapping[str, SetLimits],
    config: AuditConfig,
    samples: int,
    predictions: Sequence[Prediction] = (),
    reviews: Sequence[Review] = (),
) -> dict[str, Any]:
    """The audit as `results.json` states it. Shares are of a set's readable images, one row per image."""
    members = _by_set(known)
    hits, beyond = _by_set(found.copies), _by_set(found.beyond)
    verdicts = _by_set(reviews)
    sets = {}
    for name in config.named_sets():
        copies = hits.get(name, [])
        sets[name] = _set_results(members.get(name, []), copies, config) | {
            "pairs_cut": found.cut.get(name, 0)
        }
        sets[name] |= stated_limits(limits[name], detector=bool(config.detector))
        if name in verdicts:
            drawn = pairs_drawn(config)
            sets[name]["reviewed"] = reviewed(copies, verdicts[name], drawn)
            nearest = nearest_first([*copies, *beyond.get(name, [])])
            sets[name]["reviewed"]["distance"] = distance_by_eye(nearest, verdicts[name], config.fdr)
    for name, stated_scores in set_scores(members, hits, predictions, config).items():
        sets[name]["scores"] = _corrected(stated_scores, sets[name].get("reviewed"))
    return {"samples": samples, "codes": CODE_NAME, "sets": sets}


def _by_set(items: Iterable[S]) -> dict[str, list[S]]:
    groups: dict[str, list[S]] = {}
    for item in items:
        groups.setdefault(item.set, []).append(item)
    return groups


def _set_results(
    members: Sequence[EvaluationImage], hits: Sequence[Overlap], config: AuditConfig
) -> dict[str, Any]:
    readable = [item for item in members if item.phash]
    overlap = {item.image for item in hits}
    share = Tally(right=len(overlap), total=max(len(readable), len(overlap)))  # equal bytes need no reading
    return {
        "images": len(members),
        "unreadable": len(members) - len(readable),
        "flat": sum(item.weak > config.max_weak for item in readable),
        "overlap": len(overlap),
        "overlap_share": round(len(overlap) / len(readable), 6),
        "overlap_interval": [round(bound, 6) for bound in interval(share)],
        "pairs": len({item.pair_key for item in hits}),
        "by_method": dict(sorted(Counter(item.method for item in hits).items())),
        "classes": _classes(readable, overlap),
        "most_hit": _most_hit(hits),
    }


def stated_limits(found: SetLimits, *, detector: bool) -> dict[str, Any]:
    """How near is a copy in a set, what decided it, and what chance has to do with it."""
    return {
        "threshold": found.limits.codes,
        "threshold_by": _decided_by(found),
        "own": {"codes": found.limits.own_codes, "learned": found.limits.own_learned},
        "closer": _closer(found.limits),
        "fdr": round(found.images.fdr, 6),
        "targets_within": found.images.targets,
        "decoys_within": found.images.decoys,
        "pairs_fdr": round(found.pairs.fdr, 6),
        "pairs_within": found.pairs.targets,
        "pairs_decoys_within": found.pairs.decoys,
        **_curve(found, By.CODES),
        **(
            {"detector": {"judged": _cosines(found, By.JUDGED), "learned": _cosines(found, By.LEARNED)}}
            if detector
            else {}
        ),
    }


def _closer(limits: Limits) -> dict[str, Any]:
    """The images with look-alikes in their set, how many they are, and the bits that are a copy's of each."""
    bits = {image: own[By.CODES] for image, own in sorted(limits.closer.items())}
    return {"images": len(bits), "distances": bits}


def _decided_by(found: SetLimits) -> str:
    """What allows no wider distance in codes."""
    if found.stated:
        return "recipe"
    crowded = found.limits.codes == found.limits.own_codes < REACH[By.CODES]
    return "own images" if crowded else "decoys"


def _curve(found: SetLimits, by: By) -> dict[str, Any]:
    """Images and decoys by the distance of the nearest, and the rate that each threshold would have."""
    seen = found.histograms[by]
    curve = [row for row in found.curve(by) if seen.targets[row.distance] or seen.decoys[row.distance]]
    return {
        "distances": {str(i): n for i, n in enumerate(seen.targets) if n},
        "decoys": {str(i): n for i, n in enumerate(seen.decoys) if n},
        "curve": [[row.distance, row.targets, row.decoys, round(row.fdr, 6)] for row in curve],
    }


def _cosines(found: SetLimits, by: By) -> dict[str, Any]:
    """The same of a detector, in thousandths by which the cosine is short of 1."""
    limit = found.limits.of(by)
    return {
        "cosine": round(1 - limit / 1000, 3) if limit >= 0 else None,
        "threshold": limit,
        **_curve(found, by),
    }


def _classes(readable: Iterable[EvaluationImage], overlap: Collection[str]) -> dict[str, dict[str, int]]:
    """Readable and overlapping images of each class: copies seldom lie evenly."""
    images: Counter[str] = Counter(class_of(item.image) for item in readable)
    copied: Counter[str] = Counter(class_of(image) for image in overlap)
    return {name: {"images": images[name], "overlap": copied[name]} for name in sorted(images | copied)}


def _most_hit(hits: Sequence[Overlap]) -> list[dict[str, Any]]:
    """Training images that copy more than one evaluation image: placeholders, most often, or a series."""
    images: dict[str, set[str]] = {}
    for item in hits:
        images.setdefault(item.key, set()).add(item.image)
    most = sorted(images.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:MOST_HIT]
    return [{"key": key, "images": len(copied)} for key, copied in most if len(copied) > 1]


def set_scores(
    members: Mapping[str, Sequence[EvaluationImage]],
    hits: Mapping[str, Sequence[Overlap]],
    predictions: Sequence[Prediction],
    config: AuditConfig,
) -> dict[str, dict[str, Any]]:
    """The scores of each set that has predictions; a `UserError` where they are of other images.

    Images without codes to compare, flat or unreadable, are neither Overlap nor Clean: black frames
    once made copies look harmful.
    """
    by_set = {name: items for name, items in _by_set(predictions).items() if name in config.named_sets()}
    family, more = {}, {}
    for name, items in by_set.items():
        known = {item.image: item for item in members.get(name, [])}
        check_images(name, items, known)
        overlap = {item.image for item in hits.get(name, [])}
        gated = {image for image, item in known.items() if not item.phash or item.weak > config.max_weak}
        family[name] = scores(
            [
                Outcome(correct=item.correct, overlap=item.image in overlap, group=item.group)
                for item in items
                if item.image not in gated
            ]
        )
        aside = tally(item.correct for item in items if item.image in gated)
        more[name] = {"gated": stated(aside), "unscored": len(known) - len(items)}
    return {name: {**found, **more[name]} for name, found in judged(family).items()}


def _corrected(found: dict[str, Any], review: Mapping[str, Any] | None) -> dict[str, Any]:
    """Overlap's accuracy without the false matches in it, where people have told how many those are."""
    clean, overlap = found["clean"]["accuracy"], found["overlap"]["accuracy"]
    if not review or not review["precision"] or clean is None or overlap is None:
        return found
    share = review["precision"]
    return {**found, "overlap_corrected": round((overlap - (1 - share) * clean) / share, 6)}


def reviewed(hits: Sequence[Overlap], reviews: Sequence[Review], most: int) -> dict[str, Any]:
    """What people said of a set's pairs. Precision is of the fair sample alone."""
    fair = {(item.image, item.pair_key) for item in fair_sample(nearest_first(hits), most)}
    verdicts = Counter(item.verdict for item in reviews if (item.image, item.pair_key) in fair)
    told = Tally(right=verdicts[Verdict.SAME], total=verdicts[Verdict.SAME] + verdicts[Verdict.DIFFERENT])
    precision = stated(told)
    return {
        "verdicts": len(reviews),
        "of_the_sample": {str(verdict): verdicts[verdict] for verdict in Verdict},
        "precision": precision["accuracy"],
        "interval": precision["interval"],
    }


EYE_BINS = 8  # bits: within so many, pairs are taken to be right equally often


def distance_by_eye(nearest: Sequence[Overlap], reviews: Sequence[Review], fdr: float) -> int | None:
    """The largest distance at which a share `fdr` of the pairs is false by the verdicts, if they tell.

    Pairs at the threshold are judged more often than others: each bin of distances counts by its pairs.
    """
    verdicts = {(item.image, item.pair_key): item.verdict for item in reviews}
    pairs: Counter[int] = Counter(item.distance // EYE_BINS for item in nearest if item.distance < 256)
    told: dict[int, Counter[Verdict]] = {}
    for item in nearest:
        verdict = verdicts.get((item.image, item.pair_key), Verdict.UNSURE)
        if item.distance < 256 and verdict is not Verdict.UNSURE:
            told.setdefault(item.distance // EYE_BINS, Counter())[verdict] += 1
    false = total = 0.0
    best = None
    for place in sorted(told):
        said = told[place]
        total += pairs[place]
        false += pairs[place] * said[Verdict.DIFFERENT] / said.total()
        if false <= fdr * total:
            best = place * EYE_BINS + EYE_BINS - 1
    return best


def nearest_first(hits: Iterable[Overlap]) -> list[Overlap]:
    """The nearest pair of each evaluation image of a set, nearest first."""
    best: dict[str, Overlap] = {}
    for item in sorted(hits, key=rank):
        best.setdefault(item.image, item)
    return list(best.values())


def pairs_drawn(config: AuditConfig) -> int:
    """How many pairs of a set are drawn of each kind: the fair sample, and either side of the threshold."""
    return min(config.pairs_shown, DRAWN // (3 * max(1, len(config.sets))))


def fair_sample(nearest: Iterable[Overlap], most: int) -> list[Overlap]:
    """Some of a set's pairs, each as likely as any other: the same ones again in every audit of it."""
    return sorted(nearest, key=lambda item: draw(item.image, seed=0, purpose=f"review:{item.set}"))[:most]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What of one set a person is shown."""

    sample: Sequence[Overlap]  # fair: verdicts on these tell the precision
    edge: Sequence[Overlap]  # the copies nearest to the threshold, farthest first
    beyond: Sequence[Overlap]  # the nearest that are no copies, nearest first


def sheets(found: Found, config: AuditConfig) -> dict[str, Sheet]:
    """Each set's contact sheet: `pairs_shown` pairs of each kind at most; about `DRAWN` in all."""
    hits, beyond, most = _by_set(found.copies), _by_set(found.beyond), pairs_drawn(config)
    drawn = {}
    for name in config.named_sets():
        nearest = nearest_first(hits.get(name, []))
        sample = fair_sample(nearest, most)
        seen = {item.image for item in sample}
        edge = [item for item in reversed(nearest) if item.image not in seen][:most]
        drawn[name] = Sheet(
            sample=sorted(sample, key=rank),
            edge=edge,
            beyond=sorted(beyond.get(name, []), key=rank)[:most],
        )
    return drawn


def sample_images(shards: Path, keys: Iterable[str]) -> Mapping[str, bytes]:
    """The stored image of samples, by key; each shard that holds one is opened once."""
    wanted: dict[str, set[str]] = {}
    for key in keys:
        wanted.setdefault(key[:5], set()).add(key)
    found: dict[str, bytes] = {}
    for shard, members in sorted(wanted.items()):
        with Stored(shards / f"{shard}.tar") as stored:
            found |= {key: stored.image(key) for key in sorted(members)}
    return found
