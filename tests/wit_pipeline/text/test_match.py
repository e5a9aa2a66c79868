"""The compiled matcher finds what the definitions say, by both rules, for any text."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import SENTENCES, WORDS
from wit_pipeline.text import match
from wit_pipeline.text.match import Lists, Matcher, Mode
from wit_pipeline.text.scripts import IDEOGRAPHS
from wit_pipeline.text.text import is_unspaced, normalise, words
from wit_pipeline.text.tokens import packed, word_hashes

QUERIES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), max_size=12, unique=True)
IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
RUNS = st.text("柏林墙 カナー กาน่ a", max_size=9)
NASTY = st.text("ab'’s .,;:?!`\t\n\r()-/\u00a0éÉ犬\u0301", max_size=12)
MODES: tuple[Mode, ...] = ("normalised", "strict_metaclip")
END = ""  # no word is empty, so this key never meets one


class Trie:
    """The reference: nested dicts of words, walked from every word of the caption."""

    def __init__(self, queries: Sequence[str]) -> None:
        self.root: dict[str, Any] = {}
        for number, query in enumerate(queries):
            node = self.root
            for word in words(query):
                node = node.setdefault(word, {})
            if node is not self.root:
                node.setdefault(END, number)

    def match(self, caption: str) -> tuple[int, ...]:
        found = set()  # first and last word, and the query
        sequence = words(caption)
        for start in range(len(sequence)):
            node: Any = self.root
            for end, word in enumerate(sequence[start:], start + 1):
                node = node.get(word)
                if node is None:
                    break
                if END in node:
                    found.add((start, end, node[END]))
        runs = [item for item in found if all(map(is_unspaced, sequence[item[0] : item[1]]))]
        return tuple(sorted({item[2] for item in found if not is_piece(item, runs, sequence)}))


def is_piece(item: tuple[int, int, int], runs: list[tuple[int, int, int]], sequence: list[str]) -> bool:
    """Whether a match in a script without blanks lies within a longer one; ideographs are words by twos."""
    start, end, _ = item
    if item not in runs or (end - start > 1 and all(map(IDEOGRAPH.match, sequence[start:end]))):
        return False
    return any(a <= start and end <= b and b - a > end - start for a, b, _ in runs)


def spaced(caption: str) -> str:
    """MetaCLIP's caption (arXiv 2309.16671, section 3): blanks around marks, and for tabs and line ends."""
    for mark in ",.;:?!`":
        caption = caption.replace(mark, f" {mark} ")
    for blank in "\t\n\r":
        caption = caption.replace(blank, " ")
    return f" {caption} "


def strict(queries: Sequence[str], caption: str) -> tuple[int, ...]:
    """The definition of the strict rule; of equal queries the first."""
    held = spaced(caption)
    first = {query: number for number, query in reversed(list(enumerate(queries)))}
    return tuple(sorted(number for query, number in first.items() if f" {query} " in held))


@given(st.lists(RUNS, max_size=30), st.lists(st.text("柏林墙 カナー กาน่ a", max_size=40), max_size=5))
def test_pieces_of_words_in_scripts_without_blanks_are_none(queries: list[str], captions: list[str]) -> None:
    trie = Trie(queries)
    assert list(Matcher(queries).match_all(captions)) == [trie.match(caption) for caption in captions]


def test_what_is_found_within_longer_words() -> None:
    queries = ["林", "柏林", "柏林墙", "墙", "กา", "การ", "berlin", "berlin wall", "イン", "ライン"]
    found = {
        caption: [queries[i] for i in Matcher(queries).match(caption)]
        for caption in ("柏林墙", "林中的柏林", "การ กา", "berlin wall", "ラインのイン", "墙")
    }
    assert found == {
        "柏林墙": ["柏林", "柏林墙"],
        "林中的柏林": ["林", "柏林"],
        "การ กา": ["กา", "การ"],
        "berlin wall": ["berlin", "berlin wall"],
        "ラインのイン": ["イン", "ライン"],
        "墙": ["墙"],
    }


@given(st.one_of(QUERIES, st.lists(NASTY, max_size=8)), st.lists(st.one_of(SENTENCES, NASTY), max_size=5))
def test_normalised_is_what_the_trie_finds(queries: list[str], captions: list[str]) -> None:
    trie = Trie(queries)
    assert list(Matcher(queries).match_all(captions)) == [trie.match(caption) for caption in captions]


