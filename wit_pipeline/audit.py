"""How much of each evaluation set stands in the shards: overlap per set, with every pair that says so."""

import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wit_pipeline.codes import CODE_NAME
from wit_pipeline.evaluation import AuditConfig, Evaluation, EvaluationImage
from wit_pipeline.shard import Row
from wit_pipeline.structure import EXTENSIONS

STAGE = "audit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """An evaluation image and a pair of the shards that is a copy of it."""

    set: str
    image: str  # path within the set
    pair_key: str
    distance: int  # bits of 256
    method: str  # exact, plain or mirror
    key: str  # of the sample: its shard's number, then its own
    url: str
    caption: str


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
                caption=sample.caption,
            )


def results(
    known: Sequence[EvaluationImage], found: Sequence[Overlap], config: AuditConfig, samples: int
) -> dict[str, Any]:
    """The audit as `results.json` states it. Shares are of a set's readable images, one row per image."""
    return {
        "samples": samples,
        "codes": CODE_NAME,
        "sets": {name: _set_results(name, known, found, config) for name in config.named_sets()},
    }


def _set_results(
    name: str, known: Sequence[EvaluationImage], found: Sequence[Overlap], config: AuditConfig
) -> dict[str, Any]:
    members = [item for item in known if item.set == name]
    readable = [item for item in members if item.phash]
    hits = [item for item in found if item.set == name]
    overlap = {item.image for item in hits}
    return {
        "images": len(members),
        "unreadable": len(members) - len(readable),
        "flat": sum(item.weak > config.max_weak for item in readable),
        "overlap": len(overlap),
        "overlap_share": round(len(overlap) / len(readable), 6),
        "pairs": len({item.pair_key for item in hits}),
        "by_method": dict(sorted(Counter(item.method for item in hits).items())),
        "threshold": config.distance,
    }


def nearest_first(found: Sequence[Overlap], name: str, most: int) -> list[Overlap]:
    """Some of a set's overlaps for a person to look at: the nearest pair of each image, then by distance."""
    best: dict[str, Overlap] = {}
    for item in sorted(found, key=lambda item: (item.distance, item.key)):
        if item.set == name:
            best.setdefault(item.image, item)
    return list(best.values())[:most]


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
