"""The [queries] section refuses what makes no sense."""

import pytest

from queries.config import Bigrams, QueriesConfig
from wit_pipeline.vocabulary.config import section
from wit_pipeline.vocabulary.errors import UserError


def test_every_key_has_a_default() -> None:
    assert section(QueriesConfig, {}, "[queries]") == QueriesConfig()


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("min_count", 1, 0),
        ("bigram_min_count", 0, -1),
        ("budget", 1, 0),
        ("bigram_budget", 0, -1),
        ("bigram_min_npmi", -1.0, -1.01),
        ("bigram_min_npmi", 1, 1.01),
        ("wikipedia", ["a.xml"], "a.xml"),
        ("wordnet", "dict", 3),
        ("bigrams", "llr", "pmi"),
        ("bigram_min_llr", 0.0, -0.1),
        ("title_min_views", 0, -1),
        ("title_budget", 0, -1),
        ("project", "zh-min-nan", "en.wikipedia"),
        ("disambiguations", True, 1),
    ],
)
def test_both_sides_of_each_bound(key: str, good: object, bad: object) -> None:
    section(QueriesConfig, {key: good}, "[queries]")
    with pytest.raises(UserError, match=key):
        section(QueriesConfig, {key: bad}, "[queries]")


def test_a_pair_needs_as_many_occurrences_as_a_word_unless_told_otherwise() -> None:
    assert QueriesConfig(min_count=7).pair_min_count == 7
    assert QueriesConfig(min_count=7, bigram_min_count=3).pair_min_count == 3


def test_metaclips_rule_has_no_minimum_and_no_budget_of_pairs() -> None:
    strict = QueriesConfig(bigrams=Bigrams.STRICT_METACLIP, min_count=7, bigram_budget=5, budget=50)
    assert (strict.pair_min_count, strict.vocabulary_min_count, strict.most_bigrams) == (1, 1, 50)
    ours = QueriesConfig(min_count=7, bigram_budget=5)
    assert (ours.pair_min_count, ours.vocabulary_min_count, ours.most_bigrams) == (7, 7, 5)