@given(st.one_of(QUERIES, st.lists(NASTY, max_size=8)), st.lists(st.one_of(SENTENCES, NASTY), max_size=5))
def test_strict_is_what_the_definition_finds(queries: list[str], captions: list[str]) -> None:
    found = list(Matcher(queries, "strict_metaclip").match_all(captions))
    assert found == [strict(queries, caption) for caption in captions]


@given(QUERIES, st.lists(st.one_of(SENTENCES, NASTY), max_size=5), st.sampled_from(MODES))
def test_what_is_packed_and_hashed_before_matches_the_same(
    queries: list[str], captions: list[str], mode: Mode
) -> None:
    data, ends = packed(captions)
    matcher = Matcher(queries, mode)
    found = matcher.match_packed(data, ends, word_hashes(data, ends))
    assert list(found) == list(matcher.match_all(captions))


def test_overlaps_count_and_parts_of_words_do_not() -> None:
    matcher = Matcher(["new york", "york", "york city", "cat"])
    assert matcher.match("New York City: concatenation") == (0, 1, 2)
    assert matcher.match("(Cat) “New—York”") == (0, 1, 3)
    assert matcher.match("") == ()


@pytest.mark.parametrize(
    ("caption", "normalised", "strictly"),
    [
        ("a dog", (0,), (0,)),
        ("a Dog", (0,), ()),
        ("the dog's ball", (0,), ()),
        ("dog.", (0,), (0,)),
        ("(dog)", (0,), ()),
        ("hot  dog", (0, 1), (0,)),  # two blanks part a strict query
        ("hot dog", (0, 1), (0, 1)),
        ("hot\tdog", (0, 1), (0, 1)),
        ("hot-dog", (0, 1), ()),
        ("St. Louis", (2,), ()),  # a mark within a query never matches strictly
        ("hot\u00a0dog", (0, 1), ()),
    ],
)
def test_where_the_rules_differ(caption: str, normalised: tuple[int, ...], strictly: tuple[int, ...]) -> None:
    queries = ["dog", "hot dog", "St. Louis"]
    assert Matcher(queries).match(caption) == normalised
    assert Matcher(queries, "strict_metaclip").match(caption) == strictly


def test_no_queries_match_nothing_and_no_captions_give_none() -> None:
    assert Matcher([]).match("a dog") == ()
    assert list(Matcher(["dog"]).match_all([])) == []
    assert Matcher(["", "!?", "dog"]).match("a dog") == (2,)


def test_of_equal_queries_the_first_is_found() -> None:
    assert Matcher(["dog", "Dog", "dog"]).match("dog") == (0,)
    assert Matcher(["dog", "Dog", "dog"], ids=np.array([3, 7, 9])).match("dog") == (3,)


@given(st.lists(WORDS, unique=True, max_size=6), st.data())
def test_ids_stand_for_positions(queries: list[str], data: st.DataObject) -> None:
    ids = np.array(
        sorted(data.draw(st.sets(st.integers(0, 1 << 40), min_size=len(queries), max_size=len(queries))))
    )
    captions = [" ".join(data.draw(st.lists(WORDS, max_size=5)))]
    by_position = list(Matcher(queries).match_all(captions))
    assert list(Matcher(queries, ids=ids).match_all(captions)) == [
        tuple(ids[list(found)].tolist()) if found else () for found in by_position
    ]


@pytest.mark.parametrize("ids", [[1], [1, 1], [2, 1]])
def test_ids_ascend(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="ids ascend"):
        Matcher(["a b", "c d"], ids=np.array(ids))


@pytest.mark.parametrize("mode", MODES)
def test_an_arrow_array_is_read_where_it_lies(mode: Mode) -> None:
    whole = pa.array(["no", "a dog", None, "", "dog é dog", "犬"])
    matcher = Matcher(pa.array(["x", "dog", "犬"])[1:], mode)
    assert list(matcher.match_all(whole)) == [(), (0,), (), (), (0,), (1,)]
    assert list(matcher.match_all(whole[4:])) == [(0,), (1,)]
    assert list(matcher.match_all(whole[:0])) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_caption_with_more_matches_than_were_made_room_for(mode: Mode) -> None:
    queries = [" ".join(["a"] * length) for length in range(1, 40)]
    captions = ["a", " ".join(["a"] * 60), "b", " ".join(["a"] * 3)]
    found = list(Matcher(queries, mode).match_all(captions))
    assert found == [(0,), tuple(range(39)), (), (0, 1, 2)]


