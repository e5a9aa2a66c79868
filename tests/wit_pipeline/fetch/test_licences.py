import pytest

from tests.web.wishes import PRICE, licence, permits, prohibits
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.licences import CONTENTS, is_licence, linked, may_be_rsl, noted, read_licence
from wit_pipeline.vocabulary.records import Reason


def forbids(body: bytes, url: str = "http://a.test/art/1.jpg") -> bool:
    return read_licence(body).forbid(parse(url))


@pytest.mark.parametrize(
    ("inside", "forbidden"),
    [
        (prohibits("ai-train"), True),
        (prohibits("AI-TRAIN"), True),
        ("<prohibits>ai-train</prohibits>", True),  # usage is what is meant where no type is
        ('<prohibits type="geo">all</prohibits>', False),
        (prohibits("ai-input ai-index"), False),
        (permits("ai-train"), False),
        (permits("ai-all"), False),
        (permits("search ai-input"), True),  # 3.5: where something is permitted, nothing else is
        (permits("ai-train", '<payment type="contribution"/>'), False),
        (permits("ai-train", '<payment type="training"/>'), True),
        (permits("ai-train", "<payment/>"), False),  # 3.7: free
        (permits("ai-train", "<payment><standard>https://a.test/cc</standard></payment>"), False),
        (permits("ai-train", '<payment><accepts type="application/x402+json">{}</accepts></payment>'), True),
        (permits("ai-train", '<reporting type="telemetry" profile="https://a.test/"/>'), True),  # 3.12
        (PRICE, True),
        ("", False),
        ("<permits type='usage'><!-- not -->ai-<!-- one word -->train</permits>", False),
    ],
)
def test_licences(inside: str, forbidden: bool) -> None:
    assert forbids(licence(inside)) is forbidden


@pytest.mark.parametrize(
    ("url", "about", "forbidden"),
    [
        ("/", "http://a.test/b", True),
        ("", "http://a.test/b", True),
        ("/art/*.jpg$", "http://a.test/art/1.jpg", True),
        ("/art/*.jpg$", "http://a.test/art/1.jpg?a", False),
        ("art/", "http://a.test/art/1.jpg", True),
        ("https://a.test/", "http://a.test/b", True),
        ("//A.test/b", "http://a.test/b", True),
        ("https://a.test", "http://a.test/b", True),
        ("https://b.test/", "http://a.test/b", False),
        ("https://a.test:8080/", "http://a.test/b", False),
    ],
)
def test_what_a_content_is_about(url: str, about: str, forbidden: bool) -> None:
    assert forbids(licence(prohibits("all"), url), about) is forbidden


def contents(*rules: tuple[str, str]) -> bytes:
    inside = "".join(f'<content url="{url}"><license>{use}</license></content>' for url, use in rules)
    return f'<rsl:rsl xmlns:rsl="https://rslstandard.org/rsl">{inside}</rsl:rsl>'.encode()


def test_the_narrower_content_outdoes_the_wider() -> None:
    whole = "http://a.test/art/"  # of one host alone
    body = contents(("/", permits("all")), ("/articles/", prohibits("ai-train")), (whole, prohibits("all")))
    places = ("http://a.test/1", "http://a.test/articles/1", "http://a.test/art/1")
    assert [forbids(body, place) for place in places] == [False, True, True]
    assert not forbids(body, "http://b.test/art/1")
    assert forbids(contents(("/", permits("all")), ("/", prohibits("all"))))


def test_both_sides_of_the_most_contents() -> None:
    most = [("/x", permits("all"))] * (CONTENTS - 1)
    assert forbids(contents(*most, ("/art/", prohibits("all"))))
    with pytest.raises(Exception, match="above"):
        read_licence(contents(*most, ("/art/", prohibits("all")), ("/", "")))


