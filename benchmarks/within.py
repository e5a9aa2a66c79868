"""Which pairs within the stated distance `dedup` finds, by kind of picture, and which look-alikes it merges.

    python -m benchmarks.within [--every 8] [--distances 24 32 40 48 64]

All natural pictures of ../shared/data, and of every eighth photograph each of `benchmarks.transforms`.
Every two are compared, by the rule's own words: the least of whole and without borders, plain and mirrored.
A pair counts as found where it shares a band, as the self-join asks; flat pictures are left out. The second
table says what the default does: copies found by kind of treatment, and pairs merged that nobody's table
calls one picture, by kind of picture: of photographs a word in the alt text tells it. "Before" is the rule
that was: one of four bands of phash8, no more than 4 of its bits, 32 bits of phash16, plain and whole.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clock import say
from benchmarks.false_matches import kinds
from benchmarks.held_out import components
from benchmarks.pictures import DATA, Photo, opened, photos, same
from benchmarks.transforms import ALL, GROUPS, copy
from wit_pipeline.copies.neardup import phash16_words, phash_words
from wit_pipeline.copies.nearest import WORD_BANDS, shuffled
from wit_pipeline.copies.self_join import HALF, MOST_BANDS, THIN, arranged, band_values, bands_for
from wit_pipeline.dedup import DedupConfig
from wit_pipeline.pictures.image import ImageError, decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

FOLDERS = ("pairs_openstax_ccby", "pairs_recipes_webp", "pairs_openimages_ccby18")
MOST = 3000  # pictures of a kind that is no photographs
ROWS = 200  # pictures compared with all at once
BEFORE = 4  # bits of phash8
WORDS = {
    "maps": r"\bmaps?\b",
    "charts": r"\b(charts?|graphs?|diagrams?|tables?|flowchart|screenshot|timeline|infographic|x-axis)\b",
    "logos, signs": r"\b(logos?|icons?|posters?|signs?)\b",
    "drawings": r"\b(drawings?|sketch|cartoon|illustration|engraving|lithograph|painting|print)\b",
    "faces": r"\b(portraits?|headshot|faces?)\b",
}  # of alt texts: the first that is there


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Pictures that are no flat ones, a row each."""

    name: NDArray[np.str_]
    kind: NDArray[np.str_]
    treatment: NDArray[np.str_]  # "" of a picture as it is
    reach: NDArray[np.int64]
    phash: NDArray[np.uint64]  # `shuffled`
    codes: NDArray[np.uint64]  # [2, n, 4], `arranged`: whole, and without borders


def kind_of(alt: str) -> str:
    """What a word in an alt text says that a picture shows."""
    found = (name for name, pattern in WORDS.items() if re.search(pattern, alt.lower()))
    return next(found, "photographs")


def bodies(data: Path, every: int) -> Iterator[tuple[str, str, str, bytes]]:
    """(name, kind, treatment, file) of every picture, and of the copies made of some."""
    told = (json.loads(line) for line in (data / FOLDERS[0] / "pairs.jsonl").open(encoding="utf-8"))
    told_kinds = {row["file"]: kind_of(row["alt"]) for row in told}
    chosen: list[Photo] = [photo for folder in FOLDERS for photo in photos(data / folder, whole=True)]
    for photo in chosen:
        yield photo.name, told_kinds.get(photo.name, "photographs"), "", photo.path.read_bytes()
    for photo in chosen[::every]:
        image, kind = opened(photo), told_kinds.get(photo.name, "photographs")
        for treatment in ALL:
            yield photo.name, kind, treatment, copy(image, treatment, photo.path.name)
    for kind, read in kinds(data):
        if not kind.startswith(("photographs", "flat")):
            try:
                found = read().bodies[:MOST]
            except ImportError as error:
                say(f"{kind}: left out: {error}")
                continue
            for number, body in enumerate(found):
                yield f"{kind} {number}", kind, "", body


