"""Which queries a caption contains: as sequences of words, at about a million captions a second.

Queries are whole words, so nothing here walks characters: a query matches where its words follow one another
in the caption. Every prefix of every query, as a 64-bit hash of its words, stands in one open-addressing
table; from each word of a caption the hashes of growing runs of words are looked up until no query goes on
like that.

Two rules say what a word is:

    normalised        the words of `text.words`: case, quotes, brackets, dashes and possessives do not matter
                      In scripts without blanks a word here is a character, and a query matches where its
                      characters follow one another; what then stands within a longer match is a piece of it,
                      unless it is two ideographs or more
    strict_metaclip   MetaCLIP's (arXiv 2309.16671, section 3): each of , . ; : ? ! ` gets a blank on either
                      side, tabs and line ends are blanks, and a query matches where it stands between blanks

A look-up compares 38 bits of a hash in a slot that the other bits lead to, so it finds what is not there with
a chance of about 2^-39: once in some 10^10 captions.

Lists of several languages are one table: a text that stands in more than one of them is looked for once, and
`Lists` says which queries it is for a caption of a language.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wit_pipeline.text.tokens import OF_IDEOGRAPHS, OF_RUN, buffers, packed, word_hashes
from wit_pipeline.vocabulary.compiled import compiled, inlined

Array = npt.NDArray[Any]
Mode = Literal["normalised", "strict_metaclip"]
Texts: TypeAlias = Sequence[str] | pa.StringArray

# Compiled code holds the numbers below: see the remark in `tokens`.
BLANK, MARK = 1, 2  # what a byte is to the strict rule; all other bytes are of words
# A slot of the table is one word of 64 bits, 0 where it is free: 38 bits of the hash, 25 of the id + 1, and
# whether longer queries begin like this. With the slot's place some 60 bits of the hash are compared.
TAG = np.uint64(0xFFFFFFFFFC000000)
ID = np.uint64(0x3FFFFFE)
MORE = np.uint64(1)
MOST_QUERIES = (1 << 25) - 2
START = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x100000001B3)
SPREAD = np.uint64(0x9E3779B97F4A7C15)


def _classes(blanks: bytes, marks: bytes) -> Array:
    table = np.zeros(256, np.uint8)
    table[list(blanks)] = BLANK
    table[list(marks)] = MARK
    return table


IN_CAPTIONS = _classes(b" \t\n\r", b",.;:?!`")
IN_QUERIES = _classes(b" ", b"")  # MetaCLIP spaces out captions alone: "St. Louis" never matches


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """The queries in some captions: caption i has ids[ends[i - 1] : ends[i]], each once, ascending."""

    ids: Array  # int32, or as the ids that the Matcher was given
    ends: Array  # int64 (captions,)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        ids, ends = self.ids.tolist(), self.ends.tolist()
        return (tuple(ids[start:end]) for start, end in zip(chain([0], ends), ends, strict=False))


class Matcher:
    """Finds queries in captions. The id of a query is its position, or what `ids` has there, ascending.

    Where two queries are alike, the first one's counts.
    """

    def __init__(self, queries: Texts, mode: Mode = "normalised", ids: Array | None = None) -> None:
        self._mode = mode
        if len(queries) > MOST_QUERIES:
            raise ValueError(f"a list holds at most {MOST_QUERIES:,} queries, found {len(queries):,}")
        if ids is not None and (len(ids) != len(queries) or not (np.diff(ids) > 0).all()):
            raise ValueError("a query has one id, and ids ascend")
        self._ids = ids
        hashes, ends = self._words(*_packed(queries), IN_QUERIES)
        slots = 1 << 10
        while slots < 2 * len(hashes):
            slots *= 2
        self._table = np.zeros(slots, np.uint64)
        self._longest = _build(hashes, ends, self._table)

    def match_all(self, captions: Texts) -> Matches:
        """The queries in each caption; captions are strings, or an Arrow array of them (the faster way)."""
        return self._match(*self._words(*_packed(captions), IN_CAPTIONS))

    def match_packed(self, data: Array, ends: Array, words: tuple[Array, Array]) -> Matches:
        """The same of captions in the form of `tokens.packed`, whose `tokens.word_hashes` are known."""
        return self._match(*(words if self._mode == "normalised" else self._words(data, ends, IN_CAPTIONS)))

    def _match(self, hashes: Array, ends: Array) -> Matches:
        ids, id_ends = np.empty(4 * len(hashes) + 64, np.int32), np.empty(len(ends), np.int64)
        done, count, room = 0, 0, 0
        runs_on = self._mode == "normalised"
        while done < len(ends):
            if room > len(ids) - count:
                ids = np.concatenate([ids[:count], np.empty(len(ids) + room, np.int32)])
            done, count, room = _match(
                hashes,
                ends,
                self._table,
                self._longest,
                runs_on,
                done,
                count,
                ids,
                id_ends,
            )
        found = ids[:count]
        return Matches(ids=found if self._ids is None else self._ids[found], ends=id_ends)

    def match(self, caption: str) -> tuple[int, ...]:
        """The ids of the queries in one caption.

        >>> Matcher(["dog", "new york", "york"]).match("A dog's life in New York")
        (0, 1, 2)
        """
        return next(iter(self.match_all([caption])))

    def _words(self, data: Array, ends: Array, strict: Array) -> tuple[Array, Array]:
        """The hashes of the words of texts, uint64, and where each text's words end."""
        if self._mode == "normalised":
            return word_hashes(data, ends)
        out, out_ends = np.empty(2 * len(data) + len(ends), np.uint64), np.empty(len(ends), np.int64)
        return out[: _strict_words(data, ends, strict, out, out_ends)], out_ends


