"""How often pairs of words occur, and how much more often than chance would have it."""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from queries.config import Bigrams, QueriesConfig
from wit_pipeline.text.tokens import Sequence

Array = npt.NDArray[Any]

METACLIP_PMI = 30.0  # bits; MetaCLIP's bound, which it puts on pairs without a minimum count
PAIRS = pa.schema([("pair", pa.int64()), ("count", pa.int64()), ("document_count", pa.int64())])
SHIFT = np.int64(32)  # a pair of vocabulary numbers is one int64: first << 32 | second


@dataclass(frozen=True, kw_only=True, slots=True)
class Bigram:
    """A pair of words, and what tells it from chance."""

    text: str  # "first second"
    count: int
    document_count: int
    npmi: float  # -1 to 1
    pmi: float  # bits
    llr: float  # G², twice the natural logarithm of a likelihood ratio


def count_pairs(sequence: Sequence, vocabulary: Array) -> pa.Table:
    """Neighbours of the vocabulary in some documents: pair (int64), count, document_count; by pair.

    `vocabulary` int64 (largest id + 1,): the number of each id of the sequence in the vocabulary, -1 for what
    is not in it, GAP among that. A document ends in a GAP, so no pair crosses documents.
    """
    numbers = vocabulary[sequence.ids]
    both = np.flatnonzero((numbers[:-1] >= 0) & (numbers[1:] >= 0))
    documents = np.searchsorted(sequence.ends, both, side="right")
    pairs = numbers[both] << SHIFT | numbers[both + 1]
    order = np.argsort(pairs, kind="stable")  # stable: documents stay in order within a pair
    pairs, documents = pairs[order], documents[order]
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    if not len(pairs):
        starts = np.zeros(0, np.int64)
    first_of_document = np.ones(len(pairs), np.int64)
    first_of_document[1:] = (pairs[1:] != pairs[:-1]) | (documents[1:] != documents[:-1])
    counts = np.diff(starts, append=len(pairs))
    containing = np.add.reduceat(first_of_document, starts) if len(starts) else starts
    return pa.table([pa.array(column) for column in (pairs[starts], counts, containing)], PAIRS)


def unpair(pairs: Array) -> tuple[Array, Array]:
    """The two vocabulary numbers of each pair, int64 (n,) each."""
    return pairs >> SHIFT, pairs & np.int64(0xFFFFFFFF)


def npmi(pair_count: int, first_count: int, second_count: int, total: int) -> float:
    """Normalised pointwise mutual information of a pair: -1 never together, 0 chance, 1 never apart.

    ln(p(a,b) / (p(a) p(b))) / -ln p(a,b), with p = count / total and `total` the words counted
    (Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction").
    Raises ValueError where a pair is counted more often than one of its words.
    """
    _check(pair_count, first_count, second_count, total)
    if pair_count == 0:
        return -1.0
    if pair_count == total:
        return 1.0
    surprise = math.log(total) - math.log(pair_count)
    information = math.log(pair_count) + math.log(total) - math.log(first_count) - math.log(second_count)
    return max(-1.0, min(1.0, information / surprise))


def pmi(pair_count: int, first_count: int, second_count: int, total: int) -> float:
    """Pointwise mutual information of a pair in bits, log2(p(a,b) / (p(a) p(b))); -inf for no pair."""
    _check(pair_count, first_count, second_count, total)
    return math.log2(pair_count * total / (first_count * second_count)) if pair_count else -math.inf


def llr(pair_count: int, first_count: int, second_count: int, total: int) -> float:
    """The log-likelihood ratio G² of a pair against independence; 0 is chance, above 10.8 p < 0.001.

    2 Σ k ln(k / expected) over the table of first or not, second or not (Dunning 1993, "Accurate Methods for
    the Statistics of Surprise and Coincidence").
    """
    _check(pair_count, first_count, second_count, total)
    rows, columns = (first_count, total - first_count), (second_count, total - second_count)
    cells = (
        (pair_count, rows[0] * columns[0]),
        (first_count - pair_count, rows[0] * columns[1]),
        (second_count - pair_count, rows[1] * columns[0]),
        (total - first_count - second_count + pair_count, rows[1] * columns[1]),
    )
    return max(0.0, 2 * sum(k * math.log(k * total / expected) for k, expected in cells if k > 0))


def _check(pair_count: int, first_count: int, second_count: int, total: int) -> None:
    if not 0 <= pair_count <= min(first_count, second_count) <= max(first_count, second_count) <= total:
        raise ValueError(
            f"a pair counted {pair_count} of words counted {first_count}, {second_count} of {total}"
        )


def rank_bigrams(
    pairs: Iterable[tuple[str, int, int]], counts: Mapping[str, int], total: int, config: QueriesConfig
) -> list[Bigram]:
    """The best pairs by the recipe's measure, count and text; the order of `pairs` does not matter.

    `pairs` are (text, count, document_count), `counts` the occurrences of each word of the vocabulary, and
    `total` those of all words, the rare ones too. Only the best are held: `pairs` may be a long stream.
    """
    scored = (score(pair, counts, total) for pair in pairs if pair[1] >= config.pair_min_count)
    admitted = (bigram for bigram in scored if admits(bigram, config))
    return heapq.nsmallest(config.most_bigrams, admitted, key=lambda item: best_first(item, config.bigrams))


def score(pair: tuple[str, int, int], counts: Mapping[str, int], total: int) -> Bigram:
    """A pair (text, count, document_count) with its measures."""
    text, count, document_count = pair
    first, second = text.split(" ")
    of = (count, counts[first], counts[second], total)
    return Bigram(
        text=text, count=count, document_count=document_count, npmi=npmi(*of), pmi=pmi(*of), llr=llr(*of)
    )


def admits(bigram: Bigram, config: QueriesConfig) -> bool:
    """Whether a pair lies above the recipe's bounds for pairs."""
    if bigram.count < config.pair_min_count:
        return False
    if config.bigrams is Bigrams.STRICT_METACLIP:
        return bigram.pmi >= METACLIP_PMI
    if config.bigrams is Bigrams.LLR:
        return bigram.pmi > 0 and bigram.llr >= config.bigram_min_llr  # G² is high for pairs that shun, too
    return bigram.npmi >= config.bigram_min_npmi


def best_first(bigram: Bigram, by: Bigrams) -> tuple[float, int, str]:
    """The order of bigrams: the higher measure first, then the higher count, then the alphabet."""
    measure = {Bigrams.NPMI: bigram.npmi, Bigrams.LLR: bigram.llr, Bigrams.STRICT_METACLIP: bigram.pmi}[by]
    return (-measure, -bigram.count, bigram.text)
