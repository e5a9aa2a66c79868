"""Which images of a set are copies of which others: rules on arrays of thin rows, a bucket of them at a time.

    collapsed    equal bytes, then equal codes: one row of each group goes on
    faces        what is compared of an image: its code, and that of what is inside its borders
    near         pairs of faces that share a band, and lie within both their images' `reach`
    rooted       the connected components of such pairs
    chosen       which of a component stay: every other lies near the one that it names
    followed     verdicts that name an image which itself goes name what stays in its place

The rows that a rule must see together are in one bucket: `dealt` says which. The result depends on no order
and on no number of buckets.

Two images are as far apart as the nearest of their faces, plain or mirrored. A phash16 has a bit for each
cosine of a picture; its mirror image's cosines of odd columns change their sign, and no other does. So the
bits of odd columns stand by themselves, and of a mirrored pair those count that are equal. That is the mirror
image's own code to some 6 bits, as the median is not quite 0: 32 bits hold it for 998 of 1,000 photographs.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.nearest import BAND_BITS, WORD_BANDS, bit_order, ones
from wit_pipeline.vocabulary.compiled import compiled, inlined

Rows = NDArray[np.void]
Order = NDArray[np.int64]

# Of a sha256 the first half: that one pair of 4e8 images shares it by chance has odds of 1 in 1e21.
KEY = [("high", "u8"), ("low", "u8")]  # of the pair that is an image's caption, as it sorts in hex
RANK = [*KEY, ("part", "u4"), ("pixels", "u4"), ("queries", "u2")]
REACH = ("reach", "u1")  # bits of 256 within which an image is compared
LONG = [("phash16", "u8", 4), ("inside", "u8", 4)]  # of the picture, and without borders; equal without any
CODE = np.dtype([*RANK, REACH, ("sha256", "u8", 2), ("coded", "?"), *LONG])
THIN = np.dtype([*RANK, REACH, ("face", "u1"), ("code", "u8", 4)])  # one face; `code` is `arranged`
EDGE = np.dtype([("one", THIN), ("other", THIN)])
LINK = np.dtype([("node", KEY), ("root", KEY)])
MEMBER = np.dtype([("thin", THIN), ("root", KEY)])
VERDICT = np.dtype([*KEY, ("part", "u4"), ("near", "?"), ("bits", "u2"), ("kept", KEY)])

SIDE = 16  # bits of a row of phash16
HALF = 128  # bits of even columns, and of odd ones
MOST_BANDS = 2 * HALF // BAND_BITS
# How many bands images are compared by, and up to which distance. Of all pairs of pictures and their copies
# within that, so many share one: 99.7 % of 24 bits, 98.9 % of 32, 98.0 % of 40, 95 % of 48, 85 % of 64
# (`python -m benchmarks.within`).
BANDS_OF = ((24, 10), (32, 12), (64, MOST_BANDS))
CROWD = 1 << 14  # faces that share a band: more are divided by the other bands, as pairs are compared
LOW = (1 << BAND_BITS) - 1  # compiled code holds the numbers above: they stay in this file
EVEN = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose products have well mixed high bits


def runs(values: NDArray[Any]) -> Iterator[Order]:
    """The places of each value, in order of the values."""
    order = np.argsort(values, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(values[order])) + 1)
    return (group for group in groups if group.size)


def dealt(rows: Rows, values: NDArray[np.uint64], buckets: int) -> Iterator[tuple[int, Rows]]:
    """Each bucket that gets any rows, and those: rows of equal values are in one."""
    # 24 bits of a hash, times the buckets, shifted back: even for any number of buckets below 2^24.
    mixed = values * EVEN >> np.uint64(40)
    where = (mixed * np.uint64(buckets) >> np.uint64(24)).astype(np.int64)
    return ((int(where[group[0]]), rows[group]) for group in runs(where))


def collapsed(rows: Rows, words: NDArray[np.uint64], *, near: bool) -> tuple[Rows, Rows]:
    """Of each group of equal `words` [rows, n] the row that stays, and the verdicts on the others."""
    order = np.lexsort((*_ranked(rows), *words.T))
    first = _new(words[order])
    kept = order[_leaders(first)]
    return rows[order[first]], _verdicts(rows[order[~first]], rows[kept[~first]], near=near, bits=0)


def equal_bytes(rows: Rows) -> tuple[Rows, Rows]:
    """Of images of equal bytes the one that stays, and the verdicts on the others."""
    return collapsed(rows, rows["sha256"], near=False)


def equal_codes(rows: Rows) -> tuple[Rows, Rows]:
    """Of images of equal codes, both of them, the one that stays, and the verdicts on the others."""
    return collapsed(rows, codes(rows), near=True)


def coded_of(rows: Rows) -> Rows:
    """The rows whose codes are compared: the others are copies by equal bytes alone."""
    kept: Rows = rows[rows["coded"]]
    return kept


def _new(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each of some sorted values differs from the one before."""
    first = np.ones(len(values), bool)
    differs = values[1:] != values[:-1]
    first[1:] = differs.any(axis=1) if differs.ndim > 1 else differs
    return first


