import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.reservations import read_ai_txt, read_tdmrep
from wit_pipeline.fetch.robots import Pattern, read


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
        ([], "/a.jpg", False),
        ("x", "/a.jpg", False),
    ],
)
def test_tdmrep(rules: object, path: str, reserved: bool) -> None:
    assert read_tdmrep(json.dumps(rules).encode()).reserves(parse(f"http://a.b{path}")) is reserved


@pytest.mark.parametrize("body", [b"", b"<!doctype html>", b"[" * 100_000, b"\xff\xfe[]", b"[1,"])
def test_what_is_no_tdmrep_reserves_nothing(body: bytes) -> None:
    assert not read_tdmrep(body).reserves(parse("http://a.b/"))


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
        ("# Content-Signal: ai-train=no", "/a", ""),
    ],
)  # fmt: skip
def test_preferences_of_robots_txt(lines: str, path: str, refusal: str) -> None:
    said = read(lines.encode(), "wit").refusal(parse(f"http://a.b{path}"), BOTH)
    assert said.removeprefix("robots.txt ") == refusal
    assert read(lines.encode(), "wit").refusal(parse(f"http://a.b{path}"), ()) == ""


def reference(pattern: str, path: str) -> bool:
    """Whether `pattern` matches, one character after the other."""
    if pattern == "$":
        return path == ""
    if pattern == "":
        return True
    if pattern[0] == "*":
        return any(reference(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return path[:1] == pattern[0] and reference(pattern[1:], path[1:])


@given(st.text("ab*", max_size=6), st.booleans(), st.text("ab", max_size=6))
def test_patterns_match_as_the_rfc_says(text: str, ends: bool, path: str) -> None:
    pattern = text + "$" * ends
    assert Pattern(pattern).matches(path) == reference(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [("/a*ab$", "/aab", True), ("/a*ab$", "/ab", False), ("/a*b$", "/ab", True), ("*a", "a", True)],
)
def test_a_star_is_what_lies_between(pattern: str, path: str, matches: bool) -> None:
    assert Pattern(pattern).matches(path) is matches


def test_both_sides_of_the_most_rules() -> None:
    rules = [rule("/", 0)] * 9_999 + [rule("/a", 1), rule("/b", 1)]
    found = read_tdmrep(json.dumps(rules).encode())
    assert found.reserves(parse("http://a.b/a"))
    assert not found.reserves(parse("http://a.b/b"))


def test_a_hostile_pattern_takes_no_time() -> None:
    pattern, started = Pattern("/" + "*a" * 4000 + "$"), time.process_time()
    assert not pattern.matches("/" + "a" * 8000 + "b")
    assert time.process_time() - started < 1