@pytest.mark.parametrize("body", [b"", b"MIT", b"<html><rsl>", b"<feed><content/></feed>", b'{"a": 1}'])
def test_what_is_no_licence_says_nothing(body: bytes) -> None:
    assert not forbids(body)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('<https://a.test/l>; rel="license"; type="application/rsl+xml"', ["https://a.test/l"]),
        ("</rsl.xml>; rel=license", ["/rsl.xml"]),
        ('</a>; rel=next, <l>; type="Application/RSL+XML; charset=utf-8"; Rel="copyright License"', ["l"]),
        ('</a?b,c;d>; title="x; rel=license, <y>"; rel=license; type=application/rsl+xml', ["/a?b,c;d"]),
        ("</license>; rel=license", []),
        ("</license.xml>; rel=license; type=text/html", []),
        ("</license.xml>; rel=licenses", []),
        ("/license.xml; rel=license", []),
        ("</license.xml>", []),
        ("<", []),
    ],
)
def test_links(value: str, found: list[str]) -> None:
    assert linked([value]) == found


@pytest.mark.parametrize(
    ("url", "may_be"),
    [
        ("http://a.test/license.xml", True),
        ("http://a.test/license.XML?x#y", True),
        ("http://a.test/rsl", True),
        ("http://a.test/rsl/1.0", True),
        ("http://a.test/terms#rsl", True),
        ("https://creativecommons.org/licenses/by/4.0/", False),
        ("http://a.test/parsley", False),
        ("http://a.test/?rsl", False),
        ("http://[::1/license.xml", False),
        ("", False),
    ],
)
def test_which_addresses_may_be_licences(url: str, may_be: bool) -> None:
    assert may_be_rsl(url) is may_be


def test_a_type_is_noted_where_the_address_does_not_tell() -> None:
    assert noted("http://a.test/terms#1", "application/rsl+xml") == "http://a.test/terms#rsl"
    assert noted("http://a.test/rsl.xml", "application/rsl+xml") == "http://a.test/rsl.xml"
    assert noted("http://a.test/terms#1", "") == "http://a.test/terms#1"


def test_how_a_licence_begins() -> None:
    assert is_licence(b'<?xml version="1.0"?>\n<rsl xmlns="x">')
    assert is_licence(licence(permits("all")))
    assert not is_licence(b"<html>rsl")
    assert not is_licence(b" " * 4096 + b"<rsl>")


@pytest.mark.parametrize("body", [b"<rsl><content>", b"<rsl/><", b"<rsl>&x;</rsl>"])
def test_a_licence_that_is_cut_short_cannot_be_read(body: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        read_licence(body)
    assert (caught.value.reason, caught.value.http_status) == (Reason.WISHES_UNREADABLE, 200)


def test_each_licence_speaks_for_itself() -> None:
    """Of several of a content one that lets everybody is enough, unless another prohibits."""
    place = "http://a.test/1"
    for first, second, forbidden in (
        (permits("search"), permits("ai-train"), False),
        (permits("ai-train"), permits("search"), False),
        (permits("search"), permits("ai-index"), True),
        (permits("ai-train"), prohibits("ai-train"), True),
        (prohibits("ai-train"), permits("ai-train"), True),
        (PRICE, permits("ai-train"), False),
        (permits("ai-train"), PRICE, False),
        (PRICE, PRICE, True),
    ):
        inside = f"<license>{first}</license><license>{second}</license>"
        assert forbids(f'<rsl><content url="/">{inside}</content></rsl>'.encode(), place) is forbidden
    two = contents(("/a", permits("all")), ("/b", PRICE))
    assert [forbids(two, f"http://a.test/{name}") for name in "abc"] == [False, True, False]
    assert forbids(contents(("/a", PRICE), ("/b", permits("all"))), "http://a.test/a")


def test_a_server_that_is_to_be_asked_first_is_a_condition() -> None:
    for server, forbidden in ((' server="https://l.test/"', True), (' server=" "', False), ("", False)):
        body = f'<rsl><content url="/"{server}><license>{permits("all")}</license></content></rsl>'
        assert forbids(body.encode()) is forbidden


def test_a_host_is_named_as_it_is_asked() -> None:
    body = contents(("https://faß.test/", prohibits("all")), ("http://b.test:80/", prohibits("all")))
    assert forbids(body, "http://xn--fa-hia.test/1")
    assert forbids(body, "https://b.test/1")
    assert not forbids(body, "http://fass.test/1")
    assert not forbids(contents(("https://no host/", prohibits("all"))), "http://a.test/1")
