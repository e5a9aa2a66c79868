"""Ids of queries, given once: what left the list keeps its id, and has it again when it comes back.

A pair names the queries of its caption by id, and the balance draws by id (`wit_pipeline.balance`). So an id
may never come to mean another query while anything is there that was built with it: a list that is made anew
gives a query the id that it ever had, and numbers new ones on from the highest that was ever given.

`ids.parquet` beside the list has all of them. A folder of a release that wrote none has its list, whose ids
were positions.
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


def of(folder: Path) -> dict[str, int]:
    """The ids that were ever given, by query, from a folder with a list; none where there is no list.

    Raises `RunError` where the table cannot be read, or gives an id to two queries or a query two ids.
    """
    table, listed = folder / TABLE, folder / "queries.parquet"
    if table.exists():
        given = [(item.query, item.query_id) for item in rows.read(table, Given)]
    elif listed.exists():
        ids, texts = store.texts(listed)
        given = list(zip(texts.to_pylist(), ids.tolist(), strict=True))
    else:
        given = []
    found = dict(given)
    if len(found) < len(given) or len(set(found.values())) < len(given):
        raise RunError(f"{table if table.exists() else listed}: gives an id twice")
    return found


def numbered(queries: Iterable[Query], given: Mapping[str, int]) -> list[Query]:
    """The queries with their ids, by id; new ones are numbered on in the order in which they come."""
    following = max(given.values(), default=-1) + 1
    made = []
    for query in queries:
        known = given.get(query.query)
        made.append(replace(query, query_id=following if known is None else known))
        following += known is None
    return sorted(made, key=lambda query: query.query_id)


def remembered(queries: Sequence[Query], given: Mapping[str, int]) -> Iterator[Given]:
    """All ids that were ever given, those of the queries among them, ascending."""
    every = {**given, **{query.query: query.query_id for query in queries}}
    for query, query_id in sorted(every.items(), key=lambda item: item[1]):
        yield Given(query_id=query_id, query=query)