class Lists:
    """The queries of one language or of several, and which of them a caption of a language contains.

    A caption is matched with its own language's list; one of unknown language with all. With one language
    no caption's is asked for. Queries of no language, "", are in every list.
    """

    def __init__(
        self,
        texts: Texts,
        languages: Texts | None = None,
        ids: Array | None = None,
        mode: Mode = "normalised",
    ) -> None:
        spoken = None if languages is None else pa.array(languages, pa.string())
        found = [] if spoken is None else pc.unique(spoken).to_pylist()
        self.languages = tuple(sorted(set(found) - {""}))
        self.several = len(found) > 1
        if not self.several:
            self.matcher = Matcher(texts, mode, ids)
            return
        ids = np.arange(len(texts)) if ids is None else ids
        spelled = pa.array(texts, pa.string()).dictionary_encode()
        places = spelled.indices.to_numpy()
        order = np.lexsort((ids, places))
        self.matcher = Matcher(spelled.dictionary, mode)
        self._ids = ids[order].astype(np.int64)
        self._of = self._numbers(spoken)[order]
        self._starts = np.searchsorted(places[order], np.arange(len(spelled.dictionary) + 1))

    def _numbers(self, languages: pa.StringArray) -> Array:
        """The place of each query's language among `languages`, int16; -1 for none."""
        found = pc.fill_null(pc.index_in(languages, pa.array(self.languages, pa.string())), -1)
        numbers: Array = found.to_numpy().astype(np.int16)
        return numbers

    def of(self, matches: Matches, spoken: Sequence[str]) -> Matches:
        """What the matcher found, as the queries of the language that each caption is in, "" if unknown."""
        if not self.several:
            return matches
        places = {name: place for place, name in enumerate(self.languages)}
        wanted = np.array([places.get(name, -1) for name in spoken], np.int16)
        room = int((self._starts[matches.ids + 1] - self._starts[matches.ids]).sum())
        ids, ends = np.empty(room, np.int64), np.empty(len(matches.ends), np.int64)
        count = _narrow(matches.ids, matches.ends, self._starts, self._of, self._ids, wanted, ids, ends)
        return Matches(ids=ids[:count], ends=ends)


