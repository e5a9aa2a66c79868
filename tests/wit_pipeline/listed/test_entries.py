import io
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.listed.entries import Entry, Within, entry_hash, line_of, names_of, plain_url
from wit_pipeline.listed.lists import BlockList

SUM = sha256(b"1").hexdigest()


def blocked(text: str) -> BlockList:
    return BlockList.read(["list.txt"], lambda path: io.BytesIO(text.encode()))


def found_url(listed: BlockList, *urls: str) -> Entry | None:
    match = listed.found_url(*urls)
    return match.entry if match else None


MD5, SHA1, PDQ, PHASH = "d" * 32, "e" * 40, "a" * 64, "f" * 16


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        (SUM.upper(), [("sha256", SUM)]),
        (SUM[1:], []),
        (MD5.upper(), [("md5", MD5)]),
        (SHA1, [("sha1", SHA1)]),
        (PHASH.upper(), [("phash", PHASH)]),
        ("f" * 17, []),
        (f"sha256:{SUM}", [("sha256", SUM)]),
        (f"MD5:{MD5}", [("md5", MD5)]),
        (f"md5:{SHA1}", []),
        (f"pdq:{PDQ}", [("pdq", PDQ)]),
        (f"{PDQ},100", [("pdq", PDQ)]),
        (f"{PDQ.upper()}, 77 , a.jpg", [("pdq", PDQ)]),
        (f"{PDQ},101", []),
        (f"{PDQ},-1", []),
        (f"{MD5},100", []),
        (f"phash:{PHASH},50", []),
        (f"http://a.test/x {MD5}", [("url", "a.test/x"), ("md5", MD5)]),
        (f"http://a.test/x,y;\t{SUM}", [("url", "a.test/x,y"), ("sha256", SUM)]),
        (f"{SHA1},https://a.test/x", [("url", "a.test/x"), ("sha1", SHA1)]),
        (f"http://a.test/{MD5}", [("url", f"a.test/{MD5}")]),
        (f"ftp://a.test/x {MD5}", []),
        ("Example.ORG", [("domain", "example.org")]),
        ("bücher.example", [("domain", "xn--bcher-kva.example")]),
        ("Straße.example", [("domain", "xn--strae-oqa.example")]),
        ("example.org.", [("domain", "example.org")]),
        ("192.0.2.1", [("domain", "192.0.2.1")]),
        ("HTTPS://Example.org:443/A?b#c", [("url", "example.org/A?b")]),
        ("http://example.org", [("url", "example.org/")]),
        ("http://example.org:8080/", [("url", "example.org:8080/")]),
        ("dead.be", [("domain", "dead.be")]),
        ("deadbeef", []),
        ("example.org/", []),
        ("example.org/a.jpg", []),
        ("example.org:8080", []),
        ("*.example.org", []),
        ("example", []),
        ("ftp://example.org/a", []),
        ("http://user@example.org/", []),
        ("user@example.org", []),
        ("two words.org", []),
        ("1.2.3", []),
        ("pdq within 65", []),
        ("md5 within 1", []),
    ],
)
def test_what_an_entry_is(text: str, entries: list[tuple[str, str]]) -> None:
    found = line_of(text)
    assert not isinstance(found, Within)
    assert [(entry.kind, entry.value) for entry in found] == entries


def test_a_line_that_says_how_near() -> None:
    assert line_of("pdq within 24") == Within("pdq", 24)
    assert line_of("PHash  within 8") == Within("phash", 8)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a.test/x", "https://A.test:443/x#y", True),
        ("http://a.test/%7Ex", "http://a.test/~x", True),
        ("http://a.test/%e9", "http://a.test/%E9", True),
        ("http://a.test/é", "http://a.test/%C3%A9", True),
        ("http://a.test/a/./b/../c", "http://a.test/a/c", True),
        ("http://a.test/a/..", "http://a.test/", True),
        ("http://a.test/a/b/..", "http://a.test/a/", True),
        ("http://a.test/../x", "http://a.test/x", True),
        ("http://a.test", "http://a.test/", True),
        ("http://a.test/x", "http://a.test/X", False),
        ("http://a.test/x", "http://a.test/x/", False),
        ("http://a.test/x?a", "http://a.test/x?b", False),
        ("http://a.test/x", "http://a.test:8080/x", False),
        ("http://a.test/%2F", "http://a.test//", False),
        ("http://a.test/x", "http://b.a.test/x", False),
        ("http://faß.test/x", "http://xn--fa-hia.test/x", True),
        ("http://faß.test/x", "http://fass.test/x", False),
        ("http://a.test/a b", "http://a.test/a%20b", True),
        ("http://a.test/[x]|^", "http://a.test/%5bx%5D%7c%5E", True),
        ("http://a.test/x?'", "http://a.test/x?%27", True),
        ("http://a.test/a/%2E%2e/x", "http://a.test/x", True),
        ("http://a.test/a\\x", "http://a.test/a/x", True),
        ("http://a.test/x?", "http://a.test/x", False),
        ("http://a.test/+", "http://a.test/%2B", False),
    ],
)
def test_which_urls_are_one(one: str, other: str, same: bool) -> None:
    assert (plain_url(one) == plain_url(other)) is same
    assert bool(found_url(blocked(one), other)) is same


@given(
    st.from_regex(r"https?://[a-z]{1,3}\.test(/[a-z.%A-F0-9~]{0,4}){0,5}(\?[a-z%7E]{0,6})?", fullmatch=True)
)
def test_a_compared_url_is_compared_as_itself(url: str) -> None:
    plain = plain_url(url)
    assert plain_url(f"http://{plain}") == plain


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://example.org/", "example.org"),
        ("https://img.EXAMPLE.org:8080/x", "example.org"),
        ("http://notexample.org/", ""),
        ("http://example.org.evil.test/", ""),
        ("http://org/", ""),
        ("wds:0", ""),
        ("", ""),
    ],
)
def test_a_domain_names_its_hosts_and_their_subdomains(url: str, found: str) -> None:
    assert found_url(blocked("example.org"), url) == (Entry("domain", found) if found else None)


def test_what_would_name_a_url() -> None:
    assert list(names_of("http://a.b.test:81/")) == []  # a port that is never asked
    hosts = [Entry("domain", host) for host in ("a.b.test", "b.test", "test")]
    assert list(names_of("http://a.b.test:8080/x")) == [Entry("url", "a.b.test:8080/x"), *hosts]


def test_the_name_of_an_entry_is_what_it_was() -> None:
    """Golden: it stands in published tables."""
    assert entry_hash(Entry("domain", "example.org")) == "5e24dfdc6818446d"
