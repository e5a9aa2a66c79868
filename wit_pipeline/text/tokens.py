"""Words as numbers: the rules of `text` over UTF-8, compiled, at some twenty times their speed.

Those of `phrases` for dumps, those of `words` for captions and queries.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wit_pipeline.text.scripts import ELIDED, IDEOGRAPHS, MARKS, UNSPACED
from wit_pipeline.text.text import STOPS, fold
from wit_pipeline.vocabulary.compiled import compiled, inlined

Array = npt.NDArray[Any]

# Compiled code holds the numbers below, and its cache on disk asks only whether this file has changed: they
# stay in it.
GAP = 0  # stands in a sequence of ids where no bigram may cross: punctuation, a line's or a document's end
BLOCK = 1 << 18  # bytes scanned at once, roughly: bounds what a call may need of new slots

OTHER, WORD, MARK, APOSTROPHE, BREAK, BLANK, DASH, ALONE, IDEOGRAPH = range(9)
CLASSES = {  # the later wins
    WORD: r"[^\W_]+",
    ALONE: f"[{UNSPACED}]+",
    IDEOGRAPH: f"[{IDEOGRAPHS}]+",
    MARK: f"[{MARKS}]+",
    BLANK: r"\s+",
    DASH: r"[-–—]+",
    APOSTROPHE: r"'",
    BREAK: rf"[{STOPS}\"]+",
}
IN_CONTEXT = 255
# The lowest bits of a word's hash in captions: of a script without blanks, and an ideograph.
OF_RUN, OF_IDEOGRAPHS = np.uint64(1), np.uint64(2)
KIND_BITS = np.uint64(3)
MOST = 3  # times a character's own bytes that its folded form may take
LETTER_S, SQUOTE, QUOTE = ord("s"), ord("'"), ord('"')
ELISIONS = np.array(sorted(int.from_bytes(word.encode(), "little") for word in ELIDED), np.uint64)
LONGEST_ELISION = max(map(len, ELIDED))
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # of FNV-1a


@cache
def classes(run_on: bool = False) -> Array:
    """The class of each code point, uint8 (0x110000,), by the expressions of `text`.

    Letters of scripts without blanks are each a word, or where they `run_on` letters like others.
    """
    every = "".join(map(chr, range(0x110000)))
    table = np.zeros(len(every), np.uint8)
    for number, expression in CLASSES.items():
        for match in re.finditer(expression, every):
            table[match.start() : match.end()] = WORD if run_on and number in (ALONE, IDEOGRAPH) else number
    return table


@dataclass(frozen=True, kw_only=True, slots=True)
class Folding:
    """`text.fold` of each code point alone, as UTF-8: bytes pool[starts[c] : starts[c] + lengths[c]]."""

    starts: Array  # int32 (0x110000,)
    lengths: Array  # uint8 (0x110000,); IN_CONTEXT where the character cannot be folded alone
    pool: Array  # uint8


@cache
def folding() -> Folding:
    """How the code points fold that fold alike in every text, which is nearly all of them.

    The others join the character before them in NFKC (marks, Hangul jamo), or begin with one that does.
    """
    joining = _joining()
    starts, lengths = np.zeros(0x110000, np.int32), np.zeros(0x110000, np.uint8)
    pool = bytearray()
    for code in range(0x110000):
        if 0x33480 <= code < 0xE0000 or code >= 0xE0200:  # nothing assigned but private characters
            lengths[code] = IN_CONTEXT
            continue
        character = chr(code)
        folded = fold(character)
        letters = folded.encode("utf-8", "surrogatepass")
        alone = unicodedata.normalize("NFKC", character)[0] not in joining
        longest = MOST * len(character.encode("utf-8", "surrogatepass"))
        starts[code] = len(pool)
        lengths[code] = len(letters) if alone and len(letters) <= longest else IN_CONTEXT
        pool += letters
    return Folding(starts=starts, lengths=lengths, pool=np.frombuffer(bytes(pool), np.uint8))


def _joining() -> frozenset[str]:
    """Characters that may join the one before them in normalisation: Unicode's NFC_QC=Maybe, and marks."""
    found = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for code in range(0x33480):
        character = chr(code)
        if unicodedata.combining(character):
            found.add(character)
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequence:
    """The words of some documents in order, as ids."""

    ids: Array  # uint32 (n,): words from 1, GAP between phrases
    ends: Array  # int64 (documents,): where each document's ids end


