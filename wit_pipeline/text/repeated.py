"""A caption that very many images share says nothing of any of them: some of these stay, drawn by hash.

Images are counted after their copies are gone, and each with each of its texts. Captions are one where case
and blanks alone tell them apart.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.records import Pair, Reason, Reject, reject

CAPTION = np.dtype([("caption", "u8"), ("draw", "u8")])
Rows = NDArray[np.void]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class CaptionLimit:
    """A caption of too many images, and the draw below which an image's is when it stays."""

    caption: int  # `number_of` it
    images: int
    limit: int


def number_of(caption: str) -> int:
    """A caption's number in [0, 2^62)."""
    return draw(" ".join(caption.casefold().split()), seed=0, purpose="dedup:caption")


def drawn(judged: Iterable[Pair | Reject], seed: int) -> Rows:
    """A row of `CAPTION` for each pair."""
    pairs = (item for item in judged if isinstance(item, Pair))
    return np.array([(number_of(pair.candidate.caption), _draw(pair.key, seed)) for pair in pairs], CAPTION)


def _draw(key: str, seed: int) -> int:
    return draw(key, seed=seed, purpose="dedup:repeated")


def limits(rows: Rows, most: int) -> Iterator[CaptionLimit]:
    """The limits of the captions of more than `most` images; all rows of a caption must be there."""
    rows = rows[np.lexsort((rows["draw"], rows["caption"]))]
    starts = np.flatnonzero(np.diff(rows["caption"], prepend=rows["caption"][:1] + np.uint64(1)))
    counts = np.diff(starts, append=len(rows))
    for start, images in zip(starts[counts > most].tolist(), counts[counts > most].tolist(), strict=True):
        caption, beyond = rows[start + most].tolist()
        yield CaptionLimit(caption=caption, images=images, limit=beyond)


def judge(
    judged: Iterable[Pair | Reject], known: Mapping[int, CaptionLimit], stage: str, most: int, seed: int
) -> Iterator[Pair | Reject]:
    """What another rule has judged, with Rejects in place of the pairs that did not draw low enough."""
    for item in judged:
        limit = known.get(number_of(item.candidate.caption)) if known and isinstance(item, Pair) else None
        if limit is None or isinstance(item, Reject) or _draw(item.key, seed) < limit.limit:
            yield item
        else:
            detail = f"one of {limit.images} images with this caption, of which {most} stay"
            yield reject(item.candidate, stage, Reason.REPEATED_CAPTION, detail)
