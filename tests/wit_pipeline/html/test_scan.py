"""The scan against two tree builders: html5lib, and Lexbor, which follows the standard as it is today.

Where they differ the scan is on Lexbor's side for `select` (an img in it is one, since 2025) and for `</br>`
and `</p>` in svg, and on html5lib's for `template` (its images count) and for `image` in a table (an img).
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import html5lib
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from wit_pipeline.html import rows as rows_module
from wit_pipeline.html.encoding import utf8
from wit_pipeline.html.rows import by_kind, rows_of, scan, value
from wit_pipeline.html.scan import ATTRIBUTES, FIGURE, IMG, TAG_KEYS, TAGS, TEXT, packed

Images = Counter[tuple[str, str]]


def scanned(page: bytes) -> Images:
    """src and alt of every img, by the scan; "" for what is not there."""
    found = scan(page)
    images = (row for row in rows_of(found.items) if row[0] == IMG)
    return Counter((value(found.data, row[4], row[5]), value(found.data, row[6], row[7])) for row in images)


def by_html5lib(page: bytes) -> Images:
    tree = html5lib.parse(page.decode(), namespaceHTMLElements=False)
    return Counter((node.get("src") or "", node.get("alt") or "") for node in tree.iter("img"))


def by_lexbor(page: bytes) -> Images:
    nodes = LexborHTMLParser(page).css("img")
    return Counter((node.attributes.get("src") or "", node.attributes.get("alt") or "") for node in nodes)


def pages(folder: Path) -> Iterator[bytes]:
    """Every HTML page of the WARC samples, as UTF-8."""
    for path in sorted(folder.rglob("*.warc*")):
        with path.open("rb") as stream:
            records = ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True)
            while True:
                try:
                    record = next(records)
                except (StopIteration, ValueError, OSError):  # some of the files are damaged on purpose
                    break
                if record.http_headers and (record.http_content_type or "").lower() == "text/html":
                    yield utf8(record.reader.read(), record.http_charset or "")


def test_every_image_of_real_pages_and_nothing_else(real_data: Path) -> None:
    count = 0
    for page in pages(real_data / "warc_samples"):
        found = scanned(page)
        assert found == by_lexbor(page)
        if len(page) < 200_000:  # html5lib needs seconds for the few larger ones
            assert found == by_html5lib(page)
        count += found.total()
    assert count > 900


@pytest.mark.parametrize(
    ("page", "images"),
    [
        ("<!-->{}", 1), ("<!--->{}", 1), ("<!---->{}", 1), ("<!-- -->{}", 1), ("<!-- --!>{}", 1),
        ("<!--->-->{}", 1), ("<!--!>{}", 0), ("<!---!>{}", 0), ("<!----!>{}", 1), ("<!-- ->{}", 0),
        ("<!-- ---->{}", 1), ("<!-- <!-->{}", 1), ("<!-- <!->{}", 0), ("<!-- - ->{}", 0), ("<!x>{}", 1),
        ("<!DOCTYPE html PUBLIC '>{}", 1), ("<![CDATA[>{}", 1), ("<svg><![CDATA[>{}]]></svg>", 0),
        ("<svg><![CDATA[]]>{}", 1), ("<svg><![CDATA[]>{}]]>", 0), ("<?x>{}", 1),
        ("</>{}", 1), ("</ a='>{}", 1),
        ("<script>{}</script>", 0), ("<script></script>{}", 1), ("<script></scripts>{}", 0),
        ("<script><!--</script>{}", 1), ("<script><!--<script></script>{}", 0),
        ("<script><!--<script></script></script>{}", 1), ("<script><!--<script>--></script>{}", 1),
        ("<script><!--<script>-></script>{}", 0), ("<script><!--<script>- -></script>{}", 0),
        ("<script><!--<script>--!></script>{}", 0), ("<script><!--><script></script>{}", 1),
        ("<script><!-<script></script>{}", 1), ("<script><!--<scripts></script>{}", 1),
        ("<title>{}</title>", 0), ("<title></titles>{}", 0), ("<title></TITLE\t>{}", 1), ("<style/>{}", 0),
        ("<textarea></textarea/>{}", 1), ("<xmp></ xmp>{}</xmp>", 0), ("<noscript>{}</noscript>", 1),
        ("<p a='>{}", 0), ("<p a='>'>{}", 1), ("<p a=b'>{}", 1), ("<p a'>{}", 1), ("<p ='>{}", 1),
        ("<p a= '>'>{}", 1), ("<p a =\n\">\">{}", 1), ("<p/a='>{}'>", 0), ("< p a='>{}", 1), ("<p a=>{}", 1),
    ],
)  # fmt: skip
def test_each_state_ends_where_the_standard_says(page: str, images: int) -> None:
    whole = page.format("<img src=1>").encode()
    assert scanned(whole).total() == images
    assert scanned(whole) == by_lexbor(whole) == by_html5lib(whole)


PIECES = st.sampled_from(
    re.split(
        r"\||\n *",
        """<img src=1 alt=a>|<img src="2" alt='b' src=3>|<IMG SRC=4 ALT>|<img alt="x>y" src=5/>
        <img/src="6"/alt="q">|<img =a src=7>|<img a="b"src=8 alt="c"d>|<img src="a&amp;b&copy=1&lt">
        <img src="|<img alt='|<img|<!--|-->|--!>|<!-->|<!--->|<!-|<!doctype html>|<?x >|</ >|</>|<![CDATA[
        ]]>|<|>|"|'|=|/|a|-|!|é|<title>|</title>|<textarea>|</textarea >|<style>|</style/>|<xmp>|</xmp>
        <iframe>|</iframe>|<noembed>|</noembed>|<noframes>|</noframes>|<noscript>|</noscript>|<script>
        </script>|<script><!--|<script><!--<script>|</scriptx>|<svg>|</svg>|<svg/>|<g>|</g>|<path/>
        <foreignObject>|</foreignObject>|<desc>|</desc>|<math>|</math>|<mi>|</mi>|<mtext>|<annotation-xml>
        <font>|<font color=1>|<p>|</p>|<br>|<div>|</div>|<b>|</b>|<a>|</a>|<nobr>|<h1>|<li>|<table>
        </table>|<tr>|<td>|</td>|<caption>|<col>|<select>|<option>|</select>|<form>|<button>|</button>
        <input>|<applet>|</applet>|<frameset>|</frameset>|<head>|</head>|<body>|</body>|<html>|</html>
        <figure>|</figure>|<figcaption>|<plaintext>""",
    )
)
SOUP = st.lists(PIECES | st.sampled_from(["\0", "\r\n", "\f", " "]), max_size=14).map("".join)


@settings(max_examples=400)
@given(SOUP)
@example("<svg><style><img src=1></style></svg>")
@example("<svg><title><textarea><img src=1></textarea></title></svg><img src=2>")
@example("<math><mtext><style><img src=1></style><img src=2></mtext></math>")
@example("<frameset><frame></frameset><img src=1>")
@example("<svg><g><plaintext></p><img src=1>")
def test_any_page_has_the_images_that_lexbor_finds(page: str) -> None:
    assert scanned(page.encode()) == by_lexbor(page.encode())


OLDER = ("<select", "</br", "</p", "<frameset")  # what html5lib builds by older rules


@settings(max_examples=150)
@given(SOUP.filter(lambda page: not any(piece in page for piece in OLDER)))
@example("<template><img src=1><svg><desc><img src=2></svg></template><img src=3>")
@example("<table><image src=1></table><image src=2 alt=a>")
def test_any_page_has_the_images_that_html5lib_finds(page: str) -> None:
    assert scanned(page.encode()) == by_html5lib(page.encode())


@pytest.mark.parametrize(
    "page",
    [
        "<svg><desc><div>", "<svg></x>", "<frameset>", "<svg><font>", "<figure><table></figure>",
        "<div><figure></div>", "<td><figure></td>", "<svg>" * 65,
    ],
)  # fmt: skip
def test_what_a_tree_must_decide(page: str) -> None:
    assert rows_module._rows(page.encode(), links=False, settled=False) is None
    assert scanned(f"{page}<img src=1>".encode()) == by_lexbor(f"{page}<img src=1>".encode())


@pytest.mark.parametrize(
    "page",
    [
        "<svg><title>a</title><path/><g><a></a></g></svg>", "<math><mi>x</mi></math>", "<svg><div>",
        "<figure><div><table><td></table></div></figure>", "<select><option><b>", "<template><td>",
    ],
)  # fmt: skip
def test_what_needs_no_tree(page: str) -> None:
    assert rows_module._rows(page.encode(), links=False, settled=False) is not None


@pytest.mark.parametrize(
    ("tags", "light"), [(rows_module.MOST_TAGS, True), (rows_module.MOST_TAGS + 1, False)]
)
def test_a_tree_is_built_of_so_many_tags_at_most(tags: int, light: bool) -> None:
    assert rows_module.light(b"<p>" * tags) == light


def test_a_tree_is_not_built_where_formats_would_multiply() -> None:
    assert rows_module.light(b"<b></b>" * 2000)
    assert not rows_module.light(b"<b>" * 2000)


HOSTILE = (
    "<", "<!--", "<!-- <!-", "<img ", "<img alt='&", "<figure><figcaption>", "'", "<a '", "<div>", "<x a='",
    "<script><!--<script>", "<title></title", "<textarea></a", "<svg><g>", "<svg></q>", "<b id=1><p>",
    "<x a=", "<svg><desc><p><b id=1>", "<![CDATA[", "</", "<img src a b c=", "<picture><source srcset=a>",
    "<frameset><b>",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_ten_megabytes_of_anything_end(piece: str) -> None:
    """Anything quadratic would take hours here: each of these takes less than half a second."""
    found = scan((piece * (10_000_000 // len(piece))).encode())
    assert len(found.items) + len(found.page) <= 20_000_000


def test_there_is_room_for_any_page() -> None:
    caption = scan(b"<figure>" * 64 + b"<figcaption>" + b"x<b>" * 100_000)
    assert len(by_kind(caption.page)[TEXT]) == 100_000
    assert len(by_kind(caption.page)[FIGURE]) == 64
    assert scanned(b"<img>" * 100_000) == {("", ""): 100_000}
    assert len(scan(b"<figure>" * 64 + b"<img src=1>" * 5000).items) >= 50_000


@pytest.mark.parametrize("length", range(20))
def test_pages_of_any_length_end_where_they_end(length: int) -> None:
    whole = b"<img src=1 alt=ab>x<b"[:length]
    assert scanned(whole) == ({("1", "ab"): 1} if length >= 18 else {})


def test_names_are_told_apart() -> None:
    names = [*TAGS, *ATTRIBUTES]
    assert len({packed(name) for name in names}) == len(set(names))
    assert (TAG_KEYS == 0).sum() > len(TAG_KEYS) / 2
