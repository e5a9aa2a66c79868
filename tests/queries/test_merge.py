"""The query list: ranked, without repeats, within the budget, whatever order its parts come in."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.config import QueriesConfig
from queries.merge import Merged, merge, worth_asking
from queries.ngrams import Bigram
from queries.titles import Title
from wit_pipeline.text.text import normalise
from wit_pipeline.vocabulary.records import Kind, Query, Reason

CONFIG = QueriesConfig(min_count=10, bigram_min_count=5, bigram_min_npmi=0.3, bigram_budget=2)
WORDS = [("dog", 50, 9), ("cat", 50, 8), ("york", 30, 5), ("aardvark", 9, 3), ("a", 900, 10), ("1998", 10, 2)]
LEMMAS = ["Dog", "aardvark", "New York", "zebra", "ice-cream", "!", "New_York"]


def bigram(text: str, count: int = 10, npmi: float = 0.5) -> Bigram:
    return Bigram(text=text, count=count, document_count=1, npmi=npmi, pmi=0.0, llr=0.0)


def titled(name: str, views: int) -> Title:
    return Title(title=name, query=normalise(name), views=views)


def listed(*arguments: object) -> list[Query]:
    """The list of `merge` without titles."""
    words, pairs, lemmas, config = arguments
    return merge(words, pairs, [], lemmas, config).queries  # type: ignore[arg-type]


def names(queries: list[Query]) -> list[str]:
    return [query.query for query in queries]


def test_words_then_bigrams_then_lemmas_each_by_rank() -> None:
    pairs = [bigram("hot dog", npmi=0.5), bigram("new york", npmi=0.9)]
    queries = listed(WORDS, pairs, LEMMAS, CONFIG)
    assert [(query.query, str(query.kind), query.rank) for query in queries] == [
        ("cat", "word", 0),
        ("dog", "word", 1),
        ("york", "word", 2),
        ("1998", "word", 3),
        ("new york", "bigram", 0),
        ("hot dog", "bigram", 1),
        ("aardvark", "synset", 0),  # too rare for a word, and its count puts it first
        ("ice cream", "synset", 1),
        ("zebra", "synset", 2),
    ]
    assert [query.query_id for query in queries] == list(range(9))


def test_a_query_says_where_it_comes_from() -> None:
    queries = listed([("dog", 50, 9), ("gnu", 2, 1)], [bigram("hot dog", 10, 0.5)], ["gnu"], CONFIG)
    assert queries[0] == Query(
        query_id=0, query="dog", kind=Kind.WORD, count=50, document_count=9, sources=("word",)
    )
    assert (queries[1].kind, queries[1].count, queries[1].npmi) == (Kind.BIGRAM, 10, 0.5)
    assert (queries[2].kind, queries[2].count, queries[2].document_count) == (Kind.SYNSET, 2, 1)


@pytest.mark.parametrize(
    ("pair", "kept"),
    [
        (bigram("hot dog", 5), True),
        (bigram("hot dog", 4), False),
        (bigram("hot dog", npmi=0.3), True),
        (bigram("hot dog", npmi=0.29), False),
    ],
)
def test_both_sides_of_the_bounds_of_a_bigram(pair: Bigram, kept: bool) -> None:
    assert bool(listed([], [pair], [], CONFIG)) is kept


def test_a_bigram_beyond_its_budget_may_still_come_as_a_lemma() -> None:
    pairs = [bigram("a b", npmi=0.9), bigram("c d", npmi=0.8), bigram("e f", npmi=0.7)]
    queries = listed([], pairs, ["e f"], CONFIG)
    assert [(query.query, query.kind, query.count) for query in queries[2:]] == [("e f", Kind.SYNSET, 10)]


@pytest.mark.parametrize("budget", [1, 2, 5])
def test_the_budget_cuts_the_least_trusted(budget: int) -> None:
    whole = listed(WORDS, [], LEMMAS, CONFIG)
    cut = QueriesConfig(min_count=10, budget=budget)
    assert listed(WORDS, [], LEMMAS, cut) == whole[:budget]


def test_what_is_one_query_once_normalised_is_counted_together() -> None:
    (query,) = listed([("Dog", 6, 2), ("dog’s", 5, 1)], [], ["DOG"], CONFIG)
    assert (query.query, query.kind, query.count) == ("dog", Kind.WORD, 11)


def test_of_two_bigrams_that_are_one_once_normalised_the_better_stays() -> None:
    pairs = [bigram("Hot dog", npmi=0.4), bigram("hot dog", npmi=0.6), bigram("HOT dog", npmi=0.5)]
    (query,) = listed([], pairs, [], CONFIG)
    assert (query.query, query.npmi) == ("hot dog", 0.6)


@pytest.mark.parametrize(
    ("query", "worth"),
    [("", False), ("a", False), ("7", False), ("é", False), ("犬", True), ("ox", True), ("42", True)],
)
def test_one_character_tells_nothing_unless_it_is_an_ideograph(query: str, worth: bool) -> None:
    assert worth_asking(query) is worth


TITLES = [titled("Dog", 900), titled("Ice Cream", 800), titled("Elvis Presley", 700), titled("Cher", 600)]


def test_a_query_stands_under_its_most_trusted_source_and_names_all() -> None:
    merged = merge(WORDS, [bigram("ice cream")], TITLES, ["dog", "Cher"], CONFIG)
    told = {query.query: (query.kind, query.sources, query.views, query.title) for query in merged.queries}
    assert told["dog"] == (Kind.WORD, ("word", "title", "synset"), 900, "Dog")
    assert told["ice cream"] == (Kind.BIGRAM, ("bigram", "title"), 800, "Ice Cream")
    assert told["cher"] == (Kind.TITLE, ("title", "synset"), 600, "Cher")
    assert told["elvis presley"] == (Kind.TITLE, ("title",), 700, "Elvis Presley")
    assert merged.offered == {Kind.WORD: 5, Kind.BIGRAM: 1, Kind.TITLE: 4, Kind.SYNSET: 2}


def kinds(merged: Merged) -> Counter[str]:
    return Counter(str(query.kind) for query in merged.queries)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [  # 4 words worth asking, 2 lemmas of which one is a title, 3 titles that are no word
        (9, {"word": 4, "title": 3, "synset": 1}),
        (8, {"word": 4, "title": 3, "synset": 1}),
        (7, {"word": 4, "title": 2, "synset": 1}),  # Cher is a lemma and stays: Elvis has to go
        (6, {"word": 4, "title": 1, "synset": 1}),
        (5, {"word": 4, "title": 1}),
        (3, {"word": 3}),
    ],
)
def test_titles_fill_the_room_that_the_others_leave(budget: int, expected: dict[str, int]) -> None:
    config = QueriesConfig(min_count=10, budget=budget)
    merged = merge(WORDS, [], TITLES, ["zebra", "Cher"], config)
    assert kinds(merged) == expected
    assert Counter(item.reason for item in merged.dropped)[Reason.QUERY_OVER_BUDGET] == max(0, 8 - budget)


def test_titles_may_have_a_budget_and_a_bound_of_their_own() -> None:
    assert kinds(merge([], [], TITLES, [], QueriesConfig(title_budget=2)))["title"] == 2
    assert kinds(merge([], [], TITLES, [], QueriesConfig(title_min_views=700)))["title"] == 3
    assert kinds(merge([], [], TITLES, [], QueriesConfig(title_min_views=701)))["title"] == 2


def test_what_is_blocked_or_too_short_is_told() -> None:
    merged = merge(WORDS, [], TITLES, ["zebra"], CONFIG, {"dog": "dog", "elvis presley": "elvis *"}.get)  # type: ignore[arg-type]
    assert [(item.query, str(item.reason), item.detail) for item in merged.dropped] == [
        ("a", "query_too_short", ""),
        ("dog", "query_blocked", "dog"),
        ("elvis presley", "query_blocked", "elvis *"),
    ]
    assert not {"a", "dog", "elvis presley"} & set(names(merged.queries))
    assert merged.dropped[1].count == 50


TEXT = st.text("ab AB'’-!é犬", max_size=4)
COUNTED = st.lists(st.tuples(TEXT, st.integers(0, 30), st.integers(0, 30)), max_size=12)
PAIRS = st.lists(st.builds(bigram, TEXT, st.integers(0, 9), st.sampled_from([0.1, 0.3, 0.5])), max_size=8)
VIEWED = st.lists(st.builds(titled, TEXT, st.integers(0, 9)), max_size=8, unique_by=lambda item: item.query)


@given(COUNTED, PAIRS, VIEWED, st.lists(TEXT, max_size=8), st.integers(1, 12), st.randoms())
def test_the_list_is_the_same_whatever_the_order(
    words: list[tuple[str, int, int]],
    pairs: list[Bigram],
    titles: list[Title],
    lemmas: list[str],
    budget: int,
    random: Random,
) -> None:
    config = QueriesConfig(min_count=10, bigram_min_count=5, bigram_budget=4, budget=budget)
    merged = merge(words, pairs, titles, lemmas, config)
    for items in (words, pairs, titles, lemmas):
        random.shuffle(items)
    assert merge(words, pairs, titles, lemmas, config) == merged
    queries = merged.queries
    assert len(set(names(queries))) == len(queries) <= budget
    assert all(normalise(query.query) == query.query for query in queries)
    assert [query.query_id for query in queries] == list(range(len(queries)))
    assert [query.kind for query in queries] == sorted(
        (query.kind for query in queries), key=list(Kind).index
    )
    offered = {*names(queries), *(item.query for item in merged.dropped)}
    assert len(offered) == len(queries) + len(merged.dropped)  # each is kept or dropped, once
