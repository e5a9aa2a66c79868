from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.patterns import paths


def hold(rules: list[tuple[str, bool]], path: str) -> bool:
    return paths(rules).hold(parse(f"http://a.b{path}"))


@pytest.mark.parametrize(
    ("rules", "path", "taken"),
    [
        ([], "/a", False),
        ([("/", True)], "/a", True),
        ([("/", True)], "/robots.txt", False),
        ([("/", True), ("/ok/", False)], "/ok/a", False),  # the longest decides …
        ([("/ok/", False), ("/", True)], "/ok/a", False),  # … wherever it stands
        ([("/", True), ("/ok/", False)], "/ok", True),
        ([("/a", False), ("/a", True)], "/a", True),  # of two as long, the one that takes
        ([("/a*", False), ("/ab", True)], "/ab", True),
        ([("/%69mg/", True)], "/img/a", True),  # RFC 9309, 2.2.2
        ([("/img/", True)], "/%69mg/a", True),
        ([("/é/", True)], "/%C3%A9/a", True),
        ([("/%c3%a9/", True)], "/é/a", True),
        ([("/a%2fb", True)], "/a%2Fb", True),
        ([("/a%2fb", True)], "/a/b", False),
        ([("/a%3ab", True)], "/a:b", True),
        ([("/a b", True)], "/a%20b", True),
        ([("/a#b", True)], "/a%23b", True),
        ([("/a\nAllow: /", True)], "/b", False),  # no line of its own
        ([("/a*c$", True)], "/abc", True),
        ([("/a*c$", True)], "/abcd", False),
        ([("/a?b=", True)], "/a?b=c", True),
        ([("*.jpg", True)], "/a/b.jpg", True),
        ([("/x/index.html", True)], "/x/", False),
        ([("/x/index.html", True)], "/x/index.html", True),
        ([("\ud800", True)], "/a", False),
    ],
)
def test_paths(rules: list[tuple[str, bool]], path: str, taken: bool) -> None:
    assert hold(rules, path) is taken


ENDS = st.sampled_from(["", "$"])
PATTERNS = st.builds(lambda text, end: f"/{text}{end}", st.text("ab*/%é ?", max_size=6), ENDS)
PATHS = st.text("ab/é ?=", max_size=6).map(lambda text: "/" + quote(text, safe="/?="))


@given(st.lists(PATTERNS, max_size=4), PATHS)
def test_one_kind_of_rules_is_what_protego_says(patterns: list[str], path: str) -> None:
    """Of rules that all take, as of rules that all disallow, one match is enough."""
    lines = [f"Disallow: {quote(pattern, safe='/%*$?')}" for pattern in patterns]
    rules, url = Protego.parse("\n".join(["User-agent: *", *lines])), parse(f"http://a.b{path}").url
    assert hold([(pattern, True) for pattern in patterns], path) is not rules.can_fetch(url, "x")


def reference(pattern: str, path: str) -> bool:
    """Whether `pattern` matches, one character after the other."""
    if pattern == "$":
        return path == ""
    if pattern == "":
        return True
    if pattern[0] == "*":
        return any(reference(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return path[:1] == pattern[0] and reference(pattern[1:], path[1:])


RULES = st.tuples(st.text("ab*", max_size=5).map(lambda text: f"/{text}"), st.booleans())


@given(st.lists(RULES, max_size=5), st.text("ab", max_size=6))
def test_the_longest_that_matches_decides(rules: list[tuple[str, bool]], path: str) -> None:
    matching = [(len(pattern), taken) for pattern, taken in rules if reference(pattern, f"/{path}")]
    assert hold(rules, f"/{path}") is (max(matching)[1] if matching else False)


def test_a_hostile_pattern_takes_no_time() -> None:
    """One that tried every place of every star would not end in this test's lifetime."""
    assert not hold([("/" + "*a" * 4000 + "$", True)], "/" + "a" * 8000 + "b")
