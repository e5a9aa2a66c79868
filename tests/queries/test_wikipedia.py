"""Pages come out of every kind of dump, and a bad dump ends in one counted problem, never in a crash."""

import bz2
import io
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries import wikipedia
from queries.wikipedia import DumpError, Page, Problem, article, pages

DUMPS = Path(__file__).parents[3] / "shared/data/wiki_dumps"
NAMESPACE = 'xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11"'
SITE = '<siteinfo><namespaces><namespace key="14">Категория</namespace></namespaces></siteinfo>'


def page(title: str, text: str, *, ns: str = "<ns>0</ns>", extra: str = "") -> str:
    return (
        f"<page><title>{title}</title>{ns}<id>1</id>{extra}"
        f"<revision><id>2</id><text bytes='3'>{text}</text></revision></page>"
    )


def dump(*inside: str, attributes: str = NAMESPACE) -> bytes:
    return f"<mediawiki {attributes}>{''.join(inside)}</mediawiki>".encode()


def read(data: bytes) -> list[Page | DumpError]:
    return list(pages(io.BytesIO(data), "a dump"))


def titles(data: bytes) -> list[str]:
    return [found.title if isinstance(found, Page) else found.reason for found in read(data)]


@pytest.mark.parametrize("attributes", [NAMESPACE, 'version="0.3"', 'xmlns:mw="x" xmlns="y"'])
def test_a_page_is_its_title_and_text(attributes: str) -> None:
    data = dump(SITE, page("A &amp; B", "x &lt;ref&gt; y\nz"), attributes=attributes)
    assert read(data) == [Page(title="A & B", text="x <ref> y\nz")]


def test_a_prefixed_namespace_is_read_as_well() -> None:
    data = dump(page("A", "x")).decode().replace("</", "</m:").replace("<", "<m:").replace("<m:/m:", "</m:")
    assert titles(data.replace("xmlns=", "xmlns:m=").encode()) == ["A"]


def test_utf_16_is_read_as_well() -> None:
    text = dump(page("Ж", "х")).decode()
    assert read(text.encode("utf-16")) == [Page(title="Ж", text="х")]


def test_of_several_revisions_the_last_counts() -> None:
    revisions = "<revision><text>old</text></revision><revision><text>new</text></revision>"
    assert read(dump(f"<page><title>A</title><ns>0</ns>{revisions}</page>")) == [Page(title="A", text="new")]


def test_a_deleted_text_is_empty() -> None:
    data = dump("<page><title>A</title><ns>0</ns><revision><text deleted='deleted' /></revision></page>")
    assert read(data) == [Page(title="A", text="")]


@pytest.mark.parametrize(
    ("title", "ns", "namespace"),
    [
        ("Dog", "<ns>0</ns>", 0),
        ("Talk:Dog", "<ns>1</ns>", 1),
        ("Talk:Dog", "<ns>0</ns>", 0),  # what is stated holds
        ("Talk:Dog", "", 1),
        ("User talk:Dog", "", 3),
        ("Категория:Куче", "", 14),  # the dump's own <namespaces>
        ("Terminator 2: Judgment Day", "", 0),
        ("Talk:Dog", "<ns>many</ns>", 1),
        ("Talk:Dog", f"<ns>{'9' * 5000}</ns>", 1),
    ],
)
def test_the_namespace_is_stated_or_follows_from_the_title(title: str, ns: str, namespace: int) -> None:
    (found,) = read(dump(SITE, page(title, "x", ns=ns)))
    assert isinstance(found, Page)
    assert found.namespace == namespace


@pytest.mark.parametrize(
    ("title", "text", "extra", "expected"),
    [
        ("Dog", "The dog barks.", "", True),
        ("Dog", "", "", True),
        ("Dog", "#REDIRECT [[Hound]]", "", False),
        ("Dog", "#пренасочване: [[Куче]]", "", False),
        ("Dog", "x", "<redirect title='Hound' />", False),
        ("Dog", "# first [[item]]", "", True),
        ("Dog (disambiguation)", "x", "", False),
        ("Dog", "x {{disambiguation|geo}}", "", False),
        ("Dog", "x {{Human name disambiguation}}", "", False),
        ("Dog", "x\n{{disambig}}", "", False),
        ("Dog", "x {{ Hndis |name=x}}", "", False),
        ("Dog", "__DISAMBIG__", "", False),
        ("Dog", "a mercury{{disambiguation needed|date=May}} lamp", "", True),
        ("Dog", "{{other uses|Dog (disambiguation)}}", "", True),
        ("Dog", "{{Dabney}}", "", True),
    ],
)
def test_an_article_is_prose_about_a_thing(title: str, text: str, extra: str, expected: bool) -> None:
    (found,) = read(dump(page(title, text, extra=extra)))
    assert isinstance(found, Page)
    assert article(found) is expected


