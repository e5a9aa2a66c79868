"""Which treatments of photographs each way of looking finds, at stated rates of chance matches.

    python -m benchmarks.copies [FOLDER ...] [--whole FOLDER ...] [--detector FILE] [--most N] [--each]
                               [--near N] [--again]

Of each FOLDER the held-out pictures are taken (`benchmarks/held_out.py`), of --whole FOLDERs all; without
either, the photographs of ../shared/data. Copies take the road of a crawl: decoded, stored, coded.

Thresholds are those that copies reach with *other* originals. Left out are pairs that are known to be one
picture and those that a folder's table calls look-alikes. `all` is "mirror, trim" or "learned", each at half
the rate. --each adds a row for each treatment. --near prints so many originals of each way that are nearest
to another, to be looked at: those few pairs, treated 64 times over, set the lower rate's thresholds. --again
adds tables with the look-alikes, and tables without originals within 90 bits of each other.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clock import say
from benchmarks.pictures import DATA, Photo, opened, photos, same, unlike
from benchmarks.transforms import ALL, GROUPS, copy
from benchmarks.ways import Sights, Table, house, nearest, peers, sights, threshold
from wit_pipeline.copies.detector import Detector

RATES = (1e-5, 1e-6)
ALIKE = 90  # bits of phash16
Tables = dict[str, dict[str, Table]]  # by way, by treatment


def measured(known: Sights, chosen: Sequence[Photo], detector: Detector | None) -> Tables:
    """How far each original is from each copy."""
    tables: Tables = {}
    images = [opened(photo) for photo in chosen]
    for name in ALL:
        bodies = (copy(image, name, photo.path.name) for image, photo in zip(images, chosen, strict=True))
        crawled = sights(bodies, detector, turned=False)
        for way, table in {**peers(known, crawled), **house(known, crawled)}.items():
            tables.setdefault(way, {})[name] = table
    return tables


def found(
    tables: Tables, limits: Mapping[str, float], halves: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """The share of copies found, by way and treatment; `all` where there is a detector."""
    shares = {
        way: {name: float(np.mean(np.diagonal(given[name]) <= limits[way])) for name in ALL}
        for way, given in tables.items()
    }
    if "learned" in tables:
        shares["all"] = {
            name: float(
                np.mean(
                    np.any([np.diagonal(tables[way][name]) <= limit for way, limit in halves.items()], axis=0)
                )
            )
            for name in ALL
        }
    return shares


def show(shares: Mapping[str, Mapping[str, float]], *, each: bool) -> None:
    """A table in Markdown, in percent."""
    say("| treatments | " + " | ".join(shares) + " |\n|---|" + "---:|" * len(shares))
    for group, names in (*GROUPS.items(), ("**mean of all**", ALL)):
        _row(group, shares, list(names))
        if each and names is not ALL:
            for name in names:
                _row(f"· {name}", shares, [name])


def _row(title: str, shares: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> None:
    cells = (100 * np.mean([given[name] for name in names]) for given in shares.values())
    say(f"| {title} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")


def nearest_others(tables: Tables, different: NDArray[np.bool_], names: Sequence[str], count: int) -> None:
    """Print the pairs of originals that set the thresholds."""
    for way, given in tables.items():
        least = np.minimum.reduce([table.astype(np.float32) for table in given.values()])
        least[~different] = np.inf
        for place in np.argsort(least, axis=None)[:count]:
            one, other = divmod(int(place), len(names))
            say(f"near\t{way}\t{least[one, other]:.3f}\t{names[one]}\t{names[other]}")


def report(tables: Tables, different: NDArray[np.bool_], *, each: bool) -> None:
    """The table of each rate, its thresholds above it."""
    for rate in RATES:
        limits = {way: threshold(table, different, rate) for way, table in tables.items()}
        halves = {
            way: threshold(tables[way], different, rate / 2)
            for way in ("mirror, trim", "learned")
            if way in tables
        }
        told = ", ".join(
            f"{way} {'whatever the gate lets through' if limit > 256 else f'≤ {limit:.4g}'}"
            for way, limit in limits.items()
        )
        pairs = int(different.sum()) * len(ALL)
        say(f"\n{len(different)} pictures, {len(ALL)} treatments, {pairs:,} pairs, rate {rate:g}: {told}\n")
        show(found(tables, limits, halves), each=each)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of recalls."""
    given = _arguments(argv)
    folders = [*((folder, False) for folder in given.folders), *((folder, True) for folder in given.whole)]
    if not folders:
        folders = [(DATA / "pairs_openstax_ccby", False), (DATA / "pairs_recipes_webp", True)]
        folders.append((DATA / "pairs_openimages_ccby18", True))
    chosen = [photo for folder, whole in folders for photo in photos(folder, whole=whole)][: given.most]
    if not chosen:
        say(f"no pictures in {', '.join(str(folder) for folder, _ in folders)}: nothing to measure")
        return 0
    detector = Detector(given.detector) if given.detector else None
    if detector is None:
        say("no --detector: what is learned is left out")
    known = sights((photo.path.read_bytes() for photo in chosen), detector, turned=True)
    chosen = [photo for photo, flat in zip(chosen, known.flat, strict=True) if not flat]
    known = known.some(~known.flat)
    names = [photo.name for photo in chosen]
    places = [folder for folder, _ in folders]
    different = unlike(names, same(places, look_alikes=True))
    tables = measured(known, chosen, detector)
    report(tables, different, each=given.each)
    if given.again:
        say("\n## With the look-alikes as different pictures")
        report(tables, unlike(names, same(places)), each=False)
        say(f"\n## Without originals within {ALIKE} bits of each other")
        far = nearest([known.own], [known.own]) > ALIKE
        report(tables, different & far, each=False)
    nearest_others(tables, different, names, given.near)
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--whole", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--most", type=int)
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--near", type=int, default=0)
    parser.add_argument("--again", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