def _packed(texts: Texts) -> tuple[Array, Array]:
    return buffers(texts) if isinstance(texts, pa.StringArray) else packed(texts)


@inlined
def _mixed(value):  # type: ignore[no-untyped-def]
    return value ^ (value >> np.uint64(29))


@compiled
def _strict_words(data, ends, classes, out, out_ends):  # type: ignore[no-untyped-def]
    """Write the hashes of what stands between blanks, of nothing too: two blanks are not one."""
    n, i = 0, 0
    for text in range(len(ends)):
        value = START
        while i < ends[text]:
            kind = classes[data[i]]
            if kind == 0:
                value = (value ^ np.uint64(data[i])) * PRIME
            else:
                out[n] = _mixed(value)
                n += 1
                value = START
                if kind == MARK:
                    out[n] = _mixed((START ^ np.uint64(data[i])) * PRIME)
                    n += 1
            i += 1
        out[n] = _mixed(value)
        n += 1
        out_ends[text] = n
    return n


@inlined
def _longer(run, word):  # type: ignore[no-untyped-def]
    """The hash of a run of words and one more."""
    value = (run ^ word) * SPREAD
    return value ^ (value >> np.uint64(32))


@inlined
def _slot(table, run):  # type: ignore[no-untyped-def]
    """The slot that holds a run of words, or the free one where it would stand."""
    mask = np.uint64(len(table) - 1)
    slot = run & mask
    while table[slot] != 0 and (table[slot] ^ run) & TAG != 0:
        slot = (slot + np.uint64(1)) & mask
    return slot


@inlined
def _look_up(table, runs, live, values):  # type: ignore[no-untyped-def]
    """What the table has of each run of a level: no look-up waits for another."""
    for i in range(live):
        values[i] = table[_slot(table, runs[i])]


@inlined
def _id_of(value):  # type: ignore[no-untyped-def]
    """The query that a slot names."""
    return np.int32((value & ID) >> np.uint64(1)) - 1


@compiled
def _build(hashes, ends, table):  # type: ignore[no-untyped-def]
    """Enter every prefix of every query; returns the words of the longest query."""
    longest, first = 0, 0
    for query in range(len(ends)):
        run = START
        for i in range(first, ends[query]):
            run = _longer(run, hashes[i])
            slot = _slot(table, run)
            table[slot] |= run & TAG
            if i + 1 < ends[query]:
                table[slot] |= MORE
            elif table[slot] & ID == 0:
                table[slot] |= np.uint64(query + 1) << np.uint64(1)
        longest = max(longest, ends[query] - first)
        first = ends[query]
    return longest


@inlined
def _insert(ids, first, count, found):  # type: ignore[no-untyped-def]
    """Keep ids[first:count] ascending and each once; returns where they end."""
    at = count
    while at > first and ids[at - 1] > found:
        at -= 1
    if at > first and ids[at - 1] == found:
        return count
    for i in range(count, at, -1):
        ids[i] = ids[i - 1]
    ids[at] = found
    return count + 1


@inlined
def _is_run(hashes, first, length):  # type: ignore[no-untyped-def]
    """Whether some words are all of scripts without blanks."""
    for i in range(length):  # noqa: SIM110  compiled: a plain loop
        if hashes[first + i] & OF_RUN == 0:
            return False
    return True


@inlined
def _grow(held):  # type: ignore[no-untyped-def]
    larger = np.empty((2 * len(held), 3), np.int64)
    larger[: len(held)] = held
    return larger


