"""Pictures in anybody's shards and folders, as an audit looks them up and tells of them."""

import io
import json
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wit_pipeline.audit.audit import Overlap, overlap_with
from wit_pipeline.copies.picture_sets import TARS
from wit_pipeline.copies.sightings import Sighting
from wit_pipeline.pictures.image import Decoded

URLS = ("url", "URL", "image_url", "original_url")  # where a member of JSON may have it
PAGES = ("page_url", "page", "referrer")
CAPTIONS = ("caption", "text", "TEXT", "alt", "title")
LONGEST = 1 << 20  # bytes of a text or JSON beside a picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A picture of somebody's: its name, and what it is looked up by."""

    key: str  # its name among all: the archive's and its member's, or the path below the folder
    sha256: str
    phash: str
    phash16: str
    weak: float
    trim_phash: str
    trim_phash16: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """How many pictures of a unit were read, and why others were not."""

    read: int
    kept: int
    reasons: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    damaged: str = ""  # what is amiss with an archive of which nothing was read


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What an archive says of a picture; "" of what it does not say."""

    url: str = ""
    page_url: str = ""
    caption: str = ""


NOTHING = Beside()


def sample_of(key: str, decoded: Decoded) -> Sample:
    """What a picture is looked up by."""
    return Sample(
        key=key,
        sha256=decoded.sha256,
        phash=decoded.phash,
        phash16=decoded.phash16,
        weak=decoded.weak,
        trim_phash=decoded.trim_phash,
        trim_phash16=decoded.trim_phash16,
    )


def overlaps_of(seen: Iterable[Sighting], beside: Mapping[str, Beside]) -> Iterator[Overlap]:
    """Sightings with what is known of the pictures, by key."""
    return (overlap_with(item, item.key, item.key, beside.get(item.key, NOTHING)) for item in seen)


def beside(path: Path, members: Mapping[str, str]) -> dict[str, Beside]:
    """What a tar in WebDataset's manner says of some members, whose keys they are named by; else nothing.

    A sample is the members whose names are the same as far as their first dot: its text, and its JSON.
    """
    if not members or not path.name.lower().endswith(TARS):
        return {}
    wanted = {_stem(member): key for member, key in members.items()}
    texts: dict[str, str] = {}
    tables: dict[str, dict[str, Any]] = {}
    with path.open("rb") as file, tarfile.open(fileobj=file) as tar:
        for item in tar:
            key = wanted.get(_stem(item.name)) if item.isfile() and item.size <= LONGEST else None
            if key is None or not item.name.lower().endswith((".txt", ".json")):
                continue
            content = (tar.extractfile(item) or io.BytesIO()).read().decode("utf-8", "replace")
            if item.name.lower().endswith(".txt"):
                texts[key] = content.strip()
            else:
                tables[key] = _table(content)
    return {key: _beside(texts.get(key, ""), tables.get(key, {})) for key in {**texts, **tables}}


def _beside(text: str, table: Mapping[str, Any]) -> Beside:
    return Beside(
        url=_first(table, URLS), page_url=_first(table, PAGES), caption=text or _first(table, CAPTIONS)
    )


def _first(table: Mapping[str, Any], names: Collection[str]) -> str:
    found = (table[name] for name in names if isinstance(table.get(name), str))
    return next(filter(None, found), "")


def _table(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(path.name.partition(".")[0] or path.name))


def told_of(kept: int, unread: Mapping[str, int], damaged: str) -> Told:
    """What is counted of a unit: its pictures that were compared, and why others were not."""
    return Told(
        read=kept + sum(unread.values()),
        kept=kept,
        reasons=tuple(unread),
        counts=tuple(unread.values()),
        damaged=damaged,
    )


def unread_of(told: Iterable[Told]) -> dict[str, int]:
    """Why pictures could not be compared, and how many each, most first."""
    found: dict[str, int] = {}
    for item in told:
        for reason, count in zip(item.reasons, item.counts, strict=True):
            found[reason] = found.get(reason, 0) + count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
