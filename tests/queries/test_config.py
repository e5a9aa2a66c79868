"""The [queries] section refuses what makes no sense."""

import pytest

from queries.config import QueriesConfig
from wit_pipeline.config import section
from wit_pipeline.errors import UserError


def test_every_key_has_a_default() -> None:
    assert section(QueriesConfig, {}, "[queries]") == QueriesConfig()


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("min_count", 1, 0),
        ("bigram_min_count", 1, 0),
        ("budget", 1, 0),
        ("bigram_budget", 0, -1),
        ("bigram_min_npmi", -1.0, -1.01),
        ("bigram_min_npmi", 1, 1.01),
        ("wikipedia", ["a.xml"], "a.xml"),
        ("wordnet", "dict", 3),
    ],
)
def test_both_sides_of_each_bound(key: str, good: object, bad: object) -> None:
    section(QueriesConfig, {key: good}, "[queries]")
    with pytest.raises(UserError, match=key):
        section(QueriesConfig, {key: bad}, "[queries]")
