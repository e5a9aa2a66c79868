from hypothesis import given
from hypothesis import strategies as st

from tests.factories import query
from tests.strategies import SENTENCES, WORDS
from wit_pipeline.match import Matcher
from wit_pipeline.text import words

QUERIES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), max_size=12, unique=True)


def by_hand(queries: list[str], caption: str) -> tuple[int, ...]:
    """The definition: a query matches where its words stand, whole, one after another."""
    held = " " + " ".join(words(caption)) + " "
    return tuple(i for i, text in enumerate(queries) if f" {' '.join(words(text))} " in held)


@given(QUERIES, SENTENCES)
def test_the_trie_finds_what_the_definition_says(queries: list[str], caption: str) -> None:
    matcher = Matcher(query(i, text) for i, text in enumerate(queries))
    assert matcher.match(caption) == by_hand(queries, caption)


def test_overlaps_count_and_parts_of_words_do_not() -> None:
    matcher = Matcher(query(i, text) for i, text in enumerate(["new york", "york", "york city", "cat"]))
    assert matcher.match("New York City: concatenation") == (0, 1, 2)
    assert matcher.match("(Cat) “New—York”") == (0, 1, 3)
    assert matcher.match("") == ()


def test_no_queries_match_nothing() -> None:
    assert Matcher([]).match("a dog") == ()
