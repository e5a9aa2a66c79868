import pytest

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.polite import LONGEST_INTERVAL
from wit_pipeline.fetch.robots import ROBOTS_BYTES, read

# robots.txt, path, whether "imgbot" may fetch it
CASES = [
    (b"", "/a", True),
    (b"User-agent: *\nDisallow: /", "/a", False),
    (b"User-agent: *\nDisallow:", "/a", True),
    (b"User-agent: *\nDisallow: /a", "/abc", False),
    (b"User-agent: *\nDisallow: /a/", "/a", True),
    (b"User-agent: *\nDisallow: /\nAllow: /a", "/a", True),  # most octets win …
    (b"User-agent: *\nAllow: /a\nDisallow: /a/b", "/a/b", False),
    (b"User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),  # … and Allow wins ties
    (b"User-agent: *\nDisallow: /*.jpg$", "/x/a.jpg", False),
    (b"User-agent: *\nDisallow: /*.jpg$", "/x/a.jpg?b", True),
    (b"User-agent: *\nDisallow: /*?size=", "/a.jpg?size=2", False),
    (b"User-agent: *\nDisallow: /%C3%A4", "/\xe4", False),
    ("User-agent: *\nDisallow: /ä".encode(), "/%C3%A4", False),
    (b"User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
    (b"\xef\xbb\xbfUser-agent: *\nDisallow: /", "/a", False),  # byte order mark
    (b"User-agent: *\r\nDisallow: /\r\n", "/a", False),
    (b"User-agent: *\n\nDisallow: /", "/a", False),  # a blank line ends no group
    (b"User-agent: *\nDisallow: / # all of it", "/a", False),
    (b"user-AGENT: ImgBot\nDISALLOW: /", "/a", False),
    (b"User-agent: imgbot/2.0 (+https://example.org)\nDisallow: /", "/a", False),
    (b"User-agent: imgbot # us\nDisallow: /", "/a", False),
    (b"User-agent: img\nDisallow: /", "/a", True),  # a prefix of our name is not our name
    (b"User-agent: imgbot-video\nDisallow: /", "/a", True),
    (b"User-agent: bot\nDisallow: /", "/a", True),
    (b"User-agent: imgbot\nAllow: /\n\nUser-agent: *\nDisallow: /", "/a", True),  # our own group, not both
    (b"User-agent: imgbot\nDisallow: /a\n\nUser-agent: imgbot\nDisallow: /b", "/a", False),  # merged
    (b"User-agent: otherbot\nUser-agent: imgbot\nDisallow: /", "/a", False),  # two agents, one group
    (b"User-agent: otherbot\nDisallow: /\nUser-agent: *\nDisallow: /x", "/a", True),
    (b"Disallow: /", "/a", True),  # belongs to nobody
    (b"User-agent: *\nDisallow: /", "/robots.txt", True),
    (b"<!doctype html><h1>Not here</h1>", "/a", True),
    (b"\xff\xfe\x00\x01" * 100, "/a", True),
]  # fmt: skip


@pytest.mark.parametrize(("body", "path", "allowed"), CASES)
def test_rules(body: bytes, path: str, allowed: bool) -> None:
    assert read(body, "imgbot").allows(parse(f"http://example.org{path}")) is allowed


@pytest.mark.parametrize(
    ("body", "delay"),
    [
        (b"User-agent: *\nCrawl-delay: 2.5", 2.5),
        (b"User-agent: imgbot\nCrawl-delay: 7\n\nUser-agent: *\nCrawl-delay: 2", 7),
        (b"User-agent: img\nCrawl-delay: 7", 0),
        (b"User-agent: *\nCrawl-delay: soon", 0),
        (b"User-agent: *\nCrawl-delay: -5", 0),
        (b"User-agent: *\nCrawl-delay: nan", 0),
        (b"User-agent: *\nDisallow:", 0),
    ],
)
def test_crawl_delay(body: bytes, delay: float) -> None:
    assert read(body, "imgbot").crawl_delay == delay


def test_what_follows_half_a_mebibyte_is_not_read() -> None:
    rules = read(b"User-agent: *\n" + b"#" * ROBOTS_BYTES + b"\nDisallow: /", "imgbot")
    assert rules.allows(parse("http://example.org/a"))


def refused(body: bytes) -> str:
    """Why /a may not be fetched, or ""."""
    try:
        read(body, "imgbot").check(parse("http://example.org/a"))
    except FetchError as error:
        return str(error)
    return ""


def test_both_sides_of_the_longest_delay_and_of_a_rule() -> None:
    asked = b"User-agent: *\nCrawl-delay: "
    assert refused(asked + str(LONGEST_INTERVAL).encode()) == ""
    assert "between requests" in refused(asked + str(LONGEST_INTERVAL + 1).encode())
    assert refused(b"User-agent: *\nDisallow: /b") == ""
    assert "robots.txt disallows it" in refused(b"User-agent: *\nDisallow: /a")
