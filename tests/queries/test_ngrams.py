"""Counts add up however the texts are dealt out, and the measures are what their definitions say."""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries import tally
from queries.config import Bigrams, QueriesConfig
from queries.count import segments
from queries.ngrams import PAIRS as SCHEMA
from queries.ngrams import admits, best_first, count_pairs, llr, npmi, pmi, rank_bigrams, score, unpair
from wit_pipeline.text.text import phrases

TEXTS = ["The dog barks. The dog’s tail!", "A dog\nbarks", ""]
ANY_TEXTS = st.lists(st.text("ab .'é\n", max_size=20), max_size=5)


def pairs_of(texts: list[str], vocabulary: list[str]) -> pa.Table:
    """The pairs of some texts, by numbers in the vocabulary."""
    tables = []
    for segment in segments(texts):
        spelled = segment.counts.column("text").to_pylist()
        numbers = [-1, *(vocabulary.index(word) if word in vocabulary else -1 for word in spelled)]
        tables.append(count_pairs(segment.sequence, np.array(numbers, np.int64)))
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def spelled(table: pa.Table, vocabulary: list[str]) -> dict[str, tuple[int, int]]:
    firsts, seconds = unpair(table.column("pair").to_numpy())
    names = [f"{vocabulary[a]} {vocabulary[b]}" for a, b in zip(firsts, seconds, strict=True)]
    counts, documents = (table.column(name).to_pylist() for name in ("count", "document_count"))
    return dict(zip(names, zip(counts, documents, strict=True), strict=True))


def simply(texts: Iterable[str], vocabulary: list[str]) -> dict[str, tuple[int, int]]:
    """The same by the plain rules, one pair after the other."""
    counts: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for text in texts:
        found = [f"{a} {b}" for part in phrases(text) for a, b in pairwise(part) if {a, b} <= set(vocabulary)]
        counts.update(found)
        documents.update(set(found))
    return {pair: (count, documents[pair]) for pair, count in counts.items()}


def test_bigrams_stay_within_phrase_and_vocabulary() -> None:
    vocabulary = ["the", "dog", "barks", "tail"]
    assert spelled(pairs_of(TEXTS, vocabulary), vocabulary) == {
        "the dog": (2, 1),
        "dog barks": (1, 1),  # "dog\nbarks" is none
        "dog tail": (1, 1),
    }
    assert spelled(pairs_of(TEXTS, ["the", "barks"]), ["the", "barks"]) == {}  # nor over a word left out


@given(ANY_TEXTS, st.integers(0, 5))
def test_blocks_add_up_to_a_simple_count_of_the_whole(texts: list[str], cut: int) -> None:
    vocabulary = sorted({word for text in texts for part in phrases(text) for word in part})[:3]
    both = pa.concat_tables([pairs_of(texts[:cut], vocabulary), pairs_of(texts[cut:], vocabulary)])
    assert spelled(tally.added_up(both), vocabulary) == simply(texts, vocabulary)


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


@pytest.mark.parametrize(
    ("pair", "first", "second", "total", "bits"),
    [(1, 10, 100, 1000, 0.0), (8, 8, 8, 1024, 7.0), (3, 3, 3, 3 << 30, 30.0), (0, 1, 1, 10, -math.inf)],
)
def test_pmi_in_bits(pair: int, first: int, second: int, total: int, bits: float) -> None:
    assert pmi(pair, first, second, total) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("pair", "first", "second", "total", "expected"),
    [
        (1, 10, 100, 1000, 0.0),  # by chance
        (110, 2552, 221, 31777, 270.72),  # "the swiss" of Dunning 1993, table 1: 110, 2442, 111, 29114
    ],
)
def test_llr(pair: int, first: int, second: int, total: int, expected: float) -> None:
    assert llr(pair, first, second, total) == pytest.approx(expected, abs=0.01)


