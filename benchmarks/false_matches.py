"""How often two *different* pictures pass for copies, by kind of picture and at fixed thresholds.

    python -m benchmarks.false_matches [--data FOLDER] [--detector FILE] [--sheet FOLDER]

Rates are of all pairs of a kind: with the gate, pairs with a flat picture are no match, and stay in the
count. "trim" is the least of whole pictures and of what is inside their borders, both ways. The learned
thresholds are those that the detector's own file names for its rates of chance, and "trusted"; its views are
the mirrored and turned ones. Pairs that are known to be one picture are left out, but of CIFAR-10 none are
known: its matches include its real duplicates. --sheet draws the pairs within 48 bits of phash16.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.clock import say
from benchmarks.drawn_pictures import frames, logos, sentences
from benchmarks.pictures import DATA, photos, same, unlike
from benchmarks.ways import Sights, Table, cosines, nearest, peers, sights
from wit_pipeline.copies.detector import Detector

BLOCK = 500  # pictures that are compared with all at once
SHEET = 48  # bits of phash16
FIXED: Mapping[str, Sequence[float]] = {
    "phash8": (4, 8),
    "phash16": (32, 48, 64),
    "pdq": (31,),
    "phash8 trim": (4, 8),
    "phash16 trim": (32, 48, 64),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Pictures of one kind, as files, and which two of them are different."""

    bodies: Sequence[bytes]
    different: Callable[[], NDArray[np.bool_]]  # [n, n]: made where needed


def kinds(data: Path) -> Iterator[tuple[str, Callable[[], Kind]]]:
    """Each kind by name, read when called."""
    yield "flat frames", lambda: distinct(frames(500))
    yield (
        "sentences",
        lambda: distinct(sentences(data / "captions_text/coco/captions_val2017.json", 1000)),
    )
    yield "logos", lambda: distinct(logos(1500))
    yield "MNIST test", lambda: files(data / "eval_mnist/test", ".png")
    yield "EuroSAT, every second", lambda: files(data / "eval_eurosat", ".jpg", first=1, step=2)
    yield "CIFAR-10 test", lambda: files(data / "eval_cifar10/test", ".jpg")
    yield "photographs, held out", lambda: photographs(data, whole=False)
    yield "photographs, all", lambda: photographs(data, whole=True)


def distinct(bodies: Iterable[bytes]) -> Kind:
    """Files, equal bytes once."""
    once = list(dict.fromkeys(bodies))
    return Kind(bodies=once, different=lambda: ~np.eye(len(once), dtype=bool))


def files(folder: Path, suffix: str, *, first: int = 0, step: int = 1) -> Kind:
    """A folder's files."""
    return distinct(path.read_bytes() for path in sorted(folder.rglob(f"*{suffix}"))[first::step])


def photographs(data: Path, *, whole: bool) -> Kind:
    """The photographs that no detector has seen, or all."""
    books = data / "pairs_openstax_ccby"
    chosen = photos(books, whole=whole)
    for folder in ("pairs_recipes_webp", "pairs_openimages_ccby18"):
        chosen += photos(data / folder, whole=True)
    names = [photo.name for photo in chosen]
    return Kind(
        bodies=[photo.path.read_bytes() for photo in chosen], different=lambda: unlike(names, same([books]))
    )


def looks(known: Sights, others: Sights) -> dict[str, Table]:
    """How far apart each two are, flat or not."""
    sides, crawled = [known.own, known.inside], [others.own, others.inside]
    found = {
        **peers(known, others),
        "phash8 trim": nearest(sides, crawled, short=True),
        "phash16 trim": nearest(sides, crawled),
    }
    return {**found, "learned": cosines(known.seen, others.seen)} if known.seen.shape[1] else found


def thresholds(detector: Detector | None) -> dict[str, list[float]]:
    """The distances of each way; the learned ones are 1 - cosine, and end with the trusted one."""
    fixed = {way: list(limits) for way, limits in FIXED.items()}
    if detector:
        told = [detector.metadata[rate] for rate in ("1e-04", "1e-05", "1e-06", "trusted")]
        fixed["learned"] = [1 - float(cosine) for cosine in told]
    return fixed


def counted(
    seen: Sights, different: NDArray[np.bool_], limits: Mapping[str, Sequence[float]]
) -> tuple[dict[tuple[str, float], NDArray[np.int64]], list[tuple[int, int]]]:
    """Pairs within each limit, all and those of which neither is flat; and the pairs for the sheet."""
    counts = {
        (way, limit): np.zeros(2, np.int64)
        for way, each in limits.items()
        for limit in each
        if way != "pdq" or seen.pdq.shape[1]
    }
    drawn: list[tuple[int, int]] = []
    for start in range(0, len(seen), BLOCK):
        rows = slice(start, start + BLOCK)
        upper = np.triu(different[rows], start + 1)
        lively = upper & ~seen.flat[rows, None] & ~seen.flat
        tables = looks(seen.some(rows), seen)
        for (way, limit), total in counts.items():
            near = tables[way] <= limit
            total += (np.count_nonzero(near & upper), np.count_nonzero(near & lively))
        drawn += [(start + i, j) for i, j in np.argwhere((tables["phash16"] <= SHEET) & lively).tolist()]
    return counts, drawn


def sheet(path: Path, bodies: Sequence[bytes], pairs: Sequence[tuple[int, int]], most: int = 40) -> None:
    """Draw pairs side by side, evenly chosen."""
    cell, across = 128, 5
    chosen = [pairs[number * len(pairs) // min(most, len(pairs))] for number in range(min(most, len(pairs)))]
    made = Image.new("RGB", (across * (2 * cell + 24), -(-len(chosen) // across) * (cell + 12)), "white")
    for number, pair in enumerate(chosen):
        left, top = number % across * (2 * cell + 24), number // across * (cell + 12)
        for place, which in enumerate(pair):
            with Image.open(BytesIO(bodies[which])) as image:
                made.paste(image.convert("RGB").resize((cell, cell)), (left + place * (cell + 4), top))
    made.save(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rates."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--sheet", type=Path, metavar="FOLDER")
    given = parser.parse_args(argv)
    if not given.data.is_dir():
        say(f"{given.data} is absent: nothing to measure")
        return 0
    detector = Detector(given.detector) if given.detector else None
    for name, read in kinds(given.data):
        try:
            kind = read()
        except ImportError as error:
            say(f"{name}: left out: {error}")
            continue
        seen = sights(kind.bodies, detector, turned=True)
        different = kind.different()
        counts, drawn = counted(seen, different, thresholds(detector))
        pairs = int(np.count_nonzero(different)) // 2
        say(f"\n{name}: {len(seen):,} pictures, {100 * seen.flat.mean():.1f} % flat; {pairs:,} pairs\n")
        say("| way | within | pairs | rate | with the gate | rate |\n|---|---:|---:|---:|---:|---:|")
        for (way, limit), (all_pairs, lively) in counts.items():
            figures = f"{all_pairs:,} | {all_pairs / pairs:.1e} | {lively:,} | {lively / pairs:.1e}"
            say(f"| {way} | {limit:.4g} | {figures} |")
        if given.sheet and drawn:
            given.sheet.mkdir(parents=True, exist_ok=True)
            sheet(given.sheet / f"{name}.png", kind.bodies, drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
