from collections import Counter
from pathlib import Path

import pytest

from tests.factories import local_world, records_of, world
from wit_pipeline.errors import UserError
from wit_pipeline.html.page import read_page
from wit_pipeline.records import Raw, Reason, Reject
from wit_pipeline.sources.warc import WarcSource

CONFIG = WarcSource(path=("x",))


def page(html: str, robots: list[str] | None = None, charset: str = "") -> list[Raw | Reject]:
    return list(read_page(html.encode(), "http://a.test/dir/page.html", "w#0", robots or [], charset))


def test_images_with_their_texts() -> None:
    found = page('<html lang="EN"><img src="1.jpg" alt="a dog"><p><img src="//b.test/2.png" alt="x &amp; y">')
    assert found == [
        Raw(
            url="http://a.test/dir/1.jpg",
            text="a dog",
            where="w#0.0",
            page_url="http://a.test/dir/page.html",
            language="en",
        ),
        Raw(
            url="http://b.test/2.png",
            text="x & y",
            where="w#0.1",
            page_url="http://a.test/dir/page.html",
            language="en",
        ),
    ]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<base href="/other/"><img src="1.jpg">', "http://a.test/other/1.jpg"),
        ('<base href="http://c.test/x/y"><img src="1.jpg">', "http://c.test/x/1.jpg"),
        ('<img src=" 1.jpg ">', "http://a.test/dir/1.jpg"),
        ("<img>", ""),
        ('<img src="data:image/gif;base64,AA">', "data:image/gif;base64,AA"),
    ],
)
def test_the_url_of_an_image(html: str, url: str) -> None:
    (found,) = page(html)
    assert isinstance(found, Raw)
    assert found.url == url


def test_a_url_that_is_none() -> None:
    (found,) = page('<img src="http://[1/2.jpg" alt="a dog">')
    assert isinstance(found, Reject)
    assert found.reason is Reason.URL_INVALID


@pytest.mark.parametrize(
    ("html", "robots", "refused"),
    [
        ('<meta name="robots" content="noai"><img src="1.jpg">', [], True),
        ('<meta name="ROBOTS" content="index, NoImageAI"><img src="1.jpg">', [], True),
        ('<img src="1.jpg">', ["noai"], True),
        ('<meta name="robots" content="nofollow"><img src="1.jpg">', ["nofollow"], False),
        ('<meta name="description" content="noai"><img src="1.jpg">', [], False),
    ],
)
def test_a_page_that_opts_out_gives_none_of_its_images(html: str, robots: list[str], refused: bool) -> None:
    (found,) = page(html, robots)
    assert isinstance(found, Reject) == refused
    if isinstance(found, Reject):
        assert found.reason is Reason.PAGE_OPTED_OUT


def test_encodings() -> None:
    for body, charset in (
        ("é".encode(), ""),
        ("é".encode("latin-1"), "latin-1"),
        ("é".encode("cp1252"), "no-such"),
    ):
        html = b'<img src="1.jpg" alt="' + body + b'">'
        (found,) = read_page(html, "http://a.test/", "w#0", [], charset)
        assert isinstance(found, Raw)
        assert found.text == "é"


def test_an_empty_file_is_the_users() -> None:
    with pytest.raises(UserError, match="is empty"):
        records_of(CONFIG, "a.warc", world({"a.warc": b""}))


def test_what_is_no_warc_is_counted() -> None:
    (found,) = records_of(CONFIG, "a.warc", world({"a.warc": b"hello\n" * 100}))
    assert isinstance(found, Reject)
    assert found.reason is Reason.SOURCE_UNREADABLE


def test_real_warcs(real_data: Path) -> None:
    tally: Counter[str] = Counter()
    for path in sorted((real_data / "warc_samples").rglob("*.warc*")):
        for item in records_of(CONFIG, str(path), local_world()):
            tally["image" if isinstance(item, Raw) else item.reason] += 1
    assert tally["image"] > 900
    assert set(tally) <= {"image", "source_unreadable"}
