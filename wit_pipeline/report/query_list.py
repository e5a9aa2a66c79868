"""The query list for eyes: how many queries each source gave, the best of each kind, and what was dropped."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wit_pipeline.vocabulary.records import Kind, Query

TOP = 20  # queries shown of each kind
PROBLEMS = 20  # problems of dumps and page views shown
LABELS = {
    Kind.WORD: "words of Wikipedia",
    Kind.BIGRAM: "bigrams of Wikipedia",
    Kind.TITLE: "titles by page views",
    Kind.SYNSET: "WordNet lemmas",
}
COLUMNS = {  # what a kind is ranked by comes first
    Kind.WORD: ("count", "document_count"),
    Kind.BIGRAM: ("npmi", "count", "document_count", "llr", "pmi"),
    Kind.TITLE: ("views", "title", "count"),
    Kind.SYNSET: ("count", "lemma"),
}


def query_section(
    queries: Sequence[Query],
    results: Mapping[str, Any],
    problems: Sequence[Mapping[str, str]],
    languages: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What the template shows of the query list; `languages` is a `language_section`."""
    return {
        "total": len(queries),
        "words": results["words"],
        "budget": results["budget"],
        "dropped": results["dropped"],
        "bars": _bars(queries, results["kinds"]),
        "tops": [_top(kind, queries) for kind in Kind if any(query.kind is kind for query in queries)],
        "problems": problems[:PROBLEMS],
        "problem_count": len(problems),
        "languages": languages,
    }


def _bars(queries: Sequence[Query], kinds: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """A bar for each source: the queries that stand under it, and those that a more trusted one has too."""
    first = Counter(query.kind for query in queries)
    named = Counter(kind for query in queries for kind in query.sources)
    longest = max([*named.values(), 1])
    return [
        {
            "label": LABELS[kind],
            "offered": kinds[kind]["offered"],
            "first": first[kind],
            "shared": named[kind] - first[kind],
            "first_width": round(560 * first[kind] / longest, 1),
            "shared_width": round(560 * (named[kind] - first[kind]) / longest, 1),
            "y": 10 + 34 * place,
        }
        for place, kind in enumerate(Kind)
    ]


def _top(kind: Kind, queries: Sequence[Query]) -> dict[str, Any]:
    best = sorted((query for query in queries if query.kind is kind), key=lambda query: query.rank)[:TOP]
    return {
        "label": LABELS[kind],
        "columns": COLUMNS[kind],
        "languages": [query.language for query in best],
        "rows": [(query.query, [_shown(getattr(query, name)) for name in COLUMNS[kind]]) for query in best],
    }


def _shown(value: str | int | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
