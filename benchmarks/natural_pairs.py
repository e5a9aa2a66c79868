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
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.clock import say
from benchmarks.held_out import components
from benchmarks.pictures import DATA, Photo, photos, same
from wit_pipeline.copies.neardup import phash16_words
from wit_pipeline.copies.self_join import CODE, Rows, joined
from wit_pipeline.dedup import DedupConfig
from wit_pipeline.pictures.image import decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

Pair = frozenset[str]


def coded(chosen: Sequence[Photo], config: DedupConfig) -> Rows:
    """What dedup knows of some pictures; their keys are their places."""
    made = np.zeros(len(chosen), CODE)
    facts = [decode(photo.path.read_bytes(), CrawlConfig()) for photo in chosen]
    made["low"] = np.arange(len(chosen))
    made["pixels"] = [found.original_width * found.original_height for found in facts]
    made["sha256"] = phash16_words([found.sha256 for found in facts])[:, :2]
    made["coded"] = [found.phash16 != "" and found.weak <= config.max_weak for found in facts]
    whole = [found.phash16 or "0" * 64 for found in facts]
    made["phash16"] = phash16_words(whole)
    made["inside"] = phash16_words(
        [found.trim_phash16 or code for found, code in zip(facts, whole, strict=True)]
    )
    made["reach"] = [config.reach(found.entropy) for found in facts]
    return made


def verdicts(chosen: Sequence[Photo], codes: Rows, config: DedupConfig) -> list[tuple[str, str]]:
    """The names of each picture that goes and of the one that stays in its place."""
    found = joined(codes, config.bands, mirrored=config.mirrored)
    return [
        (chosen[gone].name, chosen[kept].name)
        for gone, kept in zip(found["low"], found["kept"]["low"], strict=True)
    ]


def merged(found: Iterable[tuple[str, str]]) -> set[Pair]:
    """Every two pictures of which one at most stays, because they are taken for one."""
    groups: dict[str, set[str]] = {}
    for gone, kept in found:
        groups.setdefault(kept, {kept}).add(gone)
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
    chosen, config = photos(given.folder, whole=True), DedupConfig(near_distance=given.distance)
    codes = coded(chosen, config)
    found = merged(verdicts(chosen, codes, config))
    known = labels(given.folder)
    looked_at = {frozenset(pair) for group in components(same([])) for pair in combinations(group, 2)}
    say(
        f"{len(codes)} pictures, {np.count_nonzero(~codes['coded'])} of them flat; "
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
