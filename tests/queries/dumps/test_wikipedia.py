"""Pages come out of every kind of dump, and a bad dump ends in one counted problem, never in a crash."""

import bz2
import gzip
import io
import lzma
import sys
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from queries.dumps import export_xml
from queries.dumps.wikipedia import DumpError, Page, Problem, article, pages

DUMPS = Path(__file__).parents[4] / "shared/data/wiki_dumps"
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
    assert read(data) == [Page(title="A & B", text="x <ref> y\nz", page_id=1)]


def test_a_prefixed_namespace_is_read_as_well() -> None:
    data = dump(page("A", "x")).decode().replace("</", "</m:").replace("<", "<m:").replace("<m:/m:", "</m:")
    assert titles(data.replace("xmlns=", "xmlns:m=").encode()) == ["A"]


def test_a_page_knows_what_its_wiki_calls_files() -> None:
    site = '<siteinfo><namespaces><namespace key="6">Mynd</namespace></namespaces></siteinfo>'
    (found,) = read(dump(site, page("A", "x")))
    assert isinstance(found, Page)
    assert found.names["mynd"] == found.names["file"] == 6


def test_utf_16_is_read_as_well() -> None:
    text = dump(page("Ж", "х")).decode()
    assert read(text.encode("utf-16")) == [Page(title="Ж", text="х", page_id=1)]


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
        (b"PK\x03\x04", Problem.UNSUPPORTED, "zip"),
        (b"Rar!\x1a\x07", Problem.UNSUPPORTED, "rar"),
        (b"\x1f\x8b\x08\x00", Problem.TRUNCATED, "before their end mark"),
        (b"\x1f\x8b\xff\x00", Problem.BROKEN_COMPRESSION, "unknown compression method"),
        (b"7z\xbc\xaf\x27\x1c", Problem.TRUNCATED, "within its header"),
        (b"7z\xbc\xaf\x27\x1c" + b"\xff" * 40, Problem.TRUNCATED, "list of contents"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), Problem.BROKEN_COMPRESSION, ""),
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


BROKEN = Problem.BROKEN_XML


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("<page><title>B</page>", [BROKEN]),
        (page("B", "this & that"), [BROKEN]),
        (page("B", "1 < 2"), [BROKEN]),
        (page("B", "a <b> tag"), [BROKEN]),
        (page("B", "&nbsp;"), [BROKEN]),
        (page("B", "\x01"), [BROKEN]),
        (page("B", "x").replace("</text>", ""), [BROKEN]),
        (page("B", "x").removesuffix("</page>"), [BROKEN]),
        (page("B", "x" * 9)[:40], [BROKEN]),  # the next page begins inside its text
        (page("B", "a <page> in text"), [BROKEN, BROKEN]),  # each `<page` counts as one
        (page("B", "x") + "</page>", ["B", BROKEN]),
        (page("B", "x") + "& garbage", ["B", BROKEN]),
        (page("B", "x") + " garbage ", ["B"]),
        ("<page><title>" + "<x>" * 50, [BROKEN]),
        (page("B", "1 < 2") * 3, [BROKEN] * 3),
        (page("B", "x") + "</mediawiki><mediawiki>" + page("C", "x"), ["B", BROKEN, "C"]),
        (page("B", "x") + "</mediawiki>" + page("C", "x"), ["B", "C"]),
        ("<pages/>", []),
        ("<!-- no page -->", []),
    ],
)
def test_what_is_broken_costs_its_own_page_alone(bad: str, expected: list[str]) -> None:
    assert titles(dump(page("A", "x"), bad, page("Z", "x"))) == ["A", *expected, "Z"]


