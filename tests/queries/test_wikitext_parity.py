"""Our words of real pages against those of mwparserfromhell, a full parser, and no markup among them.

Its words are no truth. It keeps references and the cells of tables, joining words of neighbours, and leaks
"thumb", "Category" and bars, so that recall cannot be 1. Precision is what counts: nearly every word of ours
is one of its words, so no markup, attribute or address comes through.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import mwparserfromhell
import pytest

from queries.dumps.wikipedia import Page, article, pages
from queries.dumps.wikitext import plain
from wit_pipeline.text.text import words

ENGLISH = (
    "gensim/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
    "gensim/enwiki-table-markup.xml.bz2",
    "wikipedia2vec/enwiki-pages-articles-sample.xml.bz2",
)
OTHERS = ("gensim/bgwiki-latest-pages-articles-shortened.xml.bz2",)
TOKENS: dict[str, Callable[[str], list[str]]] = {
    "ours": lambda text: [word for line in text.split("\n") for word in words(line)],
    "any word": lambda text: re.findall(r"\w+", text.lower()),
    "letters": lambda text: re.findall(r"[^\W\d_]+", text.lower()),
}
BOUNDS = {  # how often real English prose may hold a word that is also markup, of 500,000 words in all
    "thumb": 5, "upright": 10, "align": 3, "style": 80, "class": 100, "width": 10, "span": 20, "left": 200,
    "td": 2, "tr": 3, "lt": 10, "gt": 1, "amp": 2, "px": 0, "rowspan": 0, "colspan": 0, "bgcolor": 0,
    "cellpadding": 0, "valign": 0, "wikitable": 0, "ref": 0, "nbsp": 0, "br": 0, "div": 0, "http": 0,
    "https": 0, "www": 5, "category": 30, "file": 30, "defaultsort": 0, "notoc": 0,
}  # fmt: skip
MARKS = ("[[", "]]", "{{", "}}", "{|", "|}", "|-", "||", "<ref", "<br", "'''", "''", "&nbsp;", "__", "://")


def articles(real_data: Path, names: tuple[str, ...]) -> list[str]:
    """The wikitext of the articles of some dumps."""
    found = []
    for name in names:
        path = real_data / "wiki_dumps" / name
        if not path.is_file():
            pytest.skip(f"needs the real dump {path}")
        with path.open("rb") as stream:
            found += [page.text for page in pages(stream, name) if isinstance(page, Page) and article(page)]
    return found


@pytest.fixture(scope="module")
def parsed(real_data: Path) -> list[tuple[str, str]]:
    """Our text and the full parser's, for each article."""
    texts = articles(real_data, ENGLISH + OTHERS)
    return [(plain(text), str(mwparserfromhell.parse(text).strip_code())) for text in texts]


@pytest.mark.parametrize("tokens", TOKENS.values(), ids=TOKENS)
def test_words_agree_with_a_full_parser(
    parsed: list[tuple[str, str]], tokens: Callable[[str], list[str]]
) -> None:
    both = ours = theirs = 0
    for text, expected in parsed:
        found, wanted = Counter(tokens(text)), Counter(tokens(expected))
        both += (found & wanted).total()
        ours += found.total()
        theirs += wanted.total()
    assert both / ours >= 0.999
    assert both / theirs >= 0.86


def test_the_mean_article_agrees_too(parsed: list[tuple[str, str]]) -> None:
    """So that no long article carries the short ones; and none is far off, as after a mark that swallows."""
    precisions, recalls = [], []
    for text, expected in parsed:
        found, wanted = Counter(words(text)), Counter(words(expected))
        shared = (found & wanted).total()
        precisions.append(shared / found.total())
        recalls.append(shared / wanted.total())
    assert mean(precisions) >= 0.999
    assert mean(recalls) >= 0.86
    assert min(precisions) >= 0.99


def test_no_markup_is_counted(parsed: list[tuple[str, str]]) -> None:
    found = Counter(word for text, _ in parsed for word in words(text))
    assert {word: found[word] for word in BOUNDS if found[word] > BOUNDS[word]} == {}
    assert [word for word in found if re.fullmatch(r"x?[0-9]+(?:x[0-9]+)?px", word)] == []


def test_no_mark_remains(parsed: list[tuple[str, str]]) -> None:
    assert {mark: count for mark in MARKS if (count := sum(text.count(mark) for text, _ in parsed))} == {}


def test_a_wiki_whose_names_we_do_not_list_leaks_little(real_data: Path) -> None:
    texts = articles(real_data, ("dumpster-dive/smallwiki-latest-pages-articles.xml",))
    found = Counter(word for text in texts for word in words(plain(text)))
    assert {
        word for word in ("thumb", "250px", "colspan", "bgcolor", "kategoreja") if found[word] > 3
    } == set()
