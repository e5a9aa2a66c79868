"""How often words and pairs of words occur, and how much more often a pair than chance would have it."""

import heapq
import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from queries.config import QueriesConfig
from wit_pipeline.text import phrases, words

Count = tuple[int, int]  # occurrences, documents: a plain tuple, which engines encode fastest


@dataclass(frozen=True, kw_only=True, slots=True)
class Bigram:
    """A pair of words that occurs more often than chance."""

    text: str  # "first second"
    count: int
    document_count: int
    npmi: float  # -1 to 1


def count_words(texts: Iterable[str]) -> dict[str, Count]:
    """Occurrences and documents of each word in a block of texts, one text a document."""
    return _count(_words(text) for text in texts)


def _words(text: str) -> list[str]:
    # Line by line: most lines are ASCII, which fold twice as fast, and no word crosses a line's end.
    return [word for line in text.split("\n") for word in words(line)]


def count_bigrams(texts: Iterable[str], vocabulary: Container[str]) -> dict[str, Count]:
    """Occurrences and documents of each pair of neighbours "first second", both in `vocabulary`.

    No pair crosses punctuation or a line's end. `vocabulary` is asked for each word: give a set or a dict.
    """
    return _count(_pairs(text, vocabulary) for text in texts)


def _pairs(text: str, vocabulary: Container[str]) -> list[str]:
    return [
        f"{first} {second}"  # not a tuple: the garbage collector walks tuples, which costs a third
        for phrase in phrases(text)
        for first, second in pairwise(phrase)
        if first in vocabulary and second in vocabulary
    ]


def _count(documents: Iterable[list[str]]) -> dict[str, Count]:
    counts: Counter[str] = Counter()
    document_counts: Counter[str] = Counter()
    for document in documents:
        counts.update(document)
        document_counts.update(set(document))
    return {item: (count, document_counts[item]) for item, count in counts.items()}


def add(first: Count, second: Count) -> Count:
    """The counts of two blocks together; associative and commutative, with (0, 0) as its zero."""
    return (first[0] + second[0], first[1] + second[1])


def npmi(pair_count: int, first_count: int, second_count: int, total: int) -> float:
    """Normalised pointwise mutual information of a pair: -1 never together, 0 chance, 1 never apart.

    ln(p(a,b) / (p(a) p(b))) / -ln p(a,b), with p = count / total and `total` the words counted
    (Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction").
    Raises ValueError where a pair is counted more often than one of its words.
    """
    if not 0 <= pair_count <= min(first_count, second_count) <= max(first_count, second_count) <= total:
        raise ValueError(
            f"a pair counted {pair_count} of words counted {first_count}, {second_count} of {total}"
        )
    if pair_count == 0:
        return -1.0
    if pair_count == total:
        return 1.0
    surprise = math.log(total) - math.log(pair_count)
    information = math.log(pair_count) + math.log(total) - math.log(first_count) - math.log(second_count)
    return max(-1.0, min(1.0, information / surprise))


def rank_bigrams(
    pairs: Iterable[tuple[str, int, int]], counts: Mapping[str, int], total: int, config: QueriesConfig
) -> list[Bigram]:
    """The best pairs by (npmi, count, text), at most `bigram_budget`; the order of `pairs` does not matter.

    `pairs` are (text, count, document_count), `counts` the occurrences of each word of the vocabulary, and
    `total` those of all words, the rare ones too. Only the best are held: `pairs` may be a long stream.
    """
    scored = (score(pair, counts, total, config) for pair in pairs)
    return heapq.nsmallest(config.bigram_budget, filter(None, scored), key=best_first)


def score(
    pair: tuple[str, int, int], counts: Mapping[str, int], total: int, config: QueriesConfig
) -> Bigram | None:
    """A pair (text, count, document_count) with its NPMI, or None below one of the recipe's two bounds."""
    text, count, document_count = pair
    if count < config.pair_min_count:
        return None
    first, second = text.split(" ")
    value = npmi(count, counts[first], counts[second], total)
    if value < config.bigram_min_npmi:
        return None
    return Bigram(text=text, count=count, document_count=document_count, npmi=value)


def best_first(bigram: Bigram) -> tuple[float, int, str]:
    """The order of bigrams: the higher NPMI first, then the higher count, then the alphabet."""
    return (-bigram.npmi, -bigram.count, bigram.text)
