"""One image per picture: equal bytes, then near-duplicates; the result does not depend on any order.

An image keeps all its texts here, and they share its fate; `balance` joins them. The copy that stays is the
largest as fetched; among equals the one whose caption names the most queries; among those the one with the
smallest key. Every other names the one that stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from wit_pipeline.codes import FLAT
from wit_pipeline.neardup import (
    BAND_BITS,
    NEAR8,
    bands,
    bits_apart,
    close_pairs,
    components,
    first_shared,
    first_shared_band,
    parts,
)
from wit_pipeline.records import Pair, Reason, Reject, reject
from wit_pipeline.sightings import Sighting
from wit_pipeline.texts import by_image

STAGE = "dedup"


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupConfig:
    """The recipe's `[dedup]`."""

    near: bool = True  # near-duplicates too, not only equal bytes
    near_distance: int = 32  # bits of 256; the widest at which 4e8 images do not chain together unverified
    max_weak: float = FLAT  # share of weak coefficients above which an image is flat: equal bytes only
    evaluation: Literal["drop", "flag", "keep"] = "flag"  # copies of evaluation images

    def __post_init__(self) -> None:
        if not 0 <= self.near_distance <= 64:
            raise ValueError(
                f"near_distance is 0 to 64 bits (above, images chain), found {self.near_distance}"
            )


class Code(NamedTuple):
    """What of an image goes through a shuffle: thin, and enough to choose which copy stays."""

    key: str  # of the pair that is its caption
    sha256: str
    phash: str
    phash16: str
    weak: float
    pixels: int  # of the image as fetched
    queries: int  # how many the caption names

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sorts the copy that stays first."""
        return (-self.pixels, -self.queries, self.key)


def is_coded(code: Code, config: DedupConfig) -> bool:
    """Whether more than equal bytes may make a copy of it: flat images and those stored undecoded are out."""
    return config.near and code.phash16 != "" and code.weak <= config.max_weak


def codes_of(pairs: Iterable[Pair]) -> Iterator[Code]:
    """The thin record of each image, however many texts it has; a URL's pairs must be all there."""
    return (code_of(first) for first, *_ in by_image(pairs).values())


def code_of(pair: Pair) -> Code:
    """The thin record of an image with its caption."""
    image = pair.image
    return Code(
        key=pair.key,
        sha256=image.sha256,
        phash=image.phash,
        phash16=image.phash16,
        weak=image.weak,
        pixels=image.original_width * image.original_height,
        queries=len(pair.candidate.queries),
    )


class Thin(NamedTuple):
    """What of a code is compared with others: some 70 bytes in a shuffle, four times over."""

    key: str
    phash: bytes  # 8: as a number it has no room in Beam's whole numbers
    phash16: bytes  # 32
    pixels: int
    queries: int

    @property
    def word(self) -> int:
        """The bits of phash as a whole number."""
        return int.from_bytes(self.phash)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sorts the copy that stays first."""
        return (-self.pixels, -self.queries, self.key)


def thin(code: Code) -> Thin:
    """A code that is compared, without what only equal bytes needed."""
    return Thin(code.key, bytes.fromhex(code.phash), bytes.fromhex(code.phash16), code.pixels, code.queries)


class Verdict(NamedTuple):
    """An image that goes, why, and the one that stays in its place, both by their captions' pairs."""

    key: str
    reason: str
    kept: str
    distance: int  # bits of 256 between the two


def equal_bytes(group: Iterable[Code]) -> tuple[Code, list[Verdict]]:
    """The copy that stays of a group of equal bytes, and the verdicts on the others."""
    first, *others = sorted(group, key=lambda code: code.rank)
    return first, [Verdict(code.key, Reason.DUPLICATE, first.key, 0) for code in others]


def equal_codes(group: Iterable[Code]) -> tuple[Code, list[Verdict]]:
    """The same for a group with equal codes: collapsed before anything compares pairs."""
    first, *others = sorted(group, key=lambda code: code.rank)
    return first, [Verdict(code.key, Reason.NEAR_DUPLICATE, first.key, 0) for code in others]


