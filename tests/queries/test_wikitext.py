"""No markup leaks, no prose is lost, and no input is slow."""

import time
from collections import Counter
from itertools import islice
from pathlib import Path

import mwparserfromhell
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.wikipedia import Page, article, pages
from queries.wikitext import plain
from wit_pipeline.text import words

DUMPS = Path(__file__).parents[3] / "shared/data/wiki_dumps"
ENGLISH = DUMPS / "gensim/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("", ""),
        ("A dog.\n\nA cat.", "A dog.\nA cat."),
        # what never shows
        ("a {{cn}} b", "a   b"),
        ("{{Infobox\n| name = {{nowrap|x}}\n| y = [[z]]\n}}a", "a"),
        ("a<!-- {{ [[ -->b", "ab"),
        ("a<!-- b", "a"),
        ("dog<ref>{{cite|[[x]]}}</ref> barks", "dog  barks"),
        ("dog<ref name=x /> barks", "dog  barks"),
        ("<math>x^2</math>a<gallery>\nFile:x.jpg|y\n</gallery>", "a"),
        ("<REF>x</REF>a", "a"),
        ("__NOTOC__a", "a"),
        # links
        ("[[dog]]s", "dogs"),
        ("[[dog|hound]]", "hound"),
        ("[[dog|the ''[[x]]'' hound]]", "the x hound"),
        ("[[dog|a [sic] hound]]", "a [sic] hound"),
        ("[[:Category:Dogs]]", "Category:Dogs"),
        ("[[Terminator 2: Judgment Day]]", "Terminator 2: Judgment Day"),
        ("a [[Category:Dogs|*]]", "a"),
        ("a [[Kategorie:Hunde]]", "a"),
        ("a [[fr:Chien]] [[simple:Dog]] [[zh-min-nan:X]]", "a"),
        ("[[fr:Chien|a French dog]]", "a French dog"),
        ("[http://x.org/a a label] b", "a label b"),
        ("[http://x.org] b http://y.org/a?b=c d", "b   d"),
        # files: the caption is prose
        ("a [[File:x.jpg|thumb|left|200px|A [[dog|hound]] by [http://x y].]] b", "a\nA hound by y.\nb"),
        ("a [[Image:x.jpg|thumb|upright=1.2]] b", "a\nb"),
        ("a [[Datei:x.jpg]] b", "a\nb"),
        ("[[File:a.jpg|thumb|x [[File:b.jpg|20px]] y]]", "x\ny"),
        # lines
        ("== The dog ==\n=== Its ''tail'' ===\nbarks", "The dog\nIts tail\nbarks"),
        ("a = b\n= c", "a = b\n= c"),
        ("* a\n** b\n# c\n: d\n; e\n----\nf", "a\nb\nc\nd\ne\nf"),
        # tables
        ('{| class="x"\n|+ title\n|-\n! a !! b\n|-\n| c || style="y" | d\n|}\ne', "title\na\nb\nc\nd\ne"),
        ("{|\n| [[a|b]]\nc\n|}", "b\nc"),
        # tags, quotes, entities
        ("a<br/>b <span style='x'>c</span> <div>d</div>", "a\nb c\nd"),
        ("'''The dog''' is ''good'' and '''''big'''''", "The dog is good and big"),
        ("''Titanic'''s captain", "Titanic's captain"),
        ("'''Titanic'''", "Titanic"),
        ("a&nbsp;b &amp; c &lt;d&gt; &#233;", "a\xa0b & c <d> é"),
        ("<nowiki>[[a]] ''b''</nowiki> <pre>{{c}}</pre>", "[[a]] ''b'' {{c}}"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        # mistakes cost a bracket, not the article
        ("{{Infobox a b", "Infobox a b"),
        ("a }} b", "a   b"),
        ("[[dog a", "dog a"),
        ("a<ref>b", "a b"),
        ("{|\n| a", "a"),
        (f"&#{'9' * 5000};a", ";a"),
    ],
)
def test_markup_becomes_text(wikitext: str, text: str) -> None:
    assert plain(wikitext) == text


MARKS = [
    "[[", "]]", "{{", "}}", "{|", "|}", "|-", "||", "|", "<ref>", "</ref>", "<!--", "-->", "''", "'''", "]",
    "<br>", "File:", "Category:", "<div", ">", "dog", "\n|", "\n!", "\n==", "==\n", "\n*", "[http://x ", " ",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(MARKS), max_size=40).map("".join)


@given(SOUP)
def test_no_bracket_or_element_ever_leaks(wikitext: str) -> None:
    text = plain(wikitext)
    for mark in ("[[", "]]", "{{", "}}", "''", "<!--", "<ref>", "<br>"):
        assert mark not in text
    assert text == text.strip()


@given(st.text(max_size=100))
def test_any_text_gives_a_text(wikitext: str) -> None:
    plain(wikitext)


@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=20))
def test_prose_is_left_alone(prose: list[str]) -> None:
    assert plain(" ".join(prose)) == " ".join(prose)


HOSTILE = [
    "{{", "}}", "[[", "]]", "[", "[http:a", "[[a|", "<ref>", "<ref", "<!--", "=", "''", "'", "|", "&", "&#1",
    "a", "[[File:a|", "{|", "[a]", "x'''s", "<nowiki>", "\n", "\n|", "\n=", "</ref ", "<a ", "= ", " ",
]  # fmt: skip


@pytest.mark.parametrize("mark", HOSTILE)
@pytest.mark.parametrize("head", ["", "[[", "[http:", "{{", "<ref", "[[File:x|"])
def test_time_grows_with_the_length_alone(head: str, mark: str) -> None:
    """A quadratic pass over this much would take minutes; a linear one takes milliseconds."""
    wikitext = head + mark * (200_000 // len(mark))
    start = time.process_time()
    plain(wikitext)
    assert time.process_time() - start < 1


def english_articles(number: int) -> list[Page]:
    if not ENGLISH.is_file():
        pytest.skip(f"needs the real dump {ENGLISH}")
    with ENGLISH.open("rb") as stream:
        found = (page for page in pages(stream, "enwiki") if isinstance(page, Page) and article(page))
        return list(islice(found, number))


def test_words_agree_with_a_full_parser_on_real_articles() -> None:
    """Precision and recall of our words against mwparserfromhell's, which keeps references and leaks
    "thumb", "Category" and bars: so its words are no truth, and recall cannot be 1."""
    both = ours = theirs = 0
    for page in english_articles(1000)[::4]:
        found = Counter(words(plain(page.text)))
        expected = Counter(words(str(mwparserfromhell.parse(page.text).strip_code())))
        both += (found & expected).total()
        ours += found.total()
        theirs += expected.total()
    assert both / ours >= 0.99
    assert both / theirs >= 0.80


def test_no_markup_leaks_from_real_articles() -> None:
    leaks: Counter[str] = Counter()
    for page in english_articles(1000):
        text = plain(page.text)
        leaks.update(
            {mark: text.count(mark) for mark in ("[[", "]]", "{{", "}}", "|thumb", "<ref", "class=")}
        )
    assert leaks.total() == 0, leaks
