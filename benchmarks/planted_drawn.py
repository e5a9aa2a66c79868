"""Audits of narrow sets: copies of texts and logos among other texts and logos, and photographs.

    python -m benchmarks.planted_drawn [--detector FILE] [--workers 2] [--out data/planted_drawn]

Decoys say nothing there: a mirrored text is far from any text. Of 1,300 different sentences and 1,000 brands'
signs 300 each are evaluation sets; 100 of each are planted, smaller, as JPEG of quality 70; all others, the
textbooks' photographs too, are distractors. dedup keeps near-duplicates here, which texts are of one another.
Logos want simpleicons and resvg_py (pip install '.[bench]').
"""

import json
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.clock import say
from benchmarks.drawn_pictures import logos, sentences
from benchmarks.pictures import DATA, photos
from benchmarks.planted import Planted, asked, build, is_true, write_shard
from benchmarks.transforms import encoded
from wit_pipeline.audit.audit import Overlap
from wit_pipeline.vocabulary import rows

OF_SET, PLANTED = 300, 100
SMALLER = 0.8  # times a side


def smaller(body: bytes, quality: int) -> bytes:
    """A copy as pages have it."""
    with Image.open(BytesIO(body)) as image:
        size = (round(SMALLER * image.width), round(SMALLER * image.height))
        return encoded(image.convert("RGB").resize(size), quality=quality)


def web(root: Path) -> dict[str, Planted]:
    """Write sets and a shard; returns what is planted, by caption."""
    drawn = {"texts": list(sentences(DATA / "captions_text/coco/captions_val2017.json", 1300))}
    try:
        drawn["logos"] = list(logos(1000))
    except ImportError as error:
        say(f"logos: left out: {error}")
    bodies: list[bytes] = []
    planted: dict[str, Planted] = {}
    for name, items in drawn.items():
        (root / name).mkdir(parents=True)
        for number, body in enumerate(items):
            image = f"{number:04d}.png"
            if number < OF_SET:
                (root / name / image).write_bytes(body)
            if number < PLANTED:
                planted[caption(len(bodies))] = Planted(of=(name, image), treatment="smaller")
            if number < PLANTED or number >= OF_SET:
                bodies.append(smaller(body, 70 if number < PLANTED else 90))
    bodies += [photo.path.read_bytes() for photo in photos(DATA / "pairs_openstax_ccby", whole=True)]
    (root / "web").mkdir()
    write_shard(root / "web" / "00000.tar", [(caption(i), body) for i, body in enumerate(bodies)])
    return planted


def caption(number: int) -> str:
    """Names a query, and the picture."""
    return f"a picture of the city, number {number}"


def main(argv: Sequence[str] | None = None) -> int:
    """Plant, build, compare."""
    given = asked(argv, __doc__, Path("data/planted_drawn"))
    if given is None:
        return 0
    root = given.out.absolute()
    planted = web(root)
    names = sorted({item.of[0] for item in planted.values()})
    build(root, names, given.detector, given.workers, "[dedup]\nnear = false\n")
    said = json.loads((root / "build/audit/results.json").read_text())["sets"]
    overlaps = list(rows.read(root / "build/audit/overlap.parquet", Overlap))
    for name in names:
        pairs = [item for item in overlaps if item.set == name]
        found = {item.caption for item in pairs if is_true(item, planted)}
        false = sum(not is_true(item, planted) for item in pairs)
        threshold = f"{said[name]['threshold']} bits by {said[name]['threshold_by']}"
        say(f"{name}: {len(found)} of {PLANTED} found, {false} false of {len(pairs)} pairs; {threshold}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
