"""One list of queries from words, bigrams and lemmas: ranked, without repeats, within the budget."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from queries.config import QueriesConfig
from queries.ngrams import Bigram, Count, add, best_first
from wit_pipeline.records import Kind, Query
from wit_pipeline.text import normalise


def merge(
    words: Iterable[tuple[str, int, int]],
    bigrams: Iterable[Bigram],
    lemmas: Iterable[str],
    config: QueriesConfig,
) -> list[Query]:
    """The query list in order of trust: words, bigrams, lemmas, cut at the budget; ids are positions.

    `words` are (word, count, document_count), the rare ones too where the caller has them: a lemma takes its
    count from there. Within a kind the order is (count, text), for bigrams (npmi, count, text), so that the
    order of the arguments does not matter. What is the same once normalised is one query, counted together.
    """
    counts = _counted(words)
    pairs = _scored(bigrams)
    ranked = [
        *_words(counts, config),
        *_bigrams(pairs, config),
        *_synsets(lemmas, counts, pairs),
    ]
    return _numbered(ranked, config.budget)


def worth_asking(query: str) -> bool:
    """Whether a normalised query can tell anything: two characters at least, or one ideograph.

    A single letter or digit matches captions of everything; in Chinese and Japanese one character is a word.
    """
    return len(query) > 1 or (len(query) == 1 and unicodedata.name(query, "").startswith("CJK"))


def _counted(words: Iterable[tuple[str, int, int]]) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for word, count, document_count in words:
        query = normalise(word)
        counts[query] = add(counts.get(query, (0, 0)), (count, document_count))
    return counts


def _scored(bigrams: Iterable[Bigram]) -> dict[str, Bigram]:
    """Bigrams by their normalised text; of two that become one, the better is kept."""
    scored: dict[str, Bigram] = {}
    for bigram in sorted(bigrams, key=best_first):
        query = normalise(bigram.text)
        scored.setdefault(query, replace(bigram, text=query))
    return scored


def _words(counts: Mapping[str, Count], config: QueriesConfig) -> Iterator[Query]:
    frequent = ((word, found) for word, found in counts.items() if found[0] >= config.min_count)
    for word, (count, documents) in sorted(frequent, key=lambda item: (-item[1][0], item[0])):
        yield Query(query_id=0, query=word, kind=Kind.WORD, count=count, document_count=documents)


def _bigrams(pairs: Mapping[str, Bigram], config: QueriesConfig) -> Iterator[Query]:
    admitted = (
        pair
        for pair in pairs.values()
        if pair.count >= config.pair_min_count and pair.npmi >= config.bigram_min_npmi
    )
    for pair in sorted(admitted, key=best_first)[: config.bigram_budget]:
        yield Query(
            query_id=0,
            query=pair.text,
            kind=Kind.BIGRAM,
            count=pair.count,
            document_count=pair.document_count,
            npmi=pair.npmi,
        )


def _synsets(
    lemmas: Iterable[str], counts: Mapping[str, Count], pairs: Mapping[str, Bigram]
) -> Iterator[Query]:
    known = {text: (pair.count, pair.document_count) for text, pair in pairs.items()} | dict(counts)
    found = {query: known.get(query, (0, 0)) for query in map(normalise, lemmas)}
    for query, (count, documents) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        yield Query(query_id=0, query=query, kind=Kind.SYNSET, count=count, document_count=documents)


def _numbered(ranked: Iterable[Query], budget: int) -> list[Query]:
    """The first `budget` queries worth asking, once each, with ids, and ranks within their kind."""
    queries: list[Query] = []
    seen: set[str] = set()
    ranks = dict.fromkeys(Kind, 0)
    for query in ranked:
        if len(queries) == budget:
            break
        if query.query in seen or not worth_asking(query.query):
            continue
        seen.add(query.query)
        queries.append(replace(query, query_id=len(queries), rank=ranks[query.kind]))
        ranks[query.kind] += 1
    return queries
