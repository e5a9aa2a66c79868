import pytest

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.polite import LONGEST_INTERVAL
from wit_pipeline.fetch.robots import ROBOTS_BYTES, read
from wit_pipeline.vocabulary.records import Reason

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
    (b"User-agent: imgbot*\nDisallow: /", "/a", False),  # as many spell it
    (b"User-agent: *imgbot*\nDisallow: /", "/a", False),
    (b"User-agent: img*\nDisallow: /", "/a", True),
    (b"User-agent: imgbot, otherbot\nDisallow: /", "/a", False),
    (b"User-agent: otherbot , ImgBot/1.0\nDisallow: /", "/a", False),
    (b"User-agent: otherbot, *\nDisallow: /", "/a", False),
    (b"User-agent: Mozilla/5.0 (compatible; imgbot/2.0)\nDisallow: /", "/a", False),
    (b"User-agent: otherbot *\nDisallow: /", "/a", True),
    (b"User-agent: otherbot\rDisallow: /\rUser-agent: imgbot\rDisallow: /a", "/a", False),  # old line ends
    (b"User-agent: imgbot\nLicense: /l\nUser-agent: otherbot\nDisallow: /", "/a", False),  # of no group
    ("User-agent: *\nDisallow: /".encode("utf-16"), "/a", False),
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


CLOSED = b"User-agent: *\nDisallow: /a\n"
NOISE = [bytes(range(256)), b"\x0b\x0d\x80" + CLOSED + b"\3", b"\0" + CLOSED, CLOSED + b"\0a"]


@pytest.mark.parametrize("body", NOISE)
def test_what_is_no_text_cannot_be_read(body: bytes) -> None:
    """A byte too many before its first line, and nobody is named."""
    with pytest.raises(FetchError) as caught:
        read(body, "imgbot")
    assert caught.value.reason is Reason.WISHES_UNREADABLE


ATTACH = b"""User-Agent: *
Allow: /
Disallow: /never/
Content-Usage: {}train-ai=n
Content-Usage: /ai-ok/ train-ai=y

User-Agent: ExampleBot
Allow: /
Content-Usage: {}train-ai=y
"""  # the example of draft-ietf-aipref-attach, whose versions have a path in it, or none


@pytest.mark.parametrize("path", [b"", b"/ "])
@pytest.mark.parametrize(
    ("agent", "path_asked", "crawled", "trained"),
    [
        ("imgbot", "/test", True, False),
        ("imgbot", "/never/test", False, False),
        ("imgbot", "/ai-ok/test", True, True),
        ("examplebot", "/test", True, True),
        ("examplebot", "/never/test", True, True),
        ("examplebot", "/ai-ok/test", True, True),
    ],
)
def test_the_example_of_the_draft(
    path: bytes, agent: str, path_asked: str, crawled: bool, trained: bool
) -> None:
    target = parse(f"http://example.org{path_asked}")
    rules = read(ATTACH.replace(b"{}", path), agent)
    assert rules.allows(target) is crawled
    assert (rules.refusal(target, ("content_usage",)) == "") is trained


@pytest.mark.parametrize(
    ("body", "licences"),
    [
        (b"License: /l.xml", ("/l.xml",)),
        (b"User-agent: x\nDisallow: /\nlicense : https://a.b/l # ours\nLicense:", ("https://a.b/l",)),
        (b"License: /1\n" * 9 + b"".join(b"License: /%d\n" % i for i in range(9)), ("/1", "/0", "/2", "/3")),
        (b"Licenses: /1", ()),
    ],
)
def test_the_licences_that_it_names(body: bytes, licences: tuple[str, ...]) -> None:
    assert read(body, "imgbot").licences == licences


def test_groups_of_others() -> None:
    body = b"User-agent: GPTBot\nUser-agent: us\nCrawl-delay: 900\nDisallow: /a\n\nUser-agent: *\nAllow: /"
    rules, target = read(body, "imgbot", ("gptbot", "GPT", "Us", "imgbot")), parse("http://a.b/a")
    assert rules.closed_to(target, ("GPTBot", "GPT", "us", "imgbot", "never")) == ["GPTBot", "us"]
    assert rules.closed_to(parse("http://a.b/b"), ("GPTBot", "us")) == []
    assert rules.crawl_delay == 0


@pytest.mark.parametrize(
    ("lines", "path", "refusal"),
    [
        ("DisallowAITraining: /", "/a", "disallowaitraining: /"),
        ("disallowaitraining: /a", "/a", "disallowaitraining: /a"),
        ("DisallowAITraining: /b", "/a", ""),
        ("DisallowAITraining: *.jpg", "/a.jpg", "disallowaitraining: *.jpg"),
        ("DisallowAITraining: yes", "/a", "disallowaitraining: yes"),  # no path, and yet a no
        ("DisallowAITraining:", "/a", ""),
        ("DisallowAITraining: / # of all\nAllowAITraining: /a b", "/a", ""),
        ("DisallowAITraining: /\nAllowAITraining: /b c", "/a", "disallowaitraining: /"),
        ("DisallowAITraining: /a b", "/a/c", "disallowaitraining: /a"),
        ("AllowAITraining: yes\nDisallowAITraining: /", "/a", "disallowaitraining: /"),
        ("AllowAITraining: /", "/a", ""),
    ],
)
def test_the_line_that_is_about_training(lines: str, path: str, refusal: str) -> None:
    rules, target = read(f"User-agent: *\n{lines}".encode(), "imgbot"), parse(f"http://example.org{path}")
    said = rules.refusal(target, ("disallow_ai_training", "content_usage"))
    assert said.removeprefix("robots.txt ") == refusal
    assert rules.refusal(target, ("content_usage",)) == ""


def test_an_address_ends_where_a_blank_is() -> None:
    assert read(b"License: /l.xml of ours", "imgbot").licences == ("/l.xml",)


def test_what_cannot_be_read_came_with_a_200() -> None:
    """Which tells it from what could not be had."""
    with pytest.raises(FetchError) as caught:
        read(b"\0\1", "imgbot")
    assert caught.value.http_status == 200