COUNTS = st.tuples(*[st.integers(0, 1000)] * 4).filter(lambda k: sum(k) > 0)


@given(COUNTS)
def test_the_measures_agree_on_what_chance_is(cells: tuple[int, int, int, int]) -> None:
    both, first, second, neither = cells
    of = (both, both + first, both + second, both + first + second + neither)
    assert -1 <= npmi(*of) <= 1
    assert llr(*of) >= 0
    if both and of[1] * of[2] != both * of[3]:
        assert (npmi(*of) > 0) is (pmi(*of) > 0) or both == of[3]
        assert llr(*of) > 0


@pytest.mark.parametrize("counts", [(11, 10, 20, 100), (1, 2, 101, 100), (-1, 2, 2, 100)])
@pytest.mark.parametrize("measure", [npmi, pmi, llr])
def test_impossible_counts_are_refused(measure: object, counts: tuple[int, int, int, int]) -> None:
    assert callable(measure)
    with pytest.raises(ValueError, match="counted"):
        measure(*counts)


WORDS = {"las": 10, "vegas": 12, "hong": 20, "kong": 20, "of": 5000, "the": 6000, "new": 60, "york": 40}
PAIRS = [
    ("of the", 900, 9),
    ("las vegas", 10, 5),
    ("hong kong", 20, 8),
    ("new york", 38, 9),
    ("new the", 9, 9),
]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (Bigrams.NPMI, ["hong kong", "las vegas", "new york"]),
        (Bigrams.LLR, ["of the", "new york", "hong kong"]),
        (Bigrams.STRICT_METACLIP, []),
    ],
)
def test_bigrams_below_a_bound_are_left_out_and_the_best_come_first(by: Bigrams, expected: list[str]) -> None:
    config = QueriesConfig(bigrams=by, bigram_min_count=10, bigram_min_npmi=0.3, bigram_budget=3)
    best = rank_bigrams(PAIRS, WORDS, 100_000, config)
    assert [bigram.text for bigram in best] == expected
    assert best == rank_bigrams(PAIRS[::-1], WORDS, 100_000, config)
    assert best == sorted(best, key=lambda item: best_first(item, by))


@pytest.mark.parametrize("by", [Bigrams.NPMI, Bigrams.LLR])
def test_a_pair_needs_its_minimum_count(by: Bigrams) -> None:
    config = QueriesConfig(bigrams=by, bigram_min_count=10, bigram_min_npmi=0.3)
    assert rank_bigrams([("las vegas", 10, 5)], WORDS, 100_000, config)
    assert rank_bigrams([("las vegas", 9, 5)], WORDS, 100_000, config) == []


def test_metaclip_admits_pairs_seen_once_and_none_that_is_frequent() -> None:
    total, config = 4_500_000_000, QueriesConfig(bigrams=Bigrams.STRICT_METACLIP, bigram_budget=1)
    words = {"a": 1, "b": 1, "c": 4, "d": 4, "e": 5, "f": 5, "las": 9000, "vegas": 8000}
    pairs = [("a b", 1, 1), ("c d", 4, 1), ("e f", 5, 1), ("las vegas", 7900, 900)]
    assert [item.text for item in rank_bigrams(pairs, words, total, config)] == ["a b", "c d"]


def test_pairs_that_shun_each_other_have_a_high_ratio_and_are_left_out() -> None:
    pair = score(("of the", 1, 1), {"of": 5000, "the": 6000}, 100_000)
    assert pair.llr > 500
    assert not admits(pair, QueriesConfig(bigrams=Bigrams.LLR, bigram_min_count=1))


def test_the_floor_itself_is_admitted() -> None:
    pair = score(("new york", 38, 9), {"new": 60, "york": 40}, 1000)
    for floor, admitted in ((pair.npmi, True), (math.nextafter(pair.npmi, 1), False)):
        assert admits(pair, QueriesConfig(bigram_min_count=38, bigram_min_npmi=floor)) is admitted