@compiled
def _match_runs(hashes, start, end, table, longest, places, runs, values, ids, first, count):  # type: ignore[no-untyped-def]
    """The matches of a caption that has words of scripts without blanks: see `_match`, which fills `runs`.

    Those that are all of such words wait until it is known whether they are pieces of longer ones.
    """
    held, waiting = np.empty((64, 3), np.int64), 0  # first word, one behind the last, id; shorter ones first
    live, length = end - start, 1
    while live:
        _look_up(table, runs, live, values)
        going = 0
        for i in range(live):
            value = values[i]
            following = places[i] + 1
            if value & ID:
                found = _id_of(value)
                if _is_run(hashes, following - length, length):
                    if waiting == len(held):
                        held = _grow(held)
                    held[waiting] = following - length - start, following - start, found
                    waiting += 1
                else:
                    count = _insert(ids, first, count, found)
            if value & MORE and following < end:
                places[going], runs[going] = following, _longer(runs[i], hashes[following])
                going += 1
        live = going
        length += 1
    reach = np.zeros(end - start, np.int64)  # one behind the longest match that begins at each word
    last = waiting
    while last:  # from the longest to the shortest, those of one length together
        length = held[last - 1, 1] - held[last - 1, 0]
        group = last
        while group and held[group - 1, 1] - held[group - 1, 0] == length:
            group -= 1
            begin, behind = held[group, 0], held[group, 1]
            whole = length > 1
            for i in range(begin, behind):
                whole = whole and hashes[start + i] & OF_IDEOGRAPHS != 0
            for before in range(max(0, begin - longest + 1), begin + 1):
                if not whole and reach[before] >= behind:
                    held[group, 2] = -1
        for i in range(group, last):
            reach[held[i, 0]] = max(reach[held[i, 0]], held[i, 1])
            if held[i, 2] >= 0:
                count = _insert(ids, first, count, np.int32(held[i, 2]))
        last = group
    return count


@compiled
def _match(hashes, ends, table, longest, runs_on, done, count, ids, id_ends):  # type: ignore[no-untyped-def]
    """Match from caption `done` on, `count` ids written before; stops where `ids` might not have room.

    Level by level: all single words, then the pairs that some query goes on with, and so on. The look-ups of
    a level do not wait for one another, and waiting for memory is most of the work. Where words may be of
    scripts without blanks, as their lowest bits say (`runs_on`), their captions go another way.
    """
    start = ends[done - 1] if done else 0
    most = 0
    for caption in range(done, len(ends)):
        most = max(most, ends[caption] - (ends[caption - 1] if caption else 0))
    places, runs, values = np.empty(most, np.int64), np.empty(most, np.uint64), np.empty(most, np.uint64)
    for caption in range(done, len(ends)):
        end = ends[caption]
        room = longest * (end - start)
        if room > len(ids) - count:
            return caption, count, room
        first = count
        live = end - start
        kinds = np.uint64(0)  # of all its words
        for i in range(live):
            places[i] = start + i
            runs[i] = _longer(START, hashes[start + i])
            kinds |= hashes[start + i]
        if runs_on and kinds & OF_RUN:
            count = _match_runs(hashes, start, end, table, longest, places, runs, values, ids, first, count)
            live = 0
        while live:
            _look_up(table, runs, live, values)
            going = 0
            for i in range(live):
                value = values[i]
                if value & ID:
                    count = _insert(ids, first, count, _id_of(value))
                if value & MORE and places[i] + 1 < end:
                    following = places[i] + 1
                    places[going], runs[going] = following, _longer(runs[i], hashes[following])
                    going += 1
            live = going
        start = end
        id_ends[caption] = count
    return len(ends), count, 0


@compiled
def _narrow(texts, ends, starts, languages, queries, wanted, ids, id_ends):  # type: ignore[no-untyped-def]
    """Write the queries of each caption's texts that are of its `wanted` language, or of all; ascending.

    Text i is the queries from `starts[i]` to the next; no language is -1.
    """
    count, start = 0, 0
    for caption in range(len(ends)):
        first, language = count, wanted[caption]
        for i in range(start, ends[caption]):
            for entry in range(starts[texts[i]], starts[texts[i] + 1]):
                if language < 0 or languages[entry] < 0 or languages[entry] == language:
                    ids[count] = queries[entry]
                    count += 1
        ids[first:count].sort()
        start = ends[caption]
        id_ends[caption] = count
    return count
