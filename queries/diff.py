"""What a newer query list changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wit_pipeline.vocabulary.records import Query


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """Two query lists beside each other; each part in the order of its own list's ids."""

    added: list[Query]
    removed: list[Query]
    moved: list[tuple[Query, Query]]  # the same query under another source: old, new
    kept: int  # queries in both lists, the moved ones included


def diff(old: Sequence[Query], new: Sequence[Query]) -> Diff:
    """What is new in `new`, what it no longer has, and what stands under another source."""
    spoken = all(any(query.language for query in queries) for queries in (old, new))

    def key(query: Query) -> tuple[str, str]:  # lists of earlier releases name no language
        return query.language if spoken else "", query.query

    before, after = ({key(query): query for query in queries} for queries in (old, new))
    both = [(before[key(query)], query) for query in new if key(query) in before]
    return Diff(
        added=[query for query in new if key(query) not in before],
        removed=[query for query in old if key(query) not in after],
        moved=[(was, now) for was, now in both if was.kind is not now.kind],
        kept=len(both),
    )


def lines(found: Diff) -> Iterator[str]:
    """A summary, then a line for each change, tab-separated: sign, query, source, language, measure."""
    yield f"{len(found.added):,} added, {len(found.removed):,} removed, {found.kept:,} kept, " + (
        f"of which {len(found.moved):,} under another source"
    )
    for sign, queries in (("+", found.added), ("-", found.removed)):
        for query in queries:
            yield f"{sign}\t{query.query}\t{query.kind}\t{query.language}\t{_measure(query)}"
    for was, now in found.moved:
        yield f"~\t{now.query}\t{was.kind} -> {now.kind}\t{now.language}\t{_measure(now)}"


def _measure(query: Query) -> str:
    counted = f"{query.count} times in {query.document_count} articles"
    return f"{query.views} views, {counted}" if query.views else counted


def provenance(query: Query) -> Iterator[str]:
    """A line for each source of a query: what it says of it."""
    told = {
        "word": f"{query.count:,} times in {query.document_count:,} articles",
        "bigram": f"{query.count:,} times in {query.document_count:,} articles; "
        f"NPMI {query.npmi:.3f}, PMI {query.pmi:.1f} bits, G² {query.llr:,.0f}",
        "title": f"{query.views:,} views of {query.title!r}",
        "synset": f"WordNet's {query.lemma!r}",
    }
    for source in query.sources:
        yield f"{source:>8}  {told[source]}"
