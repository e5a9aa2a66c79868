import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dedup_reference import DISTANCE, Item, crowd, rows_of, verdicts
from wit_pipeline.copies import self_join
from wit_pipeline.copies.self_join import (
    KEY,
    LINK,
    VERDICT,
    Rows,
    band_values,
    chosen,
    codes,
    collapsed,
    dealt,
    followed,
    joined,
    near,
    rooted,
    thin,
)
from wit_pipeline.dedup import Verdict, verdicts_of


def key(number: int) -> str:
    return f"{number:032x}"


def found(items: list[Item]) -> list[Verdict]:
    return list(verdicts_of(joined(rows_of(items), DISTANCE)))


def test_five_thousand_images_by_the_definition() -> None:
    items = crowd(5000)
    expected = verdicts(items)
    kinds = {
        reason: sum(item.reason == reason for item in expected) for reason in ("duplicate", "near_duplicate")
    }
    assert kinds["duplicate"] > 200
    assert kinds["near_duplicate"] > 1000
    assert found(items) == expected


CLOSE = st.builds(
    Item,
    key=st.integers(0, (1 << 128) - 1).map(key),
    sha256=st.integers(0, 3),
    phash=st.sampled_from([0, 1, 3, 15, 31, 1 << 63, (1 << 64) - 1]),
    phash16=st.integers(0, 3).map(lambda steps: (1 << 20 * steps) - 1),
    pixels=st.integers(1, 2),
    queries=st.integers(1, 2),
    coded=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CLOSE, max_size=12, unique_by=lambda item: item.key), st.randoms())
def test_few_images_by_the_definition_in_any_order(items: list[Item], chance: random.Random) -> None:
    of_bytes = {item.sha256: item for item in items}  # equal bytes have equal codes
    items = [
        replace(item, phash=like.phash, phash16=like.phash16, coded=like.coded)
        for item in items
        for like in [of_bytes[item.sha256]]
    ]
    expected = verdicts(items)
    chance.shuffle(items)
    assert found(items) == expected


def test_the_largest_stays_then_the_most_queries_then_the_smallest_key() -> None:
    small, large = Item(key=key(1)), Item(key=key(3), pixels=200)
    rich, other = Item(key=key(4), pixels=200, queries=3), Item(key=key(2))
    for items, kept in (([small, large, rich], rich), ([small, large], large), ([other, small], small)):
        rows = rows_of(items)
        (left,), gone = collapsed(rows, rows["sha256"], near=False)
        assert left["low"] == int(kept.key, 16)
        assert len(gone) == len(items) - 1


def test_a_chain_does_not_join_unlike_images() -> None:
    """a - b - c, each step within the distance, the ends not: c is not a copy of a."""
    items = [
        Item(key=key(i), sha256=i, pixels=300 - i, phash16=(1 << 30 * i) - 1, phash=(1 << i) - 1)
        for i in range(3)
    ]
    assert found(items) == [Verdict(key(1), "near_duplicate", key(0), 30)]


def test_what_is_named_stays_and_is_as_far_as_it_says() -> None:
    """Equal bytes name what equal codes drop, and that what a near one drops."""
    near_one = Item(key=key(1), sha256=1, pixels=400, phash16=(1 << 20) - 1)
    alike = Item(key=key(2), sha256=2, pixels=300)
    first, again = Item(key=key(3), sha256=3), Item(key=key(4), sha256=3)
    assert found([again, first, alike, near_one]) == [
        Verdict(key(2), "near_duplicate", key(1), 20),
        Verdict(key(3), "near_duplicate", key(1), 20),
        Verdict(key(4), "duplicate", key(1), 20),
    ]


def edges_of(rows: Rows, buckets: int) -> list[tuple[int, int]]:
    """Near pairs, each band's rows dealt to buckets before."""
    pairs = []
    for band in range(4):
        for _, some in dealt(rows, band_values(rows, band), buckets):
            edges = near(some, band, DISTANCE)
            ends = zip(edges["one"]["low"].tolist(), edges["other"]["low"].tolist(), strict=True)
            pairs += [(min(pair), max(pair)) for pair in ends]
    return sorted(pairs)


@pytest.mark.parametrize(("buckets", "crowded"), [(7, 4096), (1000, 4096), (1, 1), (5, 3)])
def test_buckets_and_crowds_change_no_pair_and_each_is_found_once(
    buckets: int, crowded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(crowd(2000))
    left, _ = collapsed(rows, codes(rows), near=True)
    compared = thin(left)
    expected = edges_of(compared, 1)
    assert len(expected) > 300
    assert len(set(expected)) == len(expected)
    monkeypatch.setattr(self_join, "CROWD", crowded)
    assert edges_of(compared[::-1].copy(), buckets) == expected


def test_bands_are_what_they_were() -> None:
    """Golden: the permutation is part of the method."""
    compared = thin(rows_of([Item(key=key(1), phash=0x0123456789ABCDEF)]))
    values = [int(band_values(compared, band)[0]) >> 48 - 16 * band for band in range(4)]
    assert values == [1576, 55487, 50486, 26580]


def test_equal_values_are_dealt_to_one_bucket_and_others_evenly() -> None:
    rows = np.zeros(3000, KEY)
    rows["low"] = np.repeat(np.arange(1000), 3)
    groups = dict(dealt(rows, rows["low"], 10))
    assert sorted(groups) == list(range(10))
    assert sum(map(len, groups.values())) == 3000
    assert not set(groups[0]["low"].tolist()) & set(groups[1]["low"].tolist())
    assert max(map(len, groups.values())) < 600
    assert list(dealt(rows[:0], rows["low"][:0], 10)) == []


Edges = list[tuple[int, int]]
LINKS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20)


def linked(pairs: Edges) -> Rows:
    made = np.zeros(len(pairs), LINK)
    made["node"]["low"], made["root"]["low"] = [a for a, _ in pairs], [b for _, b in pairs]
    return made


def told(rows: Rows) -> Edges:
    return list(zip(rows["node"]["low"].tolist(), rows["root"]["low"].tolist(), strict=True))


@given(LINKS, LINKS)
def test_roots_are_the_smallest_that_can_be_reached(
    one: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    edges = [*one, *more]
    smallest = {node: node for edge in edges for node in edge}
    for _ in smallest:
        for a, b in edges:
            smallest[a] = smallest[b] = min(smallest[a], smallest[b])
    expected = [(node, root) for node, root in sorted(smallest.items()) if node != root]
    assert told(rooted(linked(edges))) == expected
    fewer = np.concatenate([rooted(linked(one)), linked(more)])  # made fewer on the way: the same graph
    assert told(rooted(fewer)) == expected


def test_nothing_is_no_special_case() -> None:
    assert found([]) == []
    assert len(chosen(np.zeros(0, self_join.MEMBER), DISTANCE)) == 0
    none = np.zeros(0, VERDICT)
    assert len(followed(none, none)) == 0
    one = np.zeros(1, VERDICT)
    one["kept"] = np.array((0, 9), KEY)
    assert (followed(one, none) == one).all()
