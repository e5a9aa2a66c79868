from urllib.parse import urljoin

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wit_pipeline.html.address import Base, cleaned

BASES = st.sampled_from(
    [
        "http://a.test", "http://a.test/", "https://a.test/b", "http://a.test/b/c.html?x=/y#/z", "",
        "http://a.test:80/b//c/d", "http://a.test/b/../c/", "http://a.test?x/y", "http://u:p@a.test/b;p/c;q",
        "http://é.test/b/", "urn:x:y", "http:///b", "HTTP://a.test/b/c", "http://[::1]/b/c", "http://[/b",
        "http://a.test/b c/d", "file:///b/c",
    ]
)  # fmt: skip
PARTS = st.sampled_from(
    ["http:", "https:", "HTTP:", "//", "/", ".", "..", "./", "../", "b", "c.jpg", "?", "#", ";", ":", "[",
     "]", "=", "&", " ", "\t", "\n", "\\", "é", "a.test", "%20", "data:", "mailto:", "\x01", "@", "℀"]
)  # fmt: skip


def expected(base: str, reference: str) -> str | None:
    reference = cleaned(reference)
    if not reference or reference.startswith("data:"):
        return reference
    try:
        found = urljoin(base, reference)
        urljoin(found, "x")
    except ValueError:
        return None
    return found.replace(" ", "%20")


@settings(max_examples=1500)
@given(BASES, st.lists(PARTS, max_size=6).map("".join))
@example("http://a.test/b/c", "../../../d")
@example("http://a.test/", "../..")
@example("http://a.test", "../d.jpg")
@example("http://a.test/b", "../d.jpg")
@example("http://a.test/b/c/", "../d.jpg")
@example("http://a.test/b", "http://")
@example("http://a.test/b", "c.jpg?")
def test_references_resolve_as_by_urllib(base: str, reference: str) -> None:
    assert Base(base).resolve(reference) == expected(base, reference)


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("1.jpg", "http://a.test/b/1.jpg"),
        ("/1.jpg", "http://a.test/1.jpg"),
        ("../1.jpg?x=1", "http://a.test/1.jpg?x=1"),
        ("//b.test/1.jpg", "http://b.test/1.jpg"),
        ("https://b.test/1.jpg?u=http://c/", "https://b.test/1.jpg?u=http://c/"),
        (" \n1\t2.jpg\r ", "http://a.test/b/12.jpg"),
        ("img\\1.jpg?a\\b", "http://a.test/b/img/1.jpg?a\\b"),
        ("", ""),
        ("data:image/png;base64,A\\", "data:image/png;base64,A\\"),
        ("http://[1/2.jpg", None),
    ],
)
def test_what_pages_write(reference: str, url: str | None) -> None:
    assert Base("http://a.test/b/c.html").resolve(reference) == url
