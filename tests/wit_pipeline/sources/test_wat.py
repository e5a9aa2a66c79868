import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tests.archives import PACKS, packed, record
from tests.factories import local_world, records_of, world
from wit_pipeline.sources import wat
from wit_pipeline.sources.archives import records
from wit_pipeline.sources.warc import WarcSource
from wit_pipeline.sources.wat import WatSource
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

CONFIG = WatSource(path=("x",))
URL = "http://a.test/d/p.html"


def note(
    links: Any = (), head: Any = None, headers: Any = None, status: str = "200", url: str = URL
) -> dict[str, Any]:
    """What ia-web-commons notes of a page."""
    return {
        "Container": {"Filename": "a.warc.gz", "Compressed": True, "Offset": "448"},
        "Envelope": {
            "Format": "WARC/1.0",
            "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": url},
            "Payload-Metadata": {
                "Actual-Content-Type": "application/http; msgtype=response",
                "HTTP-Response-Metadata": {
                    "Response-Message": {"Status": status, "Version": "HTTP/1.1", "Reason": "OK"},
                    "Headers": headers or {"Content-Type": "text/html"},
                    "HTML-Metadata": {"Head": head or {}, "Links": list(links)},
                },
            },
        },
    }


def img(url: str, **texts: str) -> dict[str, str]:
    return {"path": "IMG@/src", "url": url, **texts}


def wrapped(content: str | bytes | Mapping[str, Any]) -> bytes:
    text = json.dumps(content) if isinstance(content, Mapping) else content
    block = text if isinstance(text, bytes) else text.encode()
    return record(block, URL, kind="metadata", content_type="application/json")


def read(content: bytes, name: str = "a.wat.gz") -> list[Raw | Reject]:
    return records_of(CONFIG, name, world({name: content}))


def one(*links: Any, **fields: Any) -> list[tuple[str, str, str]]:
    found = read(wrapped(note(links, **fields)))
    return [
        (item.url, item.text_kind, item.text) if isinstance(item, Raw) else ("", item.reason, item.detail)
        for item in found
    ]


def test_an_image_and_its_texts() -> None:
    links = [
        {"path": "A@/href", "url": "/x", "text": "x"},
        img("1.jpg", alt="a dog", title="Dog"),
        img("/2.jpg"),
    ]
    shared = {"page_url": URL, "language": "en"}
    metas = [{"name": "HTML@/lang", "content": "EN"}]
    assert read(wrapped(note(links, {"Metas": metas})), "d/a.wat") == [
        Raw(url="http://a.test/d/1.jpg", text="a dog", text_kind="alt", where="d/a.wat#0.0", **shared),
        Raw(url="http://a.test/d/1.jpg", text="Dog", text_kind="title", where="d/a.wat#0.0", **shared),
        Raw(url="http://a.test/2.jpg", text="", text_kind="alt", where="d/a.wat#0.1", **shared),
    ]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"alt": "a", "title": "b"}, [("alt", "a"), ("title", "b")]),
        ({"alt": "a", "title": " a "}, [("alt", "a")]),
        ({"alt": " ", "title": "b"}, [("title", "b")]),
        ({"alt": "", "title": ""}, [("alt", "")]),
        ({"title": "b"}, [("title", "b")]),
        ({}, [("alt", "")]),
        ({"alt": 5}, [("alt", "")]),
        ({"alt": "a\udc00"}, [("alt", "a?")]),
    ],
)
def test_texts(texts: Any, found: list[tuple[str, str]]) -> None:
    assert [(kind, text) for _, kind, text in one(img("1.jpg", **texts))] == found


@pytest.mark.parametrize(
    ("link", "base", "url"),
    [
        ("1.jpg", None, "http://a.test/d/1.jpg"),
        (" 1.jpg\n", None, "http://a.test/d/1.jpg"),
        ("//b.test/1.jpg", None, "http://b.test/1.jpg"),
        ("1.jpg", "/x/", "http://a.test/x/1.jpg"),
        ("1.jpg", "http://c.test/y/z", "http://c.test/y/1.jpg"),
        ("1.jpg", "http://[1/", "http://a.test/d/1.jpg"),
        ("1.jpg", "", "http://a.test/d/1.jpg"),
        ("", None, ""),
        ("data:image/gif;base64,AA", None, "data:image/gif;base64,AA"),
        (None, None, ""),
    ],
)
def test_the_url_of_an_image(link: Any, base: str | None, url: str) -> None:
    head = {} if base is None else {"Base": base}
    assert one(img(link, alt="a"), head=head) == [(url, "alt", "a")]


