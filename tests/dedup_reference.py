"""dedup by its definition: all pairs compared, sets and dicts, nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.nearest import bit_order
from wit_pipeline.copies.self_join import CODE, Rows
from wit_pipeline.dedup import Verdict

DISTANCE = 32  # bits of 256


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image: codes as whole numbers, the rest as dedup ranks it."""

    key: str
    sha256: int = 0
    phash: int = 0
    phash16: int = 0
    pixels: int = 100
    queries: int = 1
    coded: bool = True

    @property
    def rank(self) -> tuple[int, int, str]:
        return (-self.pixels, -self.queries, self.key)


def verdicts(items: Sequence[Item]) -> list[Verdict]:
    """The verdicts on all that go, by key."""
    best = {item.key: item for item in items}
    of_bytes: dict[int, list[Item]] = {}
    for item in items:
        of_bytes.setdefault(item.sha256, []).append(item)
    named: dict[str, tuple[str, str]] = {}  # who goes, why, and whom it names at first
    left = _collapse(of_bytes.values(), "duplicate", named)
    of_codes: dict[tuple[int, int], list[Item]] = {}
    for item in left:
        if item.coded:
            of_codes.setdefault((item.phash, item.phash16), []).append(item)
    compared = _collapse(of_codes.values(), "near_duplicate", named)
    for group in _components(compared):
        while group:
            first, *others = sorted(group, key=lambda item: item.rank)
            near = {item.key for item in others if (item.phash16 ^ first.phash16).bit_count() <= DISTANCE}
            named |= dict.fromkeys(near, ("near_duplicate", first.key))
            group = [item for item in others if item.key not in near]
    found = []
    for key, (reason, kept) in named.items():
        while kept in named:
            kept = named[kept][1]
        bits = (best[key].phash16 ^ best[kept].phash16).bit_count()
        found.append(Verdict(key, reason, kept, bits))
    return sorted(found)


def _collapse(groups: Iterable[list[Item]], reason: str, named: dict[str, tuple[str, str]]) -> list[Item]:
    left = []
    for group in groups:
        first, *others = sorted(group, key=lambda item: item.rank)
        left.append(first)
        named |= {item.key: (reason, first.key) for item in others}
    return left


def _components(items: Sequence[Item]) -> list[list[Item]]:
    """Images that chains of near pairs join, each pair near in both codes and equal on a band."""
    words = np.array([item.phash for item in items], np.uint64)
    longs = long_words(items)
    bands = [sum(1 << 63 - bit for bit in bit_order(64)[first : first + 16]) for first in range(0, 64, 16)]
    group = {item.key: [item] for item in items}
    for i, item in enumerate(items):
        apart = words[i + 1 :] ^ words[i]
        near = np.bitwise_count(apart) <= 4
        near &= np.bitwise_count(longs[i + 1 :] ^ longs[i]).sum(axis=1) <= DISTANCE
        near &= np.any([(apart & np.uint64(band)) == 0 for band in bands], axis=0)
        for j in np.flatnonzero(near).tolist():
            one, other = group[item.key], group[items[i + 1 + j].key]
            if one is not other:
                one += other
                group.update(dict.fromkeys((member.key for member in other), one))
    return list({id(members): members for members in group.values()}.values())


def long_words(items: Sequence[Item]) -> NDArray[np.uint64]:
    octets = b"".join(item.phash16.to_bytes(32, "big") for item in items)
    return np.frombuffer(octets, ">u8").astype(np.uint64).reshape(-1, 4)


def rows_of(items: Sequence[Item]) -> Rows:
    """The same images as rows of `CODE`."""
    made = np.zeros(len(items), CODE)
    made["high"] = [int(item.key[:16], 16) for item in items]
    made["low"] = [int(item.key[16:], 16) for item in items]
    for name in ("pixels", "queries", "coded", "phash"):
        made[name] = [getattr(item, name) for item in items]
    made["sha256"][:, 0] = [item.sha256 for item in items]
    made["phash16"] = long_words(items)
    return made


def crowd(count: int, seed: int = 3) -> list[Item]:
    """Images of which two thirds lie near another: 0 to 6 bits of 64 and 0 to 40 of 256 away, some equal."""
    draws = np.random.default_rng(seed)
    items: list[Item] = []
    for i in range(count):
        word, long = (int.from_bytes(draws.bytes(size)) for size in (8, 32))
        sha256, coded = i, bool(draws.random() > 0.02)
        if i > count // 3:
            like = items[draws.integers(0, i if draws.random() < 0.2 else count // 3)]  # chains, and stars
            word, long = like.phash, like.phash16
            if draws.random() < 0.1:
                sha256, coded = like.sha256, like.coded
            else:
                for _ in range(draws.integers(0, 7)):
                    word ^= 1 << int(draws.integers(0, 64))
                for _ in range(draws.integers(0, 41)):
                    long ^= 1 << int(draws.integers(0, 256))
        key = f"{int.from_bytes(draws.bytes(12)):024x}{i:08x}"
        pixels, queries = 100 + int(draws.integers(0, 7)), int(draws.integers(1, 4))
        items.append(
            Item(
                key=key, sha256=sha256, phash=word, phash16=long, pixels=pixels, queries=queries, coded=coded
            )
        )
    return items
