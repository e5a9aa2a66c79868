"""Which standing is final, told of every Reason, and of what servers, names and connections really do."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from tests.factories import encoded, photograph
from tests.web import ENDPOINTS, JPEG, RESET, Answer, Endpoint, Web, head, raw, to, whole
from wit_pipeline.crawl.finality import OURS, RULES, RULES_OF_OURS, is_passing, would_pass
from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.fetch.lookup import Lookup
from wit_pipeline.pictures.image import Decoded, ImageError, decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason

# Given by other stages, never as the status of a URL.
ELSEWHERE = {
    Reason.QUERY_BLOCKED, Reason.QUERY_TOO_SHORT, Reason.QUERY_OVER_BUDGET, Reason.PAGE_OPTED_OUT,
    Reason.DUPLICATE_PAGE, Reason.TOO_MANY_PAGES, Reason.NOT_AN_IMAGE, Reason.NO_URL, Reason.NO_TEXT,
    Reason.TEXT_TOO_SHORT, Reason.TEXT_TOO_LONG, Reason.TEXT_FEW_LETTERS, Reason.TEXT_FILE_NAME,
    Reason.TEXT_CAMERA, Reason.TEXT_DATE, Reason.TEXT_URL, Reason.TEXT_BOILERPLATE, Reason.TEXT_REPETITIVE,
    Reason.TEXT_BLOCKED, Reason.TEXT_LANGUAGE, Reason.NO_QUERY, Reason.DUPLICATE_PAIR, Reason.OVER_SAMPLED,
    Reason.IMAGE_TOO_SMALL, Reason.DUPLICATE, Reason.NEAR_DUPLICATE, Reason.EVALUATION_COPY,
    Reason.REPEATED_CAPTION, Reason.OTHER_TEXT, Reason.BALANCED_OUT, Reason.TAKEN_DOWN,
    Reason.REPLACED, Reason.NO_LONGER_KEPT,
}  # fmt: skip


def test_every_reason_is_classed() -> None:
    assert RULES.keys() | ELSEWHERE == set(Reason)
    assert not RULES.keys() & ELSEWHERE


@pytest.mark.parametrize(
    ("status", "http_status", "message", "passing"),
    [
        (SUCCESS, 200, "", False),
        *[("http_error", code, f"status {code}", True) for code in (408, 425, 429, 500, 501, 503, 529, 599)],
        *[("http_error", code, f"status {code}", False) for code in (202, 204, 400, 403, 418, 451, 600, 999)],
        ("http_error", 0, "host wants no request for more than 60 s", True),  # before `host_paused` was
        ("http_not_found", 404, "status 404", False),
        ("http_not_found", 410, "status 410", False),
        ("connect_error", 0, "a.test:80: connection refused", True),
        ("dns_error", 0, "a.test: name or service not known", False),
        ("dns_error", 0, "a.test: no address associated with hostname", False),
        ("dns_error", 0, "a.test: temporary failure in name resolution", True),
        ("tls_error", 0, "a.test:443: certificate not valid: certificate has expired", False),
        ("tls_error", 0, "a.test:443: wrong version number", False),
        ("tls_error", 0, "a.test:443: ssl/tls alert handshake failure", False),
        ("tls_error", 0, "a.test:443: connection reset by peer", True),
        ("tls_error", 0, "a.test:443: unexpected eof while reading", True),
        ("protocol_error", 200, "body ends before its declared length", True),
        ("protocol_error", 200, "recv failure: connection timed out", True),
        ("protocol_error", 0, "no status line of HTTP/1", False),
        ("source_unreadable", 0, "/mnt/a.tar: [Errno 107] transport endpoint is not connected", True),
        ("source_unreadable", 0, "/mnt/a.tar: ends before byte 30", False),
        ("host_paused", 429, "status 429, and a pause", True),
        ("wishes_unreadable", 0, "http://a.test/ai.txt: no text", True),
        ("robots_unreachable", 0, "http://a.test/robots.txt: http_error: status 503", True),
        ("robots_disallowed", 0, "http://a.test/robots.txt disallows it", False),
        ("opted_out", 200, "noai", False),
        ("decode_crash", 200, "", False),
    ],
)
def test_final_or_passing(status: str, http_status: int, message: str, passing: bool) -> None:
    assert is_passing(status, http_status, message) is passing


def failure(authority: str, url: str, lookup: Lookup | None = None) -> FetchError:
    knobs: dict[str, Any] = {"timeout": 2.0, "robots": False, "opt_outs": (), "retries": 0}
    with Client(CrawlConfig(allow_hosts=(authority,), **knobs), lookup) as client:
        with pytest.raises(FetchError) as caught:
            client.fetch(url)
        return caught.value


def judged(error: FetchError) -> bool:
    return is_passing(error.reason, error.http_status, error.detail)


@pytest.mark.parametrize(
    ("answer", "passing"),
    [
        (raw(RESET), True),
        (raw(), True),  # closed without an answer
        (raw(head("200 OK", "Content-Length: 9999"), JPEG[:100], RESET), True),
        (raw(head("200 OK", "Content-Length: 9999"), JPEG[:100]), True),
        (raw(head("200 OK", "Transfer-Encoding: chunked"), b"zz\r\n"), False),
        (raw(b"SSH-2.0\r\n"), False),
        (whole(b"", status="503 Busy"), True),
        (whole(b"", status="403 No"), False),
        (whole(b""), False),
    ],
)
def test_what_servers_do(answer: Answer, passing: bool) -> None:
    with Web({"/a": Endpoint(answer, SUCCESS)}) as web:
        assert judged(failure(web.authority, web.url("/a"))) is passing


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        authority = f"127.0.0.1:{free.getsockname()[1]}"
    assert judged(failure(authority, f"http://{authority}/a"))


@contextmanager
def cut(last: bytes, *, reset: bool) -> Iterator[str]:
    """The authority of a server that ends every handshake after these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(last)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("last", "reset", "passing"),
    [
        (b"", True, True),
        (b"", False, True),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, False),
        (b"\x15\x03\x03\x00\x02\x02\x28", False, False),  # alert: handshake failure
    ],
)
def test_a_handshake_that_is_cut_may_pass_and_one_that_is_refused_does_not(
    last: bytes, reset: bool, passing: bool
) -> None:
    with cut(last, reset=reset) as authority:
        assert judged(failure(authority, f"https://{authority}/a")) is passing


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (
            socket.gaierror(socket.EAI_AGAIN, "nodename nor servname provided"),
            True,
        ),  # whatever the library says
        (socket.gaierror(socket.EAI_SYSTEM, "System error"), True),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"), False),
        (UnicodeError("label too long"), False),
    ],
)
def test_names(error: Exception, passing: bool) -> None:
    def ask(*_: object, **__: object) -> Sequence[tuple[Any, ...]]:
        raise error

    found = failure("a.test:80", "http://a.test/1.jpg", Lookup(ask))
    assert (found.reason, judged(found)) == (Reason.DNS_ERROR, passing)


