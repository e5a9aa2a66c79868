"""The nearest of many perceptual codes, exactly: every one is compared, 8 bytes at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.vocabulary.compiled import compiled, inlined

# Compiled code holds these. The bits of a word, added up in pairs, fours, eights, and then by a product.
ONES, TWOS, FOURS, BYTES = (
    np.uint64(0x5555555555555555),
    np.uint64(0x3333333333333333),
    np.uint64(0x0F0F0F0F0F0F0F0F),
    np.uint64(0x0101010101010101),
)
ONE, TWO, FOUR, TOP = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
NONE, MOST = np.uint64(0), np.uint64(256)


def words(code: bytes) -> NDArray[np.uint64]:
    """A code as 64-bit words."""
    return np.frombuffer(code, np.uint64)


class Near:
    """Codes of one length, each with the bits by which others may differ from it: 8 bytes a word, and 1."""

    def __init__(self, codes: bytes | bytearray, size: int, bits: bytes | bytearray) -> None:
        self._codes: NDArray[np.uint64] = np.frombuffer(codes, np.uint64).reshape(-1, size // 8)
        self._bits: NDArray[np.uint8] = np.frombuffer(bits, np.uint8)

    def __len__(self) -> int:
        return len(self._bits)

    @property
    def nbytes(self) -> int:
        return self._codes.nbytes + self._bits.nbytes

    def nearest(self, code: bytes) -> tuple[bytes, int] | None:
        """The nearest entry that a code is near enough to, and by how many bits they differ; None of none."""
        place, bits = _nearest(self._codes, self._bits, words(code))
        return (self._codes[place].tobytes(), int(bits)) if place >= 0 else None


@inlined
def _bits(word: Any) -> Any:
    word = word - ((word >> ONE) & ONES)
    word = (word & TWOS) + ((word >> TWO) & TWOS)
    return (((word + (word >> FOUR)) & FOURS) * BYTES) >> TOP


def _nearest_of(codes: Any, bits: Any, code: Any) -> Any:
    best, least = -1, MOST
    half = (len(code) + 1) // 2
    for i in range(len(codes)):
        apart = NONE
        for j in range(half):
            apart += _bits(codes[i, j] ^ code[j])
        if apart > bits[i]:  # as half of a code tells of nearly all
            continue
        for j in range(half, len(code)):
            apart += _bits(codes[i, j] ^ code[j])
        if apart <= bits[i] and apart < least:
            best, least = i, apart
    return best, least


_nearest = compiled(_nearest_of)
