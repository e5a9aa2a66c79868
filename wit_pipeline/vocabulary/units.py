"""The names of a crawl's files: `unit-000123.tar`, `unit-000123.parquet`, `times-000123.parquet`.

URLs of unit 123 that were asked again are a chance of it: `unit-000123.2.tar` is of its second. In a store
the names carry an attempt as well, `unit-000123.2-1f3a9c07.tar`: there two workers may write one unit, as
nothing ends a worker of another machine, and what they fetched differs. The receipt that stands names the
files of one of them. So a file is found by what was signed, and its name is never made by who reads it.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.store import in_store, sizes

NAME = re.compile(
    r"(?P<kind>[a-z]+)-(?P<unit>\d{6,})(?:\.(?P<chance>\d+))?(?:-[0-9a-f]{8})?(?P<ending>\.[a-z.]+)?"
)
RECEIPT = ".receipt.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """What the name of a unit, or of a file of one, tells."""

    kind: str  # "unit", "times", "part"
    unit: int
    chance: int = 0  # 0: the unit itself
    ending: str = ""  # ".tar", ".parquet", ".receipt.json"


def named(name: str) -> Named | None:
    """What a name tells; None where it is not of a unit."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    return Named(
        kind=found["kind"],
        unit=int(found["unit"]),
        chance=int(found["chance"] or 0),
        ending=found["ending"] or "",
    )


def attempt(folder: Path) -> str:
    """What the names of the files that one worker writes for a unit end with: nothing on this machine."""
    return "" if in_store(folder) is None else f"-{secrets.token_hex(4)}"


def stem(kind: str, unit: int, chance: int = 0, attempt: str = "") -> str:
    """The name of a unit's file without its ending."""
    return f"{kind}-{unit:06d}{f'.{chance}' if chance else ''}{attempt}"


Files = Mapping[Named, Path]


def files(crawl: Path) -> Files:
    """The files of a crawl, by what their names tell: those that its manifest names, or else its receipts."""
    signed = manifest.load(crawl)
    if signed is None:
        return _by_name(crawl, _received(crawl))
    known = _files.get(str(crawl))
    if known is None or known[0] is not signed:
        known = _files[str(crawl)] = (signed, _by_name(crawl, (file.name for file in signed.files)))
    return known[1]


_files: dict[str, tuple[Manifest, Files]] = {}


def _by_name(crawl: Path, names: Iterable[str]) -> Files:
    return {told: crawl / name for name in names if (told := named(name)) is not None}


def _received(crawl: Path) -> Iterable[str]:
    paths = sorted(crawl / name for name in sizes(crawl) if name.endswith(RECEIPT))
    return [file.name for one in manifest.read_receipts(paths) if one is not None for file in one.files]