def test_an_invalid_byte_costs_its_page_alone_and_the_place_is_told() -> None:
    data = dump(page("A", "x"), page("B", "@"), page("C", "x")).replace(b"@", b"\xff")
    _, error, last = read(data)
    assert isinstance(error, DumpError)
    assert error.detail == f"not well-formed (invalid token) at byte {data.index(255)}"
    assert (error.pages, isinstance(last, Page)) == (1, True)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (page("A", "x").encode(), ["A"]),  # no root at all
        (b"<siteinfo/>" + page("A", "x").encode(), [BROKEN, "A"]),
        (b"<html>" + page("A", "x").encode(), [BROKEN, "A"]),
        (dump("<siteinfo>&bad;</siteinfo>", page("A", "x")), [BROKEN, "A"]),
        (b"\xef\xbb\xbf \n" + dump(page("A", "x")), ["A"]),
        (b" \r\n<?xml version='1.0' encoding='latin-1'?>" + dump(page("A", "x")), ["A"]),
        (b"<!-- made by hand -->" + dump(page("A", "x")), ["A"]),
    ],
)
def test_a_head_may_be_strange(data: bytes, expected: list[str]) -> None:
    assert titles(data) == expected


def test_a_doctype_inside_a_dump_defines_nothing() -> None:
    data = dump(page("A", "x"), '<!DOCTYPE m [<!ENTITY l9 "ha">]>', page("&l9;", "x"), page("Z", "x"))
    assert titles(data) == ["A", BROKEN, BROKEN, "Z"]


@pytest.mark.parametrize("bad", [page("B", "&"), "<page>", "<page", "<page><a x='", "<page/><"])
def test_a_million_broken_pages_take_time_in_proportion(bad: str) -> None:
    def seconds(count: int) -> float:
        data = dump(bad * count)
        begun = time.process_time()
        assert len(read(data)) <= count + 1
        return time.process_time() - begun

    seconds(100)
    assert seconds(20_000) < 20  # 100 times what it takes here, a hundredth of what its square would


@given(st.data())
def test_any_broken_byte_keeps_the_other_pages(data: st.DataObject) -> None:
    whole = [page(f"P{number}", "x" * 50) for number in range(5)]
    good = dump(*whole)
    place = data.draw(st.integers(good.index(b"<page>") + 1, len(good) - 20))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    hit = good[:place].count(b"<page>") - 1
    others = [f"P{number}" for number in range(5) if abs(number - hit) > 1]
    found = titles(good[:place] + byte + good[place + 1 :])
    assert [one for one in found if one in others] == others


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
    monkeypatch.setattr(export_xml, "MAX_PAGE", 10)
    data = dump(page("A", "x" * 10), page("B", "x" * 11), page("C", "x"))
    assert titles(data) == ["A", Problem.PAGE_TOO_LONG, "C"]
    assert read(data)[0] == Page(title="A", text="x" * 10, page_id=1)


@pytest.mark.parametrize("inside", ["<page x='", "<page><title>", "<!--"], ids=["tag", "text", "comment"])
def test_memory_stays_bounded_whatever_is_packed(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_xml, "MAX_PAGE", 1 << 20)
    monkeypatch.setattr(export_xml, "MAX_TOKEN", 1 << 20)
    bomb = bz2.compress(b"<mediawiki>" + inside.encode() + b"a" * (1 << 25))
    tracemalloc.start()
    last = read(bomb)[-1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(last, DumpError)
    assert peak < 1 << 23


@pytest.mark.parametrize(
    ("text", "extra", "target"),
    [
        ("x", "", ""),
        ("#REDIRECT [[Hound]]", "", "Hound"),
        ("#redirect:[[ hound_dog #Breeds|the breeds]]", "", "hound dog"),
        ("\n#пренасочване [[:Куче]]", "", "Куче"),
        ("#เปลี่ยนทาง [[หมา]]", "", "หมา"),
        ("#पुनर्प्रेषित [[कुत्ता]]", "", "कुत्ता"),
        ("#REDIRECT [[#Section]]", "", "Dog"),  # to itself
        ("#REDIRECT [[Cat]]", "<redirect title='Hound'/>", "Hound"),
        ("#REDIRECT [[Cat]]", "<redirect />", "Cat"),  # schemas before 0.6
        ("broken", "<redirect />", "Dog"),
        ("# [[Cat]]", "", ""),
        ("#*[[Cat]]", "", ""),
    ],
)
def test_a_redirect_names_its_target(text: str, extra: str, target: str) -> None:
    (found,) = read(dump(page("Dog", text, extra=extra)))
    assert isinstance(found, Page)
    assert found.redirect == target


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Hund", "{{Begriffsklärung}}"),
        ("Chien", "{{Homonymie}}"),
        ("Perro", "{{ desambiguación }}"),
        ("Cane", "{{Disambigua}}"),
        ("Hond", "{{dp}}"),
        ("Cão", "{{desambiguação|x}}"),
        ("Пёс", "{{многозначность}}"),
        ("Пес", "{{Неоднозначность}}"),
        ("Pies", "{{Ujednoznacznienie}}"),
        ("犬", "{{Aimai}}"),
        ("犬", "{{人名の曖昧さ回避}}"),
        ("狗", "{{消歧义}}"),
        ("Куче", "{{Пояснение}}"),
        ("Pes", "{{Rozlišovacia_stránka}}"),
        ("Hund (Begriffsklärung)", "x"),
        ("Куче (пояснение)", "x"),
        ("개 (동음이의)", "x"),
    ],
)
def test_disambiguation_pages_of_other_languages_are_none_either(title: str, text: str) -> None:
    found = Page(title=title, text=text)
    assert not article(found)
    assert article(found, disambiguations=True)


