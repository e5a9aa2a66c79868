"""Which treatments of held-out photographs each way of looking finds, at stated rates of chance matches.

    python -m benchmarks.copies FOLDER [DETECTOR.onnx] [PICTURES]

Thresholds are those that copies reach with *other* originals; pictures that may be one are left out.
"""

import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.held_out import held_out
from benchmarks.transforms import ALL, GROUPS, copy
from wit_pipeline.codes import FLAT, codes_of
from wit_pipeline.detector import Detector
from wit_pipeline.evaluation import rgb, views
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.grey import grey
from wit_pipeline.image import Decoded, decode, seen
from wit_pipeline.neardup import distances16, phash16_words

ALIKE = 90  # bits of 256: originals within these of another are left out of chance
Table = NDArray[np.float64]  # [originals, copies]: how far apart, smaller is nearer


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """A picture as the crawl stores it."""

    name: str
    facts: Decoded
    pixels: NDArray[np.uint8]


def originals(folder: Path, most: int) -> list[Original]:
    """The held-out pictures of a folder, flat ones excepted."""
    found = []
    for path in held_out(folder)[:most]:
        facts = decode(path.read_bytes(), CrawlConfig())
        if facts.weak <= FLAT:
            found.append(Original(name=path.name, facts=facts, pixels=rgb(seen(facts.stored))))
    return found


def bits(one: list[str], other: list[str]) -> Table:
    """Bits between codes; 256 where one is missing."""
    words = (phash16_words([code or "0" * 64 for code in codes]) for codes in (one, other))
    apart = distances16(*words).astype(np.float64)
    apart[:, [not code for code in other]] = 256
    return apart


def measured(known: list[Original], detector: Detector | None) -> dict[str, dict[str, Table]]:
    """How far each original is from each copy, by way and treatment."""
    plain = [item.facts.phash16 for item in known]
    mirror = [codes_of(np.ascontiguousarray(grey(item.pixels)[:, ::-1])).phash16 for item in known]
    own = (
        [detector.describe(np.stack(views(detector.prepare(item.pixels)))) for item in known]
        if detector
        else []
    )
    tables: dict[str, dict[str, Table]] = {
        "phash16": {},
        "mirror, trim": {},
        **({"learned": {}} if detector else {}),
    }
    for name in ALL:
        made = [
            decode(
                copy(Image.open(BytesIO(item.facts.stored)).convert("RGB"), name, item.name), CrawlConfig()
            )
            for item in known
        ]
        whole, inside = [item.phash16 for item in made], [item.trim_phash16 for item in made]
        tables["phash16"][name] = bits(plain, whole)
        tables["mirror, trim"][name] = np.minimum.reduce(
            [bits(a, b) for a in (plain, mirror) for b in (whole, inside)]
        )
        if detector:
            described = detector.describe(
                np.stack([detector.prepare(rgb(seen(item.stored))) for item in made])
            )
            tables["learned"][name] = 1 - np.max(np.einsum("nvd,md->vnm", np.stack(own), described), axis=0)
    return tables


def threshold(tables: dict[str, Table], unlike: NDArray[np.bool_], rate: float) -> float:
    """The largest distance that at most a share `rate` of the unlike pairs reach."""
    apart = np.sort(np.concatenate([table[unlike] for table in tables.values()]))
    return float(apart[int(rate * len(apart))]) - 1e-9


def main(folder: str, detector: str = "", most: str = "160") -> None:
    """Print the table of recalls."""
    known = originals(Path(folder), int(most))
    tables = measured(known, Detector(Path(detector)) if detector else None)
    codes = [item.facts.phash16 for item in known]
    unlike = (bits(codes, codes) > ALIKE) & ~np.eye(len(known), dtype=bool)
    for rate in (1e-5, 1e-6):
        limits = {way: threshold(given, unlike, rate) for way, given in tables.items()}
        halves = {
            way: threshold(given, unlike, rate / 2) for way, given in tables.items() if way != "phash16"
        }
        print(f"\n{len(known)} pictures, {unlike.sum() * len(ALL):,} pairs, rate {rate:g}: {limits}\n")  # noqa: T201
        print("| treatments | " + " | ".join((*tables, "all")) + " |\n|---|" + "---:|" * (len(tables) + 1))  # noqa: T201
        rows = []
        for group, names in (*GROUPS.items(), ("mean of all", ALL)):
            shares = [
                np.mean([np.diagonal(given[name]) <= limits[way] for name in names])
                for way, given in tables.items()
            ]
            together = [
                np.any([np.diagonal(tables[way][name]) <= limit for way, limit in halves.items()], axis=0)
                for name in names
            ]
            rows.append((group, [*shares, np.mean(together)]))
        for group, found in rows:
            print(f"| {group} | " + " | ".join(f"{100 * share:.1f}" for share in found) + " |")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
