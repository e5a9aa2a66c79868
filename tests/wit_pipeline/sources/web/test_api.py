"""How interfaces are asked, told by a source of each kind where they differ and by one where they do not."""

import gzip
import json
import re
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from tests.factories import records_of, world
from tests.interfaces import as_json, asked, in_turn, interface, openverse, work
from tests.strategies import TEXTS
from tests.web import RESET, Answer, Web, head, raw, to, whole
from wit_pipeline.sources.web import api
from wit_pipeline.sources.web.api import FAILURES, TRIES, phrase, query_splits
from wit_pipeline.sources.web.openverse import OpenverseSource
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

pytestmark = pytest.mark.usefixtures("quick")

FOUND = openverse({'"dog"': [work(0), work(1)], '"cat"': [work(2)]})
NO_JSON = whole(b"<!doctype html><title>Error</title>", "Content-Type: text/html")


def search(
    web: Web, queries: Sequence[str] = ("dog",), interval: float = 0.0, **knobs: Any
) -> list[Raw | Reject]:
    config = CrawlConfig(allow_hosts=(web.authority,), timeout=3.0, backoff=0.001, **knobs)
    source = OpenverseSource(api=web.url("/api"), interval=interval)
    return records_of(source, "", world({}, queries=lambda: queries, crawl=config))


def facts(items: Sequence[Raw | Reject]) -> list[tuple[str, str]]:
    return [(item.where, item.text if isinstance(item, Raw) else item.reason) for item in items]


def test_queries_are_asked_one_after_the_other() -> None:
    with interface(FOUND) as web:
        assert facts(search(web, ["dog", "none", "cat"])) == [
            ("openverse:dog#0", "Dog 0"),
            ("openverse:dog#1", "Dog 1"),
            ("openverse:cat#0", "Dog 2"),
        ]
        assert [query["q"] for query in asked(web)] == ['"dog"', '"none"', '"cat"']


def test_what_is_sent() -> None:
    with interface(FOUND) as web:
        search(web, user_agent="imgbot/1.0 (+https://example.org)")
        assert web.log.paths[0].startswith("/api?")  # and no robots.txt
        (headers,) = web.log.headers
        assert headers["User-Agent"] == "imgbot/1.0 (+https://example.org)"
        assert headers["Accept"] == "application/json"
        assert headers["Accept-Encoding"] == "gzip"


def test_a_compressed_answer() -> None:
    body = gzip.compress(json.dumps({"results": [work(0)]}).encode())
    with interface(whole(body, "Content-Encoding: gzip")) as web:
        assert facts(search(web)) == [("openverse:dog#0", "Dog 0")]


PASSES: dict[str, Answer] = {
    "429": whole(b"{}", "Retry-After: 0", status="429 Too Many Requests"),
    "500": whole(b"no", status="500 Oops"),
    "503": whole(b"no", status="503 Busy"),
    "no_json": NO_JSON,
    "truncated": whole(b'{"results": ['),
    "cut": raw(head("200 OK", "Content-Length: 100"), b'{"results"'),
    "reset": raw(RESET),
    "no_object": as_json([1]),
    "not_utf_8": whole(b'{"results": "\xff"}'),
    "nested": whole(b"[" * 100_000),
    "long_number": whole(b'{"results": ' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("name", PASSES)
def test_what_may_pass_is_asked_again(name: str) -> None:
    with interface(in_turn(*[PASSES[name]] * (TRIES - 1), FOUND)) as web:
        assert facts(search(web, ["cat"])) == [("openverse:cat#0", "Dog 2")]
        assert len(web.log.paths) == TRIES


@pytest.mark.parametrize("name", PASSES)
def test_a_query_without_an_answer_is_one_reject_and_the_next_is_asked(name: str) -> None:
    with interface(in_turn(*[PASSES[name]] * TRIES, FOUND)) as web:
        failed, found = search(web, ["dog", "cat"])
        assert isinstance(failed, Reject)
        assert (failed.where, failed.key, failed.stage) == ("openverse:dog#0", "", "extract")
        assert facts([found]) == [("openverse:cat#0", "Dog 2")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (whole(b"", status="400 Bad Request"), Reason.HTTP_ERROR),
        (whole(b"", status="404 Not Found"), Reason.HTTP_NOT_FOUND),
        (whole(b""), Reason.EMPTY),
        (as_json({"detail": "odd"}), Reason.SOURCE_UNREADABLE),
        (as_json({"results": {"a": 1}}), Reason.SOURCE_UNREADABLE),
    ],
)
def test_what_will_not_pass_is_not_asked_again(answer: Answer, reason: Reason) -> None:
    with interface(in_turn(answer, FOUND)) as web:
        assert facts(search(web, ["dog", "cat"]))[0] == ("openverse:dog#0", reason)
        assert len(web.log.paths) == 2


def test_an_interface_that_keeps_failing_ends_the_run() -> None:
    refused = whole(b"", status="400 Bad Request")
    with interface(refused) as web, pytest.raises(RunError, match="answered none of 5 queries in a row"):
        search(web, ["dog"] * 10)
    assert len(web.log.paths) == FAILURES


def test_one_answer_between_failures_lets_it_go_on() -> None:
    refused = whole(b"", status="400 Bad Request")
    row = [refused] * (FAILURES - 1)
    with interface(in_turn(*row, FOUND, *row, FOUND)) as web:
        found = facts(search(web, ["cat"] * 2 * FAILURES))
    assert [reason for _, reason in found] == ([Reason.HTTP_ERROR] * (FAILURES - 1) + ["Dog 2"]) * 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (whole(b"{}", "Retry-After: 86400", status="429 Slow"), "wants no request for 86400 s: its limit"),
        (whole(b"{}", status="401 Unauthorized"), "refuses us: status 401"),
        (whole(b"{}", status="403 Forbidden"), "refuses us: status 403"),
        (to("/elsewhere"), "has moved: set `api`"),
    ],
)
def test_what_no_later_query_would_change_ends_the_run_at_once(answer: Answer, message: str) -> None:
    with (
        interface(in_turn(FOUND, answer)) as web,
        pytest.raises(RunError, match=re.escape(message)) as caught,
    ):
        search(web, ["cat", "dog", "dog"])
    assert str(caught.value).startswith(f"openverse: {web.url('/api')} ")
    assert len(str(caught.value).splitlines()) == 1
    assert len(web.log.paths) == 2


