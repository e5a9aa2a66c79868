"""One list of queries from words, bigrams, titles and lemmas: ranked, without repeats, within the budget."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import overload

from queries.config import QueriesConfig
from queries.ngrams import Bigram, admits, best_first
from queries.titles import Title
from wit_pipeline.text.text import is_unspaced, normalise, words
from wit_pipeline.vocabulary.records import Kind, Query, Reason

Count = tuple[int, int]  # occurrences, documents


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """A query that a source offered and the list does not hold."""

    query: str
    kind: Kind
    reason: Reason
    detail: str
    count: int
    document_count: int
    npmi: float
    views: int
    language: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """The list, and what became of all that was offered."""

    queries: list[Query]
    dropped: Sequence[Dropped]
    offered: Mapping[Kind, int]  # distinct queries of each source above its own bounds; one may have several


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sources:
    """What each source says of a query, by the query."""

    counts: Mapping[str, Count]  # words and pairs; rare ones too, where the caller has them
    frequent: Mapping[str, Count]
    pairs: Mapping[str, Bigram]  # admitted ones, in order of rank
    titles: Mapping[str, Title]  # in order of rank
    lemmas: Mapping[str, str]  # as WordNet spells it
    language: str = ""

    @property
    def places(self) -> dict[Kind, Mapping[str, object]]:
        """What each source has, by the query; the most trusted first."""
        found = (self.frequent, self.pairs, self.titles, self.lemmas)
        return dict(zip(Kind, found, strict=True))

    def kinds(self, query: str) -> tuple[Kind, ...]:
        return tuple(kind for kind, place in self.places.items() if query in place)

    def offered(self) -> dict[Kind, int]:
        """How many queries each source offers."""
        return {kind: len(place) for kind, place in self.places.items()}

    def query(self, query: str) -> Query:
        """All that is known of a query; id and rank are given later."""
        kinds = self.kinds(query)
        pair, title = self.pairs.get(query), self.titles.get(query)
        count, documents = self.counts.get(query, (0, 0))
        return Query(
            query_id=0,
            query=query,
            kind=kinds[0],
            sources=kinds,
            count=count,
            document_count=documents,
            npmi=pair.npmi if pair else 0.0,
            pmi=pair.pmi if pair else 0.0,
            llr=pair.llr if pair else 0.0,
            views=title.views if title else 0,
            title=title.title if title else "",
            lemma=self.lemmas.get(query, ""),
            language=self.language,
        )


class _Drops(Sequence[Dropped]):
    """What the list does not hold, each made when it is asked for: of a large list there are millions."""

    def __init__(self, found: _Sources, refused: list[tuple[str, Reason, str]], over: list[str]) -> None:
        self._found = found
        self._refused = refused
        self._over = over

    def __len__(self) -> int:
        return len(self._refused) + len(self._over)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    @overload
    def __getitem__(self, place: int) -> Dropped: ...
    @overload
    def __getitem__(self, place: slice) -> list[Dropped]: ...
    def __getitem__(self, place: int | slice) -> Dropped | list[Dropped]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        if place < len(self._refused):
            query, reason, detail = self._refused[place]
        else:
            query, reason, detail = self._over[place - len(self._refused)], Reason.QUERY_OVER_BUDGET, ""
        return _drop(self._found.query(query), reason, detail)


def nothing_blocked(query: str) -> str:
    """The rule of an empty block list."""
    return ""


def merge(
    words: Iterable[tuple[str, int, int]],
    bigrams: Iterable[Bigram],
    titles: Iterable[Title],
    lemmas: Iterable[str],
    config: QueriesConfig,
    blocks: Callable[[str], str] = nothing_blocked,
    language: str = "",
) -> Merged:
    """A language's list of queries in order of trust: words, bigrams, titles, lemmas; ids are positions.

    `words` are (word, count, document_count), and like `bigrams` may hold rare ones: a lemma takes its count
    from there. Within a kind the order is by count, measure, views or count, then by text, never by the
    order of the arguments. What is the same once normalised is one query: it stands where the most trusted of
    its sources puts it, and names them all. `blocks` gives the rule of the block list that a query meets.
    `ids.numbered` gives the ids that a query keeps for good.

    Titles fill the room that the other kinds leave in the budget, unless the recipe gives them one of their
    own; then, as before that, what stands last is cut.
    """
    found = replace(_gathered(words, bigrams, titles, lemmas, config), language=language)
    good: list[str] = []
    refused: list[tuple[str, Reason, str]] = []
    for query in _by_trust(found):
        reason, detail = _refused(query, blocks)
        if reason is None:
            good.append(query)
        else:
            refused.append((query, reason, detail))
    kept, over = _within(good, found, config)
    dropped = _Drops(found, refused, over)
    return Merged(queries=_numbered(map(found.query, kept)), dropped=dropped, offered=found.offered())


def worth_asking(query: str) -> bool:
    """Whether a normalised query can tell anything: two characters at least, or one ideograph.

    A single letter or digit matches captions of everything, and so do a letter with its marks of a script
    without blanks, and what an elision leaves (l', qu'); in Chinese and Japanese one character is a word.
    """
    found = words(query)
    if len(found) != 1:
        return bool(found)
    if query.endswith("'"):
        return False
    alone = is_unspaced(query)
    return unicodedata.name(query[0], "").startswith("CJK") if alone else len(query) > 1


def _gathered(
    words: Iterable[tuple[str, int, int]],
    bigrams: Iterable[Bigram],
    titles: Iterable[Title],
    lemmas: Iterable[str],
    config: QueriesConfig,
) -> _Sources:
    counts, bigrams = _counted(words), list(bigrams)
    frequent = ((word, count) for word, count in counts.items() if count[0] >= config.min_count)
    return _Sources(
        counts=_counts_of(bigrams) | counts,
        frequent=dict(sorted(frequent, key=lambda item: (-item[1][0], item[0]))),
        pairs=_paired(bigrams, config),
        titles=_titled(titles, config),
        lemmas=_lemmas(lemmas),
    )


def _counted(words: Iterable[tuple[str, int, int]]) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for word, count, documents in words:
        query = normalise(word)
        before = counts.get(query, (0, 0))
        counts[query] = (before[0] + count, before[1] + documents)
    return counts


def _counts_of(bigrams: Iterable[Bigram]) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for item in bigrams:
        query = normalise(item.text)
        counts[query] = max(counts.get(query, (0, 0)), (item.count, item.document_count))
    return counts


def _paired(bigrams: Iterable[Bigram], config: QueriesConfig) -> dict[str, Bigram]:
    """Admitted bigrams by their normalised text, best first; of two that become one, the better is kept."""
    ranked = sorted(
        (item for item in bigrams if admits(item, config)), key=lambda item: best_first(item, config.bigrams)
    )
    pairs: dict[str, Bigram] = {}
    for item in ranked:
        query = normalise(item.text)
        if len(pairs) < config.most_bigrams:
            pairs.setdefault(query, replace(item, text=query))
    return pairs


def _titled(titles: Iterable[Title], config: QueriesConfig) -> dict[str, Title]:
    """Titles by their query, most viewed first."""
    ranked = sorted(titles, key=lambda item: (-item.views, item.query))
    return {item.query: item for item in ranked if item.query and item.views >= config.title_min_views}


def _lemmas(lemmas: Iterable[str]) -> dict[str, str]:
    """Lemmas by their query; of several spellings the last in the alphabet, which has the fewest capitals."""
    found: dict[str, str] = {}
    for lemma in lemmas:
        query = normalise(lemma)
        if query:
            spelled = max(lemma, found.get(query, lemma))
            found[query] = query if spelled == query else spelled  # one string of most
    return found


def _by_trust(found: _Sources) -> Iterator[str]:
    """All queries, each where the most trusted of its sources has it."""
    yield from found.frequent
    for kind in (Kind.BIGRAM, Kind.TITLE):
        yield from (query for query in found.places[kind] if found.kinds(query)[0] is kind)
    rest = [query for query in found.lemmas if found.kinds(query) == (Kind.SYNSET,)]
    rest.sort()
    rest.sort(key=lambda query: -found.counts.get(query, (0, 0))[0])  # twice: a pair a lemma would be held
    yield from rest


def _refused(query: str, blocks: Callable[[str], str]) -> tuple[Reason | None, str]:
    if not worth_asking(query):
        return Reason.QUERY_TOO_SHORT, ""
    rule = blocks(query)
    return (Reason.QUERY_BLOCKED, rule) if rule else (None, "")


def _within(queries: list[str], found: _Sources, config: QueriesConfig) -> tuple[list[str], list[str]]:
    """The queries that the budget has room for, and those that it has not, both in order."""
    titles_alone = [query for query in queries if found.kinds(query) == (Kind.TITLE,)]
    room = config.title_budget or max(0, config.budget - (len(queries) - len(titles_alone)))
    cut = set(titles_alone[room:])
    kept = list(islice((query for query in queries if query not in cut), config.budget))
    names = set(kept)
    return kept, [query for query in queries if query not in names]


def _drop(query: Query, reason: Reason, detail: str) -> Dropped:
    return Dropped(
        query=query.query,
        kind=query.kind,
        reason=reason,
        detail=detail,
        count=query.count,
        document_count=query.document_count,
        npmi=query.npmi,
        views=query.views,
        language=query.language,
    )


def _numbered(queries: Iterable[Query]) -> list[Query]:
    """The queries with their ids, and with their ranks within their kind."""
    ranks: Counter[Kind] = Counter()
    numbered = []
    for query_id, query in enumerate(queries):
        numbered.append(replace(query, query_id=query_id, rank=ranks[query.kind]))
        ranks[query.kind] += 1
    return numbered