def test_redirects_and_other_namespaces_stay_out_even_with_disambiguation_pages() -> None:
    assert not article(Page(title="A", text="x", redirect="B"), disambiguations=True)
    assert not article(Page(title="A", text="x", namespace=1), disambiguations=True)


SLOT = "<content><role>{}</role><model>{}</model><text>{}</text></content>"


@pytest.mark.parametrize(
    ("revision", "text"),
    [
        ("<model>wikitext</model><text>x</text>", "x"),
        ("<text>x</text><model>wikitext</model>", "x"),  # the order of 0.8
        ("<model>Scribunto</model><text>return 1</text>", ""),
        ("<text>{}</text><model>json</model>", ""),
        ("<text>x</text>" + SLOT.format("mediainfo", "json", "{}"), "x"),
        (SLOT.format("mediainfo", "json", "{}") + "<text>x</text>", "x"),
        (SLOT.format("main", "wikitext", "x") + SLOT.format("other", "json", "{}"), "x"),
        (SLOT.format("main", "css", "x"), ""),
        ("<text>old</text></revision><revision>", ""),
        ("<model>css</model><text>old</text></revision><revision><text>x</text>", "x"),
    ],
)
def test_the_text_is_the_wikitext_of_the_main_slot(revision: str, text: str) -> None:
    data = dump(f"<page><title>A</title><ns>0</ns><id>7</id><revision><id>8</id>{revision}</revision></page>")
    assert read(data) == [Page(title="A", text=text, page_id=7)]


def test_a_slot_that_is_too_long_is_left_out_with_its_page_if_it_is_the_main_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_xml, "MAX_PAGE", 10)
    start, end = "<page><title>A</title><revision>", "</revision></page>"
    assert titles(dump(start + SLOT.format("other", "json", "x" * 11) + end)) == ["A"]
    assert titles(dump(start + SLOT.format("main", "wikitext", "x" * 11) + end)) == [Problem.PAGE_TOO_LONG]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_every_packing_is_read_also_of_parts_end_to_end(pack: Callable[[bytes], bytes]) -> None:
    data = dump(*(page(f"P{number}", "x" * 1000) for number in range(50)))
    assert read(pack(data)) == read(pack(data[:7000]) + pack(b"") + pack(data[7000:])) == read(data)


@pytest.mark.parametrize("pad", [gzip.compress, lzma.compress])
def test_zeros_behind_the_end_are_padding(pad: Callable[[bytes], bytes]) -> None:
    data = dump(page("A", "x"))
    assert titles(pad(data) + bytes(512)) == ["A"]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@given(st.data())
def test_a_broken_packing_ends_in_one_problem(pack: Callable[[bytes], bytes], data: st.DataObject) -> None:
    whole = pack(dump(*(page(f"P{number}", "x") for number in range(6))))
    last = read(whole[: data.draw(st.integers(6, len(whole) - 1))])[-1]
    assert isinstance(last, DumpError)
    assert last.reason is Problem.TRUNCATED
    place = data.draw(st.integers(6, len(whole) - 1))
    read(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :])


