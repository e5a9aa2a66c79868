"""One image per picture: equal bytes, then near-duplicates; the result does not depend on any order.

An image keeps all its texts here, and they share its fate; `balance` joins them. The copy that stays is the
largest as fetched; among equals the one whose caption names the most queries; among those the one with the
smallest key. Every other names the one that stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_pipeline.copies.self_join import CODE, Rows, bands_for
from wit_pipeline.copies.sightings import Sighting
from wit_pipeline.pictures.codes import FLAT
from wit_pipeline.text.texts import by_image
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.records import Pair, Reason, Reject, reject

STAGE = "dedup"


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupConfig:
    """The recipe's `[dedup]`."""

    near: bool = True  # near-duplicates too, not only equal bytes
    near_distance: int = 32  # bits of 256; the widest at which 4e8 images do not chain together unverified
    drawn_distance: int = 16  # the same of a picture of few greys: texts and charts lie nearer to others
    drawn: float = (
        4.0  # bits of entropy, 0 to 8, below which its greys are few: 19 of 20 photographs lie above
    )
    mirrored: bool = True  # a picture's mirror image is a copy of it
    max_weak: float = FLAT  # share of weak coefficients above which an image is flat: equal bytes only
    evaluation: Literal["drop", "flag", "keep"] = "flag"  # copies of evaluation images
    per_caption: int = 1000  # images that share one caption; 0: any number

    def __post_init__(self) -> None:
        if self.per_caption < 0:
            raise ValueError(f"per_caption is 1 or more, or 0 for no limit, found {self.per_caption}")
        if not 0 <= self.near_distance <= 64:
            raise ValueError(
                f"near_distance is 0 to 64 bits (above, images chain), found {self.near_distance}"
            )
        if not 0 <= self.drawn_distance <= 64:
            raise ValueError(f"drawn_distance is 0 to 64 bits, found {self.drawn_distance}")
        if not 0 <= self.drawn <= 8:
            raise ValueError(f"drawn is 0 to 8 bits of entropy, found {self.drawn}")

    def reach(self, entropy: float) -> int:
        """Bits of 256 within which an image of so much entropy is compared."""
        return min(self.near_distance, self.drawn_distance) if entropy < self.drawn else self.near_distance

    @property
    def bands(self) -> int:
        """How many bands images are compared by."""
        return bands_for(self.near_distance)


COLUMNS = (
    *("key", "url", "queries", "sha256", "phash16", "trim_phash16", "weak", "entropy"),
    *("original_width", "original_height"),
)


def read_codes(path: Path, part: int, config: DedupConfig) -> Rows:
    """A row of `CODE` for each image of a part, however many texts it has; a URL's pairs must be all there.

    Flat images and those stored undecoded are not `coded`: nothing but equal bytes makes copies of them.
    """
    table = rows.table(path, COLUMNS)
    made = np.zeros(len(table), CODE)
    key = _words(table["key"], 2)
    made["high"], made["low"], made["part"] = key[:, 0], key[:, 1], part
    pixels = table["original_width"].to_numpy() * table["original_height"].to_numpy()
    made["pixels"] = np.minimum(pixels, np.iinfo(np.uint32).max)
    made["queries"] = np.minimum(pc.list_value_length(table["queries"]).to_numpy(), np.iinfo(np.uint16).max)
    made["sha256"] = _words(table["sha256"], 4)[:, :2]
    has_codes, bordered = (
        pc.not_equal(table[name], "").to_numpy(zero_copy_only=False) for name in ("phash16", "trim_phash16")
    )
    made["phash16"] = _words(table["phash16"], 4)
    made["inside"] = np.where(bordered[:, None], _words(table["trim_phash16"], 4), made["phash16"])
    made["reach"] = [config.reach(entropy) for entropy in table["entropy"].to_pylist()]
    made["coded"] = config.near & has_codes & (table["weak"].to_numpy() <= config.max_weak)
    urls = table["url"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((made["low"], made["high"], ~made["queries"], urls))  # a URL's caption first
    first = np.ones(len(made), bool)
    first[1:] = np.diff(urls[order]) != 0
    return made[np.sort(order[first])]


def _words(column: pa.ChunkedArray, count: int) -> NDArray[np.uint64]:
    """Hex digits as uint64 [rows, count]; zeros where there are none."""
    digits = "".join(text or "0" * 16 * count for text in column.to_pylist())
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64).reshape(-1, count)


class Verdict(NamedTuple):
    """An image that goes, why, and the one that stays in its place, both by their captions' pairs."""

    key: str
    reason: str
    kept: str
    distance: int  # bits of 256 between the two


def verdicts_of(found: Rows) -> Iterator[Verdict]:
    """Rows of `VERDICT` as records, in order of their keys."""
    for row in found[np.lexsort((found["low"], found["high"]))]:
        reason = Reason.NEAR_DUPLICATE if row["near"] else Reason.DUPLICATE
        yield Verdict(_hex(row), reason, _hex(row["kept"]), int(row["bits"]))


def _hex(key: Any) -> str:
    return f"{int(key['high']):016x}{int(key['low']):016x}"


def judge(
    pairs: Iterable[Pair],
    verdicts: Mapping[str, Verdict],
    copies: Mapping[str, Sequence[Sighting]],
    config: DedupConfig,
) -> Iterator[Pair | Reject]:
    """Each pair, flagged where it is a copy of an evaluation image, or the Reject that names what stays.

    `copies` are by the pair that is an image's caption, nearest first. All texts of an image share its fate;
    a URL's pairs must be all there.
    """
    for first, *others in by_image(pairs).values():
        verdict = verdicts.get(first.key)
        found = () if config.evaluation == "keep" else copies.get(first.key, ())
        yield from (judge_pair(pair, verdict, found, config) for pair in (first, *others))


def judge_pair(
    pair: Pair, verdict: Verdict | None, copies: Sequence[Sighting], config: DedupConfig
) -> Pair | Reject:
    """One pair of an image on which there is a verdict, or none."""
    if verdict is not None:
        detail = f"kept {verdict.kept}, {verdict.distance} of 256 bits away"
        return reject(pair.candidate, STAGE, Reason(verdict.reason), detail)
    if copies and config.evaluation == "drop":
        return reject(pair.candidate, STAGE, Reason.EVALUATION_COPY, str(copies[0]))
    return replace(pair, evaluation=tuple(map(str, copies)))
