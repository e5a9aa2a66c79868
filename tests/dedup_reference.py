"""dedup by its definition: all pairs compared, sets and dicts, nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.nearest import bit_order
from wit_pipeline.copies.self_join import CODE, Rows, bands_for
from wit_pipeline.dedup import Verdict

DISTANCE = 32  # bits of 256


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image: codes as whole numbers, the rest as dedup ranks it."""

    key: str
    sha256: int = 0
    phash16: int = 0
    inside: int | None = None  # the code without borders; None where it has none
    pixels: int = 100
    queries: int = 1
    coded: bool = True
    reach: int = DISTANCE

    @property
    def faces(self) -> tuple[int, ...]:
        """The codes that are compared of it."""
        return (self.phash16,) if self.inside in (None, self.phash16) else (self.phash16, self.inside)

    @property
    def rank(self) -> tuple[int, int, str]:
        return (-self.pixels, -self.queries, self.key)


def verdicts(items: Sequence[Item]) -> list[Verdict]:
    """The verdicts on all that go, by key."""
    of_bytes: dict[int, list[Item]] = {}
    for item in items:
        of_bytes.setdefault(item.sha256, []).append(item)
    named: dict[str, tuple[str, str]] = {}  # who goes, why, and whom it names at first
    left = _collapse(of_bytes.values(), "duplicate", named)
    of_codes: dict[tuple[int, ...], list[Item]] = {}
    for item in left:
        if item.coded:
            of_codes.setdefault(item.faces, []).append(item)
    compared = _collapse(of_codes.values(), "near_duplicate", named)
    bits: dict[str, int] = {}
    groups, faces = _components(compared)
    for group in groups:
        while group:
            first, *others = sorted(group, key=lambda item: item.rank)
            apart = {item.key: least(faces[item.key], faces[first.key]) for item in others}
            near = {item.key for item in others if apart[item.key] <= min(item.reach, first.reach)}
            named |= dict.fromkeys(near, ("near_duplicate", first.key))
            bits |= {key: apart[key] for key in near}
            group = [item for item in others if item.key not in near]
    found = []
    for key, (reason, kept) in named.items():
        far = bits.get(key, 0)
        while kept in named:
            far = far or bits.get(kept, 0)
            kept = named[kept][1]
        found.append(Verdict(key, reason, kept, far))
    return sorted(found)


def _collapse(groups: Iterable[list[Item]], reason: str, named: dict[str, tuple[str, str]]) -> list[Item]:
    left = []
    for group in groups:
        first, *others = sorted(group, key=lambda item: item.rank)
        left.append(first)
        named |= {item.key: (reason, first.key) for item in others}
    return left


ODD = sum(1 << 255 - bit for bit in range(1, 256, 2))  # the bits of odd columns: a mirror image's are turned


def least(some: Iterable[int], others: Iterable[int]) -> int:
    """The fewest bits between any two faces, plain or mirrored."""
    return min((one ^ other ^ turned).bit_count() for one in some for other in others for turned in (0, ODD))


def band_masks() -> list[int]:
    """The 16 bands, of even and of odd columns in turn."""
    order = bit_order(256)
    sides = [[bit for bit in order if bit % 2 == side] for side in (0, 1)]
    return [sum(1 << 255 - bit for bit in sides[band % 2][16 * (band // 2) :][:16]) for band in range(16)]


def _components(items: Sequence[Item]) -> tuple[list[list[Item]], dict[str, set[int]]]:
    """Images that chains of near pairs join, and the faces that such a pair is of.

    A pair is near within both reaches, and its codes are equal on a band, or all other.
    """
    faces = [(item, face) for item in items for face in item.faces]
    longs = long_words([face for _, face in faces])
    turned = long_words([face ^ ODD for _, face in faces])
    bands = [long_words([mask])[0] for mask in band_masks()[: bands_for(DISTANCE)]]
    odd = long_words([ODD])[0]
    group, seen = {item.key: [item] for item in items}, dict[str, set[int]]()
    for i, (item, face) in enumerate(faces):
        plain, mirror = ((side[i + 1 :] ^ longs[i]) for side in (longs, turned))
        bits = np.minimum(*(np.bitwise_count(apart).sum(axis=1) for apart in (plain, mirror)))
        near = bits <= [min(item.reach, other.reach) for other, _ in faces[i + 1 :]]
        shared = np.zeros(len(plain), bool)
        for band in bands:
            shared |= ~(plain & band).any(axis=1)
            if (band & odd).any():
                shared |= ~(mirror & band).any(axis=1)
        for j in np.flatnonzero(near & shared).tolist():
            like, other = faces[i + 1 + j]
            if like is item:
                continue
            seen.setdefault(item.key, set()).add(face)
            seen.setdefault(like.key, set()).add(other)
            one, more = group[item.key], group[like.key]
            if one is not more:
                one += more
                group.update(dict.fromkeys((member.key for member in more), one))
    members = {id(members): members for members in group.values() if len(members) > 1}
    return list(members.values()), seen


def long_words(codes: Sequence[int]) -> NDArray[np.uint64]:
    octets = b"".join(code.to_bytes(32, "big") for code in codes)
    return np.frombuffer(octets, ">u8").astype(np.uint64).reshape(-1, 4)


def rows_of(items: Sequence[Item]) -> Rows:
    """The same images as rows of `CODE`."""
    made = np.zeros(len(items), CODE)
    made["high"] = [int(item.key[:16], 16) for item in items]
    made["low"] = [int(item.key[16:], 16) for item in items]
    for name in ("pixels", "queries", "coded", "reach"):
        made[name] = [getattr(item, name) for item in items]
    made["sha256"][:, 0] = [item.sha256 for item in items]
    made["phash16"] = long_words([item.phash16 for item in items])
    made["inside"] = long_words([item.faces[-1] for item in items])
    return made


def crowd(count: int, seed: int = 3) -> list[Item]:
    """Images of which two thirds lie near another, up to 40 bits away: some equal, mirrored, bordered."""
    draws = np.random.default_rng(seed)
    items: list[Item] = []
    for i in range(count):
        long, inside = int.from_bytes(draws.bytes(32)), None
        sha256, coded = i, bool(draws.random() > 0.02)
        if i > count // 3:
            like = items[draws.integers(0, i if draws.random() < 0.2 else count // 3)]  # chains, and stars
            long, inside = like.phash16, like.inside
            if draws.random() < 0.1:
                sha256, coded = like.sha256, like.coded
            else:
                way = draws.random()
                if way < 0.1:
                    long, inside = int.from_bytes(draws.bytes(32)), long
                elif way < 0.2:
                    inside = int.from_bytes(draws.bytes(32))
                long ^= ODD if draws.random() < 0.2 else 0
                for _ in range(draws.integers(0, 41)):
                    long ^= 1 << int(draws.integers(0, 256))
        key = f"{int.from_bytes(draws.bytes(12)):024x}{i:08x}"
        pixels, queries = 100 + int(draws.integers(0, 7)), int(draws.integers(1, 4))
        reach = DISTANCE if draws.random() < 0.9 else DISTANCE // 2
        reach = like.reach if sha256 != i else reach
        items.append(
            Item(
                key=key,
                sha256=sha256,
                phash16=long,
                inside=inside,
                pixels=pixels,
                queries=queries,
                coded=coded,
                reach=reach,
            )
        )
    return items