def known(data: Path, every: int, config: DedupConfig) -> Known:
    """What dedup knows of them, on the road that a crawl takes."""
    rows = []
    for *named, body in bodies(data, every):
        try:
            facts = decode(body, CrawlConfig())
        except ImageError:
            continue
        if facts.phash16 and facts.weak <= config.max_weak:
            codes = (facts.phash, facts.phash16, facts.trim_phash16 or facts.phash16)
            rows.append((*named, config.reach(facts.entropy), *codes))
    name, kind, treatment, reach, phash, whole, inside = zip(*rows, strict=True)
    return Known(
        name=np.array(name),
        kind=np.array(kind),
        treatment=np.array(treatment),
        reach=np.array(reach),
        phash=shuffled(phash_words(phash))[:, 0],
        codes=np.stack([arranged(phash16_words(side)) for side in (whole, inside)]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Every two pictures that lie within the widest distance, an entry each."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    bits: NDArray[np.int64]  # the least of faces, plain and mirrored
    shared: NDArray[np.bool_]  # [pairs, bands]: whether any faces share it
    before: NDArray[np.bool_]  # whether the rule that was merged them


def compared(given: Known, widest: int) -> Pairs:
    """All pairs, by brute force."""
    kept = []
    for first in range(0, len(given.name), ROWS):
        rows = np.arange(first, min(first + ROWS, len(given.name)))
        bits = np.full((len(rows), len(given.name)), 999)
        for side in given.codes:
            for like in given.codes:
                bits = np.minimum(bits, least(side[rows], like))
        bits[np.arange(len(given.name)) <= rows[:, None]] = 999
        one, other = np.nonzero(bits <= widest)
        kept.append((rows[one], other, bits[one, other]))
    one, other, bits = (np.concatenate(side) for side in zip(*kept, strict=True))
    values = [values_of(side) for side in given.codes]
    shared = np.zeros((len(one), MOST_BANDS), bool)
    for side in values:
        for like in values:
            shared |= side[one] == like[other]
    apart = given.phash[one] ^ given.phash[other]
    whole = given.codes[0]
    before = (np.bitwise_count(apart) <= BEFORE) & (
        np.bitwise_count(whole[one] ^ whole[other]).sum(axis=1) <= 32
    )
    bands = [(apart >> np.uint64(16 * band) & np.uint64(0xFFFF)) == 0 for band in range(WORD_BANDS)]
    return Pairs(one=one, other=other, bits=bits, shared=shared, before=before & np.any(bands, axis=0))


def least(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bits between each two codes, plain or mirrored."""
    even, odd = (
        sum(np.bitwise_count(some[:, None, word] ^ others[None, :, word]).astype(np.int64) for word in words)
        for words in ((0, 1), (2, 3))
    )
    return even + np.minimum(odd, HALF - odd)  # type: ignore[no-any-return, operator]


def values_of(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The value of each band [n, bands]."""
    rows = np.zeros(len(codes), THIN)
    rows["code"] = codes
    return np.stack([band_values(rows, band) for band in range(MOST_BANDS)], axis=1)


def one_picture(given: Known, folder: Path) -> NDArray[np.int64]:
    """A number for each picture: of pictures that are known to be one, one."""
    first = {name: group[0] for group in components(same([folder])) for name in group}
    _, numbers = np.unique([first.get(name, name) for name in given.name.tolist()], return_inverse=True)
    return numbers


def recall(given: Known, pairs: Pairs, number: NDArray[np.int64], distances: Sequence[int]) -> None:
    """Print which share of pairs within some distances is found."""
    copies = number[pairs.one] == number[pairs.other]
    natural = (given.treatment[pairs.one] == "") & (given.treatment[pairs.other] == "")
    treated = (given.treatment[pairs.one] == "") ^ (given.treatment[pairs.other] == "")
    of: Mapping[str, NDArray[np.bool_]] = {
        "all pairs": np.ones(len(copies), bool),
        "a picture and its copy": copies & treated,
        "natural pictures": natural,
        **{kind: natural & (given.kind[pairs.one] == kind) for kind in np.unique(given.kind).tolist()},
    }
    say("| pairs | within, bits | pairs | bands | found |\n|---|---:|---:|---:|---:|")
    for name, which in of.items():
        for distance in distances:
            here = which & (pairs.bits <= distance)
            if here.any():
                found = pairs.shared[here, : bands_for(distance)].any(axis=1).mean()
                say(f"| {name} | {distance} | {here.sum():,} | {bands_for(distance)} | {100 * found:.1f} % |")


def merged(given: Known, pairs: Pairs, number: NDArray[np.int64], config: DedupConfig) -> None:
    """Print what the default merges, of copies by treatment and of others by kind."""
    within = pairs.bits <= np.minimum(given.reach[pairs.one], given.reach[pairs.other])
    now = within & pairs.shared[:, : config.bands].any(axis=1)
    copies = number[pairs.one] == number[pairs.other]
    origin = (given.treatment[pairs.one] == "") & (given.name[pairs.one] == given.name[pairs.other])
    made = given.treatment[pairs.other]
    say("\n| treatments | copies | merged before | now |\n|---|---:|---:|---:|")
    for group, names in {**GROUPS, "all": ALL}.items():
        total = int(np.isin(given.treatment, list(names)).sum())
        here = origin & np.isin(made, list(names))
        before, after = (100 * (here & rule).sum() / total for rule in (pairs.before, now))
        say(f"| {group} | {total:,} | {before:.1f} % | {after:.1f} % |")
    natural = (given.treatment[pairs.one] == "") & (given.treatment[pairs.other] == "")
    say("\n| pictures | pairs | one picture | merged before | now | others: merged before | now |")
    say("|---|---:|---:|---:|---:|---:|---:|")
    for kind in np.unique(given.kind).tolist():
        count = int(((given.kind == kind) & (given.treatment == "")).sum())
        here = natural & (given.kind[pairs.one] == kind) & (given.kind[pairs.other] == kind)
        cells = [
            int((here & side & rule).sum()) for side in (copies, ~copies) for rule in (pairs.before, now)
        ]
        told = f"{int((here & copies).sum())} | {cells[0]} | {cells[1]} | {cells[2]} | {cells[3]}"
        say(f"| {kind} | {count * (count - 1) // 2:,} | {told} |")
    for place in np.flatnonzero(natural & ~copies & now & ~np.char.endswith(given.kind[pairs.one], "test")):
        if given.kind[pairs.one[place]] not in ("sentences",):
            names = given.name[pairs.one[place]], given.name[pairs.other[place]]
            say(f"merged, in no table\t{pairs.bits[place]}\t" + "\t".join(names))


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--distances", type=int, nargs="*", default=[24, 32, 40, 48, 64])
    given = parser.parse_args(argv)
    if not given.data.is_dir():
        say(f"{given.data} is absent: nothing to measure")
        return 0
    config = DedupConfig()
    pictures = known(given.data, given.every, config)
    pairs = compared(pictures, max(given.distances))
    number = one_picture(pictures, given.data / FOLDERS[0])
    say(f"{len(pictures.name):,} pictures, {len(pairs.one):,} pairs within {max(given.distances)} bits\n")
    recall(pictures, pairs, number, given.distances)
    merged(pictures, pairs, number, config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