def refusal(web: Web, config: CrawlConfig, path: str) -> FetchError | ImageError:
    """What is said of a picture of a server that a rule refuses."""
    with Client(config) as client, pytest.raises((FetchError, ImageError)) as raised:
        client.run(asked_and_decoded(client, web.url(path), config))
    assert isinstance(raised.value, (FetchError, ImageError))
    return raised.value


async def asked_and_decoded(client: Client, url: str, config: CrawlConfig) -> Decoded:
    async with client.ask(url) as response:
        return decode(bytes(response.body), config)


WIDE = encoded(photograph(1, (100, 10)), "PNG")
OF_RULES: Sequence[tuple[Reason, dict[str, Any], dict[str, Any]]] = [  # a rule, and one that lets it pass
    (Reason.TOO_MANY_PIXELS, {"max_pixels": 999}, {"max_pixels": 1000}),
    (Reason.IMAGE_TOO_LONG, {"max_aspect": 9.9}, {"max_aspect": 10.0}),
    (Reason.UNSUPPORTED_FORMAT, {"formats": ("JPEG", "GIF")}, {"formats": ("GIF", "PNG")}),
    (Reason.TOO_LARGE, {"max_bytes": len(WIDE) - 1}, {"max_bytes": len(WIDE)}),
    (Reason.TOO_MANY_REDIRECTS, {"max_redirects": 1}, {"max_redirects": 2}),
    (Reason.BLOCKED_ADDRESS, {"allow_hosts": ("127.0.0.1:9",)}, {}),
]


@pytest.mark.parametrize(("reason", "rule", "other"), OF_RULES)
def test_what_a_rule_of_ours_refused_would_pass_by_another_and_then_does(
    reason: Reason, rule: dict[str, Any], other: dict[str, Any]
) -> None:
    """By the messages that servers and pictures really lead to: nothing is asked again to no avail."""
    ends = {"/a.png": to("/b.png"), "/b.png": to("/wide.png"), "/wide.png": whole(WIDE)}
    with Web({path: Endpoint(answer, "") for path, answer in ends.items()}) as web:
        named: dict[str, Any] = {
            "allow_hosts": (web.authority,),
            "user_agent": "wit-test/0.1 (+http://a.test)",
        }
        path = "/a.png" if reason is Reason.TOO_MANY_REDIRECTS else "/wide.png"
        before, after = CrawlConfig(**{**named, **rule}), CrawlConfig(**{**named, **other})
        said = refusal(web, before, path)
        assert said.reason is reason
        assert not would_pass(reason, said.detail, before)
        assert would_pass(reason, said.detail, after)
        with Client(after) as client:
            client.run(asked_and_decoded(client, web.url(path), after))


def test_rules_of_ours_are_final_and_their_keys_are_keys() -> None:
    assert not any(RULES[reason](0, "") for reason in RULES_OF_OURS)
    tried = {key for _, rule, _ in OF_RULES for key in rule} | {"host_hours", "host_urls", "hash"}
    assert tried == set(OURS)
    assert {reason for reason, _, _ in OF_RULES} | {Reason.HOST_TOO_SLOW, Reason.HASH_MISMATCH} == set(
        RULES_OF_OURS
    )
    assert not would_pass("hash_mismatch", "sha1", CrawlConfig())
    assert would_pass("hash_mismatch", "sha1", CrawlConfig(hash="flag"))
    old = "its host has 300 URLs, more than host_urls"  # of earlier releases
    assert not would_pass("host_too_slow", old, CrawlConfig(host_urls=1000))
    assert would_pass("host_too_slow", old, CrawlConfig())


def test_the_misbehaving_web_has_no_page_that_is_not_classed() -> None:
    assert {endpoint.outcome for endpoint in ENDPOINTS.values()} - {SUCCESS} <= RULES.keys()
