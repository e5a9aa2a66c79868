"""Evaluation sets as codes: what no training image may be a copy of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from wit_pipeline.codes import codes, codes_of
from wit_pipeline.errors import RunError, UserError
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.image import ImageError, decode
from wit_pipeline.neardup import Index
from wit_pipeline.trim import trimmed

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp")
DISTANCE8 = (
    10  # bits of 64: within these a code is judged by phash16; wrong once in 1e6 pairs, and then judged
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditConfig:
    """The recipe's `[audit]`: the evaluation sets, and how near is a copy."""

    sets: Mapping[str, str] = field(default_factory=dict)  # name -> folder of images, in folders or not
    distance: int = 48  # bits of 256; 0 false matches in 2e8 pairs of distinct photographs
    max_weak: float = 0.35  # share of weak coefficients above which an image is flat: exact copies only
    pairs_shown: int = 50  # side by side in the report, for each set

    def __post_init__(self) -> None:
        if not 0 <= self.distance <= 90:
            raise ValueError(f"distance is 0 to 90 bits (above, everything is near), found {self.distance}")

    def named_sets(self) -> dict[str, Path]:
        """The sets in order of name."""
        return {name: Path(folder) for name, folder in sorted(self.sets.items())}


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationImage:
    """An evaluation image's codes, plain, mirrored and trimmed; without codes where it cannot be read."""

    set: str
    image: str  # path within the set
    sha256: str
    phash: str  # "" where the image is unreadable: a hole in the audit's recall, and counted as such
    phash16: str
    weak: float
    mirror_phash: str
    mirror_phash16: str
    trim_phash: str = ""  # of what is left without its uniform borders; "" where it has none
    trim_phash16: str = ""
    trim_weak: float = 0.0


def images(name: str, folder: Path) -> list[Path]:
    """The image files below a set's folder, sorted; a `UserError` where there are none."""
    if not folder.is_dir():
        raise UserError(f"[audit.sets] {name}: {folder} is not a folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise UserError(f"[audit.sets] {name}: no image lies in {folder} ({', '.join(SUFFIXES)})")
    return found


def read(name: str, folder: Path, paths: Iterable[Path], config: CrawlConfig) -> Iterator[EvaluationImage]:
    """The codes of some of a set's images, made on the very path that crawled images take.

    Images stored raw have no codes, but these do: other tables may be audited against them.
    """
    decoding = replace(config, store="resized") if config.store == "raw" else config
    for path in paths:
        body = path.read_bytes()
        yield describe(name, path.relative_to(folder).as_posix(), body, decoding)


def describe(name: str, image: str, body: bytes, config: CrawlConfig) -> EvaluationImage:
    """The codes of one evaluation image."""
    digest = sha256(body).hexdigest()
    try:
        decoded = decode(body, config)
    except ImageError:
        return EvaluationImage(
            set=name,
            image=image,
            sha256=digest,
            phash="",
            phash16="",
            weak=0.0,
            mirror_phash="",
            mirror_phash16="",
        )
    with Pillow.open(BytesIO(decoded.stored)) as stored:
        mirrored = codes(ImageOps.mirror(stored))
        luma = np.array(stored.convert("L"))
    inside = trimmed(luma)
    bare = None if inside is luma else codes_of(np.ascontiguousarray(inside))
    return EvaluationImage(
        set=name,
        image=image,
        sha256=digest,
        phash=decoded.phash,
        phash16=decoded.phash16,
        weak=decoded.weak,
        mirror_phash=mirrored.phash,
        mirror_phash16=mirrored.phash16,
        trim_phash=bare.phash if bare else "",
        trim_phash16=bare.phash16 if bare else "",
        trim_weak=bare.weak if bare else 0.0,
    )


def check_readable(known: Sequence[EvaluationImage], names: Iterable[str]) -> None:
    """A `RunError` for a set without one readable image: an audit against it would find nothing, and lie."""
    readable = {item.set for item in known if item.phash}
    for name in names:
        if name not in readable:
            raise RunError(f"[audit.sets] {name}: not one of its images can be read")


class Coded(Protocol):
    """What of a training image is looked up: an `Image`, or a row of a shard's table."""

    @property
    def sha256(self) -> str: ...
    @property
    def phash(self) -> str: ...
    @property
    def phash16(self) -> str: ...
    @property
    def weak(self) -> float: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A training image that is near an evaluation image, and how that was seen."""

    set: str
    image: str
    distance: int  # bits of 256; 0 for equal bytes
    method: str  # exact, plain, mirror or trim

    def __str__(self) -> str:
        return f"{self.set}/{self.image} {self.distance} {self.method}"


class Evaluation:
    """All evaluation sets, to look images up in."""

    def __init__(self, known: Sequence[EvaluationImage], config: AuditConfig) -> None:
        self._config = config
        self._by_sha: dict[str, list[EvaluationImage]] = {}
        for item in known:
            self._by_sha.setdefault(item.sha256, []).append(item)
        self._coded = [item for item in known if item.phash and item.weak <= config.max_weak]
        bordered = [item for item in self._coded if item.trim_phash and item.trim_weak <= config.max_weak]
        self._indexes = (
            ("plain", self._coded, _index((item.phash, item.phash16) for item in self._coded)),
            ("mirror", self._coded, _index((item.mirror_phash, item.mirror_phash16) for item in self._coded)),
            ("trim", bordered, _index((item.trim_phash, item.trim_phash16) for item in bordered)),
        )

    def copies(self, image: Coded) -> list[Copy]:
        """The evaluation images that `image` is a copy of, each once: equal bytes first, then the nearest."""
        found = {
            (item.set, item.image): Copy(set=item.set, image=item.image, distance=0, method="exact")
            for item in self._by_sha.get(image.sha256, [])
        }
        if image.phash16 and image.weak <= self._config.max_weak:
            for method, items, index in self._indexes:
                for match in index.near(
                    image.phash, image.phash16, distance8=DISTANCE8, distance=self._config.distance
                ):
                    item = items[match.row]
                    copy = Copy(set=item.set, image=item.image, distance=match.distance, method=method)
                    found.setdefault((item.set, item.image), copy)
        rank = {"exact": 0, "plain": 1, "mirror": 2, "trim": 3}
        return sorted(
            found.values(), key=lambda copy: (rank[copy.method], copy.distance, copy.set, copy.image)
        )


def _index(codes: Iterable[tuple[str, str]]) -> Index:
    listed = list(codes)
    return Index([phash for phash, _ in listed], [phash16 for _, phash16 in listed])
