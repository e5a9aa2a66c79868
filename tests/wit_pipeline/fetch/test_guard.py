import ipaddress
from contextlib import suppress
from random import Random

import pytest
from ada_url import URL
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target, check, is_public, parse, redirect
from wit_pipeline.vocabulary.records import Reason

TAKEN = {
    "http://example.org": "http://example.org/",
    "HTTP://EXAMPLE.org.:80/a": "http://example.org/a",
    "https://example.org:443/a?b=c#d": "https://example.org/a?b=c",
    "https://example.org:8443/": "https://example.org:8443/",
    "http://bücher.example/ä?ö=ü": "http://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC",
    "http://my_pics.example.org/x%20y.jpg": "http://my_pics.example.org/x%20y.jpg",
    "http://example.org/a;b,c:d@e/100%": "http://example.org/a;b,c:d@e/100%",
    "http://example.org?x": "http://example.org/?x",
    "http://93.184.216.34/": "http://93.184.216.34/",
    "http://[2606:2800:220:1::1]:8080/": "http://[2606:2800:220:1::1]:8080/",
    "http://①example.org/": "http://1example.org/",
    "http://faß.de/": "http://xn--fa-hia.de/",
    "http://βόλος.example/": "http://xn--nxasmm1c.example/",
    "http://example.org/a b": "http://example.org/a%20b",
    "http://example.org/a\\b": "http://example.org/a/b",
    "http://example.org/open/../closed/a": "http://example.org/closed/a",
    "http://example.org/open/%2e%2E/closed/./a": "http://example.org/closed/a",
    "http://example.org/open/.%2e/closed/a/%2e": "http://example.org/closed/a/",
    "http://example.org/../../a": "http://example.org/a",
    "http://example.org/a//b?c/../d": "http://example.org/a//b?c/../d",
    "http://example.org/%3a%3A%7e~%zz%": "http://example.org/%3a%3A%7e~%zz%",
    "http://example.org/[a]|{b}^`\"<>'": "http://example.org/[a]|%7Bb%7D%5E%60%22%3C%3E'",
    "http://example.org/?[a]|{b}^`\"<>'\\": "http://example.org/?[a]|{b}^`%22%3C%3E%27\\",
    "http://example.org/a?": "http://example.org/a?",
    "http://example.org/?a?b#c?d": "http://example.org/?a?b",
}

REFUSED = [
    "", "None", "nan", "example.org/a.jpg", "//example.org/a.jpg", "http:", "http://", "http:///a.jpg",
    "http:a.jpg", "http://user@example.org/", "http://user:secret@example.org/", "http://example.org@127.0.0.1/",
    "http://example.org\\@127.0.0.1/", "http://example.org\\a", "http://exa mple.org/",
    " http://example.org/", "http://example.org/\n", "http://example.org /", "http://user name@example.org/",
    "http://example.org/\r\nX-Injected: 1",
    "http://example.org/\0",
    "http://example.org/\x7f", "http://example.org/\ud800", "http://exa\tmple.org/",
    "http://example.org:0/", "http://example.org:65536/", "http://example.org:99999999/", "http://example.org:http/",
    "http://example.org:-80/", "http://example.org:22/", "http://example.org:25/", "http://example.org:80:80/",
    "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/", "http://0/", "http://0x/",
    "http://127.0.0.0x1/", "http://127.0.0.01/", "http://256.1.1.1/", "http://1.2.3.4.5/", "http://example.123/",
    "http://①②⑦.1/", "http://[::1/", "http://[::1]x/", "http://[1.2.3.4]/", "http://[fe80::1%25eth0]/",
    "http://" + "a" * 64 + ".org/", "http://" + "a." * 130 + "org/", "http://a..b/", "http://.org/", "http://-a.org/",
    "http://exa%6dple.org/", "http://example.org,evil.org/", "http://xn--\u00fc.example/",
    "http://example.org/" + "a" * 200_000,
]  # fmt: skip

OTHER_SCHEMES = ["file:///etc/passwd", "data:image/gif;base64,R0", "ftp://example.org/a.jpg",
                 "javascript:alert(1)", "gopher://example.org/", "jar:http://example.org!/a", "blob:http://example.org/1",
                 "ipfs://Qm"]  # fmt: skip

PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "2606:2800:220:1::1",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
    "64:ff9b::808:808",
]

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:db8::1",
    "2001:0:808:808::f5ff:fffe", "2002:7f00:1::", "2002:a00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fec0::1", "ff02::1", "3fff::1",
]  # fmt: skip


@pytest.mark.parametrize("url", TAKEN)
def test_taken(url: str) -> None:
    assert parse(url).url == TAKEN[url]


