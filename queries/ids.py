"""Ids of queries, given once: what left the list keeps its id, and has it again when it comes back.

A text that is in the lists of two languages is two queries.

A pair names the queries of its caption by id, and the balance draws by id (`wit_pipeline.balance`). So an id
may never come to mean another query while anything is there that was built with it: a list that is made anew
gives a query the id that it ever had, and numbers new ones on from the highest that was ever given.

`ids.parquet` beside the list has all of them. A folder of a release that wrote none has its list, whose ids
were positions. Releases that knew one list alone named no language: the first list that has such a query
takes its id over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from queries import store
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Query

TABLE = "ids.parquet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """An id, and the query that has it for good."""

    query_id: int
    query: str
    language: str = ""


Key = tuple[str, str]  # language, query


def of(folder: Path) -> dict[Key, int]:
    """The ids that were ever given, from a folder with a list; none where there is no list.

    Raises `RunError` where the table cannot be read, or gives an id to two queries or a query two ids.
    """
    table, listed = folder / TABLE, folder / "queries.parquet"
    if table.exists():
        given = [((item.language, item.query), item.query_id) for item in rows.read(table, Given)]
    elif listed.exists():
        ids, texts, languages = store.spoken(listed)
        keys = zip(languages.to_pylist(), texts.to_pylist(), strict=True)
        given = list(zip(keys, ids.tolist(), strict=True))
    else:
        given = []
    found = dict(given)
    if len(found) < len(given) or len(set(found.values())) < len(given):
        raise RunError(f"{table if table.exists() else listed}: gives an id twice")
    return found


def numbered(queries: Iterable[Query], given: Mapping[Key, int]) -> list[Query]:
    """The queries with their ids, by id; new ones are numbered on in the order in which they come."""
    following = max(given.values(), default=-1) + 1
    unnamed = {text: number for (language, text), number in given.items() if not language}
    made = []
    for query in queries:
        known = given.get((query.language, query.query))
        if known is None:
            known = unnamed.pop(query.query, None)
        made.append(replace(query, query_id=following if known is None else known))
        following += known is None
    return sorted(made, key=lambda query: query.query_id)


def remembered(queries: Sequence[Query], given: Mapping[Key, int]) -> Iterator[Given]:
    """All ids that were ever given, those of the queries among them, ascending."""
    every = {number: key for key, number in given.items()}
    every |= {query.query_id: (query.language, query.query) for query in queries}
    for query_id, (language, query) in sorted(every.items()):
        yield Given(query_id=query_id, query=query, language=language)
