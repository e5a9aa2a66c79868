"""Codes as words of 64 bits, and the bits between them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.nearest import Words


def phash_word(phash: str) -> int:
    """16 hex digits as the whole number they write."""
    return int(phash, 16)


def phash_words(phashes: Sequence[str]) -> Words:
    """Codes of 16 hex digits as uint64 [codes, 1]."""
    return np.array([phash_word(phash) for phash in phashes], np.uint64).reshape(-1, 1)


def phash16_words(phash16: Sequence[str]) -> Words:
    """Codes of 64 hex digits as uint64 [codes, 4]."""
    joined = bytes.fromhex("".join(phash16))
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64).reshape(-1, 4)


def distances16(one: Words, other: Words) -> NDArray[np.int64]:
    """Bits between each of some phash16 codes and each of others, [one, other]."""
    bits: NDArray[np.int64] = np.bitwise_count(one[:, None] ^ other[None]).sum(axis=2, dtype=np.int64)
    return bits
