"""Why samples left their shards in a later round: what each stage of that round said of their pairs."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import displaces
from wit_pipeline.vocabulary.records import SUCCESS, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The tables of a round that tell what became of pairs."""

    kept: Sequence[Path]  # the balance's parts
    rejects: Sequence[Path]  # of the stages from the last to the first
    wanted: Sequence[Path]  # the frontier's parts
    crawled: Sequence[Path]  # the crawl's tables, the chances of a unit after it


@dataclass(frozen=True, slots=True)
class Answer:
    """What a crawl's table says of a URL, as much as is needed to know how it stands."""

    url: str
    status: str
    http_status: int


def reasons(keys: Collection[str], told: Told) -> dict[str, Reason]:
    """Why each pair, by its key, does not stand where it stood; reads of each table what it needs of it.

    A pair that the balance keeps has another picture. `NO_LONGER_KEPT` is said of what no stage tells: its
    source does not list it any more, or extract refuses it, whose rejects have no keys.
    """
    left, found = set(keys), dict.fromkeys(sorted(keys), Reason.NO_LONGER_KEPT)

    def say(said: Iterable[tuple[str, Reason]]) -> None:
        for key, reason in said:
            if key in left:
                left.discard(key)
                found[key] = reason

    say((key, Reason.REPLACED) for (key,) in _rows_of(told.kept, ["key"], left))
    # A duplicate's key is that of the pair that was kept of the two, so it says nothing of that one.
    judged = ((key, Reason(reason)) for key, reason in _rows_of(told.rejects, ["key", "reason"], left))
    say((key, reason) for key, reason in judged if reason is not Reason.DUPLICATE_PAIR)
    urls = dict(_rows_of(told.wanted, ["key", "url"], left))
    failed = _failed(told.crawled, set(urls.values()))
    say((key, failed[url]) for key, url in urls.items() if url in failed)
    return found


def _failed(tables: Sequence[Path], urls: Collection[str]) -> dict[str, Reason]:
    """How those of some URLs stand that have no picture by now."""
    stand: dict[str, Answer] = {}
    for row in _rows_of(tables, rows.schema_of(Answer).names, urls):
        answer = Answer(*row)
        if answer.url not in stand or displaces(stand[answer.url], answer):
            stand[answer.url] = answer
    return {url: Reason(answer.status) for url, answer in stand.items() if answer.status != SUCCESS}


def _rows_of(paths: Sequence[Path], columns: list[str], wanted: Collection[str]) -> Iterator[list[Any]]:
    """Some columns of the rows whose first is `wanted`; nothing is read where nothing is."""
    if not wanted:
        return
    values = pa.array(sorted(wanted), pa.string())
    for path in paths:
        table = rows.table(path, columns)
        for row in table.filter(pc.is_in(table[columns[0]], value_set=values)).to_pylist():
            yield list(row.values())
