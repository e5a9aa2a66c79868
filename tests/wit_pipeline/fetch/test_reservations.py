import json

import pytest

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.reservations import AI_TXT_BYTES, RULES, RUNS, is_json, read_ai_txt, read_tdmrep
from wit_pipeline.fetch.robots import ROBOTS_BYTES, read
from wit_pipeline.vocabulary.records import Reason


def rule(location: object, reserved: object) -> dict[str, object]:
    return {"location": location, "tdm-reservation": reserved}


@pytest.mark.parametrize(
    ("rules", "path", "reserved"),
    [
        ([rule("/", 1)], "/a.jpg", True),
        ([rule("/", 0)], "/a.jpg", False),
        ([rule("/*", "1")], "/a.jpg", True),
        ([rule("/a/", 1)], "/b/a/c.jpg", False),
        ([rule("/a/*.jpg$", 1)], "/a/b.jpg", True),
        ([rule("/a/*.jpg$", 1)], "/a/b.jpg?c", False),
        ([rule("*.jpg", 1)], "/a/b.jpg", True),
        ([rule("a/", 1)], "/a/b.jpg", True),  # without its "/", which many forget
        ([rule("/open/", 0), rule("/", 1)], "/open/a.jpg", False),  # the first, and the most specific
        ([rule("/", 1), rule("/open/", 0)], "/open/a.jpg", True),  # they disagree: the one that reserves
        ([rule("/", 0), rule("/closed/", 1)], "/closed/a.jpg", True),
        ([rule("/", 0), rule("/closed/", 1)], "/a.jpg", False),
        (rule("/", 1), "/a.jpg", True),  # not in a list
        ([rule("/", True)], "/a.jpg", True),
        ([rule("/", False)], "/a.jpg", False),
        ([rule(7, 1), rule("/", 2), rule("/", None), 5, None, rule("/b", 1)], "/b", True),
        ([rule(7, 1), rule("/", 2), rule("/", None), 5, None, rule("/b", 1)], "/a", False),
        ([rule("/%69mg/", 1)], "/img/a.jpg", True),
        ([rule("/é/", 1)], "/%C3%A9/a.jpg", True),
        ([rule("/a%3ab", 1)], "/a:b", True),
        ([rule("https://a.b/a/", 1)], "/a/b.jpg", True),  # an address, where a path belongs
        ([rule("https://a.b", 1)], "/a/b.jpg", True),
        ([rule("https://a.b/b/", 1)], "/a/b.jpg", False),
        ([rule(" / ", " 1 ")], "/a.jpg", True),
        ([rule("/", 1.0)], "/a.jpg", True),
        ([{"Location": "/", "TDM-Reservation": 1}], "/a.jpg", True),
        ([], "/a.jpg", False),
        ("x", "/a.jpg", False),
    ],
)
def test_tdmrep(rules: object, path: str, reserved: bool) -> None:
    assert read_tdmrep(json.dumps(rules).encode()).reserves(parse(f"http://a.b{path}")) is reserved


NONE = [b"", b" \n", b"\xef\xbb\xbf", b"<!doctype html>", b"<!-- x --><html>", b"{}"]
BROKEN = [b"[" * 100_000, b"\xff\xfe[]", b"[1,", b'[{"location": "/", "tdm-res', b"\0", b"no"]


