import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dedup_reference import DISTANCE, ODD, Item, band_masks, crowd, rows_of, verdicts
from wit_pipeline.copies import self_join
from wit_pipeline.copies.self_join import (
    KEY,
    LINK,
    VERDICT,
    Rows,
    band_values,
    bands_for,
    chosen,
    codes,
    collapsed,
    dealt,
    faces,
    followed,
    joined,
    near,
    rooted,
)
from wit_pipeline.dedup import Verdict, verdicts_of

BANDS = bands_for(DISTANCE)


def key(number: int) -> str:
    return f"{number:032x}"


def found(items: list[Item]) -> list[Verdict]:
    return list(verdicts_of(joined(rows_of(items), BANDS)))


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
    phash16=st.builds(
        lambda steps, turned: (1 << 20 * steps) - 1 ^ turned, st.integers(0, 3), st.sampled_from([0, ODD])
    ),
    inside=st.sampled_from([None, 0, (1 << 256) - 1]),
    pixels=st.integers(1, 2),
    queries=st.integers(1, 2),
    coded=st.booleans(),
    reach=st.sampled_from([DISTANCE, 20, 19]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CLOSE, max_size=12, unique_by=lambda item: item.key), st.randoms())
def test_few_images_by_the_definition_in_any_order(items: list[Item], chance: random.Random) -> None:
    of_bytes = {item.sha256: item for item in items}  # equal bytes have equal codes
    items = [
        replace(item, phash16=like.phash16, inside=like.inside, coded=like.coded, reach=like.reach)
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
    items = [Item(key=key(i), sha256=i, pixels=300 - i, phash16=(1 << 30 * i) - 1) for i in range(3)]
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


def test_the_nearest_of_an_images_faces_counts_plain_or_mirrored() -> None:
    """One that has the first in its midst, one that is in the first's midst, and the mirror image of each."""
    whole, midst, far = (1 << 120) - 1, (1 << 256) - 1, 0xC0FFEE << 200
    first = Item(key=key(1), sha256=1, pixels=400, phash16=whole, inside=midst)
    others = [
        Item(key=key(2), sha256=2, phash16=midst ^ 7),
        Item(key=key(3), sha256=3, phash16=far, inside=whole ^ 1),
        Item(key=key(4), sha256=4, phash16=midst ^ ODD ^ 31),
        Item(key=key(5), sha256=5, phash16=far ^ 1, inside=midst ^ ODD),
    ]
    bits = [3, 1, 5, 0]
    expected = [
        Verdict(item.key, "near_duplicate", first.key, apart)
        for item, apart in zip(others, bits, strict=True)
    ]
    assert found([*others, first]) == expected
    plain = list(verdicts_of(joined(rows_of([*others, first]), BANDS, mirrored=False)))
    assert [item.key for item in plain] == [key(2), key(3), key(5)]  # the last two are alike inside and whole


def test_a_pair_lies_within_the_reach_of_both() -> None:
    one = Item(key=key(1), sha256=1, pixels=400)
    for bits, reach, kept in ((16, 16, 1), (17, 16, 2), (32, 32, 1), (33, 32, 2)):
        other = Item(key=key(2), sha256=2, phash16=(1 << bits) - 1, reach=reach)
        assert len(found([one, other])) == 2 - kept


@settings(max_examples=60, deadline=None)
@given(st.integers(0, (1 << 256) - 1), st.sets(st.integers(0, 255), max_size=11), st.booleans())
def test_up_to_eleven_bits_no_pair_within_is_lost(code: int, bits: set[int], mirrored: bool) -> None:
    """Twelve bands have no bit in common: eleven bits leave one alone."""
    other = code ^ sum(1 << bit for bit in bits) ^ (ODD if mirrored else 0)
    items = [Item(key=key(1), sha256=1, phash16=code), Item(key=key(2), sha256=2, phash16=other)]
    assert [item.distance for item in found(items)] == [len(bits)]


Face = tuple[int, int]  # an image, and which of its faces


def edges_of(rows: Rows, buckets: int) -> list[tuple[Face, Face]]:
    """Near pairs of faces, each band's rows dealt to buckets before."""
    pairs = []
    for band in range(BANDS):
        for _, some in dealt(rows, band_values(rows, band), buckets):
            edges = near(some, band, mirrored=True)
            names = [
                zip(edges[end]["low"].tolist(), edges[end]["face"].tolist(), strict=True)
                for end in ("one", "other")
            ]
            pairs += [(min(pair), max(pair)) for pair in zip(*names, strict=True)]
    return sorted(pairs)


@pytest.mark.parametrize("buckets", [7, 1000])
def test_buckets_change_no_pair_and_each_is_found_once(buckets: int) -> None:
    rows = rows_of(crowd(2000))
    left, _ = collapsed(rows, codes(rows), near=True)
    compared = faces(left)
    expected = edges_of(compared, 1)
    assert len(expected) > 300
    assert len(set(expected)) == len(expected)
    assert edges_of(compared[::-1].copy(), buckets) == expected


@pytest.mark.parametrize(("buckets", "crowded"), [(1, 1), (5, 3)])
def test_of_a_crowd_no_pair_is_lost_that_shares_a_second_band(
    buckets: int, crowded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = faces(collapsed(rows := rows_of(crowd(2000)), codes(rows), near=True)[0])
    values = np.stack([band_values(compared, band) for band in range(16)])
    place = {(row["low"], row["face"]): i for i, row in enumerate(compared)}
    expected = set()
    for pair in edges_of(compared, 1):
        one, other = place[pair[0]], place[pair[1]]
        if np.count_nonzero(values[:, one] == values[:, other]) > 1:
            expected.add(pair)
    monkeypatch.setattr(self_join, "CROWD", crowded)
    crowds = edges_of(compared, buckets)
    assert len(set(crowds)) == len(crowds)
    assert expected <= set(crowds)
    assert len(expected) > 250


def test_bands_are_what_they_were() -> None:
    """Golden: the permutation is part of the method. A mirror image has the same values."""
    code = int("0123456789abcdef" * 4, 16)
    for turned in (0, ODD):
        compared = faces(rows_of([Item(key=key(1), phash16=code ^ turned)]))
        values = [int(band_values(compared, band)[0]) for band in range(16)]
        assert values == [
            17076,
            32425,
            63184,
            3921,
            4216,
            9713,
            2484,
            24470,
            43774,
            26244,
            61737,
            23226,
            38399,
            9487,
            9445,
            20017,
        ]


def test_the_bands_are_of_the_bits_that_the_definition_names() -> None:
    for band, mask in enumerate(band_masks()):
        for bits, value in ((mask, 0 if band % 2 else 0xFFFF), (~mask & (1 << 256) - 1, 0)):
            compared = faces(rows_of([Item(key=key(1), phash16=bits)]))
            assert int(band_values(compared, band)[0]) == value


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
    assert len(chosen(np.zeros(0, self_join.MEMBER), mirrored=True)) == 0
    none = np.zeros(0, VERDICT)
    assert len(followed(none, none)) == 0
    one = np.zeros(1, VERDICT)
    one["kept"] = np.array((0, 9), KEY)
    assert (followed(one, none) == one).all()
