"""Several texts of one image: which is its caption.

The texts of an image, which is a URL, are pairs of their own until `balance`. There they are joined: the
caption is the text that names the most queries, among equals that with the smallest key; the others stay
beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from wit_pipeline.vocabulary.records import Pair

P = TypeVar("P")


def by_image(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each URL, its caption's first, in the order in which the URLs come."""
    return grouped(
        pairs, lambda pair: pair.candidate.url, lambda pair: rank(pair.key, pair.candidate.queries)
    )


def grouped(
    items: Iterable[P], url: Callable[[P], str], ranked: Callable[[P], tuple[int, str]]
) -> dict[str, list[P]]:
    """The items of each URL in order of rank."""
    groups: dict[str, list[P]] = {}
    for item in items:
        groups.setdefault(url(item), []).append(item)
    return {name: sorted(group, key=ranked) for name, group in groups.items()}


def rank(key: str, queries: Sequence[int]) -> tuple[int, str]:
    """Sorts the text that is an image's caption first."""
    return (-len(queries), key)
