"""How much of each evaluation set stands in the shards: overlap per set, with every pair that says so."""

import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wit_pipeline.chance import draw
from wit_pipeline.codes import CODE_NAME
from wit_pipeline.evaluation import AuditConfig, Evaluation, EvaluationImage
from wit_pipeline.evidence import Prediction, Review, Verdict, check_images, class_of
from wit_pipeline.overlap_tests import Outcome, Tally, interval, judged, scores, stated, tally
from wit_pipeline.shard import Row
from wit_pipeline.structure import EXTENSIONS

STAGE = "audit"
MOST_HIT = 10  # training images named that stand for several evaluation images
DRAWN = 600  # pairs that a page draws at most, about 8 KB each, however many sets there are


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """An evaluation image and a pair of the shards that is a copy of it."""

    set: str
    image: str  # path within the set
    pair_key: str
    distance: int  # bits of 256
    method: str  # exact, plain, mirror or trim
    key: str  # of the sample: its shard's number, then its own
    url: str
    page_url: str
    caption: str


S = TypeVar("S", EvaluationImage, Overlap, Prediction, Review)  # what belongs to a set


def overlaps(samples: Iterable[Row], evaluation: Evaluation) -> Iterator[Overlap]:
    """Every evaluation image that a sample is a copy of."""
    for sample in samples:
        for copy in evaluation.copies(sample):
            yield Overlap(
                set=copy.set,
                image=copy.image,
                pair_key=sample.pair_key,
                distance=copy.distance,
                method=copy.method,
                key=sample.key,
                url=sample.url,
                page_url=sample.page_url,
                caption=sample.caption,
            )


def results(
    known: Sequence[EvaluationImage],
    found: Sequence[Overlap],
    config: AuditConfig,
    samples: int,
    predictions: Sequence[Prediction] = (),
    reviews: Sequence[Review] = (),
) -> dict[str, Any]:
    """The audit as `results.json` states it. Shares are of a set's readable images, one row per image."""
    members = _by_set(known)
    hits = _by_set(found)
    verdicts = _by_set(reviews)
    sets = {}
    for name in config.named_sets():
        sets[name] = _set_results(members.get(name, []), hits.get(name, []), config)
        if name in verdicts:
            sets[name]["reviewed"] = reviewed(hits.get(name, []), verdicts[name], pairs_drawn(config))
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
    nearest = nearest_first(hits)
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
        "threshold": config.distance,
        "distances": {str(bits): n for bits, n in sorted(Counter(item.distance for item in nearest).items())},
        "classes": _classes(readable, overlap),
        "most_hit": _most_hit(hits),
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


def nearest_first(hits: Iterable[Overlap]) -> list[Overlap]:
    """The nearest pair of each evaluation image of a set, by distance."""
    best: dict[str, Overlap] = {}
    for item in sorted(hits, key=lambda item: (item.distance, item.key)):
        best.setdefault(item.image, item)
    return list(best.values())


def pairs_drawn(config: AuditConfig) -> int:
    """How many pairs of a set are drawn of each kind, in the fair sample and at the threshold."""
    return min(config.pairs_shown, DRAWN // max(1, len(config.sets))) // 2


def fair_sample(nearest: Iterable[Overlap], most: int) -> list[Overlap]:
    """Some of a set's pairs, each as likely as any other: the same ones again in every audit of it."""
    return sorted(nearest, key=lambda item: draw(item.image, seed=0, purpose=f"review:{item.set}"))[:most]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What of one set a person is shown."""

    sample: Sequence[Overlap]  # fair: verdicts on these tell the precision
    edge: Sequence[Overlap]  # the pairs nearest to the threshold, farthest first


def sheets(found: Sequence[Overlap], config: AuditConfig) -> dict[str, Sheet]:
    """Each set's contact sheet: `pairs_shown` pairs, half of them at the threshold; about `DRAWN` in all."""
    hits, most = _by_set(found), pairs_drawn(config)
    drawn = {}
    for name in config.named_sets():
        nearest = nearest_first(hits.get(name, []))
        sample = fair_sample(nearest, most)
        seen = {item.image for item in sample}
        edge = [item for item in reversed(nearest) if item.image not in seen][:most]
        drawn[name] = Sheet(sample=sorted(sample, key=lambda item: (item.distance, item.key)), edge=edge)
    return drawn


def sample_images(shards: Path, keys: Iterable[str]) -> Mapping[str, bytes]:
    """The stored image of samples, by key; each shard that holds one is opened once."""
    wanted: dict[str, set[str]] = {}
    for key in keys:
        wanted.setdefault(key[:5], set()).add(key)
    found = {}
    for shard, members in sorted(wanted.items()):
        with tarfile.open(shards / f"{shard}.tar") as archive:
            for member in archive:
                key, _, ending = member.name.partition(".")
                if key in members and ending in EXTENSIONS.values():
                    content = archive.extractfile(member)
                    assert content is not None
                    found[key] = content.read()
    return found
