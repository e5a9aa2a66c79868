from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import pair
from wit_pipeline.balance import BalanceConfig, QueryCount, hash_of, is_kept, judge, limit, tails
from wit_pipeline.frontier import FrontierConfig, fetch_limit
from wit_pipeline.vocabulary.chance import SCALE, uniform
from wit_pipeline.vocabulary.records import Pair, Reason, Reject

# 4,000 pairs: query 0 in all of them, 1 in every second, 2 in every hundredth.
PAIRS = [
    (f"{i:032x}", tuple(q for q, every in ((0, 1), (1, 2), (2, 100)) if i % every == 0)) for i in range(4000)
]
COUNTS = Counter(query for _, queries in PAIRS for query in queries)


def kept(per_query: int, seed: int = 0) -> set[str]:
    limits = {query: limit(count, per_query) for query, count in COUNTS.items()}
    return {key for key, queries in PAIRS if is_kept(key, queries, limits, seed)}


def test_the_size_is_what_the_rule_expects() -> None:
    per_query = 200
    shares = {query: min(1.0, per_query / count) for query, count in COUNTS.items()}
    expected = 0.0
    for _, queries in PAIRS:
        missed = 1.0
        for query in queries:
            missed *= 1 - shares[query]
        expected += 1 - missed
    assert abs(len(kept(per_query)) - expected) < 0.06 * expected


def test_kept_sets_are_nested_in_t() -> None:
    assert kept(5) < kept(20) < kept(100) < kept(4000)
    assert len(kept(4000)) == len(PAIRS)


def test_a_rare_query_keeps_all_its_pairs() -> None:
    rare = {key for key, queries in PAIRS if 2 in queries}
    assert len(rare) == 40
    assert rare <= kept(40)


def test_another_seed_draws_others() -> None:
    assert kept(50, seed=0) != kept(50, seed=1)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, SCALE), (100, SCALE), (101, SCALE * 100 // 101), (200, SCALE // 2)]
)
def test_both_sides_of_t(count: int, expected: int) -> None:
    assert limit(count, 100) == expected


@pytest.mark.parametrize(
    ("count", "per_query", "below", "expected"),
    [
        (0, 10, SCALE // 4, SCALE),  # none drew below: whatever came for another query's sake stays
        (10, 10, SCALE // 4, SCALE // 4),
        (20, 10, SCALE // 4, SCALE // 8),
        (5, 10, SCALE // 4, SCALE // 2),
        (2, 10, SCALE // 4, SCALE),  # fewer than were hoped for by far: no share is above 1
    ],
)
def test_where_the_frontier_drew_before(count: int, per_query: int, below: int, expected: int) -> None:
    assert limit(count, per_query, below) == expected


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, SCALE))
def test_limits_are_nested_in_t_and_never_hope_for_more_than_t(count: int, t: int, below: int) -> None:
    assert limit(count, t, below) <= limit(count, t + 1, below) <= SCALE
    assert limit(count, t, below) * count <= t * below or limit(count, t, below) == SCALE


@pytest.mark.parametrize("success", [0.3, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("t", [100, 1000])
def test_a_trimmed_query_contributes_t_whatever_succeeds(success: float, t: int) -> None:
    keys = [f"{i:032x}" for i in range(60_000)]
    fetch = fetch_limit(len(keys), t, FrontierConfig(expected_success=0.7))
    draws = [hash_of(key, 5, 0) for key in keys]
    came = [
        draw for key, draw in zip(keys, draws, strict=True)
        if draw < fetch and uniform(key, seed=0, purpose="success") < success
    ]  # fmt: skip
    limited = limit(len(came), t, fetch)
    contributed, hoped = sum(draw < limited for draw in came), min(t, len(came))
    assert abs(contributed - hoped) <= 3 * (hoped * (1 - hoped / len(came))) ** 0.5


@given(st.lists(st.integers(0, 3), max_size=4), st.integers(0, SCALE))
def test_a_pair_is_kept_exactly_when_one_query_draws_it(queries: list[int], bound: int) -> None:
    limits = {0: 0, 1: bound, 2: SCALE}
    expected = any(hash_of("k", query, 0) < limits.get(query, SCALE) for query in queries)
    assert is_kept("k", queries, limits, 0) == expected


def test_a_dropped_pair_says_so() -> None:
    (found,) = judge([pair(queries=(0, 1))], {0: 0, 1: 0}, 0)
    assert isinstance(found, Reject)
    assert found.reason is Reason.BALANCED_OUT


def test_an_images_texts_are_joined() -> None:
    poor, rich = pair(caption="a dog", queries=(1,)), pair(caption="a red dog", queries=(0, 1))
    other = pair("http://b.test/", queries=(1,))
    kept, joined, alone = judge([poor, other, rich], {}, 0)
    assert isinstance(kept, Pair)
    assert (kept.key, kept.texts) == (rich.key, ("a dog",))
    assert isinstance(joined, Reject)
    assert (joined.key, joined.reason, joined.detail) == (
        poor.key,
        Reason.OTHER_TEXT,
        f"a text of {rich.key}",
    )
    assert alone == other


def test_an_image_is_drawn_by_its_captions_queries() -> None:
    poor, rich = pair(caption="a dog", queries=(1,)), pair(caption="a red dog", queries=(0, 2))
    found = judge([poor, rich], {0: 0, 1: SCALE, 2: 0}, 0)
    assert [item.reason for item in found if isinstance(item, Reject)] == [
        Reason.BALANCED_OUT,
        Reason.OTHER_TEXT,
    ]


def test_t_is_that_of_clip_and_one_at_least() -> None:
    assert BalanceConfig() == BalanceConfig(per_query=20_000, mode="expected")
    assert BalanceConfig(per_query=1).per_query == 1
    with pytest.raises(ValueError, match="per_query is at least 1, found 0"):
        BalanceConfig(per_query=0)


def test_both_sides_of_a_hash() -> None:
    key, drawn = "ab" * 16, hash_of("ab" * 16, 7, 0)
    assert not is_kept(key, [7], {7: drawn}, 0)
    assert is_kept(key, [7], {7: drawn + 1}, 0)


def test_of_a_query_that_is_only_counted_nothing_is_kept_yet() -> None:
    counted = QueryCount(
        query_id=1, candidates=9, fetched=8, fetch_limit=SCALE, survivors=7, below=6, limit=SCALE
    )
    assert counted.kept == 0


@given(
    st.dictionaries(st.sampled_from(["en", "de", "zh"]), st.lists(st.integers(1, 50), min_size=1)),
    st.integers(1, 60),
)
def test_a_tail_has_no_larger_share_than_the_english_one_and_the_next_would(
    counts: dict[str, list[int]], english: int
) -> None:
    def tail(language: str, t: int) -> float:
        every = counts[language]
        return sum(count for count in every if count < t) / sum(every)

    found = tails(counts, english)
    assert found.keys() == counts.keys()
    share = tail("en", english) if "en" in counts else 1.0
    for language, t in found.items():
        if language == "en":
            assert t == english
            continue
        assert tail(language, t) <= share + 1e-12
        larger = [count for count in counts[language] if count > t]
        if larger:
            assert tail(language, min(larger)) > share


def test_of_a_language_without_pairs_there_is_still_a_number() -> None:
    assert tails({"en": [], "de": []}, 7) == {"en": 7, "de": 1}
    assert tails({"en": [100, 100], "de": [3, 9]}, 20) == {"en": 20, "de": 3}