class Known(NamedTuple):
    """The words that a lexicon knows, as compiled code takes them."""

    hashes: Array  # of the table's slots, uint64
    ids: Array  # the same slots' words, uint32; 0: a free slot
    letters: Array
    offsets: Array  # of each word in letters; word i + 1 begins where i ends
    counts: Array  # of each word: occurrences, documents, last document seen in


class Lexicon:
    """Numbers for words, in order of first sight, with how often each occurred and in how many documents.

    Exact: two words never share a number. Holds about 60 bytes a word.
    """

    def __init__(self) -> None:
        self.size = 0
        self.documents = 0
        self._known = Known(
            hashes=np.zeros(1 << 12, np.uint64),
            ids=np.zeros(1 << 12, np.uint32),
            letters=np.zeros(1 << 16, np.uint8),
            offsets=np.zeros(1 << 12, np.int64),
            counts=np.zeros((1 << 12, 3), np.int64),
        )

    def encode(self, texts: Iterable[str]) -> Sequence:
        """The ids of the words of texts, one text a document; new words get new ids."""
        parts: list[Array] = []
        ends: list[Array] = []
        total = 0
        for block in batches(texts, BLOCK):
            ids, block_ends = self._scan(*_folded(*packed(block)))
            parts.append(ids)
            ends.append(block_ends + total)
            total += len(ids)
        empty_ids, empty_ends = np.zeros(0, np.uint32), np.zeros(0, np.int64)
        return Sequence(ids=np.concatenate([empty_ids, *parts]), ends=np.concatenate([empty_ends, *ends]))

    def _scan(self, data: Array, byte_ends: Array) -> tuple[Array, Array]:
        self._reserve(len(data))
        ids = np.empty(2 * len(data) + len(byte_ends), np.uint32)
        ends = np.empty(len(byte_ends), np.int64)
        length, self.size = _encode(
            data, byte_ends, classes(run_on=True), self._known, self.size, self.documents, ids, ends
        )
        self.documents += len(byte_ends)
        return ids[:length].copy(), ends

    def _reserve(self, size: int) -> None:
        """Make room for all that `size` bytes could bring: a new word at every second byte."""
        known, words = self._known, self.size + size // 2 + 2
        hashes, ids = known.hashes, known.ids
        slots = len(ids)
        while slots < 2 * words:
            slots *= 2
        if slots > len(ids):
            hashes, ids = np.zeros(slots, np.uint64), np.zeros(slots, np.uint32)
            _rehash(known.hashes, known.ids, hashes, ids)
        self._known = Known(
            hashes=hashes,
            ids=ids,
            letters=_grown(known.letters, int(known.offsets[self.size]) + size),
            offsets=_grown(known.offsets, words + 1),
            counts=_grown(known.counts, words + 1),
        )

    def words(self) -> pa.StringArray:
        """The words, by id: the word of id i at i - 1."""
        offsets = self._known.offsets[: self.size + 1].astype(np.int32)
        letters = self._known.letters[: int(offsets[-1])].copy()
        return pa.StringArray.from_buffers(self.size, pa.py_buffer(offsets), pa.py_buffer(letters))

    def counts(self) -> tuple[Array, Array]:
        """Occurrences and documents of each word, int64 (size,) each, in the order of `words`."""
        counts = self._known.counts[: self.size]
        return counts[:, 0].copy(), counts[:, 1].copy()


def batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Texts in lists of about `size` characters, so that memory holds one list."""
    batch: list[str] = []
    length = 0
    for text in texts:
        batch.append(text)
        length += len(text)
        if length >= size:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def packed(texts: Collection[str]) -> tuple[Array, Array]:
    """The UTF-8 of texts, one after another, uint8, and where each ends, int64 (texts,)."""
    try:
        return buffers(pa.array(texts, pa.string()))
    except UnicodeEncodeError:  # a lone surrogate
        raw = [text.encode("utf-8", "surrogatepass") for text in texts]
        return np.frombuffer(b"".join(raw), np.uint8), np.cumsum([len(item) for item in raw], dtype=np.int64)


def buffers(texts: pa.StringArray) -> tuple[Array, Array]:
    """The same of an Arrow array, without a copy; a null is an empty text."""
    _, offsets, letters = texts.buffers()
    if not len(texts) or letters is None:
        return np.zeros(0, np.uint8), np.zeros(len(texts), np.int64)
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(letters, np.uint8)[ends[0] : ends[-1]], ends[1:] - ends[0]


def _folded(data: Array, ends: Array) -> tuple[Array, Array]:
    """Texts folded, in the form of `packed`."""
    table = folding()
    out, out_ends = np.empty(MOST * len(data), np.uint8), np.empty(len(ends), np.int64)
    _fold(data, ends, table.starts, table.lengths, table.pool, out, out_ends)
    alone = out_ends >= 0
    if alone.all():
        return out[: out_ends[-1] if len(ends) else 0], out_ends
    first = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    out_first = np.concatenate([np.zeros(1, np.int64), np.where(alone, out_ends, ~out_ends)[:-1]])
    pieces = [
        out[out_first[i] : out_ends[i]].tobytes()
        if alone[i]
        else _fold_one(data[first[i] : ends[i]].tobytes())
        for i in range(len(ends))
    ]
    return np.frombuffer(b"".join(pieces), np.uint8), np.cumsum([len(piece) for piece in pieces])


def _fold_one(letters: bytes) -> bytes:
    return fold(letters.decode("utf-8", "surrogatepass")).encode("utf-8", "surrogatepass")


def _grown(array: Array, rows: int) -> Array:
    if rows <= len(array):
        return array
    larger = np.zeros((max(rows, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


@inlined
def _point_at(data, i):  # type: ignore[no-untyped-def]
    """The code point at byte i, and the bytes it takes."""
    first = np.int64(data[i])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | (data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (first & 0x07) << 18 | (data[i + 1] & 0x3F) << 12
    return high | (data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@compiled
def _fold(data, ends, starts, lengths, pool, out, out_ends):  # type: ignore[no-untyped-def]
    """Write each text folded; where it ends, or ~ of where it began if a character needs its context."""
    i, n = 0, 0
    for text in range(len(ends)):
        first = n
        while i < ends[text]:
            point, width = _point_at(data, i)
            length = lengths[point]
            if length == IN_CONTEXT:
                i = ends[text]
                n = -1
                break
            if length == 1:
                out[n] = pool[starts[point]]
            else:
                for j in range(length):
                    out[n + j] = pool[starts[point] + j]
            n += length
            i += width
        if n < 0:
            n = first
            out_ends[text] = ~first
        else:
            out_ends[text] = n


@inlined
def _class_at(data, i, classes):  # type: ignore[no-untyped-def]
    """The class of the character at byte i, and the bytes it takes."""
    point, width = _point_at(data, i)
    return classes[point], width


@inlined
def _is_hebrew(data, i):  # type: ignore[no-untyped-def]
    """Whether the two bytes from i on are a letter of Hebrew."""
    return data[i] == 0xD7 and 0x90 <= data[i + 1] <= 0xAA


@inlined
def _is_elision(value):  # type: ignore[no-untyped-def]
    """Whether the bytes of a word, the first the lowest, are of one that loses its vowel to the next."""
    for word in ELISIONS:  # noqa: SIM110  compiled: a plain loop
        if word == value:
            return True
    return False


@inlined
def _elides(data, first, i):  # type: ignore[no-untyped-def]
    """Whether data[first:i] is one of the words that lose their vowel to the next."""
    length = i - first
    if length > LONGEST_ELISION:
        return False
    value = np.uint64(0)
    for j in range(length):
        value |= np.uint64(data[first + j]) << np.uint64(8 * j)
    return _is_elision(value)


@compiled
def _word_end(data, first, end, classes):  # type: ignore[no-untyped-def]
    """Where the word that begins at `first` ends.

    An apostrophe is part of it before a letter or digit, and ends it where it stands for a vowel; a double
    quote is part of it between letters of Hebrew.
    """
    i = first
    while i < end:
        kind, width = _class_at(data, i, classes)
        if kind == APOSTROPHE:
            if i + 1 >= end or _class_at(data, i + 1, classes)[0] != WORD:
                break
            if _elides(data, first, i):
                after = OTHER if i + 2 >= end else _class_at(data, i + 2, classes)[0]
                if data[i + 1] != LETTER_S or after in (WORD, MARK):
                    return i + 1
        elif data[i] == QUOTE:
            hebrew = i - 2 >= first and _is_hebrew(data, i - 2) and i + 2 < end and _is_hebrew(data, i + 1)
            if not hebrew:
                break
        elif kind not in (WORD, MARK):
            break
        i += width
    return i


@inlined
def _mark_end(data, i, end, classes):  # type: ignore[no-untyped-def]
    """Where the marks end that follow a letter which ends at i."""
    while i < end:
        kind, width = _class_at(data, i, classes)
        if kind != MARK:
            break
        i += width
    return i


@inlined
def _without_possessive(data, start, stop):  # type: ignore[no-untyped-def]
    """Where a word ends without its possessive endings."""
    while stop - start > 2 and data[stop - 1] == LETTER_S and data[stop - 2] == SQUOTE:
        stop -= 2
    return stop


@compiled
def _hash(data, start, end):  # type: ignore[no-untyped-def]
    """FNV-1a of some bytes, mixed, as its low bits alone are poor."""
    value = BASIS
    for i in range(start, end):
        value = (value ^ np.uint64(data[i])) * PRIME
    return value ^ (value >> np.uint64(29))


@compiled
def _same(data, start, letters, offset, length):  # type: ignore[no-untyped-def]
    for i in range(length):  # noqa: SIM110  compiled: a plain loop
        if data[start + i] != letters[offset + i]:
            return False
    return True


@compiled
def _intern(data, start, end, known, size):  # type: ignore[no-untyped-def]
    """The id of the word data[start:end]; size + 1 and its letters kept where it is new."""
    hashes, ids, letters, offsets, _ = known
    value = _hash(data, start, end)
    mask = np.uint64(len(ids) - 1)
    slot = value & mask
    length = end - start
    while ids[slot] != 0:
        found = np.int64(ids[slot])
        offset = offsets[found - 1]
        if (
            hashes[slot] == value
            and offsets[found] - offset == length
            and _same(data, start, letters, offset, length)
        ):
            return found
        slot = (slot + np.uint64(1)) & mask
    offset = offsets[size]
    letters[offset : offset + length] = data[start:end]
    offsets[size + 1] = offset + length
    hashes[slot] = value
    ids[slot] = size + 1
    return size + 1


@compiled
def _rehash(old_hashes, old_ids, hashes, ids):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(ids) - 1)
    for i in range(len(old_ids)):
        if old_ids[i] != 0:
            slot = old_hashes[i] & mask
            while ids[slot] != 0:
                slot = (slot + np.uint64(1)) & mask
            hashes[slot], ids[slot] = old_hashes[i], old_ids[i]


@compiled
def _encode(data, byte_ends, classes, known, size, documents, out, ends):  # type: ignore[no-untyped-def]
    """Write the ids of all words to `out`, and count them; returns how many ids and words there are."""
    n, i, counts = 0, 0, known.counts
    for document in range(len(byte_ends)):
        end = byte_ends[document]
        first = n
        dash = 0  # 1 after a blank, 2 after a blank and dashes: " - " parts phrases, "well-known" does not
        while i < end:
            kind, width = _class_at(data, i, classes)
            if kind != WORD:
                gap = kind == BREAK or (kind == BLANK and dash == 2)
                if gap and n > first and out[n - 1] != GAP:
                    out[n] = GAP
                    n += 1
                if kind in (BLANK, BREAK):
                    dash = 1
                elif kind == DASH and dash:
                    dash = 2
                else:
                    dash = 0
                i += width
                continue
            stop = _word_end(data, i, end, classes)
            last = _without_possessive(data, i, stop)
            found = _intern(data, i, last, known, size)
            size = max(size, found)
            counts[found - 1, 0] += 1
            if counts[found - 1, 2] != documents + document + 1:
                counts[found - 1, 2] = documents + document + 1
                counts[found - 1, 1] += 1
            out[n] = found
            n += 1
            i = stop
            dash = 0
        if n > first and out[n - 1] != GAP:
            out[n] = GAP
            n += 1
        ends[document] = n
    return n, size


def hashes(words: pa.StringArray) -> Array:
    """A 64-bit hash of each string, uint64 (n,): the same on every machine and in every run."""
    return _hashes(*buffers(words))  # type: ignore[no-any-return]


@compiled
def _hashes(data, ends):  # type: ignore[no-untyped-def]
    out = np.empty(len(ends), np.uint64)
    start = 0
    for i in range(len(ends)):
        out[i] = _hash(data, start, ends[i])
        start = ends[i]
    return out


@cache
def ascii_letters() -> Array:
    """What each byte is in a word of ASCII, folded, uint8 (256,); 0 where it parts words or is no ASCII."""
    table = np.zeros(256, np.uint8)
    for code in range(128):
        letter = ord(fold(chr(code)))
        if classes()[letter] in (WORD, APOSTROPHE):
            table[code] = letter
    return table


def word_hashes(data: Array, ends: Array) -> tuple[Array, Array]:
    """The hashes of the words of texts in the form of `packed`, by the rules of `text.words`.

    uint64 (words,), and where each text's words end, int64 (texts,). The lowest bits say of which kind of
    script a word is: `KIND_BITS`.
    """
    beyond, rest, rest_ends = (
        np.zeros(len(ends), np.bool_),
        np.empty(len(data), np.uint8),
        np.empty_like(ends),
    )
    size, count = _beyond_ascii(data, ends, beyond, rest, rest_ends)
    folded, folded_ends = _folded(rest[:size], rest_ends[:count])
    out = np.empty((len(data) + len(folded) + len(ends)) // 2 + 1, np.uint64)
    out_ends = np.empty_like(ends)
    count = _word_hashes(
        data, ends, beyond, folded, folded_ends, classes(), ascii_letters(), out, out_ends
    )  # fmt: skip
    return out[:count], out_ends


@compiled
def _beyond_ascii(data, ends, beyond, rest, rest_ends):  # type: ignore[no-untyped-def]
    """Mark and copy the texts that are not all ASCII; returns their bytes and how many they are."""
    size, count, start = 0, 0, 0
    for text in range(len(ends)):
        every = np.uint8(0)
        for i in range(start, ends[text]):
            every |= data[i]
        if every >= 0x80:
            beyond[text] = True
            length = ends[text] - start
            rest[size : size + length] = data[start : ends[text]]
            size += length
            rest_ends[count] = size
            count += 1
        start = ends[text]
    return size, count


@compiled
def _word_hashes(  # type: ignore[no-untyped-def]
    data, ends, beyond, folded, folded_ends, classes, letters, out, out_ends
):
    n, start, others, other_start = 0, 0, 0, 0
    for text in range(len(ends)):
        if beyond[text]:
            n = _words_folded(folded, other_start, folded_ends[others], classes, out, n)
            other_start = folded_ends[others]
            others += 1
        else:
            n = _words_ascii(data, start, ends[text], letters, out, n)
        start = ends[text]
        out_ends[text] = n
    return n


@inlined
def _words_folded(data, i, end, classes, out, n):  # type: ignore[no-untyped-def]
    while i < end:
        kind, width = _class_at(data, i, classes)
        if kind == WORD:
            stop = _word_end(data, i, end, classes)
            out[n] = _hash(data, i, _without_possessive(data, i, stop)) & ~KIND_BITS
            n += 1
            i = stop
        elif kind in (ALONE, IDEOGRAPH):
            stop = _mark_end(data, i + width, end, classes)
            of = OF_RUN | OF_IDEOGRAPHS if kind == IDEOGRAPH else OF_RUN
            out[n] = _hash(data, i, stop) & ~KIND_BITS | of
            n += 1
            i = stop
        else:
            i += width
    return n


@inlined
def _elides_ascii(data, first, i, letters):  # type: ignore[no-untyped-def]
    """The same as `_elides`, in any case."""
    length = i - first
    if length > LONGEST_ELISION:
        return False
    value = np.uint64(0)
    for j in range(length):
        value |= np.uint64(letters[data[first + j]]) << np.uint64(8 * j)
    return _is_elision(value)


@inlined
def _words_ascii(data, i, end, letters, out, n):  # type: ignore[no-untyped-def]
    """The same where each byte is a character and folds alone; only an apostrophe is below the letters."""
    while i < end:
        letter = letters[data[i]]
        if letter <= SQUOTE:
            i += 1
            continue
        first = i
        while letter > SQUOTE or (letter == SQUOTE and i + 1 < end and letters[data[i + 1]] > SQUOTE):
            i += 1
            if letter == SQUOTE and _elides_ascii(data, first, i - 1, letters):
                more = i + 1 < end and letters[data[i + 1]] > SQUOTE
                if letters[data[i]] != LETTER_S or more:
                    break
            if i == end:
                break
            letter = letters[data[i]]
        last = i
        while last - first > 2 and letters[data[last - 1]] == LETTER_S and letters[data[last - 2]] == SQUOTE:
            last -= 2
        value = BASIS
        for j in range(first, last):
            value = (value ^ np.uint64(letters[data[j]])) * PRIME
        out[n] = (value ^ (value >> np.uint64(29))) & ~KIND_BITS
        n += 1
    return n


def distinct(hashes: Array, ends: Array) -> Array:
    """How many different words each text has, int64 (texts,), from `word_hashes`."""
    out = np.empty(len(ends), np.int64)
    _distinct(hashes, ends, out)
    return out


@compiled
def _distinct(hashes, ends, out):  # type: ignore[no-untyped-def]
    start = 0
    for text in range(len(ends)):
        some = np.sort(hashes[start : ends[text]])
        out[text] = min(len(some), 1)
        for i in range(1, len(some)):
            out[text] += some[i] != some[i - 1]
        start = ends[text]


def unspaced(data: Array, ends: Array) -> Array:
    """How many letters each text has of scripts without blanks, int64 (texts,)."""
    out = np.empty(len(ends), np.int64)
    _unspaced(data, ends, classes(), out)
    return out


@compiled
def _unspaced(data, ends, classes, out):  # type: ignore[no-untyped-def]
    i = 0
    for text in range(len(ends)):
        count = 0
        while i < ends[text]:
            if data[i] < 0x80:
                i += 1
                continue
            kind, width = _class_at(data, i, classes)
            count += kind in (ALONE, IDEOGRAPH)
            i += width
        out[text] = count


def longest_runs(data: Array, ends: Array) -> Array:
    """How often at most one character stands in a row in each text, int64 (texts,)."""
    out = np.empty(len(ends), np.int64)
    _longest_runs(data, ends, out)
    return out


@compiled
def _longest_runs(data, ends, out):  # type: ignore[no-untyped-def]
    i = 0
    for text in range(len(ends)):
        longest, run, before = 0, 0, np.int64(-1)
        while i < ends[text]:
            point, width = _point_at(data, i)
            run = run + 1 if point == before else 1
            before = point
            longest = max(longest, run)
            i += width
        out[text] = longest