@pytest.mark.parametrize(
    ("links", "license"),
    [
        ([{"path": "LINK@/href", "url": "/license.xml", "rel": "license"}], "http://a.test/license.xml"),
        (
            [
                {"url": "/l", "rel": "license"},
                5,
                {"url": "t", "rel": "copyright License", "type": "application/rsl+xml"},
            ],
            "http://a.test/d/t#rsl",
        ),
        ([{"url": "/license.xml", "rel": "next"}, {"url": "http://[1/rsl", "rel": "license"}], ""),
        ([{"url": 5, "rel": ["license"]}, {"rel": "license"}], ""),
        ({}, ""),
    ],
)
def test_a_licence_by_rsl_is_kept(links: Any, license: str) -> None:
    (found,) = read(wrapped(note([img("1.jpg", alt="a")], {"Link": links})))
    assert isinstance(found, Raw)
    assert found.license == license


def test_a_url_that_is_none() -> None:
    assert one(img("http://[1/2.jpg")) == [("", Reason.URL_INVALID, "http://[1/2.jpg")]


def test_which_links_are_images() -> None:
    paths = ("IMG@/data-src", "IMG@/longdesc", "VIDEO@/poster", "INPUT@/src", "TD@/background", "SOURCE@/src")
    assert one(*({"path": path, "url": f"/{path}"} for path in paths)) == [
        ("http://a.test/IMG@/data-src", "alt", "")
    ]


@pytest.mark.parametrize(
    ("metas", "headers", "refused"),
    [
        ([{"name": "robots", "content": "noai"}], {}, True),
        ([{"name": "ROBOTS", "content": "index, NoImageAI"}], {}, True),
        ([], {"X-Robots-Tag": "noai"}, True),
        ([], {"x-robots-tag": ["nofollow", "noai"]}, True),
        ([{"name": "robots", "content": "nofollow"}], {"X-Robots-Tag": "nofollow"}, False),
        ([{"name": "description", "content": "noai"}], {}, False),
        ([{"name": "robots"}, 5, None], {"X-Robots-Tag": 5}, False),
    ],
)
def test_a_page_that_opts_out_gives_none_of_its_images(metas: Any, headers: Any, refused: bool) -> None:
    ((_, kind, _),) = one(img("1.jpg", alt="a"), head={"Metas": metas}, headers=headers)
    assert kind == (Reason.PAGE_OPTED_OUT if refused else "alt")


@pytest.mark.parametrize(
    ("metas", "expected"),
    [
        ([("og:image", "/1.jpg"), ("og:image:alt", "a")], [("1", "og:image:alt", "a")]),
        (
            [("og:title", "t"), ("og:image", "/1.jpg"), ("og:description", "d")],
            [("1", "og:title", "t"), ("1", "og:description", "d")],
        ),
        (
            [("og:image", "/1.jpg"), ("og:image", "/2.jpg"), ("og:image:alt", "a"), ("og:title", "t")],
            [("1", "og:title", "t"), ("2", "og:image:alt", "a")],
        ),
        ([("og:image", "/1.jpg")], [("1", "og:image:alt", "")]),
        ([("og:image", " ")], []),
        ([("og:image:alt", "a")], []),
    ],
)
def test_open_graph_images(metas: list[tuple[str, str]], expected: list[tuple[str, str, str]]) -> None:
    head = {"Metas": [{"property": name, "content": content} for name, content in metas]}
    assert one(head=head) == [(f"http://a.test/{name}.jpg", kind, text) for name, kind, text in expected]


@pytest.mark.parametrize(
    ("metas", "language"),
    [
        ([("name", "HTML@/lang", "en-GB"), ("http-equiv", "Content-Language", "de")], "en-gb"),
        ([("name", "HTML@/xml:lang", "fr")], "fr"),
        ([("http-equiv", "Content-Language", "de, en")], "de"),
        ([("name", "HTML@/lang", " ")], ""),
        ([], ""),
    ],
)
def test_languages(metas: list[tuple[str, str, str]], language: str) -> None:
    head = {"Metas": [{key: name, "content": content} for key, name, content in metas]}
    (found,) = read(wrapped(note([img("1.jpg")], head)))
    assert isinstance(found, Raw)
    assert found.language == language


