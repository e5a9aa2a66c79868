"""Rows that must meet: dealt to buckets as bytes, which is what crosses a shuffle, and gathered there.

Two rows meet where a number of theirs is equal; which number, the first functions say. A number of 64 bits
may be equal by chance: rows that meet are compared by all that counts, so chance costs time and no verdict.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.self_join import LINK, Rows, dealt, rooted, runs

Values = Callable[[Rows], NDArray[np.uint64]]  # of rows: those that are equal meet


def of_bytes(rows: Rows) -> NDArray[np.uint64]:
    """What images of equal bytes share."""
    values: NDArray[np.uint64] = rows["sha256"][:, 0]
    return values


def of_codes(rows: Rows) -> NDArray[np.uint64]:
    """What images of equal codes share."""
    values: NDArray[np.uint64] = rows["phash16"][:, 0] ^ rows["inside"][:, 1]
    return values


def of_image(rows: Rows) -> NDArray[np.uint64]:
    """What the rows of one image share."""
    values: NDArray[np.uint64] = rows["low"]
    return values


def of_node(links: Rows) -> NDArray[np.uint64]:
    """The image that a link is of."""
    return of_image(links["node"])


def of_root(members: Rows) -> NDArray[np.uint64]:
    """What the members of one component share."""
    return of_image(members["root"])


def of_kept(verdicts: Rows) -> NDArray[np.uint64]:
    """The image that a verdict names."""
    return of_image(verdicts["kept"])


def deal(rows: Rows, values: Values, count: int) -> Iterator[tuple[int, bytes]]:
    """(bucket, bytes) of some rows, for `count` buckets."""
    return ((bucket, some.tobytes()) for bucket, some in dealt(rows, values(rows), count))


def gathered(
    dtypes: Sequence[np.dtype[Any]], _: int, blobs: Mapping[int, Iterable[bytes]]
) -> tuple[Rows, ...]:
    """The arrays of one bucket, one of each side; of a side that sent nothing, an empty one."""
    return tuple(np.frombuffer(b"".join(blobs[side]), dtype) for side, dtype in enumerate(dtypes))


def by_part(verdicts: Rows) -> Iterator[tuple[int, bytes]]:
    """(part, bytes) of the verdicts on each part's images."""
    for some in runs(verdicts["part"]):
        yield int(verdicts["part"][some[0]]), verdicts[some].tobytes()


def united(held: Sequence[Rows]) -> Rows:
    """The smaller graph of several of `LINK`: one link a node at most."""
    return rooted(np.concatenate([np.empty(0, LINK), *held]))


def fewer(held: list[Rows], most: int) -> list[Rows]:
    """Links, made fewer where those that came are above `most`, and above what the first array has.

    It is sorting, so it waits until what is held has doubled: a link is sorted about once for each doubling.
    """
    more = sum(map(len, held[1:]))
    return [united(held)] if more > max(most, len(held[0])) else held
