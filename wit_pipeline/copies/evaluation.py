"""Evaluation sets as codes: what no training image may be a copy of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies import any_format, picture_sets
from wit_pipeline.copies.picture_sets import Picture, Survey
from wit_pipeline.copies.sightings import WIDEST
from wit_pipeline.pictures.codes import FLAT, NO_CODES, codes_of
from wit_pipeline.pictures.grey import grey
from wit_pipeline.pictures.image import ImageError, seen
from wit_pipeline.pictures.trim import codes_inside
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.store import given


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditConfig:
    """The recipe's `[audit]`: the evaluation sets, and how near is a copy."""

    sets: Mapping[str, str] = how(default_factory=dict)  # name -> folder, archive, or pattern of archives
    fdr: float = 0.01  # of a set's copies, the share that may be there by chance: decoys tell
    distances: Mapping[str, int] = field(default_factory=dict)  # name -> bits of 256, instead of by decoys
    max_weak: float = FLAT  # share of weak coefficients above which an image is flat: exact copies only
    detector: str = how("")  # a trained detector.onnx that looks for copies too
    pairs_kept: int = 50  # of an evaluation image, the nearest; what is cut is counted
    pairs_shown: int = 50  # side by side in the report, for each set

    def __post_init__(self) -> None:
        if not 0 < self.fdr < 1:
            raise ValueError(f"fdr is a share between 0 and 1, found {self.fdr}")
        for name, bits in self.distances.items():
            if name not in self.sets:
                raise ValueError(f"distances: {name} is none of the sets, which are {', '.join(self.sets)}")
            if not -1 <= bits <= WIDEST:
                raise ValueError(f"distances: {name} is 0 to {WIDEST} bits, -1 for equal bytes; found {bits}")
        if self.pairs_kept < 1:
            raise ValueError(f"pairs_kept is 1 or more, found {self.pairs_kept}")

    def pictures(self, name: str) -> list[Picture]:
        """All images of a set; a `UserError` where there is none."""
        return picture_sets.pictures(f"[audit.sets] {name}", given(self.sets[name]))

    def survey(self, name: str) -> Survey:
        """What of a set is read, and what is not; a `UserError` where nothing is."""
        return picture_sets.survey(f"[audit.sets] {name}", given(self.sets[name]))

    def files(self, name: str) -> list[Path]:
        """The files that hold a set; a `UserError` where it is not there."""
        return picture_sets.files_of(f"[audit.sets] {name}", given(self.sets[name]))

    def named_sets(self) -> dict[str, Path]:
        """The sets in order of name."""
        return {name: given(place) for name, place in sorted(self.sets.items())}


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationImage:
    """An evaluation image's codes; without any where it cannot be read."""

    set: str
    image: str  # name within the set
    sha256: str
    phash: str  # "" where the image is unreadable: a hole in the audit's recall, and counted as such
    phash16: str
    weak: float
    mirror_phash: str  # of its mirror image
    mirror_phash16: str
    trim_phash: str = ""  # of what is left without its uniform borders; "" where it has none
    trim_phash16: str = ""
    trim_mirror_phash: str = ""
    trim_mirror_phash16: str = ""
    views: bytes = b""  # a detector's descriptors of it, turned and mirrored (`views`): float16 [views, dims]


class Describer(Protocol):
    """What is asked of a trained detector."""

    digest: str  # of its file
    dims: int  # of a descriptor
    trusted: float  # cosine from which chance is expected below 1e-9 a pair

    def prepare(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def describe(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]: ...


def read(
    name: str, found: Sequence[Picture], config: CrawlConfig, detector: Describer | None = None
) -> Iterator[EvaluationImage]:
    """The codes of some of a set's images, made on the very path that crawled images take.

    Images stored raw have no codes, but these do: other tables may be audited against them. They may be of
    any format that Pillow reads, whatever a crawl takes.
    """
    for item, body in picture_sets.read(found):
        yield describe(name, item.name, body, config, detector)


def describe(
    name: str, image: str, body: bytes, config: CrawlConfig, detector: Describer | None = None
) -> EvaluationImage:
    """The codes of one evaluation image."""
    known = EvaluationImage(
        set=name,
        image=image,
        sha256=sha256(body).hexdigest(),
        phash="",
        phash16="",
        weak=0.0,
        mirror_phash="",
        mirror_phash16="",
    )
    try:
        decoded = any_format.decode_any(body, any_format.decoding(config))
    except ImageError:
        return known
    pixels = seen(decoded.stored)
    turned = np.ascontiguousarray(grey(pixels)[:, ::-1])
    mirror = codes_of(turned)
    inside = codes_inside(turned) if decoded.trim_phash else NO_CODES
    return replace(
        known,
        phash=decoded.phash,
        phash16=decoded.phash16,
        weak=decoded.weak,
        mirror_phash=mirror.phash,
        mirror_phash16=mirror.phash16,
        trim_phash=decoded.trim_phash,
        trim_phash16=decoded.trim_phash16,
        trim_mirror_phash=inside.phash,
        trim_mirror_phash16=inside.phash16,
        views=view_bytes(pixels, detector) if detector else b"",
    )


def check_readable(known: Sequence[EvaluationImage], names: Iterable[str]) -> None:
    """A `RunError` for a set without one readable image: an audit against it would find nothing, and lie."""
    readable = {item.set for item in known if item.phash}
    for name in names:
        if name not in readable:
            raise RunError(f"[audit.sets] {name}: not one of its images can be read")


def view_bytes(pixels: NDArray[np.uint8], detector: Describer) -> bytes:
    """A detector's descriptors of a picture (rows, columns, 1 or 3) in each of its `views`, as float16."""
    square = detector.prepare(rgb(pixels))
    return detector.describe(np.stack(views(square))).astype(np.float16).tobytes()


def views(square: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A square (side, side, 3) in its four quarter turns, and its mirror image in its four: the decoys."""
    return [np.rot90(side, turns) for side in (square, square[:, ::-1]) for turns in range(4)]


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(rows, columns, 1 or 3) as (rows, columns, 3)."""
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)
