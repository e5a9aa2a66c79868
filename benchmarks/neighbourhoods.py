"""What look-alikes inside an evaluation set cost its other pictures: one limit for all, and limits by image.

    python -m benchmarks.neighbourhoods [FOLDER] [--images 400000000] [--every 4] [--most N]

Each book of FOLDER (the textbooks of ../shared/data) is an evaluation set, maps and charts included. Training
pictures are copies of every fourth of its pictures, by each of `benchmarks.transforms` that keeps the whole
picture, and the other books' pictures: of those only the ones that the folder's table says are copies. "One
limit" is the rule that was: no distance at which more than one in a hundred of the set's images has another.
A data set of so many images decides which distance is trusted. With --most a set is a book's look-alikes, as
the table names them, and of its other pictures so many that there are N.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from benchmarks.clock import say
from benchmarks.held_out import components
from benchmarks.pictures import DATA, Photo, opened, photos, same
from benchmarks.transforms import GROUPS, copy
from wit_pipeline.copies import evaluation, thresholds
from wit_pipeline.copies.evaluation import AuditConfig
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.sightings import Own, Reached, Sighting, Spread
from wit_pipeline.copies.thresholds import Limits, Trusted
from wit_pipeline.pictures.image import Decoded, decode
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

WHOLE = ("re-encode", "resize", "nearest neighbour", "blur, sharpen, noise", "tone, colour", "overlay")
TREATMENTS = [name for group in (*WHOLE, "border, letterbox", "mirror") for name in GROUPS[group]]
SET = "book"
CONFIG = AuditConfig(sets={SET: "x"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A training picture, and the evaluation pictures that it is a copy of, by their names."""

    of: frozenset[str]
    image: Decoded


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """An evaluation set, and all that may lie near it."""

    index: Evaluation
    trained: Sequence[Trained]


def book(chosen: Sequence[Photo], others: Sequence[Photo], every: int, one: Mapping[str, list[str]]) -> Book:
    """A book's pictures, copies of some of them, and other books' pictures."""
    crawl = CrawlConfig()
    known = [evaluation.describe(SET, item.name, item.path.read_bytes(), crawl) for item in chosen]
    bodies = [(item, item.path.read_bytes()) for item in others]
    for item in chosen[::every]:
        image = opened(item)
        bodies += [(item, copy(image, treatment, item.path.name)) for treatment in TREATMENTS]
    trained = [
        Trained(of=frozenset(one.get(item.name, [item.name])), image=decode(body, crawl))
        for item, body in bodies
    ]
    index = Evaluation(known, CONFIG)
    return Book(index=index, trained=trained)


def limits(given: Book, trusted: Trusted) -> tuple[Limits, list[Sighting]]:
    """A book's limits, by what lies near it, and that."""
    look = given.index.look([item.image for item in given.trained])
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{kind}.parquet" for kind in ("reached", "spread", "own")]
        rows.write(paths[0], Reached, given.index.reached(look.reached))
        rows.write(paths[1], Spread, given.index.spread(look.spread))
        rows.write(paths[2], Own, given.index.own(0, len(given.index)))
        shown = thresholds.seen(thresholds.merged(paths[:1]), thresholds.spread_of(paths[1:2]), CONFIG)
        found = thresholds.decide(shown, thresholds.own_of(paths[2:]), CONFIG, trusted)[SET]
    return found, list(given.index.sightings(look.pairs, [str(i) for i in range(len(given.trained))]))


def outcome(given: Book, found: Limits, near: Sequence[Sighting]) -> str:
    """Cells of a table: the limit, who has one of its own, copies found, and pairs that are none."""
    taken = [item for item in near if found.takes(item)]
    names = {item.image for item in given.index.known}
    copies = {i for i, item in enumerate(given.trained) if item.of & names}
    right = {int(item.key) for item in taken if item.image in given.trained[int(item.key)].of}
    false = {(item.image, item.key) for item in taken if item.image not in given.trained[int(item.key)].of}
    recall = f"{len(right):,} of {len(copies):,} | {100 * len(right) / len(copies):.1f} %"
    return f"{found.codes} | {len(found.closer)} | {recall} | {len(false)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line for each book and rule."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=DATA / "pairs_openstax_ccby")
    parser.add_argument("--images", type=int, default=400_000_000)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--most", type=int, default=10_000)
    given = parser.parse_args(argv)
    if not given.folder.is_dir():
        say(f"{given.folder} is absent: nothing to measure")
        return 0
    every = photos(given.folder, whole=True)
    one = {name: group for group in components(same([given.folder])) for name in group}
    alike = {
        name
        for pair in set(same([given.folder], look_alikes=True)) - set(same([given.folder]))
        for name in pair
    }
    trusted = Trusted(bits=thresholds.trusted_bits(given.images))
    say("| book | pictures | rule | bits | own limits | copies found | | other pairs |")
    say("|---|---:|---|---:|---:|---:|---:|---:|")
    for name in sorted({item.path.parent.name for item in every}):
        chosen = [item for item in every if item.path.parent.name == name]
        chosen.sort(key=lambda item: (item.name not in alike, draw(item.name, seed=0, purpose=SET)))
        chosen = chosen[: given.most]
        others = [item for item in every if item.path.parent.name != name]
        made = book(chosen, others, given.every, one)
        for rule, kind in (("one limit", -1.0), ("by image", thresholds.KIND)):
            with patch.object(thresholds, "KIND", kind):
                found, near = limits(made, trusted)
            say(f"| {name} | {len(chosen)} | {rule} | {outcome(made, found, near)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