def _leaders(first: NDArray[np.bool_]) -> Order:
    """Where the first of each row's group stands."""
    leaders: Order = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    return leaders


def _ranked(rows: Rows) -> tuple[NDArray[Any], ...]:
    """Keys of a lexsort that puts the copy that stays first."""
    return rows["low"], rows["high"], ~rows["queries"], ~rows["pixels"]


def _verdicts(rows: Rows, kept: Rows, *, near: bool, bits: Any) -> Rows:
    made = np.empty(len(rows), VERDICT)
    for name in ("high", "low", "part"):
        made[name] = rows[name]
    made["near"], made["bits"], made["kept"] = near, bits, _keys(kept)
    return made


def _keys(rows: Rows) -> Rows:
    made = np.empty(len(rows), KEY)
    made["high"], made["low"] = rows["high"], rows["low"]
    return made


def codes(rows: Rows) -> NDArray[np.uint64]:
    """Both codes [rows, 8]: what equal codes share."""
    return np.hstack([rows["phash16"], rows["inside"]])


def faces(rows: Rows) -> Rows:
    """What is compared of rows of `CODE`: each image's code, and that without borders where it has any."""
    bordered = rows[(rows["inside"] != rows["phash16"]).any(axis=1)]
    made = np.empty(len(rows) + len(bordered), THIN)
    for some, given, face, name in (
        (made[: len(rows)], rows, 0, "phash16"),
        (made[len(rows) :], bordered, 1, "inside"),
    ):
        for field in ("high", "low", "part", "pixels", "queries", "reach"):
            some[field] = given[field]
        some["face"], some["code"] = face, arranged(given[name])
    return made