@pytest.mark.parametrize("url", REFUSED, ids=lambda url: ascii(url)[:40])
def test_refused(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse(url)
    assert caught.value.reason == Reason.URL_INVALID
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", OTHER_SCHEMES)
def test_other_scheme(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse(url)
    assert caught.value.reason == Reason.BLOCKED_SCHEME


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.text().map("http://example.org/{}".format)))
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse(text)
    except FetchError:
        return
    assert parse(target.url) == target
    assert target.url.isascii()
    assert not set(target.url) & set("\r\n\t \0")
    assert "\\" not in target.url.partition("?")[0]


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_any_location_is_a_target_or_refused(location: str) -> None:
    with suppress(FetchError):
        assert redirect(parse("http://example.org/a/b"), location).url.isascii()


@pytest.mark.parametrize("location", ["http:///a", "//", "///a", "https://?a", "http://#a"])
def test_a_redirect_to_no_host_leads_nowhere(location: str) -> None:
    with pytest.raises(FetchError, match="no host"):
        redirect(parse("http://example.org/a/b"), location)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def target(authority: str) -> Target:
    return parse(f"http://{authority}/")


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(FetchError, match="which is not public"):
        check(target("example.org"), ["8.8.8.8", "10.0.0.1"], ())


def test_allowed_by_name_and_port_only() -> None:
    check(target("127.0.0.1:8000"), ["127.0.0.1"], ("127.0.0.1:8000",))
    for authority in ("127.0.0.1:8001", "localhost:8000", "127.0.0.2:8000"):
        with pytest.raises(FetchError) as caught:
            check(target(authority), ["127.0.0.1"], ("127.0.0.1:8000",))
        assert caught.value.reason == Reason.BLOCKED_ADDRESS


def test_a_link_local_zone_is_no_way_round() -> None:
    with pytest.raises(FetchError):
        check(target("example.org"), ["fe80::1%eth0"], ())


def taken(url: str) -> bool:
    try:
        return bool(parse(url))
    except FetchError:
        return False


@pytest.mark.parametrize(
    ("port", "may"), [(79, False), (80, True), (1023, False), (1024, True), (65535, True), (65536, False)]
)
def test_both_sides_of_the_ports(port: int, may: bool) -> None:
    assert taken(f"http://example.org:{port}/") is may


def test_the_ports_that_go_without_saying() -> None:
    assert [parse(url).port for url in ("http://a.test/", "https://a.test/")] == [80, 443]
    assert parse("https://a.test:80/").url == "https://a.test:80/"
    assert parse("http://a.test:443/").url == "http://a.test:443/"


def test_both_sides_of_the_longest_url() -> None:
    start = "http://example.org/"
    assert taken(start + "a" * (8192 - len(start)))
    assert not taken(start + "a" * (8193 - len(start)))


def test_both_sides_of_the_longest_name() -> None:
    long = ".".join(["a" * 62] * 4)  # 251 characters
    assert taken(f"http://{long[:-1]}.io/")
    assert len(f"{long[:-1]}.io") == 253
    assert not taken(f"http://{long}.io/")


def test_a_scheme_is_told_in_20_characters() -> None:
    for scheme in ("GOPHER", "a" * 20):
        with pytest.raises(FetchError, match=f"scheme {scheme.lower()}$"):
            parse(f"{scheme}://example.org/")
    with pytest.raises(FetchError, match=f"scheme {'a' * 20}$"):
        parse(f"{'a' * 21}://example.org/")


def test_a_redirect_counts_from_where_it_was_said() -> None:
    base = parse("http://example.org/a/b?c")
    assert redirect(base, "d?e").url == "http://example.org/a/d?e"
    assert redirect(base, "//example.net/f").url == "http://example.net/f"
    assert redirect(base, "/\xc3\xa4").url == redirect(base, "/\xe4").url == "http://example.org/%C3%A4"
    assert redirect(base, " /a b?c d ").url == "http://example.org/a%20b?c%20d"
    assert redirect(base, "../../x/%2e%2e/y").url == "http://example.org/y"
    assert redirect(base, "..\\y").url == "http://example.org/y"
    assert redirect(base, "?%3a").url == "http://example.org/a/b?%3a"
    with pytest.raises(FetchError, match="redirect with a control"):
        redirect(base, "/a\tb")
    for host in (
        "http://[::1/",
        "//user@example.net/",
        "\\\\example.net/",
        "/\\example.net/",
        "\\/example.net",
    ):
        with pytest.raises(FetchError, match="malformed host"):
            redirect(base, host)


SEGMENTS = ["a", "B9", "..", ".", "%2e", "%2E.", "%3a", "%7E", "é", "東 ", "[x]", "{y}'", "|", "^", "%zz%"]
QUERIES = ["", "?", "?a=b&c", "?../d", "?é", "?%2e%2e/", "?x y", "?'|{}[]^"]


def test_a_path_is_what_the_standard_requests() -> None:
    """And it is a fixed point: a URL that came from a Target gives the same Target."""
    chance = Random(0)  # noqa: S311
    for _ in range(100_000):
        path = "/".join(chance.choices(SEGMENTS, k=chance.randrange(7)))
        url = f"http://example.org/{path}{chance.choice(QUERIES)}{chance.choice(['', '#e/../f'])}"
        found = parse(url)
        assert URL(url).href.partition("#")[0] == f"http://example.org{found.path}"
        assert parse(found.url) == found
