"""Counts add up however the texts are dealt out, and NPMI is what its definition says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.config import QueriesConfig
from queries.ngrams import Count, add, best_first, count_bigrams, count_words, npmi, rank_bigrams, score

TEXTS = ["The dog barks. The dog’s tail!", "A dog\nbarks", ""]
ANY_TEXTS = st.lists(st.text("ab .'é\n", max_size=20), max_size=5)


def together(first: dict[str, Count], second: dict[str, Count]) -> dict[str, Count]:
    return {item: add(first.get(item, (0, 0)), second.get(item, (0, 0))) for item in first | second}


def test_words_are_folded_and_counted_with_their_documents() -> None:
    assert count_words(TEXTS) == {"the": (2, 1), "dog": (3, 2), "barks": (2, 2), "tail": (1, 1), "a": (1, 1)}


def test_bigrams_stay_within_phrase_and_vocabulary() -> None:
    assert count_bigrams(TEXTS, {"the", "dog", "barks", "tail"}) == {
        "the dog": (2, 1),
        "dog barks": (1, 1),  # "dog\nbarks" is none
        "dog tail": (1, 1),
    }
    assert count_bigrams(TEXTS, {"the", "barks"}) == {}  # nor do the ends close over a word left out


@given(ANY_TEXTS, st.integers(0, 5))
def test_blocks_add_up_to_the_whole(texts: list[str], cut: int) -> None:
    assert together(count_words(texts[:cut]), count_words(texts[cut:])) == count_words(texts)
    vocabulary = set(count_words(texts))
    parts = (count_bigrams(texts[:cut], vocabulary), count_bigrams(texts[cut:], vocabulary))
    assert together(*parts) == count_bigrams(texts, vocabulary)


@given(st.lists(st.text(max_size=30), max_size=4))
def test_a_pair_is_never_counted_more_often_than_its_words(texts: list[str]) -> None:
    counts = count_words(texts)
    total = sum(count for count, _ in counts.values())
    for pair, (count, documents) in count_bigrams(texts, counts).items():
        first, second = pair.split(" ")
        assert documents <= count
        assert -1 <= npmi(count, counts[first][0], counts[second][0], total) <= 1


@pytest.mark.parametrize(
    ("pair", "first", "second", "total", "expected"),
    [
        (10, 10, 10, 1000, 1.0),  # never apart
        (0, 10, 10, 1000, -1.0),  # never together
        (1, 10, 100, 1000, 0.0),  # by chance
        (5, 5, 5, 5, 1.0),  # nothing else
        (10, 100, 100, 10_000, math.log(10) / math.log(1000)),
    ],
)
def test_npmi(pair: int, first: int, second: int, total: int, expected: float) -> None:
    assert npmi(pair, first, second, total) == pytest.approx(expected)


@pytest.mark.parametrize("counts", [(11, 10, 20, 100), (1, 2, 101, 100), (-1, 2, 2, 100)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="counted"):
        npmi(*counts)


def test_bigrams_below_a_bound_are_left_out_and_the_best_come_first() -> None:
    config = QueriesConfig(bigram_min_count=10, bigram_min_npmi=0.3, bigram_budget=3)
    counts = {"las": 10, "vegas": 12, "hong": 20, "kong": 20, "of": 5000, "the": 6000, "new": 60, "york": 40}
    pairs = [
        ("of the", 900, 9),
        ("las vegas", 10, 5),
        ("hong kong", 20, 8),
        ("new york", 38, 9),
        ("new the", 9, 9),
    ]
    best = rank_bigrams(pairs, counts, 100_000, config)
    assert [bigram.text for bigram in best] == ["hong kong", "las vegas", "new york"]
    assert best == rank_bigrams(pairs[::-1], counts, 100_000, config) == sorted(best, key=best_first)
    assert rank_bigrams([("las vegas", 9, 5)], counts, 100_000, config) == []


def test_the_floor_itself_is_admitted() -> None:
    counts, pair = {"new": 60, "york": 40}, ("new york", 38, 9)
    value = npmi(38, 60, 40, 1000)
    for floor, admitted in ((value, True), (math.nextafter(value, 1), False)):
        config = QueriesConfig(bigram_min_count=38, bigram_min_npmi=floor)
        assert (score(pair, counts, 1000, config) is not None) is admitted
