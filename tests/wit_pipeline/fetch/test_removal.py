import io
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.removal import BlockList, entry_hash, entry_of, names_of, plain_url
from wit_pipeline.vocabulary.errors import UserError

SUM = sha256(b"1").hexdigest()
OTHER = sha256(b"2").hexdigest()


def blocked(text: str) -> BlockList:
    return BlockList.read(["list.txt"], lambda path: io.BytesIO(text.encode()))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (SUM.upper(), f"sha256:{SUM}"),
        (SUM[1:], ""),
        ("Example.ORG", "domain:example.org"),
        ("bücher.example", "domain:xn--bcher-kva.example"),
        ("Straße.example", "domain:xn--strae-oqa.example"),
        ("example.org.", "domain:example.org"),
        ("192.0.2.1", "domain:192.0.2.1"),
        ("HTTPS://Example.org:443/A?b#c", "url:example.org/A?b"),
        ("http://example.org", "url:example.org/"),
        ("http://example.org:8080/", "url:example.org:8080/"),
        ("example.org/", ""),
        ("example.org/a.jpg", ""),
        ("example.org:8080", ""),
        ("*.example.org", ""),
        ("example", ""),
        ("ftp://example.org/a", ""),
        ("http://user@example.org/", ""),
        ("user@example.org", ""),
        ("two words.org", ""),
        ("1.2.3", ""),
    ],
)
def test_what_an_entry_is(text: str, entry: str) -> None:
    assert entry_of(text) == entry


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
    assert bool(blocked(one).found_url(other)) is same


@given(
    st.from_regex(r"https?://[a-z]{1,3}\.test(/[a-z.%A-F0-9~]{0,4}){0,5}(\?[a-z%7E]{0,6})?", fullmatch=True)
)
def test_a_compared_url_is_compared_as_itself(url: str) -> None:
    plain = plain_url(url)
    assert plain_url(f"http://{plain}") == plain


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://example.org/", "domain:example.org"),
        ("https://img.EXAMPLE.org:8080/x", "domain:example.org"),
        ("http://notexample.org/", ""),
        ("http://example.org.evil.test/", ""),
        ("http://org/", ""),
        ("wds:0", ""),
        ("", ""),
    ],
)
def test_a_domain_names_its_hosts_and_their_subdomains(url: str, found: str) -> None:
    assert blocked("example.org").found_url(url) == found


def test_what_would_name_a_url() -> None:
    assert list(names_of("http://a.b.test:81/")) == []  # a port that is never asked
    names = ["url:a.b.test:8080/x", "domain:a.b.test", "domain:b.test", "domain:test"]
    assert list(names_of("http://a.b.test:8080/x")) == names


def test_every_fact_of_an_image_is_looked_up() -> None:
    listed = blocked(f"http://a.test/1\nb.test # a domain\n\n# a comment\n{SUM}\n")
    assert len(listed) == 3
    free = {"url": "http://c.test/", "final_url": "http://c.test/2", "sha256": OTHER, "stored_sha256": OTHER}
    assert listed.found(**free) == ""
    assert listed.found(**{**free, "url": "http://a.test/1"}) == "url:a.test/1"
    assert listed.found(**{**free, "final_url": "http://a.test/1"}) == "url:a.test/1"
    assert listed.found(**free, page_url="http://www.b.test/page") == "domain:b.test"
    assert listed.found(**{**free, "sha256": SUM}) == f"sha256:{SUM}"
    assert listed.found(**{**free, "stored_sha256": SUM}) == f"sha256:{SUM}"
    assert BlockList([]).found(**free) == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a.test\nno entry\n",
            r"list.txt: line 2 is no http\(s\) URL, no domain and no sha256 in hex: 'no entry'",
        ),
        (b"a.test\n\n\xff\n", "list.txt: line 3 is not UTF-8"),
    ],
)
def test_a_line_that_is_none_is_named(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        BlockList.read(["list.txt"], lambda path: io.BytesIO(content))


def test_a_list_that_is_not_there() -> None:
    def missing(path: str) -> io.BytesIO:
        raise FileNotFoundError(2, "No such file or directory", path)

    with pytest.raises(UserError, match=r"list.txt: cannot be read: No such file or directory"):
        BlockList.read(["list.txt"], missing)


def test_a_byte_order_mark_and_carriage_returns() -> None:
    assert "domain:a.test" in blocked("\ufeffa.test\r\nb.test\r\n")


def test_an_entry_takes_eight_bytes() -> None:
    listed = BlockList(f"domain:{i}.test" for i in range(1000))
    assert listed._numbers.nbytes == 8000
    assert all(f"domain:{i}.test" in listed for i in range(1000))
    assert not any(f"domain:{i}.test" in listed for i in range(1000, 2000))


def test_the_name_of_an_entry_is_what_it_was() -> None:
    """Golden: it stands in published tables."""
    assert entry_hash("domain:example.org") == "5e24dfdc6818446d"
