"""Which of the textbooks' own pairs of one picture `wit build` finds, and what else it takes for one.

    python -m benchmarks.natural_pairs [FOLDER] [--distance 32]

A folder with near_dups_within.tsv. Its pictures go through decode and the rules of dedup as they stand, with
no evaluation sets. The table's labels: same_picture, and template_look_alike, which are drawings, maps and
charts; some of those are one picture all the same, as `benchmarks/same_pictures.tsv` says.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path

from benchmarks.clock import say
from benchmarks.pictures import DATA, Photo, photos, same
from wit_pipeline.dedup import (
    Code,
    DedupConfig,
    Thin,
    Verdict,
    band_keys,
    equal_bytes,
    equal_codes,
    is_coded,
    near_duplicates,
    near_pairs,
    settle,
    thin,
)
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.image import decode

Pair = frozenset[str]


def coded(photo: Photo) -> Code:
    """What dedup knows of a picture."""
    facts = decode(photo.path.read_bytes(), CrawlConfig())
    return Code(
        key=photo.name,
        sha256=facts.sha256,
        phash=facts.phash,
        phash16=facts.phash16,
        weak=facts.weak,
        pixels=facts.original_width * facts.original_height,
        queries=0,
    )


def verdicts(codes: Iterable[Code], config: DedupConfig) -> list[Verdict]:
    """The verdicts on all copies, as the job of dedup reaches them, without its shuffles."""
    found, kept = _collapsed(codes, equal_bytes, lambda code: code.sha256)
    alike, left = _collapsed(
        [code for code in kept if is_coded(code, config)], equal_codes, lambda code: code.phash + code.phash16
    )
    meeting: dict[int, list[Thin]] = {}
    for code in map(thin, left):
        for key in band_keys(code):
            meeting.setdefault(key, []).append(code)
    edges = [edge for key, group in meeting.items() for edge in near_pairs(key, group, config)]
    return settle([*found, *alike, *near_duplicates(sorted(edges), config)])


def _collapsed(
    codes: Iterable[Code],
    rule: Callable[[Iterable[Code]], tuple[Code, list[Verdict]]],
    key: Callable[[Code], str],
) -> tuple[list[Verdict], list[Code]]:
    groups: dict[str, list[Code]] = {}
    for code in codes:
        groups.setdefault(key(code), []).append(code)
    settled = [rule(group) for group in groups.values()]
    return [verdict for _, some in settled for verdict in some], [kept for kept, _ in settled]


def merged(found: Iterable[Verdict]) -> set[Pair]:
    """Every two pictures of which one at most stays, because they are taken for one."""
    groups: dict[str, set[str]] = {}
    for verdict in found:
        groups.setdefault(verdict.kept, {verdict.kept}).add(verdict.key)
    return {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}


def labels(folder: Path) -> dict[Pair, str]:
    """What the eye said of pairs."""
    with (folder / "near_dups_within.tsv").open(encoding="utf-8", newline="") as file:
        return {
            frozenset((row["file_a"], row["file_b"])): row["label"]
            for row in csv.DictReader(file, delimiter="\t")
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is found, what is not, and what else is merged."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=DATA / "pairs_openstax_ccby")
    parser.add_argument("--distance", type=int, default=DedupConfig().near_distance)
    given = parser.parse_args(argv)
    if not given.folder.is_dir():
        say(f"{given.folder} is absent: nothing to measure")
        return 0
    codes = [coded(photo) for photo in photos(given.folder, whole=True)]
    config = DedupConfig(near_distance=given.distance)
    found = merged(verdicts(codes, config))
    known, looked_at = labels(given.folder), {frozenset(pair) for pair in same([])}
    say(
        f"{len(codes)} pictures, {sum(not is_coded(code, config) for code in codes)} of them flat; "
        f"{len(found)} pairs merged at {given.distance} bits"
    )
    for label, count in Counter(known.values()).items():
        say(f"{label}: {sum(known.get(pair) == label for pair in found)} of {count} merged")
    for pair in sorted(map(sorted, known)):
        if frozenset(pair) not in found:
            say(f"not merged\t{known[frozenset(pair)]}\t" + "\t".join(pair))
    for pair in sorted(map(sorted, found)):
        label = known.get(frozenset(pair), "not in the table")
        if label != "same_picture":
            eye = "one picture" if frozenset(pair) in looked_at else "not one picture"
            say(f"merged\t{label}, by eye {eye}\t" + "\t".join(pair))
    return 0


if __name__ == "__main__":
    sys.exit(main())