@pytest.mark.parametrize(
    "content",
    [
        {},
        note(status="404", links=[img("1.jpg")]),
        {"Envelope": 5},
        {"Envelope": {"Payload-Metadata": []}},
        note(links=[5, None, {}, {"path": 5}]),
        note(head=[], headers=[]),
        note(head={"Metas": {}}),
    ],
)
def test_what_tells_of_no_image(content: dict[str, Any]) -> None:
    assert read(wrapped(content)) == []


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (b"{broken", "its JSON cannot be read: Expecting property name"),
        (b"[1]", "its JSON is no object"),
        (b"", "its JSON cannot be read: Expecting value"),
        (b"\xff\xff", "its JSON cannot be read: "),
        (b'{"a":' * 100_000, "its JSON cannot be read: "),
        (b"9" * 10_000, "its JSON cannot be read: "),
        (b'"%s"' % (b"x" * 999_999), "its JSON is above 1000000 bytes"),
    ],
)
def test_a_bad_record_is_counted_and_the_others_go_on(
    bad: bytes, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wat, "MAX_JSON", 1_000_000)
    good = wrapped(note([img("1.jpg", alt="a")]))
    first, reject, second = read(packed([good, wrapped(bad), good], "gz"))
    assert isinstance(first, Raw)
    assert isinstance(second, Raw)
    assert isinstance(reject, Reject)
    assert reject.reason is Reason.SOURCE_UNREADABLE
    assert reject.detail.startswith(detail)


def test_a_cut_record_is_counted() -> None:
    content = wrapped(note([img("1.jpg", alt="a")]))
    found = read(content[:-50], "a.wat")
    assert [type(item) for item in found] == [Reject, Reject]  # its JSON, and that the record ends early


def test_metadata_that_is_no_json_is_passed_over() -> None:
    assert read(record(b"fetchTimeMs: 1", kind="metadata", content_type="application/warc-fields")) == []
    assert read(record(b"{broken", kind="response", content_type="application/json")) == []


@pytest.mark.parametrize("way", PACKS)
def test_splits_together_give_each_image_once(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed([wrapped(note([img(f"{number}.jpg", alt="a")])) for number in range(9)], way)
    whole = read(content)
    for size in (100, 333, 1000):
        monkeypatch.setattr(records, "SPLIT_BYTES", size)
        assert read(content) == whole
    assert len(whole) == 9


def test_an_empty_file_is_the_users() -> None:
    with pytest.raises(UserError, match="is empty"):
        read(b"")


def test_what_is_no_wat_is_counted() -> None:
    (found,) = read(b"hello\n" * 100)
    assert isinstance(found, Reject)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "url", "alt"]), inner)
    ),
    max_leaves=9,
)


@given(JSON, JSON, JSON)
def test_nonsense_never_raises(links: Any, head: Any, headers: Any) -> None:
    content = note(head={"Metas": head, "Base": links}, headers=headers if isinstance(headers, dict) else {})
    content["Envelope"]["Payload-Metadata"]["HTTP-Response-Metadata"]["HTML-Metadata"]["Links"] = links
    read(wrapped(content))


def noted(html: str) -> dict[str, Any]:
    """What ia-web-commons would note of the images of a page."""
    links = []
    for node in LexborHTMLParser(html).css("img[src]"):
        stated = {name: node.attributes[name] or "" for name in ("alt", "title") if name in node.attributes}
        links.append(img(node.attributes["src"] or "", **stated))
    return note(links, url="https://an.wikipedia.org/wiki/Escopete")


def test_a_wat_tells_what_its_warc_does(real_data: Path) -> None:
    folder = real_data / "warc_samples" / "commoncrawl+whirlwind-python"
    path = folder / "whirlwind.warc.gz"
    html = next(
        part for part in gzip.decompress(path.read_bytes()).decode().split("\r\n\r\n") if "<html" in part
    )
    theirs = records_of(WarcSource(path=("x",)), str(path), local_world())
    pairs = {(item.url, item.text) for item in theirs if isinstance(item, Raw)}
    found = [item for item in read(wrapped(noted(html))) if isinstance(item, Raw)]
    alts = {(item.url, item.text) for item in found if item.text_kind == "alt"}
    assert len(alts) > 5
    assert alts <= pairs
    assert {item.where.rpartition(".")[2] for item in found} == {str(number) for number in range(13)}


def test_real_wats(real_data: Path) -> None:
    folder = real_data / "warc_samples"
    for path in sorted(folder.rglob("*.*")):
        if path.suffix == ".wacz":
            (found,) = records_of(CONFIG, str(path), local_world())
            assert isinstance(found, Reject)
        elif ".wat" in path.name:  # they tell of a request alone
            assert records_of(CONFIG, str(path), local_world()) == []
