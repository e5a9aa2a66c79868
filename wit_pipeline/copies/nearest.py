"""Exact lookup of codes within some bits of others: bands where they save work, a scan where they do not.

Two codes within r bits of each other, cut into m bands, are near on at least one: with r = m·a + b, within a
bits on one of the first b + 1 bands, or within a - 1 bits on one of the others. Were they on none, they would
differ in (b + 1)(a + 1) + (m - b - 1)·a = r + 1 bits. So the codes lie sorted by the value of each band, and
a query looks up every value near its own. Every match is found; the prices below decide only how fast.
"""

from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.compiled import compiled

Words = NDArray[np.uint64]  # [codes, words of 64 bits]

# Compiled code holds the numbers below: they stay in this file.
BAND_BITS = 16
VALUES = 1 << BAND_BITS  # of a band: with some millions of codes, tens of codes to each
WORD_BANDS = 64 // BAND_BITS
MOST = 1 << 32  # codes of an index: a match is packed as distance and row
BLOCK = 1024  # codes compared before any is looked at: such loops become vector instructions
TOP, LOW = np.uint64(48), np.uint64(VALUES - 1)
PAIRS, NIBBLES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
BYTES, ONES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
U1, U2, U4, U56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)

# In steps of a scan, 0.7 ns each. A candidate waits for memory, and real codes crowd.
PROBE = 30
CANDIDATE = 20

freely = partial(compiled, nogil=True)
inlined = partial(compiled, inline="always")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The matches of some queries, one query's after another's; each query's nearest first, then by row."""

    starts: NDArray[np.int64]  # [queries + 1]: query q's matches are starts[q] up to starts[q + 1]
    rows: NDArray[np.int64]  # of the index
    distances: NDArray[np.int64]  # bits; between the second codes where there are any
    cut: NDArray[np.int64]  # [queries]: how many more there are, as far away or farther

    def of(self, query: int) -> list[tuple[int, int]]:
        """(distance, row) of each match of a query."""
        here = slice(self.starts[query], self.starts[query + 1])
        return list(zip(self.distances[here].tolist(), self.rows[here].tolist(), strict=True))


class Nearest:
    """Codes of 64·k bits to look others up in; 24 bytes for each 64 bits, and 4 MB.

    Given `second` codes, one for each code, a match is near in both: the first find candidates, the second
    judge them, and the distance of a match is theirs.
    """

    def __init__(self, codes: Words, second: Words | None = None) -> None:
        assert len(codes) < MOST, f"an index holds fewer than {MOST} codes, found {len(codes)}"
        assert second is None or len(second) == len(codes), "there is a second code for each code"
        self._codes = shuffled(codes)
        self._second = _none(len(codes)) if second is None else np.ascontiguousarray(second)
        self._judged = second is not None
        self._bands: tuple[NDArray[np.int64], NDArray[np.uint32]] | None = None  # made where first needed

    def __len__(self) -> int:
        return len(self._codes)

    def within(
        self,
        queries: Words,
        radius: int,
        *,
        second: Words | None = None,
        second_radius: int = 0,
        cap: int | None = None,
    ) -> Found:
        """The codes within `radius` bits of each query, their second ones within `second_radius` of its own.

        Of a query with more than `cap` matches the nearest come back, the others as a number.
        """
        assert self._judged == (second is not None), "both have second codes, index and queries, or neither"
        asked = shuffled(queries)
        also = _none(len(asked)) if second is None else np.ascontiguousarray(second)
        limits = (radius, second_radius, len(self) if cap is None else cap)
        if is_banded(len(self), self._codes.shape[1], radius):
            starts, rows = self._sorted()
            masks, radii, ends = probes(self._codes.shape[1] * WORD_BANDS, radius)
            how = (starts, rows, masks, radii, ends)
            first, packed, cut = _look_up(self._codes, self._second, asked, also, *how, *limits)
        else:
            first, packed, cut = _scan(self._codes, self._second, asked, also, *limits)
        return Found(starts=first, rows=packed & (MOST - 1), distances=packed >> 32, cut=cut)

    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        if self._bands is None:
            bands = self._codes.shape[1] * WORD_BANDS
            starts = np.zeros((bands, VALUES + 1), np.int64)
            rows = np.empty((bands, len(self)), np.uint32)
            for band in range(bands):
                word, place = divmod(band, WORD_BANDS)
                values = (self._codes[:, word] >> np.uint64(48 - BAND_BITS * place) & LOW).astype(np.uint16)
                np.cumsum(np.bincount(values, minlength=VALUES), out=starts[band, 1:])
                rows[band] = np.argsort(values, kind="stable")
            self._bands = (starts, rows)
        return self._bands


def _none(count: int) -> Words:
    return np.zeros((count, 0), np.uint64)


def band_radii(bands: int, radius: int) -> list[int]:
    """How near, in bits, each band's value is looked up; -1 where it need not be."""
    each, rest = divmod(radius, bands)
    return [each if band <= rest else each - 1 for band in range(bands)]


def is_banded(codes: int, words: int, radius: int) -> bool:
    """Whether bands are expected to be faster than a scan."""
    radii = band_radii(words * WORD_BANDS, radius)
    values = sum(comb(BAND_BITS, bits) for most in radii for bits in range(most + 1))
    return values * (PROBE + CANDIDATE * codes / VALUES) < codes * words