@pytest.mark.parametrize("start", ["#redirect", "{{", "{{disambig", "{{ a"])
@pytest.mark.parametrize("rest", [" ", "a", "{{", "{{ ", "disambig "])
def test_no_page_makes_its_kind_slow_to_tell(start: str, rest: str) -> None:
    data = dump(page("A", start + rest * (100_000 // len(rest))))
    begun = time.process_time()
    (found,) = read(data)
    assert isinstance(found, Page)
    article(found)
    assert time.process_time() - begun < 1


def test_other_namespaces_are_no_articles() -> None:
    assert not article(Page(title="Talk:Dog", text="x", namespace=1))


@given(st.lists(st.integers(0, 3000), max_size=4))
def test_bz2_streams_end_to_end_read_as_one(cuts: list[int]) -> None:
    data = dump(*(page(f"P{number}", "x" * 100) for number in range(20)))
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    packed = b"".join(bz2.compress(data[a:b]) for a, b in pairwise(places))
    assert read(packed) == read(data)


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", Problem.NOT_A_DUMP, "is empty"),
        (b"Dear reader,\nthis is a text.", Problem.NOT_A_DUMP, "syntax error"),
        (b"<html><body></body></html>", Problem.NOT_A_DUMP, "<html>"),
        (bz2.compress(b"not xml"), Problem.NOT_A_DUMP, "syntax error"),
        (bz2.compress(b""), Problem.NOT_A_DUMP, "no element found"),
        (b"\x1f\x8b\x08\x00", Problem.NOT_A_DUMP, "gzip"),
        (b"7z\xbc\xaf\x27\x1c", Problem.NOT_A_DUMP, "7z"),
        (b"BZh9 but no more", Problem.BROKEN_COMPRESSION, "Invalid data stream"),
        (dump(page("A", "\xff")).decode().encode("latin-1"), Problem.BROKEN_XML, "not well-formed"),
        (dump("<!DOCTYPE x>"), Problem.BROKEN_XML, "not well-formed"),
        (dump("&nbsp;"), Problem.BROKEN_XML, "undefined entity"),
        (dump("<a>" * 40), Problem.BROKEN_XML, "deeper than 32"),
        (dump() + dump(), Problem.BROKEN_XML, "junk"),
    ],
)
def test_what_is_no_dump_says_so(data: bytes, reason: Problem, message: str) -> None:
    (error,) = read(data)
    assert isinstance(error, DumpError)
    assert (error.name, error.reason, error.pages) == ("a dump", reason, 0)
    assert message in error.detail


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE m [<!ENTITY l0 "ha">{LAUGHS}]>',
    "a file": '<!DOCTYPE m [<!ENTITY l9 SYSTEM "file:///etc/hostname">]>',
    "an address": '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/x.dtd">',
}


@pytest.mark.parametrize("doctype", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_doctype_is_refused_before_it_can_define_anything(doctype: str) -> None:
    assert titles(f"{doctype}<mediawiki>{page('&l9;', 'x')}</mediawiki>".encode()) == [Problem.FORBIDDEN_XML]


def test_a_broken_page_keeps_what_came_before_it() -> None:
    data = dump(page("A", "x"), page("B", "x"), "<page><title>C</page>", page("D", "x"))
    assert titles(data) == ["A", "B", Problem.BROKEN_XML]


@given(st.data())
def test_a_cut_dump_gives_its_whole_pages_and_one_problem(data: st.DataObject) -> None:
    whole = dump(*(page(f"P{number}", "ж" * 30) for number in range(6)))
    cut = data.draw(st.integers(1, len(whole) - 1))
    *before, last = read(whole[:cut])
    assert before == read(whole)[: len(before)]
    assert isinstance(last, DumpError)
    assert last.reason in (Problem.TRUNCATED, Problem.NOT_A_DUMP)
    assert last.pages == len(before) == whole[:cut].count(b"</page>")


@given(st.data())
def test_a_cut_bz2_never_crashes(data: st.DataObject) -> None:
    whole = bz2.compress(dump(*(page(f"P{number}", "x") for number in range(6))))
    last = read(whole[: data.draw(st.integers(4, len(whole) - 1))])[-1]
    assert isinstance(last, DumpError)
    assert last.reason is Problem.TRUNCATED


@given(st.binary(max_size=200))
def test_any_bytes_end_in_pages_or_a_problem(data: bytes) -> None:
    read(data)
    read(b"<mediawiki><page>" + data)
    read(b"BZh9" + data)


def test_a_page_that_is_too_long_is_left_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikipedia, "MAX_PAGE", 10)
    data = dump(page("A", "x" * 10), page("B", "x" * 11), page("C", "x"))
    assert titles(data) == ["A", Problem.PAGE_TOO_LONG, "C"]
    assert read(data)[0] == Page(title="A", text="x" * 10)


@pytest.mark.parametrize("inside", ["<page x='", "<page><title>", "<!--"], ids=["tag", "text", "comment"])
def test_memory_stays_bounded_whatever_is_packed(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikipedia, "MAX_PAGE", 1 << 20)
    monkeypatch.setattr(wikipedia, "MAX_TOKEN", 1 << 20)
    bomb = bz2.compress(b"<mediawiki>" + inside.encode() + b"a" * (1 << 25))
    tracemalloc.start()
    last = read(bomb)[-1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(last, DumpError)
    assert peak < 1 << 23


REAL = {  # pages, articles
    "gensim/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2": (206, 98),
    "gensim/bgwiki-latest-pages-articles-shortened.xml.bz2": (3, 1),
    "gensim/enwiki-table-markup.xml.bz2": (5, 5),
    "dumpster-dive/smallwiki-latest-pages-articles.xml": (2004, 903),
    "dkpro-jwpl/aawiki-20260101-pages-meta-current.xml.bz2": (507, 1),
    "json-wikipedia/wikipedia-small-test.xml.bz2": (3, 1),
    "json-wikipedia/mercedes.xml": (1, 1),
    "wikipedia2vec/enwiki-pages-articles-sample.xml.bz2": (3, 2),
}


@pytest.mark.parametrize("name", REAL)
def test_real_dumps_read_to_their_end(name: str) -> None:
    path = DUMPS / name
    if not path.is_file():
        pytest.skip(f"needs the real dump {path}")
    with path.open("rb") as stream:
        found = list(pages(stream, name))
    whole = [one for one in found if isinstance(one, Page)]
    assert len(whole) == len(found)
    assert (len(whole), sum(map(article, whole))) == REAL[name]
