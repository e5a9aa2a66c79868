"""What each way of looking for copies sees of pictures, and how far apart two pictures are to it.

Of an evaluation's picture the house knows codes plain and mirrored, whole and without borders; of a crawled
one plain codes, whole and without borders. `peers` are hashes of whole pictures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.detector import Detector
from wit_pipeline.copies.evaluation import rgb, views
from wit_pipeline.copies.neardup import phash16_words, phash_words
from wit_pipeline.copies.nearest import Words
from wit_pipeline.copies.sightings import NEAR8
from wit_pipeline.pictures.codes import FLAT, Codes, codes_of
from wit_pipeline.pictures.grey import grey
from wit_pipeline.pictures.image import decode, seen
from wit_pipeline.pictures.resize import Pixels
from wit_pipeline.pictures.trim import codes_inside
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

NONE = 999  # bits: farther than any two codes are
Bits = NDArray[np.uint16]  # [evaluation's pictures, crawled pictures]
Table = NDArray[Any]  # the same; Bits, or float32 of 1 - cosine


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """Codes of some pictures, a row each."""

    short: Words  # [n, 1]
    long: Words  # [n, 4]
    there: NDArray[np.bool_]  # [n]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sights:
    """What the ways see of some pictures, a row each."""

    flat: NDArray[np.bool_]  # [n]
    own: Coded
    inside: Coded
    mirror: Coded
    mirror_inside: Coded
    pdq: Words  # [n, 4]; [n, 0] without pdqhash
    seen: NDArray[np.float32]  # descriptors [n, views, dims]; [n, 0, 0] without a detector

    def __len__(self) -> int:
        return len(self.flat)

    def some(self, rows: slice | NDArray[np.bool_]) -> "Sights":
        """The same of some of the pictures."""
        return Sights(**{field.name: _some(getattr(self, field.name), rows) for field in fields(self)})


def _some(given: Any, rows: slice | NDArray[np.bool_]) -> Any:
    if isinstance(given, Coded):
        return Coded(short=given.short[rows], long=given.long[rows], there=given.there[rows])
    return given[rows]


def sights(
    bodies: Iterable[bytes], detector: Detector | None, *, turned: bool, crawl: CrawlConfig | None = None
) -> Sights:
    """What is seen of files on the road that a crawl takes; `turned` pictures are described in every view."""
    config = crawl or CrawlConfig()
    compute = _pdq()
    flat, codes, pdqs, squares = [], [], [], []
    for body in bodies:
        facts = decode(body, config)
        pixels = seen(facts.stored)
        flat.append(facts.weak > FLAT)
        codes.append(
            [
                Codes(phash=facts.phash, phash16=facts.phash16, weak=0),
                Codes(phash=facts.trim_phash, phash16=facts.trim_phash16, weak=0),
                *_mirrored(pixels),
            ]
        )
        pdqs.append(compute(rgb(pixels)))
        if detector:
            squares.append(detector.prepare(rgb(pixels)))
    sides = [_coded(side) for side in zip(*codes, strict=True)]
    return Sights(
        flat=np.array(flat),
        **dict(zip(("own", "inside", "mirror", "mirror_inside"), sides, strict=True)),
        pdq=np.array(pdqs, np.uint64).reshape(len(flat), -1),
        seen=_described(squares, detector, turned=turned)
        if detector
        else np.zeros((len(flat), 0, 0), np.float32),
    )


def _mirrored(pixels: Pixels) -> tuple[Codes, Codes]:
    turned = np.ascontiguousarray(grey(pixels)[:, ::-1])
    return codes_of(turned), codes_inside(turned)


def undescribed(pictures: int) -> NDArray[np.float32]:
    """Descriptors without a detector."""
    return np.zeros((pictures, 0, 0), np.float32)


def _described(squares: Sequence[Pixels], detector: Detector, *, turned: bool) -> NDArray[np.float32]:
    looked = [view for square in squares for view in (views(square) if turned else [square])]
    found = detector.describe(np.stack(looked))
    return found.reshape(len(squares), -1, detector.dims)


def _coded(side: Sequence[Codes]) -> Coded:
    return Coded(
        short=phash_words([codes.phash or "0" for codes in side]),
        long=phash16_words([codes.phash16 or "0" * 64 for codes in side]),
        there=np.array([bool(codes.phash16) for codes in side]),
    )


def _pdq() -> Callable[[Pixels], Words]:
    """From pixels to four words, or none where pdqhash is not installed."""
    try:
        compute = import_module("pdqhash").compute
    except ImportError:
        return lambda pixels: np.zeros(0, np.uint64)
    return lambda pixels: np.packbits(compute(np.ascontiguousarray(pixels))[0].astype(bool)).view(np.uint64)


def between(one: Words, other: Words) -> Bits:
    """Bits between each two."""
    made = np.zeros((len(one), len(other)), np.uint16)
    for word in range(one.shape[1]):
        made += np.bitwise_count(one[:, word, None] ^ other[None, :, word])
    return made


def nearest(known: Sequence[Coded], crawled: Sequence[Coded], *, short: bool = False, gate: int = 64) -> Bits:
    """The fewest bits between any codes of each two: short ones, or long ones within a gate of short."""
    best = np.full((len(known[0].there), len(crawled[0].there)), NONE, np.uint16)
    for one in known:
        for other in crawled:
            bits = between(one.short, other.short) if short else between(one.long, other.long)
            if gate < 64:
                bits[between(one.short, other.short) > gate] = NONE
            bits[~one.there] = NONE
            bits[:, ~other.there] = NONE
            np.minimum(best, bits, out=best)
    return best


def cosines(known: NDArray[np.float32], crawled: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 - cosine, the least of the views."""
    best = np.full((len(known), len(crawled)), 2, np.float32)
    for view in known.swapaxes(0, 1):
        np.minimum(best, 1 - view @ crawled[:, 0].T, out=best)
    return best


def peers(known: Sights, crawled: Sights) -> dict[str, Table]:
    """Hashes of whole pictures; pdq where it is installed."""
    found: dict[str, Table] = {
        "phash8": nearest([known.own], [crawled.own], short=True),
        "phash16": nearest([known.own], [crawled.own]),
    }
    if known.pdq.shape[1]:
        found["pdq"] = between(known.pdq, crawled.pdq)
    return found


def house(known: Sights, crawled: Sights) -> dict[str, Table]:
    """The ways of `wit audit`: a flat picture is a copy of nothing but its own bytes.

    "mirror, trim" has the house's gate of short codes; beside it stands the same without.
    """
    sides = [known.own, known.inside, known.mirror, known.mirror_inside]
    found: dict[str, Table] = {
        "mirror, trim": nearest(sides, [crawled.own, crawled.inside], gate=NEAR8),
        "without gate": nearest(sides, [crawled.own, crawled.inside]),
        **({"learned": cosines(known.seen, crawled.seen)} if known.seen.shape[1] else {}),
    }
    for table in found.values():
        table[:, crawled.flat] = NONE
        table[known.flat] = NONE
    return found


def threshold(tables: Mapping[str, Table], unlike: NDArray[np.bool_], rate: float) -> float:
    """The largest distance that at most a share `rate` of the unlike pairs reach; bits are whole."""
    apart = np.concatenate([table[unlike] for table in tables.values()])
    allowed = int(rate * len(apart))
    if allowed >= len(apart):
        return float(apart.max())
    beyond = np.partition(apart, allowed)[allowed]
    return float(beyond) - 1 if apart.dtype == np.uint16 else float(np.nextafter(beyond, np.float32(-1)))
