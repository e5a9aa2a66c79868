import gzip
import html
import tracemalloc
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources.web import sitemap
from wit_pipeline.sources.web.sitemap import Broken, Entry, Location, Picture, raws, read_sitemap
from wit_pipeline.vocabulary.records import Raw, Reason

NAMES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)
EXAMPLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- as Google documented it -->
<urlset {NAMES} xmlns:video="http://www.google.com/schemas/sitemap-video/1.1">
  <url>
    <loc> http://a.test/1?x=1&amp;y=2 </loc><lastmod>2004-10-01T18:23:17+00:00</lastmod>
    <image:image>
      <image:loc>http://a.test/1.jpg</image:loc>
      <image:caption>A funny picture of a cat eating <![CDATA[<cabbage>]]></image:caption>
      <image:geo_location>Lyon, France</image:geo_location>
      <image:title>Cat vs Cabbage</image:title>
      <image:license>http://a.test/license</image:license>
    </image:image>
    <image:image><image:loc>http://a.test/2.jpg</image:loc></image:image>
    <video:video><video:title>a film</video:title><video:loc>http://a.test/film</video:loc></video:video>
  </url>
  <url><loc>http://a.test/2</loc></url>
</urlset>"""
ENTRIES = [
    Location(url="http://a.test/1?x=1&y=2"),
    Picture(
        page="http://a.test/1?x=1&y=2",
        loc="http://a.test/1.jpg",
        caption="A funny picture of a cat eating <cabbage>",
        title="Cat vs Cabbage",
        license="http://a.test/license",
    ),
    Picture(page="http://a.test/1?x=1&y=2", loc="http://a.test/2.jpg"),
    Location(url="http://a.test/2"),
]


def read(content: bytes | str) -> list[Entry]:
    return list(read_sitemap(BytesIO(content.encode() if isinstance(content, str) else content)))


def urls(content: bytes | str) -> list[str]:
    return [entry.url for entry in read(content) if isinstance(entry, Location)]


def urlset(*inner: str) -> str:
    return f"<urlset {NAMES}>{''.join(inner)}</urlset>"


def url(address: str) -> str:
    return f"<url><loc>{address}</loc></url>"


@pytest.mark.parametrize(
    "content",
    [
        EXAMPLE.encode(),
        gzip.compress(EXAMPLE.encode()),
        EXAMPLE.replace("UTF-8", "UTF-16").encode("utf-16"),
        ("\ufeff" + EXAMPLE).encode(),
        ("\n\n \t" + EXAMPLE).encode(),
        ("\ufeff\r\n" + EXAMPLE).encode(),
        gzip.compress((" " * 200 + EXAMPLE).encode()),
        EXAMPLE.replace("sitemaps.org/schemas/sitemap/0.9", "google.com/schemas/sitemap/0.84").encode(),
    ],
)
def test_what_a_sitemap_lists(content: bytes) -> None:
    assert read(content) == ENTRIES


def test_no_namespace_at_all() -> None:
    assert urls("<urlset><url><loc>http://a.test/</loc></url></urlset>") == ["http://a.test/"]


def test_an_index_lists_sitemaps() -> None:
    content = f"<sitemapindex {NAMES}><sitemap><loc>http://a.test/1.xml</loc></sitemap></sitemapindex>"
    assert read(content) == [Location(url="http://a.test/1.xml", sitemap=True)]


def test_a_list_of_addresses() -> None:
    assert urls(b"\xef\xbb\xbfhttp://a.test/1\r\n\n# more\n http://a.test/2 \nhttp://a.test/\xff") == [
        "http://a.test/1",
        "http://a.test/2",
        "http://a.test/\ufffd",
    ]


@pytest.mark.parametrize(
    ("content", "before", "detail"),
    [
        (f"<urlset {NAMES}>{url('http://a.test/1')}", 1, "no element found"),
        (urlset(url("http://a.test/1"), "<url><loc>http://a.test/2</url>"), 1, "mismatched tag"),
        (urlset(url("http://a.test/1"), url("http://a.test/?a&b")), 1, "not well-formed"),
        (urlset(url("http://a.test/1"), "\0"), 1, "not well-formed"),
        (urlset(url("http://a.test/1"), "<b:loc>x</b:loc>"), 1, "unbound prefix"),
        ("<html><body>Not found</body></html>", 0, "is no sitemap: its root is html"),
        ("<!doctype html><title>Not found</title>", 0, "is no XML: syntax error"),
        ("<!DOCTYPE html><title>Not found</title>", 0, "declares a document type, html"),
        ('<?xml version="1.0" encoding="nonsense"?><urlset/>', 0, "unknown encoding"),
        ('<?xml version="1.0" encoding="shift_jis"?><urlset/>', 0, "multi-byte encodings are not supported"),
        ("", 0, ""),
        ("hello\n", 0, "is no sitemap: neither XML nor a list of addresses"),
        (gzip.compress(EXAMPLE.encode())[:-20], None, "Compressed file ended"),
        (b"\x1f\x8bnonsense", 0, ""),
    ],
)
def test_a_broken_one_gives_what_came_before_and_says_so(
    content: bytes | str, before: int | None, detail: str
) -> None:
    found = read(content)
    if content == "":
        assert found == []
        return
    assert isinstance(found[-1], Broken)
    assert detail in found[-1].detail
    assert found[-1].detail
    assert not any(isinstance(entry, Broken) for entry in found[:-1])
    assert before is None or len(found) == before + 1


BILLION = """<?xml version="1.0"?>
<!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<urlset><url><loc>http://a.test/&b;</loc></url></urlset>"""
OUTSIDE = """<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<urlset><url><loc>http://a.test/&x;</loc></url></urlset>"""