def arranged(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Codes [n, 4] with the bits of even columns in two words, those of odd ones in two, both shuffled.

    Neighbours in a DCT block are correlated, the bits of a random band are not.
    """
    shuffled = np.array(bit_order(SIDE * SIDE))
    order = np.concatenate([shuffled[shuffled % 2 == 0], shuffled[shuffled % 2 == 1]])
    octets = np.ascontiguousarray(codes, ">u8").view(np.uint8)
    bits = np.ascontiguousarray(np.unpackbits(octets, axis=1)[:, order])
    return np.packbits(bits.reshape(-1)).view(">u8").reshape(-1, 4).astype(np.uint64)


def bands_for(distance: int) -> int:
    """How many bands images are compared by that may lie so far apart."""
    return next(count for most, count in BANDS_OF if distance <= most)


def band_values(rows: Rows, band: int) -> NDArray[np.uint64]:
    """What faces share that are compared because of a band, plain or mirrored.

    Bands are of even and of odd columns in turn. A mirrored picture's odd bits are all turned over: of the
    two the value counts whose first bit is 0.
    """
    word, place = divmod(band // 2, WORD_BANDS)
    shift = np.uint64(BAND_BITS * (WORD_BANDS - 1 - place))
    values: NDArray[np.uint64] = rows["code"][:, 2 * (band % 2) + word] >> shift & np.uint64(LOW)
    return np.minimum(values, LOW - values) if band % 2 else values


def near(rows: Rows, band: int, *, mirrored: bool) -> Rows:
    """The near pairs of which this band is the first that both share, as rows of `EDGE`.

    A crowd is parted by each other band in turn, and a pair counts in the first that it shares: so one that
    shares no second band is lost, where a crowd is, and none else.
    """
    groups = list(runs(band_values(rows, band)))
    whole = np.concatenate([np.empty(0, np.int64), *(group for group in groups if len(group) <= CROWD)])
    found = [_compared(rows, whole, band, band, mirrored=mirrored)]
    for crowd in (group for group in groups if len(group) > CROWD):
        for other in range(MOST_BANDS):
            if other != band:
                order = crowd[np.argsort(band_values(rows[crowd], other), kind="stable")]
                found.append(_compared(rows, order, other, band, mirrored=mirrored))
    pairs = np.concatenate(found)
    made = np.empty(len(pairs), EDGE)
    made["one"], made["other"] = rows[pairs[:, 0]], rows[pairs[:, 1]]
    return made


def _compared(rows: Rows, order: Order, by: int, band: int, *, mirrored: bool) -> NDArray[np.int64]:
    """The near pairs [n, 2] of neighbours in an order that share the band `by`, and none before."""
    some = rows[order]
    given = (np.ascontiguousarray(some[name]) for name in ("low", "reach", "code"))
    found = _close_pairs(*given, band_values(some, by), by, band, mirrored)
    pairs: NDArray[np.int64] = order[found]
    return pairs


@inlined
def _bits(one, other, mirrored):  # type: ignore[no-untyped-def]
    """Bits between two arranged codes, and where `mirrored` between one and the mirror image of the other."""
    even = ones(one[0] ^ other[0]) + ones(one[1] ^ other[1])
    odd = ones(one[2] ^ other[2]) + ones(one[3] ^ other[3])
    return even + (min(odd, HALF - odd) if mirrored else odd)


@inlined
def _share(one, other, band):  # type: ignore[no-untyped-def]
    """Whether two arranged codes share a band, plain or mirrored."""
    word, place = divmod(band // 2, 4)
    at = 2 * (band % 2) + word
    apart = np.int64((one[at] ^ other[at]) >> np.uint64(16 * (3 - place))) & LOW
    return apart == 0 or (band % 2 == 1 and apart == LOW)


@inlined
def _met_before(one, other, by, band):  # type: ignore[no-untyped-def]
    """Whether two faces that share `by`, in what shares `band`, have met in a band or parting before."""
    for before in range(band):
        if _share(one, other, before):
            return True
    if by != band:
        for before in range(band + 1, by):
            if _share(one, other, before):
                return True
    return False


@partial(compiled, nogil=True)
def _close_pairs(images, reach, codes, values, by, band, mirrored):  # type: ignore[no-untyped-def]
    found, count = np.empty((64, 2), np.int64), 0
    for i in range(len(codes)):
        for j in range(i + 1, len(codes)):
            if values[i] != values[j]:
                break
            if _bits(codes[i], codes[j], mirrored) > min(reach[i], reach[j]):
                continue
            if images[i] == images[j] or _met_before(codes[i], codes[j], by, band):
                continue
            if count == len(found):
                larger = np.empty((2 * count, 2), np.int64)
                larger[:count] = found
                found = larger
            found[count, 0], found[count, 1] = i, j
            count += 1
    return found[:count]


def links(edges: Rows) -> Rows:
    """Rows of `EDGE` as rows of `LINK`."""
    made = np.empty(len(edges), LINK)
    made["node"], made["root"] = _keys(edges["one"]), _keys(edges["other"])
    return made


def rooted(pairs: Rows) -> Rows:
    """Each node of a graph but the smallest of its component, linked to that one: a smaller equal graph."""
    keys = np.concatenate([pairs["node"], pairs["root"]])
    order = np.lexsort((keys["low"], keys["high"]))
    first = _new(keys[order])
    nodes = keys[order[first]]
    ids = np.empty(len(keys), np.int64)
    ids[order] = np.cumsum(first) - 1
    roots = _roots(ids[: len(pairs)], ids[len(pairs) :], len(nodes))
    below = np.flatnonzero(roots != np.arange(len(nodes)))
    made = np.empty(len(below), LINK)
    made["node"], made["root"] = nodes[below], nodes[roots[below]]
    return made


@partial(compiled, nogil=True)
def _roots(one, other, count):  # type: ignore[no-untyped-def]
    parent = np.arange(count)
    for i in range(len(one)):
        a, b = one[i], other[i]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    for i in range(count):  # parents are smaller: theirs are roots by now
        parent[i] = parent[parent[i]]
    return parent


def ends(edges: Rows) -> Rows:
    """The rows at either end of some edges, each as often as it is there."""
    return np.concatenate([edges["one"], edges["other"]])


def with_roots(rows: Rows, found: Rows) -> Rows:
    """Rows of `MEMBER`: each face once, with its image's root: itself where no link says another."""
    order = np.lexsort((rows["face"], rows["low"], rows["high"]))
    keys = _keys(rows)[order]
    first = _new(keys) | _new(rows["face"][order])
    made = np.empty(np.count_nonzero(first), MEMBER)
    made["thin"], made["root"] = rows[order[first]], keys[first]
    place, there = _places(keys[first], found["node"])
    made["root"][there] = found["root"][place[there]]
    return made


def _places(wanted: Rows, known: Rows) -> tuple[Order, NDArray[np.bool_]]:
    """Where each key stands among some known ones, and whether it does."""
    both = np.concatenate([known, wanted])
    order = np.lexsort((both["low"], both["high"]))  # stable: a known key stands before those that want it
    place = np.empty(len(both), np.int64)
    place[order] = order[_leaders(_new(both[order]))]
    return place[len(known) :], place[len(known) :] < len(known)


def chosen(grouped: Rows, *, mirrored: bool) -> Rows:
    """Verdicts on the images of some whole components, as rows of `MEMBER`.

    A chain of small steps may join unlike images, so each one is compared with the one that stays, by the
    faces that anything is near to; those too far from it choose among themselves again.
    """
    thin, root = grouped["thin"], grouped["root"]
    order = np.lexsort((thin["face"], *_ranked(thin), root["low"], root["high"]))
    rows, roots = thin[order], root[order]
    first = _new(_keys(rows))  # of an image's faces
    begins = np.append(np.flatnonzero(first), len(rows))
    groups = np.searchsorted(begins, np.append(np.flatnonzero(_new(roots)), len(rows)))
    given = (np.ascontiguousarray(rows[name]) for name in ("reach", "code"))
    kept, bits = _represented(*given, groups, begins, mirrored)
    images = rows[first]
    gone = kept != np.arange(len(images))
    return _verdicts(images[gone], images[kept[gone]], near=True, bits=bits[gone])


@partial(compiled, nogil=True)
def _represented(reach, codes, starts, faces, mirrored):  # type: ignore[no-untyped-def]
    """Of each image, whose faces end at the next one's of `faces`, which one stays and how far it is."""
    images = len(faces) - 1
    kept, bits = np.full(images, -1), np.zeros(images, np.int64)
    for group in range(len(starts) - 1):
        for first in range(starts[group], starts[group + 1]):
            if kept[first] >= 0:
                continue
            kept[first] = first
            for image in range(first + 1, starts[group + 1]):
                if kept[image] >= 0:
                    continue
                apart = 2 * HALF
                for one in range(faces[first], faces[first + 1]):
                    for other in range(faces[image], faces[image + 1]):
                        apart = min(apart, _bits(codes[one], codes[other], mirrored))
                if apart <= min(reach[faces[first]], reach[faces[image]]):
                    kept[image], bits[image] = first, apart
    return kept, bits


def followed(verdicts: Rows, others: Rows) -> Rows:
    """The verdicts, each naming what stays: where `others` drop the one it names, the one that they name.

    It is as many bits away: the image it named had its own codes.
    """
    made = verdicts.copy()
    place, there = _places(verdicts["kept"], _keys(others))
    made["kept"][there] = others["kept"][place[there]]
    made["bits"][there] = others["bits"][place[there]]
    return made


def joined(rows: Rows, bands: int, *, mirrored: bool = True) -> Rows:
    """All verdicts on some rows of `CODE`, in one bucket: what the graph of dedup does in many."""
    left, same = equal_bytes(rows)
    left, alike = equal_codes(coded_of(left))
    compared = faces(left)
    edges = np.concatenate([near(compared, band, mirrored=mirrored) for band in range(bands)])
    last = chosen(with_roots(ends(edges), rooted(links(edges))), mirrored=mirrored)
    alike = np.concatenate([followed(alike, last), last])
    return np.concatenate([followed(same, alike), alike])
