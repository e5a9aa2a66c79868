"""The balance: every query contributes up to t pairs, drawn by hash, so no order or retry changes them.

A pair stays if for any of its queries  h(pair, query) < limit(query).  With `expected` the limit is
t / max(count, t), the rule of CLIP's description read as MetaCLIP reads it (arXiv 2309.16671, section 3):
a query contributes min(count, t) pairs in expectation. With `exact` it is the t-th lowest hash of the
query's own pairs: it contributes min(count, t) pairs, exactly. Neither bounds how many kept pairs *contain* a
query: a pair that a rare query keeps also contains "a".

The frontier draws the same hashes: where a query has more candidates than are worth fetching, what was
fetched for its sake is what drew below a limit L, and only of those is it known how many came of a share of
the draws. So with `expected` the limit is t L / n, of the n pairs that drew below L; what lies above was
fetched for another query's sake and does not count. Of the pairs of one frontier the kept sets are nested in
t, in both modes; where t decides what is fetched too, L and n are others, and the limit has the error of n.

What is drawn is an image with its caption: its several texts are joined before (`texts`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from wit_pipeline.text.texts import by_image
from wit_pipeline.vocabulary.chance import SCALE, draw
from wit_pipeline.vocabulary.records import Pair, Reason, Reject, reject

STAGE = "balance"
TAIL: Literal["tail"] = "tail"
ENGLISH = "en"
Limits = Mapping[int, int]  # query id -> limit in [0, SCALE]; a query that is absent keeps all its pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class BalanceConfig:
    """The recipe's `[balance]`."""

    # t; CLIP's is 20,000 (arXiv 2103.00020, section 2.2). "tail": of each language its own, under which rare
    # queries have the share of pairs that English ones have at `english_per_query` (arXiv 2507.22062, 3.2).
    per_query: int | Literal["tail"] = 20_000
    english_per_query: int = 20_000
    mode: Literal["expected", "exact"] = "expected"

    def __post_init__(self) -> None:
        for name in ("per_query", "english_per_query"):
            if (found := getattr(self, name)) != TAIL and found < 1:
                raise ValueError(f"{name} is at least 1, found {found}")


def tails(counts: Mapping[str, Sequence[int]], english: int) -> dict[str, int]:
    """The t of each language, given how many pairs its queries have, where English ones have t `english`.

    English's tail, the queries with fewer than t pairs, has a share of all its matches. The t of another
    language is the largest of its counts under which no more lies: of one without common queries all are
    kept, and so they are where English has no pairs.

    >>> tails({"en": [1, 2, 3, 4, 90], "de": [1, 1, 98]}, english=50)
    {'en': 50, 'de': 98}
    """
    ours = np.sort(np.asarray(counts.get(ENGLISH, ()), np.int64))
    share = ours[ours < english].sum() / ours.sum() if len(ours) else 1.0
    found = {}
    for language, each in counts.items():
        ordered = np.sort(np.asarray(each, np.int64))
        below = np.cumsum(ordered) - ordered  # of all that is less, where counts differ
        firsts = np.searchsorted(ordered, ordered)
        allowed = ordered[below[firsts] <= share * ordered.sum()]
        found[language] = english if language == ENGLISH else max(1, int(allowed.max(initial=1)))
    return found


def limit(count: int, per_query: int, below: int = SCALE) -> int:
    """The limit under which a query keeps `per_query` pairs in expectation, if `count` drew under `below`.

    >>> limit(1383, 1000, below=SCALE * 24 // 1000) / SCALE  # of 60,000 candidates 1,383 were fetched
    0.01735...
    """
    return min(SCALE, below * per_query // count) if count else SCALE


def hash_of(key: str, query: int, seed: int) -> int:
    """h(pair, query) in [0, SCALE): one draw for each pair and query."""
    return draw(key, seed=seed, purpose=f"balance:{query}")


def is_kept(key: str, queries: Sequence[int], limits: Limits, seed: int) -> bool:
    """Whether any query of a pair keeps it. No hash is drawn where one of them keeps everything."""
    if any(limits.get(query, SCALE) >= SCALE for query in queries):
        return True
    return any(hash_of(key, query, seed) < limits[query] for query in queries)


def judge(pairs: Iterable[Pair], limits: Limits, seed: int) -> Iterator[Pair | Reject]:
    """Each image with its caption and its other texts, or the Rejects that say why not.

    An image is drawn by its caption's queries alone; a URL's pairs must be all there.
    """
    for first, *others in by_image(pairs).values():
        if is_kept(first.key, first.candidate.queries, limits, seed):
            yield replace(first, texts=tuple(other.candidate.caption for other in others))
        else:
            detail = f"none of its {len(first.candidate.queries)} queries drew it"
            yield reject(first.candidate, STAGE, Reason.BALANCED_OUT, detail)
        for other in others:
            yield reject(other.candidate, STAGE, Reason.OTHER_TEXT, f"a text of {first.key}")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class QueryCount:
    """What became of a query's pairs, from all that were found to those that were kept.

    Pairs *contain* a query; it is the `below` among the survivors that its limit is reckoned from.
    """

    query_id: int
    candidates: int  # pairs of URL and caption that were found, each once
    fetched: int  # of them, those whose URL was worth asking for: for this query's sake, or another's
    fetch_limit: int  # in draws: what drew below it was fetched for this query's sake; SCALE is all
    survivors: int  # images that reached the balance with a caption that contains it
    below: int  # of them, those that drew below `fetch_limit`
    limit: int  # in draws: what draws below it is kept for this query's sake
    per_query: int = 0  # t; 0: not told
    kept: int = 0  # for this query's sake, or another's
