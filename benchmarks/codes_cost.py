"""What all codes of a stored picture cost beside the one 64-bit code of imagehash.

    python -m benchmarks.codes_cost [--photos FOLDER] [--count 1500] [--rounds 7]

The same pixels for both, as a crawl stores them (shorter side 256 at most): ours are grey, both codes with
the share of weak coefficients that tells flat pictures, the search for borders, and both codes of what is
inside where there are any; theirs `imagehash.phash`. CPU time, the contestants taking turns.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import imagehash
from PIL import Image

from benchmarks.clock import ratio, say, timed
from benchmarks.pictures import DATA, photos
from wit_pipeline.pictures.codes import codes_of
from wit_pipeline.pictures.grey import grey
from wit_pipeline.pictures.image import decode, seen
from wit_pipeline.pictures.resize import Pixels
from wit_pipeline.pictures.trim import codes_inside, trimmed
from wit_pipeline.vocabulary.crawl_config import CrawlConfig


def ours(pixels: Pixels) -> None:
    """All that the crawl makes of a stored picture."""
    luma = grey(pixels)
    codes_of(luma)
    codes_inside(luma)


def whole(pixels: Pixels) -> None:
    """The same, of the whole picture alone."""
    codes_of(grey(pixels))


def each(work: Callable[[Any], Any], given: Sequence[Any]) -> None:
    for item in given:
        work(item)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=DATA / "pairs_openstax_ccby")
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(argv)
    files = [photo.path for photo in photos(given.photos, whole=True)]
    if not files:
        say(f"no photographs in {given.photos}")
        return 0
    chosen = files[:: max(1, len(files) // given.count)][: given.count]
    stored = [seen(decode(path.read_bytes(), CrawlConfig()).stored) for path in chosen]
    images = [Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels) for pixels in stored]
    bordered = sum(trimmed(luma) is not luma for luma in map(grey, stored))

    spent = timed(
        {
            "both codes, gate, borders, codes inside": partial(each, ours, stored),
            "both codes and gate": partial(each, whole, stored),
            "imagehash.phash, 64 bits": partial(each, imagehash.phash, images),
            "imagehash.phash, 256 bits": partial(each, partial(imagehash.phash, hash_size=16), images),
        },
        given.rounds,
    )
    theirs = spent["imagehash.phash, 64 bits"]
    say(f"{len(stored)} pictures, {bordered} with borders")
    for name, figures in spent.items():
        ms = 1000 * statistics.median(figures) / len(stored)
        say(f"{name}: {ms:.3f} ms of CPU a picture, {ratio(figures, theirs)} of theirs of 64 bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