def band_keys(code: Thin) -> Iterator[int]:
    """Where a code meets those it is compared with: its bands, each as one number of 18 bits."""
    return (band << BAND_BITS | value for band, value in enumerate(bands(code.word)))


def crowd_keys(code: Thin, key: int) -> Iterator[int]:
    """Where it meets them instead of in a band that too many share: no pair within `NEAR8` bits is lost.

    Above 18 bits, as those are the bands' keys.
    """
    band = key >> BAND_BITS
    for number, value in enumerate(parts(code.word, band)):
        yield (number + 1) << 28 | value << 18 | key


def near_pairs(key: int, group: Iterable[Thin], config: DedupConfig) -> Iterator[tuple[Thin, Thin]]:
    """The near pairs of those that meet at a key, each at the first alone of the keys that they share."""
    members = sorted(group)
    longs = np.frombuffer(b"".join(code.phash16 for code in members), ">u8").reshape(-1, 4).astype(np.uint64)
    phashes = [code.word for code in members]
    band, part = (key & (1 << 18) - 1) >> BAND_BITS, key >> 28
    for i, j in close_pairs(phashes, longs, distance8=NEAR8, distance=config.near_distance):
        one, other = phashes[i], phashes[j]
        if first_shared_band(one, other) == band and (
            not part or first_shared(parts(one, band), parts(other, band)) == part - 1
        ):
            yield members[i], members[j]


def near_duplicates(edges: Sequence[tuple[Thin, Thin]], config: DedupConfig) -> list[Verdict]:
    """Verdicts on the members of every connected component of near-duplicate pairs.

    A chain of small steps may join unlike images, so each member is compared with the one that stays; those
    too far from it choose among themselves again.
    """
    known = {code.key: code for edge in edges for code in edge}
    verdicts = []
    for keys in components((one.key, other.key) for one, other in edges):
        left = sorted((known[key] for key in keys), key=lambda code: code.rank)
        while left:
            first, *others = left
            distances = {code.key: bits_apart(first.phash16, code.phash16) for code in others}
            verdicts += [
                Verdict(key, Reason.NEAR_DUPLICATE, first.key, bits)
                for key, bits in distances.items()
                if bits <= config.near_distance
            ]
            left = [code for code in others if distances[code.key] > config.near_distance]
    return verdicts


def settle(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts, each naming a pair that stays: where that one was itself dropped, the one it names."""
    known = {verdict.key: verdict for verdict in verdicts}

    def final(key: str) -> str:
        while key in known:
            key = known[key].kept
        return key

    return sorted(verdict._replace(kept=final(verdict.kept)) for verdict in known.values())


def judge(
    pairs: Iterable[Pair],
    verdicts: Mapping[str, Verdict],
    copies: Mapping[str, Sequence[Sighting]],
    config: DedupConfig,
) -> Iterator[Pair | Reject]:
    """Each pair, flagged where it is a copy of an evaluation image, or the Reject that names what stays.

    `copies` are by the pair that is an image's caption, nearest first. All texts of an image share its fate;
    a URL's pairs must be all there.
    """
    for first, *others in by_image(pairs).values():
        verdict = verdicts.get(first.key)
        found = () if config.evaluation == "keep" else copies.get(first.key, ())
        yield from (judge_pair(pair, verdict, found, config) for pair in (first, *others))


def judge_pair(
    pair: Pair, verdict: Verdict | None, copies: Sequence[Sighting], config: DedupConfig
) -> Pair | Reject:
    """One pair of an image on which there is a verdict, or none."""
    if verdict is not None:
        detail = f"kept {verdict.kept}, {verdict.distance} of 256 bits away"
        return reject(pair.candidate, STAGE, Reason(verdict.reason), detail)
    if copies and config.evaluation == "drop":
        return reject(pair.candidate, STAGE, Reason.EVALUATION_COPY, str(copies[0]))
    return replace(pair, evaluation=tuple(map(str, copies)))