@pytest.mark.parametrize("body", NONE)
def test_where_there_is_no_tdmrep_nothing_is_reserved(body: bytes) -> None:
    assert not read_tdmrep(body).reserves(parse("http://a.b/"))


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_json_cannot_be_read(body: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        read_tdmrep(body)
    assert caught.value.reason is Reason.WISHES_UNREADABLE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_in_other_encodings(encoding: str) -> None:
    body = json.dumps([rule("/é/", 1)], ensure_ascii=False).encode(encoding)
    assert read_tdmrep(body).reserves(parse("http://a.b/%C3%A9/a"))
    assert read_ai_txt(SPAWNING.decode().encode(encoding), "wit").reserves(parse("http://a.b/a.jpg"))


SPAWNING = b"# Spawning AI\n\nUser-Agent: *\nDisallow: *.jpg\nDisallow: *.png\nAllow: /\n"
NO = "Content-Signal: ai-train=no"
TOLD = "content-signal: ai-train=no"


@pytest.mark.parametrize(
    ("body", "path", "reserved"),
    [
        (SPAWNING, "/a.jpg", True),
        (SPAWNING, "/a/b.png?c=d", True),
        (SPAWNING, "/a.gif", False),
        (b"User-Agent: *\nDisallow: /\n", "/a.gif", True),
        (b"User-Agent: *\nDisallow: .gif\n", "/a.gif", True),
        (b"User-Agent: *\nDisallow:\n", "/a.gif", False),
        (b"User-Agent: *\nDisallow: /\nAllow: *.gif\n", "/a.gif", False),
        (b"User-Agent: wit\nDisallow: /\n", "/a.gif", True),
        (b"User-Agent: wit\nAllow: /\n\nUser-Agent: *\nDisallow: /\n", "/a.gif", False),
        (b"User-Agent: witness\nDisallow: /\n", "/a.gif", False),
        (b"User-Agent: wit*\nDisallow: /\n", "/a.gif", True),
        (b"User-Agent: other, wit\nDisallow: /\n", "/a.gif", True),
        (b"User-Agent: *\rDisallow: /\r", "/a.gif", True),
        (b"User-Agent: *\nDisallow: /\n\0\0\x1a", "/a.gif", True),  # as old editors end a file
        (b"Disallow: /\n", "/a.gif", True),  # of no group: for everybody
        (b"Disallow: *.png\n\nUser-Agent: other\nDisallow: /\n", "/a.gif", False),
        (b"User-Agent: other\nDisallow: /\n", "/a.gif", False),
        (b"# Permissions\n\nThis site is about ai.", "/a.gif", False),
        (b"<!doctype html><h1>Not here</h1>", "/a.gif", False),
        (b"", "/a.gif", False),
    ],
)
def test_ai_txt(body: bytes, path: str, reserved: bool) -> None:
    assert read_ai_txt(body, "wit").reserves(parse(f"http://a.b{path}")) is reserved


BOTH = ("content_usage", "content_signal")


@pytest.mark.parametrize(
    ("lines", "path", "refusal"),
    [
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no", "/a", TOLD),
        ("User-agent: *\nContent-signal: ai-train=yes", "/a", ""),
        ("User-agent: *\nContent-Signal: ai-input=no", "/a", ""),
        ("Content-Signal: ai-train=no\nUser-agent: *\nAllow: /", "/a", TOLD),
        ("User-agent: wit\nContent-Signal: ai-train=no", "/a", TOLD),
        ("User-agent: other\nContent-Signal: ai-train=no", "/a", ""),
        ("User-agent: other\nUser-agent: *\n" + NO, "/a", TOLD),
        ("User-agent: *\nUser-agent: other\n" + NO, "/a", TOLD),
        ("User-agent: *\n\n# and\nUser-agent: other\n" + NO, "/a", TOLD),
        ("User-agent: *\nAllow: /\nUser-agent: other\n" + NO, "/a", ""),
        ("User-agent: *\n" + NO + "\n\nUser-agent: wit\nAllow: /", "/a", TOLD),
        ("User-agent: *\n" + NO + "\n\nUser-agent: wit\nContent-Signal: ai-train=yes", "/a", ""),
        ("User-agent: *\nContent-Usage: train-ai=n", "/a", "content-usage: train-ai=n"),
        ("User-agent: *\nContent-Usage: /art/ train-ai=n", "/art/a", "content-usage: train-ai=n"),
        ("User-agent: *\nContent-Usage: /art/ train-ai=n", "/a", ""),
        ("User-agent: *\nContent-Usage: /*.jpg$ train-ai=n # ours", "/b.jpg", "content-usage: train-ai=n"),
        ("User-agent: *\nContent-Usage: /art/\ttrain-ai=n", "/art/a", "content-usage: train-ai=n"),
        ("User-agent: *\nContent-Usage:/art/ train-ai=n", "/art/a", "content-usage: train-ai=n"),
        ("Content-Usage: /art/ ai=n\nContent-Usage: / search=y", "/art/a", "content-usage: ai=n"),
        ("User-agent: *\nContent-Usage: /art/ train-ai=n\nContent-Usage: /art/a train-ai=y", "/art/a", ""),
        ("User-agent: *\nContent-Usage: /art/\nContent-Signal:", "/art/a", ""),
        ("# Content-Signal: ai-train=no", "/a", ""),
    ],
)  # fmt: skip
def test_preferences_of_robots_txt(lines: str, path: str, refusal: str) -> None:
    said = read(lines.encode(), "wit").refusal(parse(f"http://a.b{path}"), BOTH)
    assert said.removeprefix("robots.txt ") == refusal
    assert read(lines.encode(), "wit").refusal(parse(f"http://a.b{path}"), ()) == ""


def test_both_sides_of_the_most_changes() -> None:
    """Behind so many that no site means them, what reserves anywhere counts, though another is before it."""
    changes = [rule(f"/{number}", number % 2) for number in range(RUNS)]
    last = [rule("/a*", 0), rule("/a", 1)]  # the first that matches, and the longest, reserve nothing
    for before, reserved in ((changes[2:], False), (changes, True)):
        found = read_tdmrep(json.dumps([*before, *last]).encode())
        assert found.reserves(parse("http://a.b/a")) is reserved


def test_both_sides_of_the_most_rules() -> None:
    rules = [rule("/", 0)] * (RULES - 1) + [rule("/a", 1), rule("/b", 1)]
    found = read_tdmrep(json.dumps(rules).encode())
    assert found.reserves(parse("http://a.b/a"))
    assert not found.reserves(parse("http://a.b/b"))


def test_how_a_tdmrep_begins() -> None:
    for body in (b" [", b"\xef\xbb\xbf{", b" " * 63 + b"["):
        assert is_json(body)
    assert not is_json(b" " * 64 + b"[")
    assert not is_json(b"<html>")


def test_a_number_with_a_point_says_what_it_says() -> None:
    for said, reserved in ((0.0, False), (1.0, True), ("0.0", False), (2.0, False)):
        body = json.dumps([rule("/", said)]).encode()
        assert read_tdmrep(body).reserves(parse("http://a.b/a")) is reserved


def test_of_an_ai_txt_half_a_mebibyte_is_read() -> None:
    begin, end = b"User-agent: *\n#", b"\nDisallow: /"
    for more, heard in ((0, True), (1, False)):
        noise = b"x" * (AI_TXT_BYTES - len(begin) - len(end) + more)
        assert read_ai_txt(begin + noise + end, "wit").reserves(parse("http://a.b/a")) is heard
    assert AI_TXT_BYTES == ROBOTS_BYTES == 512 << 10


def test_what_cannot_be_read_came_with_a_200() -> None:
    with pytest.raises(FetchError) as caught:
        read_tdmrep(b"[1,")
    assert caught.value.http_status == 200