def test_a_list_too_long_for_the_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "MOST_QUERIES", 2)
    with pytest.raises(ValueError, match="at most 2 queries, found 3"):
        Matcher(["a", "b", "c"])


def real_captions(real_data: Path) -> list[str]:
    coco = json.loads((real_data / "captions_text/coco/captions_val2017.json").read_text())
    laion = pq.read_table(
        next((real_data / "url_caption_lists").rglob("test_10000.parquet")), columns=["TEXT"]
    )
    return [row["caption"] for row in coco["annotations"]] + [
        text or "" for text in laion["TEXT"].to_pylist()
    ]


def real_queries(real_data: Path, captions: Sequence[str]) -> list[str]:
    lines = (real_data / "wordnet_oewn/lemmas.tsv").read_text().splitlines()
    lemmas = [line.split("\t")[0] for line in lines]
    pairs = [
        " ".join(pair)
        for caption in captions[::10]
        for pair in zip(words(caption), words(caption)[1:], strict=False)
    ]
    return list(dict.fromkeys([*lemmas, *pairs, "Nikon D90", "St. Louis", "a", "the", ",", "a , b"]))


def test_real_captions_by_the_rule_of_metaclip(real_data: Path) -> None:
    """COCO and LAION against substrings: every run of words of a spaced caption, looked up whole."""
    captions = real_captions(real_data)
    queries = real_queries(real_data, captions)
    assert len(captions) == 25_014 + 10_000
    known = {query: number for number, query in enumerate(queries)}
    longest = max(query.count(" ") + 1 for query in queries)
    expected = []
    for caption in captions:
        parts = spaced(caption)[1:-1].split(" ")
        runs = {
            " ".join(parts[i:j])
            for i in range(len(parts))
            for j in range(i + 1, min(i + longest, len(parts)) + 1)
        }
        expected.append(tuple(sorted(known[run] for run in runs if run in known)))
    assert list(Matcher(queries, "strict_metaclip").match_all(captions)) == expected
    for number in range(0, len(captions), 700):  # and by the definition itself, which takes 40 ms a caption
        assert strict(queries, captions[number]) == expected[number]


def test_real_captions_normalised(real_data: Path) -> None:
    captions = real_captions(real_data)
    queries = real_queries(real_data, captions)
    trie = Trie(queries)
    found = list(Matcher(queries).match_all(captions))
    assert found == [trie.match(caption) for caption in captions]
    as_written = Matcher([normalise(query) for query in queries])
    assert list(as_written.match_all(captions)) == found


def test_a_caption_is_matched_with_the_list_of_its_language() -> None:
    texts = ["die", "dog", "die", "hund", "new york"]
    lists = Lists(texts, ["en", "en", "de", "de", ""], np.array([3, 5, 8, 9, 11]))
    assert (lists.languages, lists.several) == (("de", "en"), True)
    captions = ["die Hund dog new York"] * 4 + ["nothing", ""]
    found = lists.of(lists.matcher.match_all(captions), ["en", "de", "", "fr", "en", ""])
    assert list(found) == [(3, 5, 11), (8, 9, 11), (3, 5, 8, 9, 11), (3, 5, 8, 9, 11), (), ()]


def test_of_one_language_none_is_asked() -> None:
    lists = Lists(["dog", "cat"], ["en", "en"], np.array([3, 5]))
    assert (lists.languages, lists.several) == (("en",), False)
    assert list(lists.of(lists.matcher.match_all(["a cat"]), [""])) == [(5,)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "a b", "c"]), st.sampled_from(["x", "y", "z", ""])), unique=True
    ),
    st.lists(st.tuples(st.text("abc ", max_size=8), st.sampled_from(["x", "y", "z", "", "w"]))),
)
def test_lists_together_are_as_each_by_itself(
    queries: list[tuple[str, str]], captions: list[tuple[str, str]]
) -> None:
    """The one table finds what a table of each language's list would."""
    lists = Lists([text for text, _ in queries], [language for _, language in queries])
    found = lists.of(lists.matcher.match_all([text for text, _ in captions]), [code for _, code in captions])
    known = {language for _, language in queries if language}
    for (caption, code), ids in zip(captions, found, strict=True):
        heard = {code, ""} if code in known else {*known, ""}
        own = [(i, text) for i, (text, language) in enumerate(queries) if language in heard]
        alone = [Matcher([text]).match(caption) for _, text in own]
        assert ids == tuple(i for (i, _), hit in zip(own, alone, strict=True) if hit)