def streams(*inside: str) -> list[bytes]:
    """A multistream dump, stream by stream: the root, some pages, …, the root's end."""
    return [bz2.compress(part.encode()) for part in ("<mediawiki>", *inside, "</mediawiki>")]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda packed: packed[:-9], Problem.TRUNCATED),
        (lambda packed: packed[:15], Problem.TRUNCATED),
        (lambda packed: packed[:10] + b"\xff\xff\xff\xff" + packed[14:], Problem.BROKEN_COMPRESSION),
        (lambda packed: packed[:30] + bytes([packed[30] ^ 64]) + packed[31:], Problem.BROKEN_COMPRESSION),
        (lambda packed: packed + b"garbage", Problem.BROKEN_COMPRESSION),
    ],
)
def test_a_broken_stream_costs_its_own_pages_alone(harm: Callable[[bytes], bytes], reason: Problem) -> None:
    parts = streams(page("A", "x"), page("B", "y"), page("C", "z"))
    parts[2] = harm(parts[2])
    found = titles(b"".join(parts))
    assert [one for one in found if one != "B"] == ["A", reason, "C"]


def test_bombs_unpack_no_faster_than_they_are_read() -> None:
    for pack in PACKERS.values():
        bomb = pack(b"<mediawiki>" + b" " * (1 << 26) + page("A", "x").encode() + b"</mediawiki>")
        tracemalloc.start()
        assert titles(bomb) == ["A"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 24


def test_a_dump_in_7z_is_read(tmp_path: Path) -> None:
    data = dump(*(page(f"P{number}", f"{number} " * 1000) for number in range(200)))
    packed = seven(tmp_path, data)
    assert read(packed) == read(data)
    assert titles(packed[:-5]) == [Problem.TRUNCATED]
    middle = len(packed) // 2
    assert titles(packed[:middle] + bytes(9) + packed[middle + 9 :])[-1] is Problem.BROKEN_COMPRESSION
    some = pages(io.BytesIO(packed), "a dump")
    assert isinstance(next(some), Page)  # and its thread ends with the reader
    some.close()  # type: ignore[attr-defined]


def seven(folder: Path, data: bytes) -> bytes:
    py7zr = pytest.importorskip("py7zr", reason="needs the extra sevenzip")
    (folder / "dump.xml").write_bytes(data)
    with py7zr.SevenZipFile(folder / "dump.7z", "w") as archive:
        archive.write(folder / "dump.xml", "dump.xml")
    return (folder / "dump.7z").read_bytes()


def test_without_py7zr_a_dump_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py7zr", None)
    (error,) = read(b"7z\xbc\xaf\x27\x1c" + bytes(40))
    assert isinstance(error, DumpError)
    assert error.reason is Problem.UNSUPPORTED
    assert "pip install 'webimagetext[sevenzip]'" in error.detail


REAL = {  # pages, articles
    "gensim/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2": (206, 98),
    "gensim/bgwiki-latest-pages-articles-shortened.xml.bz2": (3, 1),
    "gensim/enwiki-table-markup.xml.bz2": (5, 5),
    "dumpster-dive/smallwiki-latest-pages-articles.xml": (2004, 903),
    "dumpster-dive/tinywiki-latest-pages-articles.xml": (8, 6),
    "dkpro-jwpl/aawiki-20260101-pages-meta-current.xml.bz2": (507, 1),
    "dkpro-jwpl/aawiki-20260101-pages-meta-history.xml.7z": (507, 1),
    "json-wikipedia/wikipedia-small-test.xml.bz2": (3, 1),
    "json-wikipedia/mercedes.xml": (1, 1),
    "wikipedia2vec/enwiki-pages-articles-sample.xml.bz2": (3, 2),
}


@pytest.mark.parametrize("name", REAL)
def test_real_dumps_read_to_their_end(name: str) -> None:
    path = DUMPS / name
    if not path.is_file():
        pytest.skip(f"needs the real dump {path}")
    if name.endswith("7z"):
        pytest.importorskip("py7zr", reason="needs the extra sevenzip")
    with path.open("rb") as stream:
        found = list(pages(stream, name))
    whole = [one for one in found if isinstance(one, Page)]
    assert len(whole) == len(found)
    assert (len(whole), sum(map(article, whole))) == REAL[name]
