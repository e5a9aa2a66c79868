import pytest

from tests.web.wishes import PRICE, licence, permits, prohibits
from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.licences import CONTENTS, linked, may_be_rsl, noted, read_licence


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