def test_a_pause_that_is_asked_for_is_kept() -> None:
    busy = whole(b"{}", "Retry-After: 1", status="429 Too Many Requests")
    with interface(in_turn(busy, FOUND)) as web:
        assert len(search(web)) == 2
        first, second = web.log.times
    assert second - first > 0.95


def test_requests_are_an_interval_apart() -> None:
    with interface(FOUND) as web:
        started = time.monotonic()
        search(web, ["dog"] * 5, interval=0.05)
        assert web.log.times[-1] - started > 4 * 0.05


def test_what_is_not_public_is_not_asked() -> None:
    with Web({}) as web:
        source = OpenverseSource(api=web.url("/api"), interval=0.0)
        (found,) = records_of(source, "", world({}, queries=lambda: ["dog"]))
        assert facts([found]) == [("openverse:dog#0", Reason.BLOCKED_ADDRESS)]
        assert web.log.paths == []


def test_a_query_of_signs_alone_is_not_asked() -> None:
    with interface(FOUND) as web:
        assert facts(search(web, ['"*"', "cat"])) == [
            ('openverse:"*"', Reason.SOURCE_UNREADABLE),
            ("openverse:cat#0", "Dog 2"),
        ]


@given(TEXTS)
def test_a_phrase_is_one_phrase(text: str) -> None:
    found = phrase(text)
    assert found == "" or re.fullmatch(r'"[^"\\*?~\x00-\x1f]*\S[^"\\*?~\x00-\x1f]*"', found)
    found.encode()  # no lone surrogate
    assert phrase(found) == found


@pytest.mark.parametrize(
    ("queries", "most", "requests", "expected"),
    [
        (1, 0, 1, [(0, 1)]),
        (250, 0, 1, [(0, 100), (100, 200), (200, 250)]),
        (250, 100, 1, [(0, 100)]),
        (250, 101, 1, [(0, 100), (100, 101)]),
        (250, 1000, 1, [(0, 100), (100, 200), (200, 250)]),
        (100, 0, 3, [(0, 33), (33, 66), (66, 99), (99, 100)]),
        (3, 0, 1000, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_splits(queries: int, most: int, requests: int, expected: list[tuple[int, int]]) -> None:
    assert query_splits(most, requests, world({}, queries=lambda: ["a"] * queries)) == expected


def test_no_query_is_the_users() -> None:
    with pytest.raises(UserError, match="the query list is empty"):
        query_splits(0, 1, world({}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"api": "api.test"}, "api wants an address"),
        ({"api": "https://a.test/?q=1"}, "api wants an address"),
        ({"api": "ftp://a.test/"}, "api wants an address"),
        ({"per_query": 0}, "per_query must be at least 1, found 0"),
        ({"most_queries": -1}, "most_queries must be 0 or more, found -1"),
        ({"interval": -0.1}, r"interval must be 0 or more, found -0\.1"),
    ],
)
def test_wrong_keys(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OpenverseSource(**keys)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("a\ud800", "a?"), (5, "5"), (1.5, "1.5"), (True, ""), (None, ""), ([], ""), ({}, "")],
)
def test_string(value: object, text: str) -> None:
    assert api.string(value) == text