@cache
def probes(bands: int, radius: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """What to turn over in a band's value, few bits first; each band's radius; how many of them it takes."""
    radii = band_radii(bands, radius)
    masks, sizes = [], []
    for bits in range(max(radii) + 1):
        masks += [sum(1 << bit for bit in chosen) for chosen in combinations(range(BAND_BITS), bits)]
        sizes.append(len(masks))
    ends = [sizes[most] if most >= 0 else 0 for most in radii]
    return np.array(masks, np.int64), np.array(radii, np.int64), np.array(ends, np.int64)


@cache
def bit_order(bits: int) -> tuple[int, ...]:
    """A fixed permutation: neighbours in a DCT block are correlated, the bits of a random band are not."""
    return tuple(sorted(range(bits), key=lambda bit: draw(str(bit), seed=0, purpose="neardup:bits")))


def shuffled(codes: Words) -> Words:
    """Codes with their bits in `bit_order`, first bit highest; distances stay what they are."""
    order = np.array(bit_order(codes.shape[1] * 64), np.intp)
    made = np.empty(codes.shape, np.uint64)
    for first in range(0, len(codes), VALUES):
        octets = np.ascontiguousarray(codes[first : first + VALUES], ">u8").view(np.uint8)
        bits = np.unpackbits(octets, axis=1)[:, order]
        made[first : first + VALUES] = np.packbits(bits.reshape(-1)).view(">u8").reshape(-1, codes.shape[1])
    return made


@inlined
def ones(word):  # type: ignore[no-untyped-def]
    """The bits set; compilers know this text and make one instruction of it."""
    word = word - ((word >> U1) & PAIRS)
    word = (word & NIBBLES) + ((word >> U2) & NIBBLES)
    word = (word + (word >> U4)) & BYTES
    return np.int64((word * ONES) >> U56)


@inlined
def _between(codes, row, queries, query):  # type: ignore[no-untyped-def]
    bits = 0
    for word in range(codes.shape[1]):
        bits += ones(codes[row, word] ^ queries[query, word])
    return bits


@inlined
def _value(codes, row, band):  # type: ignore[no-untyped-def]
    return np.int64((codes[row, band // 4] >> np.uint64(48 - 16 * (band % 4))) & LOW)


@inlined
def _met_before(codes, row, queries, query, radii, band):  # type: ignore[no-untyped-def]
    """Whether an earlier band has found this match."""
    for earlier in range(band):
        apart = _value(codes, row, earlier) ^ _value(queries, query, earlier)
        if ones(np.uint64(apart)) <= radii[earlier]:
            return True
    return False


@inlined
def _doubled(packed, count):  # type: ignore[no-untyped-def]
    if count < len(packed):
        return packed
    larger = np.empty(2 * len(packed), np.int64)
    larger[:count] = packed
    return larger


# The end of the loop stands here and in `_scan`: as one inlined function it makes scans 8 to 17 % slower.
@freely
def _look_up(codes, second, queries, also, starts, rows, masks, radii, ends, radius, second_radius, cap):  # type: ignore[no-untyped-def]
    first, cut = np.zeros(len(queries) + 1, np.int64), np.zeros(len(queries), np.int64)
    packed, count = np.empty(BLOCK, np.int64), 0
    for query in range(len(queries)):
        for band in range(len(ends)):
            own = _value(queries, query, band)
            for mask in masks[: ends[band]]:
                value = own ^ mask
                for at in range(starts[band, value], starts[band, value + 1]):
                    row = np.int64(rows[band, at])
                    bits = _between(codes, row, queries, query)
                    if bits > radius or _met_before(codes, row, queries, query, radii, band):
                        continue
                    if second.shape[1] > 0:
                        bits = _between(second, row, also, query)
                        if bits > second_radius:
                            continue
                    packed = _doubled(packed, count)
                    packed[count] = bits << 32 | row
                    count += 1
        count = _capped(packed, first, cut, query, count, cap)
    return first, packed[:count].copy(), cut


@freely
def _scan(codes, second, queries, also, radius, second_radius, cap):  # type: ignore[no-untyped-def]
    first, cut = np.zeros(len(queries) + 1, np.int64), np.zeros(len(queries), np.int64)
    packed, count = np.empty(BLOCK, np.int64), 0
    apart = np.empty(BLOCK, np.int64)
    for query in range(len(queries)):
        for begin in range(0, len(codes), BLOCK):
            block = codes[begin : begin + BLOCK]
            _apart(block, queries[query], apart)
            for at in range(len(block)):
                bits, row = apart[at], begin + at
                if bits > radius:
                    continue
                if second.shape[1] > 0:
                    bits = _between(second, row, also, query)
                    if bits > second_radius:
                        continue
                packed = _doubled(packed, count)
                packed[count] = bits << 32 | row
                count += 1
        count = _capped(packed, first, cut, query, count, cap)
    return first, packed[:count].copy(), cut


@freely
def _apart(block, query, apart):  # type: ignore[no-untyped-def]
    if block.shape[1] == 1:
        flat, own = block.reshape(-1), query[0]
        for at in range(len(flat)):
            apart[at] = ones(flat[at] ^ own)
        return
    for at in range(len(block)):
        bits = 0
        for word in range(block.shape[1]):
            bits += ones(block[at, word] ^ query[word])
        apart[at] = bits


@freely
def _capped(packed, first, cut, query, count, cap):  # type: ignore[no-untyped-def]
    """How many matches there are after a query's were sorted and the farthest cut."""
    begin = first[query]
    packed[begin:count].sort()
    kept = min(count - begin, cap)
    cut[query] = count - begin - kept
    first[query + 1] = begin + kept
    return begin + kept