@pytest.mark.parametrize(
    "content", [BILLION, OUTSIDE, "<!DOCTYPE urlset SYSTEM 'http://a.test/x.dtd'><urlset/>"]
)
def test_entities_are_refused(content: str) -> None:
    assert read(content) == [Broken(detail="declares a document type, urlset; a sitemap has none")]


def test_an_entity_that_nobody_declared() -> None:
    (found,) = read(urlset(url("http://a.test/&eacute;")))
    assert isinstance(found, Broken)
    assert "undefined entity" in found.detail


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("text", [False, True])
def test_the_most_addresses(monkeypatch: pytest.MonkeyPatch, over: int, text: bool) -> None:
    monkeypatch.setattr(sitemap, "MOST_ADDRESSES", 3)
    addresses = [f"http://a.test/{i}" for i in range(3 + over)]
    found = read("\n".join(addresses) if text else urlset(*map(url, addresses)))
    assert len(found) == 3 + over
    assert isinstance(found[-1], Broken) == bool(over)
    if isinstance(found[-1], Broken):
        assert "above 3 addresses" in found[-1].detail


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("text", [False, True])
def test_the_most_bytes(monkeypatch: pytest.MonkeyPatch, pack: type[bytes], text: bool) -> None:
    monkeypatch.setattr(sitemap, "MOST_BYTES", 1 << 20)
    tail = (
        "http://a.test/1\n" * 100_000 if text else f"{urlset(url('http://a.test/1'))[:-9]}{' ' * (2 << 20)}"
    )
    found = read(pack(tail.encode()))
    assert isinstance(found[-1], Broken)
    assert "1048576 bytes" in found[-1].detail
    assert isinstance(found[0], Location)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (urlset("<a>" * 1_000_000), "holds elements 16 deep"),
        (urlset(f"<a b='{'x' * (3 << 20)}'/>"), "holds a tag above 1048576 bytes"),
        (urlset(f"<!--{'x' * (3 << 20)}-->"), "holds a tag above 1048576 bytes"),
        (urlset(f"<url><loc>http://a.test/{'x' * (40 << 20)}"), "mismatched tag"),
        (gzip.compress(urlset(" " * (200 << 20)).encode()), "is above 52428800 bytes"),
    ],
    ids=["deep", "tag", "comment", "text", "bomb"],
)
def test_what_would_cost_memory_does_not(content: bytes | str, detail: str) -> None:
    packed = content.encode() if isinstance(content, str) else content
    stream = BytesIO(packed)
    tracemalloc.start()
    try:
        *_, last = read_sitemap(stream)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(last, Broken)
    assert detail in last.detail
    assert peak < 8 << 20


def test_an_element_is_read_as_far_as_it_makes_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "LONGEST", 1000)
    (found,) = urls(urlset(url("http://a.test/" + "x" * 200_000)))
    assert 1000 <= len(found) < 1000 + sitemap.CHUNK


def test_the_pairs_of_a_picture() -> None:
    picture = Picture(page="http://a.test/d/p", loc="1.jpg", caption="A dog", title="Dog", license="L")
    fields = {"url": "http://a.test/d/1.jpg", "where": "w", "page_url": "http://a.test/d/p", "license": "L"}
    assert list(raws(picture, "w")) == [
        Raw(text="A dog", text_kind="sitemap:caption", **fields),
        Raw(text="Dog", text_kind="sitemap:title", **fields),
    ]


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Picture(page="http://a.test/", loc="/1.jpg", caption="c"), [("http://a.test/1.jpg", "c")]),
        (Picture(page="http://a.test/", loc="/1.jpg"), [("http://a.test/1.jpg", "")]),
        (Picture(page="", loc="http://a.test/1.jpg", title="t"), [("http://a.test/1.jpg", "t")]),
        (Picture(page="http://a.test/", loc="http://[1/1.jpg", title="t"), [("", Reason.URL_INVALID)]),
    ],
)
def test_odd_pictures(picture: Picture, expected: list[tuple[str, str]]) -> None:
    found = [
        (item.url, item.text) if isinstance(item, Raw) else (item.url, item.reason)
        for item in raws(picture, "w")
    ]
    assert found == expected


@given(st.binary(max_size=300))
def test_nonsense_never_raises(content: bytes) -> None:
    for entry in read(content) + read(b"<urlset>" + content) + read(gzip.compress(content)):
        assert isinstance(entry, Location | Picture | Broken)


@given(st.lists(st.text("abc/?&<>é犬'\"", max_size=20)))
def test_addresses_come_back_as_they_were_written(addresses: list[str]) -> None:
    stripped = [f"http://a.test/{address}".strip() for address in addresses]
    assert urls(urlset(*(url(html.escape(address)) for address in stripped))) == stripped
