"""The compiled rules are the rules of `text`: the same words, in the same phrases, for any text."""

import re
from collections import Counter
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.text import tokens
from wit_pipeline.text.scripts import IDEOGRAPHS
from wit_pipeline.text.text import ALONE, is_unspaced, phrases, words
from wit_pipeline.text.tokens import GAP, Lexicon, hashes, packed, unspaced, word_hashes
from wit_pipeline.vocabulary import compiled

ODD = (
    "aZ09 '’`´-–—.,;\n\t_ßﬁ½…“”Å\u0301\u0338éÉİıſｆＦ犬हिन्दी각\u1161\u11a8\u00a0\u200b\ud800😀Σς%/|&"
    "lLdsS'\"צה״׳\u05b4\u00ad\u200d\u200c\u034fカｶﾞーไท่ำខ្ម་བོ\u0307\ufe0f\U0001e900\U0001e944"
)
TEXTS = st.lists(st.one_of(st.text(max_size=40), st.text(ODD, max_size=40)), max_size=5)


IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")


def read(lexicon: Lexicon, texts: list[str]) -> list[list[list[str]]]:
    """The phrases of each text, as the ids say."""
    spelled = ["", *lexicon.words().to_pylist()]
    sequence = lexicon.encode(texts)
    spelled = ["", *lexicon.words().to_pylist()]
    found: list[list[list[str]]] = []
    for start, end in zip([0, *sequence.ends[:-1]], sequence.ends, strict=False):
        parts: list[list[str]] = [[]]
        for number in sequence.ids[start:end]:
            if number == GAP:
                parts.append([])
            else:
                parts[-1].append(spelled[number])
        found.append([part for part in parts if part])
    return found


@given(TEXTS)
def test_the_words_and_phrases_of_any_text(texts: list[str]) -> None:
    assert read(Lexicon(), texts) == [phrases(text) for text in texts]


def told(texts: list[str]) -> list[list[int]]:
    """The hashes of the words of each text, as the compiled rules find them."""
    found, ends = word_hashes(*packed(texts))
    return [part.tolist() for part in np.split(found, ends)[:-1]]


def expected(text: str) -> list[int]:
    """The same by the rules themselves; the lowest bits are of the script."""
    found = words(text)
    kinds = [(3 if IDEOGRAPH.match(word) else 1) if is_unspaced(word) else 0 for word in found]
    plain = hashes(pa.array(found, pa.string())).tolist()
    return [value & ~3 | kind for value, kind in zip(plain, kinds, strict=True)]


@given(TEXTS)
def test_the_words_of_any_caption(texts: list[str]) -> None:
    assert told(texts) == [expected(text) for text in texts]


def test_every_code_point_is_the_word_in_captions_that_the_rules_say() -> None:
    every = [f"x{chr(code)}y {chr(code)}l'a" for code in range(0x110000)]
    texts = ["\n".join(every[start : start + 512]) for start in range(0, len(every), 512)]
    assert told(texts) == [expected(text) for text in texts]


@given(TEXTS)
def test_letters_of_scripts_without_blanks_are_counted(texts: list[str]) -> None:
    assert unspaced(*packed(texts)).tolist() == [len(ALONE.findall(text)) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "The dog’s well-known “Ball” (2nd), it's O'Brien's - and x's's",
        "a - b – c — d -- e -f- g",
        "Ａ１ ﬁn ½ … Straße ΣΊΣΥΦΟΣ İstanbul",
        "e\u0301 \u0301x 각 ᄀ\u1161\u11a8 \ufdfa \ufdfb",
        "don''t ''quoted'' 'n' rock'n'roll ' '' 's",
        "एक हिन्दी वाक्य — ไทย 日本語 中文",
        "l'homme qu'il L'S l's dell'arte all's aujourd'hui d’l'x s'l'x'l'y é'l'z 'l'a l''a l'",
        'צה"ל צה״ל "צה" ג׳ירפה צ"a a"ה הִ"ל',
        "Straßen\u00adbahn ශ්\u200dරී می\u200cخواهم İnsan ışık i̇x j̇ ÌI",
        "iPhone手机 ー コー カﾞ ｶﾞ ไทย่ ່ ប្រាសាទ\u200bអង្គរ 10ครั้ง ㍿",
        "",
        "\x00\x00 \ud800 \U0010ffff \U000e0100",
    ],
)
def test_texts_that_part_in_odd_places(text: str) -> None:
    assert read(Lexicon(), [text]) == [phrases(text)]
    assert told([text]) == [expected(text)]


def test_every_code_point_folds_and_parts_as_the_rules_say() -> None:
    every = [f"x{chr(code)}y {chr(code)}" for code in range(0x110000)]
    texts = ["\n".join(every[start : start + 4096]) for start in range(0, len(every), 4096)]
    assert read(Lexicon(), texts) == [phrases(text) for text in texts]


@given(TEXTS)
def test_counts_are_of_words_and_of_documents(texts: list[str]) -> None:
    lexicon = Lexicon()
    lexicon.encode(texts[:2])
    lexicon.encode(texts[2:])
    counts, documents = lexicon.counts()
    spelled = lexicon.words().to_pylist()
    assert dict(zip(spelled, counts.tolist(), strict=True)) == Counter(
        word for text in texts for phrase in phrases(text) for word in phrase
    )
    assert dict(zip(spelled, documents.tolist(), strict=True)) == Counter(
        word for text in texts for word in {word for phrase in phrases(text) for word in phrase}
    )


def test_a_lexicon_grows_far_beyond_its_first_size() -> None:
    lexicon = Lexicon()
    texts = [" ".join(f"w{number}x{text}" for number in range(3000)) for text in range(60)]
    for text in texts:
        lexicon.encode([text])
    assert lexicon.size == 180_000
    assert lexicon.words().to_pylist() == " ".join(texts).split(" ")
    assert set(lexicon.counts()[0].tolist()) == {1}


def test_words_of_one_hash_stay_two_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_encode", "_intern"):  # as plain Python, so that the hash can be replaced
        monkeypatch.setattr(tokens, name, getattr(tokens, name).py_func)
    monkeypatch.setattr(tokens, "_hash", lambda data, start, end: np.uint64(7))
    assert read(Lexicon(), ["ab cd ab ef"]) == [[["ab", "cd", "ab", "ef"]]]


def test_hashes_are_the_same_in_any_place() -> None:
    words = pa.array(["dog", "", "犬", "dog"])
    found = hashes(words).tolist()
    assert found[0] == found[3] == hashes(words.slice(3)).tolist()[0] == 14604957119322890286
    assert len(set(found)) == 3
    assert hashes(pa.array([], pa.string())).tolist() == []


def test_code_that_can_be_kept_nowhere_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = numba.njit

    def njit(cache: bool = False) -> Any:
        def decorate(function: Any) -> Any:
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return real(function)

        return decorate

    monkeypatch.setattr(compiled, "njit", njit)
    assert compiled.compiled(lambda number: number + 1)(2) == 3
