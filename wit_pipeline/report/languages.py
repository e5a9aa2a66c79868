"""The languages for eyes: what each one's list holds, and what became of the captions that are in it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from wit_pipeline.balance import QueryCount

UNKNOWN = "unknown"


def language_section(
    lists: Mapping[str, Mapping[str, Any]],
    captions: Mapping[str, int],
    pairs: Mapping[str, int],
    counts: Iterable[QueryCount],
    spoken: Mapping[int, str],
) -> list[dict[str, Any]]:
    """A row for each language of a list, then for others that sources state, then for what is unknown.

    `lists` are the queries' results by language, `captions` those that extract kept, `pairs` those that the
    balance kept, `spoken` the language of each query by id. Empty where there is but one list.
    """
    if len(lists) < 2:
        return []
    with_pairs, per_query = Counter[str](), dict[str, int]()
    for item in counts:
        language = spoken.get(item.query_id, "")
        with_pairs[language] += item.candidates > 0
        per_query[language] = item.per_query
    others = sorted({*captions, *pairs} - {*lists, ""})
    return [
        {
            "language": language or UNKNOWN,
            "words": lists[language]["words"] if language in lists else None,
            "queries": lists[language]["queries"] if language in lists else None,
            "with_pairs": with_pairs[language],
            "per_query": per_query.get(language),
            "captions": captions.get(language, 0),
            "pairs": pairs.get(language, 0),
        }
        for language in (*lists, *others, *([""] if "" in {*captions, *pairs} else []))
    ]
