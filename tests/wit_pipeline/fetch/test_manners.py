"""What a server sees of the client: when it asks, how often, and what it sends."""

import gzip
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.web import JPEG, RESET, Answer, Endpoint, Visit, Web, at_visit, forever, head, raw, to, whole
from wit_pipeline.fetch import guard
from wit_pipeline.fetch.client import Client, FetchError, Response, retry_after
from wit_pipeline.fetch.lookup import Lookup
from wit_pipeline.fetch.polite import DOWN, UNREACHED
from wit_pipeline.fetch.sites import FILES
from wit_pipeline.vocabulary.crawl_config import SIGNALS, CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import SUCCESS, Reason


def site(robots: Answer | None = None, **answers: Answer) -> Web:
    """A server with these pages and robots.txt; without one, 404."""
    pages = {"/robots.txt": robots} if robots else {}
    pages |= {f"/{name}": answer for name, answer in answers.items()}
    return Web({path: Endpoint(answer, SUCCESS) for path, answer in pages.items()})


def client(*webs: Web, timeout: float = 5.0, **knobs: object) -> Client:
    knobs = {"backoff": 0.01, **knobs}
    return Client(CrawlConfig(allow_hosts=tuple(web.authority for web in webs), timeout=timeout, **knobs))  # type: ignore[arg-type]


def failure(client: Client, url: str) -> FetchError:
    with pytest.raises(FetchError) as caught:
        client.fetch(url)
    return caught.value


def rules(*lines: str) -> Answer:
    return whole("\n".join(("User-agent: *", *lines)).encode())


def together(client: Client, urls: Iterable[str]) -> list[Response | FetchError]:
    """What comes of all URLs asked at once."""

    def fetch(url: str) -> Response | FetchError:
        try:
            return client.fetch(url)
        except FetchError as error:
            return error

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(fetch, urls))


# --- robots.txt -----------------------------------------------------------------------------------


def test_a_cold_host_is_asked_for_its_rules_once_and_first() -> None:
    def slow_rules(visit: Visit) -> Iterable[bytes]:
        visit.pause(0.3)
        return rules("Disallow: /no")(visit)

    with site(slow_rules, yes=whole(JPEG), no=whole(JPEG)) as web:
        found = together(client(web, connections_per_host=20), [web.url("/yes"), web.url("/no")] * 10)
        assert [type(each) for each in found] == [Response, FetchError] * 10
        assert web.hits("/robots.txt") == 1
        assert web.log.paths[0] == "/robots.txt"
        assert web.hits("/no") == 0


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"])
def test_4xx_forbids_nothing(status: str) -> None:
    with site(whole(b"User-agent: *\nDisallow: /", status=status), a=whole(JPEG)) as web:
        assert client(web).fetch(web.url("/a")).body == JPEG


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"", status="500 Oops"),
        whole(b"", status="503 Busy"),
        whole(b"", status="429 Slow down"),
        forever(head(), b"", 0.05),
        raw(b"SSH-2.0\r\n"),
        to("http://10.0.0.1/robots.txt"),
    ],
    ids=["500", "503", "429", "slow", "ssh", "redirect"],
)
def test_no_answer_forbids_everything(answer: Answer) -> None:
    with site(answer, a=whole(JPEG)) as web, client(web, timeout=0.5) as asking:
        assert failure(asking, web.url("/a")).reason == Reason.ROBOTS_UNREACHABLE
        assert failure(asking, web.url("/a")).attempts == 0
        assert web.hits("/a") == 0


def test_an_overloaded_robots_is_asked_again() -> None:
    answer = at_visit(2, whole(b"", status="503 Busy"), rules("Disallow: /a"))
    with site(answer, a=whole(JPEG)) as web:
        assert failure(client(web), web.url("/a")).reason == Reason.ROBOTS_DISALLOWED


def test_redirects_of_robots_are_followed() -> None:
    with site(to("/rules"), rules=rules("Disallow: /a"), a=whole(JPEG)) as web:
        assert failure(client(web), web.url("/a")).reason == Reason.ROBOTS_DISALLOWED


def test_each_port_has_rules_of_its_own() -> None:
    with site(rules("Disallow: /"), a=whole(JPEG)) as closed, site(a=to(closed.url("/a"))) as door:
        assert failure(client(closed, door), door.url("/a")).reason == Reason.ROBOTS_DISALLOWED
        assert closed.hits("/a") == 0


def test_a_long_crawl_delay_is_not_sat_out() -> None:
    with site(rules("Crawl-delay: 31"), a=whole(JPEG)) as web:
        error = failure(client(web), web.url("/a"))
        assert error.reason == Reason.ROBOTS_DISALLOWED
        assert "31 s" in error.detail


def test_a_crawl_delay_is_kept_by_all_threads_together() -> None:
    with site(rules("Crawl-delay: 0.2"), a=whole(JPEG)) as web:
        together(client(web, timeout=0.5), [web.url("/a")] * 6)  # waiting out of courtesy is no delay
        asked = [at for path, at in zip(web.log.paths, web.log.times, strict=True) if path == "/a"]
    assert len(asked) == 6
    assert min(later - sooner for sooner, later in itertools.pairwise(asked)) > 0.9 * 0.2


def test_robots_can_be_switched_off() -> None:
    with site(rules("Disallow: /"), a=whole(JPEG)) as web:
        assert client(web, robots=False).fetch(web.url("/a")).status == 200
        assert web.hits("/robots.txt") == 0


# --- load -----------------------------------------------------------------------------------------


def test_no_host_sees_more_connections_than_promised() -> None:
    lock, under_way, peak = threading.Lock(), 0, 0

    def slow(visit: Visit) -> Iterable[bytes]:
        nonlocal under_way, peak
        with lock:
            under_way += 1
            peak = max(peak, under_way)
        visit.pause(0.02)
        with lock:
            under_way -= 1  # before the body, for after it the client may be back before us
        return whole(JPEG)(visit)

    with site(a=slow) as web:
        found = together(client(web, connections_per_host=3), [web.url("/a")] * 30)
        assert all(isinstance(each, Response) for each in found)
    assert 2 <= peak <= 3


@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
def test_a_host_that_asks_for_a_second_gets_it_from_all_threads(status: str) -> None:
    busy = whole(b"", "Retry-After: 1", status=status)
    with site(a=at_visit(2, busy, whole(JPEG)), b=whole(JPEG)) as web:
        asking = client(web, connections_per_host=1)  # so that no other request is already under way
        found = together(asking, [web.url("/a"), *[web.url("/b")] * 5])
        assert all(isinstance(each, Response) for each in found)
        refused = web.log.paths.index("/a")
        assert web.log.times[refused + 1] - web.log.times[refused] > 0.95


def test_a_host_that_asks_for_long_is_left_alone() -> None:
    busy = whole(b"", "Retry-After: 3600", status="429 Slow down")
    with site(a=busy, b=whole(JPEG)) as web, client(web) as asking:
        error = failure(asking, web.url("/a"))
        assert (error.reason, error.http_status, error.attempts) == (Reason.HOST_PAUSED, 429, 1)
        other = failure(asking, web.url("/b"))
        assert (other.reason, other.http_status, other.attempts) == (Reason.HOST_PAUSED, 0, 0)
        for said in (error, other):
            assert 3590 < said.not_before - time.time() <= 3600
        assert web.hits("/b") == 0


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("status", ["429 Slow", "503 Busy", "500 Oops", "502 Bad", "504 Late", "522 Down"])
def test_whatever_status_brings_a_pause_that_is_longer_than_is_waited_the_host_gets_it(
    status: str, retries: int
) -> None:
    """By a date as well as in seconds; a pause that is short is sat out."""
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    for value in ("90", when):
        busy = whole(b"", f"Retry-After: {value}", status=status)
        with site(a=busy, b=whole(JPEG)) as web, client(web, retries=retries) as asking:
            error = failure(asking, web.url("/a"))
            assert (error.reason, web.hits("/a")) == (Reason.HOST_PAUSED, 1)
            assert 80 < error.not_before - time.time() <= 90
            assert failure(asking, web.url("/b")).reason == Reason.HOST_PAUSED
            assert web.hits("/b") == 0


def test_others_go_on_while_a_host_is_paused() -> None:
    busy = whole(b"", "Retry-After: 90", status="429 Slow down")
    with site(a=busy) as paused, site(b=whole(JPEG)) as other, client(paused, other) as asking:
        found = together(asking, [paused.url("/a"), *[other.url("/b")] * 3])
        assert [type(each) for each in found] == [FetchError, Response, Response, Response]


def test_a_pause_that_is_asked_for_instead_of_rules_holds_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the host that is paused, not its rules that are missing for an hour."""
    busy = whole(b"", "Retry-After: 90", status="429 Slow down")
    with site(at_visit(2, busy, rules()), a=whole(JPEG)) as web, client(web) as asking:
        assert failure(asking, web.url("/a")).reason == Reason.HOST_PAUSED
        assert failure(asking, web.url("/a")).reason == Reason.HOST_PAUSED
        assert (web.hits("/robots.txt"), web.hits("/a")) == (1, 0)
        monotonic, wall = time.monotonic, time.time
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 91)
        monkeypatch.setattr(time, "time", lambda: wall() + 91)
        assert asking.fetch(web.url("/a")).body == JPEG
        assert (web.hits("/robots.txt"), web.hits("/a")) == (2, 1)


def test_retries_end() -> None:
    with site(a=whole(b"", status="503 Busy")) as web:
        error = failure(client(web, retries=3), web.url("/a"))
        assert (error.http_status, error.attempts, web.hits("/a")) == (503, 4, 4)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 120),
        (" 0 ", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00", 0, 0),
        ("99999999999999999999", 1e8, 1e9),
    ],
    ids=str,
)
def test_retry_after(value: str, least: float, most: float) -> None:
    assert least <= retry_after([("Retry-After", value)]) <= most


@pytest.mark.parametrize(("hours", "least", "most"), [(1, 3000, 3601), (-1, 0, 0)])
def test_retry_after_a_time(hours: int, least: float, most: float) -> None:
    value = format_datetime(datetime.now(UTC) + timedelta(hours=hours))
    assert least <= retry_after([("Retry-After", value)]) <= most


# --- what is sent and kept ------------------------------------------------------------------------


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    cookie = whole(b"", "Set-Cookie: a=b", "Location: /b", status="302 Found")
    with site(a=cookie, b=whole(JPEG)) as web:
        client(web, user_agent="imgbot/1.0 (+https://example.org)").fetch(web.url("/a"))
        files = ["/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"]
        assert web.log.paths == [
            *files,
            "/a",
            "/b",
        ]  # each of them once, before anything else
        for headers in web.log.headers:
            assert headers["User-Agent"] == "imgbot/1.0 (+https://example.org)"
            assert headers["Host"] == web.authority
            assert headers.keys() == {"Host", "User-Agent", "Accept", "Accept-Encoding"}


def test_what_a_caller_asks_for() -> None:
    asked = {"Accept-Encoding": "gzip", "Authorization": "Bearer secret"}
    with site(a=to("/b"), b=whole(gzip.compress(b"page"), "Content-Encoding: gzip")) as web:
        assert client(web).fetch(web.url("/a"), accept="text/html", headers=asked).body == b"page"
        *files, first, second = web.log.headers
        hops = (first, second)
        for headers in files:
            assert headers["Accept"] == "*/*"
            assert "Authorization" not in headers
        for headers in hops:
            assert headers["Accept"] == "text/html"
            assert headers.items() >= asked.items()


def test_headers_go_to_the_origin_they_are_for_alone() -> None:
    with site(c=whole(JPEG)) as other, site(a=to(other.url("/c"))) as web:
        client(web, other).fetch(web.url("/a"), headers={"Authorization": "Bearer secret"})
        assert web.log.headers[-1]["Authorization"] == "Bearer secret"
        assert other.log.paths[-1] == "/c"
        assert "secret" not in str(other.log.headers)


@pytest.mark.parametrize(("limit", "too_large"), [(len(JPEG) - 1, True), (len(JPEG), False), (0, True)])
def test_a_caller_may_allow_more_or_less(limit: int, too_large: bool) -> None:
    with site(a=whole(JPEG)) as web, client(web, max_bytes=100) as asking:
        if too_large:
            with pytest.raises(FetchError, match="too_large"):
                asking.fetch(web.url("/a"), max_bytes=limit)
        else:
            assert asking.fetch(web.url("/a"), max_bytes=limit).body == JPEG


def test_a_caller_may_read_what_opts_out() -> None:
    with site(a=whole(JPEG, "X-Robots-Tag: noindex")) as web:
        assert failure(client(web), web.url("/a")).reason == Reason.OPTED_OUT
        assert client(web).fetch(web.url("/a"), opt_out=False).x_robots_tag == "noindex"


def test_what_is_kept() -> None:
    picture = whole(
        JPEG, "Content-Type: image/jpeg", 'ETag: "1"', "X-Robots-Tag: nofollow", "X-Robots-Tag: all",
        "TDM-Reservation: 0", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
    )  # fmt: skip
    with site(a=to("/b"), b=picture) as web:
        response = client(web).fetch(web.url("/a"))
        assert response.final_url == web.url("/b")
        assert (response.redirects, response.attempts, response.status) == (1, 2, 200)
        assert (response.content_type, response.etag) == ("image/jpeg", '"1"')
        assert response.last_modified == "Wed, 21 Oct 2015 07:28:00 GMT"
        assert response.x_robots_tag == "nofollow, all"
        assert (response.tdm_reservation, response.content_usage) == ("0", "")


def test_opt_outs_can_be_switched_off() -> None:
    with site(a=whole(JPEG, "X-Robots-Tag: noai")) as web:
        assert client(web, opt_outs=()).fetch(web.url("/a")).x_robots_tag == "noai"


# --- names and addresses --------------------------------------------------------------------------


class Names:
    """A name server: each question about a name gets the next of its answers, the last again and again."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        answers = self.answers.get(host.partition(".")[0])
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def test_an_unknown_name() -> None:
    error = failure(Client(CrawlConfig(), Lookup(Names())), "http://nowhere.test/a")
    assert str(error) == "dns_error: nowhere.test: name or service not known"


def test_a_name_is_connected_to_where_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "is_public", lambda address: str(address) == "127.0.0.77")
    with Web({}) as canary:
        port = canary.authority.partition(":")[2]
        names = Names(rebind=[["127.0.0.77"], ["127.0.0.1"]], many=[["127.0.0.77", "127.0.0.1"]])
        asking = Client(CrawlConfig(user_agent="t/1 (+x)", robots=False, host_interval=0), Lookup(names))
        assert failure(asking, f"http://rebind.test:{port}/a").reason == Reason.CONNECT_ERROR
        assert failure(asking, f"http://many.test:{port}/a").reason == Reason.BLOCKED_ADDRESS
        assert canary.log.paths == []
        assert names.asked == ["rebind.test", "many.test"]


def test_an_allowed_name_is_asked_by_its_name() -> None:
    with site(a=whole(JPEG)) as web:
        port = web.authority.partition(":")[2]
        names = Names(intern=[["127.0.0.1"]])
        asking = Client(CrawlConfig(allow_hosts=(f"intern.test:{port}",)), Lookup(names))
        assert asking.fetch(f"http://intern.test:{port}/a").body == JPEG
        assert web.log.headers[-1]["Host"] == f"intern.test:{port}"
        assert names.asked == ["intern.test"]  # once for robots.txt and the picture


def test_the_next_address_is_tried() -> None:
    with site(a=whole(JPEG)) as web:
        port = web.authority.partition(":")[2]
        names = Names(intern=[["127.0.0.77", "127.0.0.1"]])  # nobody listens on the first
        asking = Client(CrawlConfig(allow_hosts=(f"intern.test:{port}",)), Lookup(names))
        assert asking.fetch(f"http://intern.test:{port}/a").body == JPEG


def test_a_name_server_that_never_answers() -> None:
    with Web({}) as web:
        lookup = Lookup(lambda *_, **__: [()] * web.stopping.wait(30))
        error = failure(Client(CrawlConfig(timeout=0.2), lookup), "http://slow.test/a")
        assert error.reason == Reason.TIMEOUT


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_port_where_nobody_listens() -> None:
    authority = f"127.0.0.1:{unused_port()}"
    error = failure(Client(CrawlConfig(allow_hosts=(authority,))), f"http://{authority}/a?sig=secret")
    assert str(error) == f"connect_error: {authority}: connection refused"


def test_a_host_that_accepts_no_connection_is_not_tried_for_ever() -> None:
    authority = f"127.0.0.1:{unused_port()}"
    asking = Client(CrawlConfig(allow_hosts=(authority,), robots=False, opt_outs=(), connections_per_host=1))
    found = together(asking, [f"http://{authority}/{i}" for i in range(UNREACHED + 5)])
    details = Counter(str(error) for error in found)
    assert details == {
        f"connect_error: {authority}: connection refused": UNREACHED,
        f"connect_error: host is down: {UNREACHED} connections were not accepted": 5,
    }


def test_a_host_that_was_down_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    port = unused_port()
    authority, monotonic = f"127.0.0.1:{port}", time.monotonic
    knobs = {"robots": False, "opt_outs": (), "connections_per_host": 1, "retries": 0}
    with Client(CrawlConfig(allow_hosts=(authority,), **knobs)) as asking:  # type: ignore[arg-type]
        together(asking, [f"http://{authority}/{i}" for i in range(UNREACHED)])
        with socket.create_server(("127.0.0.1", port)) as listener:
            assert "host is down" in failure(asking, f"http://{authority}/a").detail
            monkeypatch.setattr(time, "monotonic", lambda: monotonic() + DOWN)
            threading.Thread(target=lambda: listener.accept()[0].close()).start()
            said = failure(asking, f"http://{authority}/a").detail
            assert "closed without an answer" in said or "reset" in said  # as the bytes under way have it


def test_a_host_that_accepts_and_then_loses_connections_is_not_down() -> None:
    with site(a=raw(RESET), b=whole(JPEG)) as web:
        asking = client(web, connections_per_host=1, retries=0)
        together(asking, [web.url("/a")] * (UNREACHED + 2))
        assert web.hits("/a") == UNREACHED + 2
        assert asking.fetch(web.url("/b")).body == JPEG


def test_strangers_are_asked_under_a_name_of_ones_own_alone() -> None:
    names = Names(public=[["93.184.215.14"]])
    with Client(CrawlConfig(timeout=1.0), Lookup(names)) as asking, pytest.raises(UserError) as caught:
        asking.fetch("http://public.test/a")
    assert str(caught.value).startswith("crawl.user_agent: set it to your own name")


def test_a_name_that_nobody_knows_is_asked_for_once() -> None:
    names = Names()
    asking = Client(CrawlConfig(), Lookup(names))
    found = together(asking, [f"http://nowhere.test/{i}" for i in range(10)])
    assert {str(error) for error in found} == {"dns_error: nowhere.test: name or service not known"}
    assert names.asked == ["nowhere.test"]


# --- the site's files -----------------------------------------------------------------------------

FORBIDDING = {
    "tdmrep_json": ("/.well-known/tdmrep.json", b'[{"location": "/", "tdm-reservation": 1}]'),
    "ai_txt": ("/ai.txt", b"User-Agent: *\nDisallow: /\n"),
    "content_signal": ("/robots.txt", b"User-agent: *\nContent-Signal: ai-train=no\n"),
    "content_usage": ("/robots.txt", b"User-agent: *\nContent-Usage: train-ai=n\n"),
}


@pytest.mark.parametrize("signal", FORBIDDING)
def test_what_a_site_says_of_all_its_images(signal: str) -> None:
    path, body = FORBIDDING[signal]
    with Web({path: Endpoint(whole(body), SUCCESS), "/a": Endpoint(whole(JPEG), SUCCESS)}) as web:
        assert failure(client(web), web.url("/a")).reason is Reason.OPTED_OUT
        assert web.hits("/a") == 0  # decided before it is asked for
        others = tuple(name for name in SIGNALS if name != signal)
        assert client(web, opt_outs=others).fetch(web.url("/a")).body == JPEG


def test_a_site_that_fails_to_say_consents_to_nothing() -> None:
    broken = Endpoint(whole(b"", status="500 Oops"), SUCCESS)
    pages = {
        "/a": Endpoint(whole(JPEG), SUCCESS),
        **{path: broken for path in FILES if path != "/robots.txt"},
    }
    with Web(pages) as web:
        assert failure(client(web), web.url("/a")).reason is Reason.WISHES_UNREADABLE
        assert web.hits("/a") == 0


@pytest.mark.parametrize("name", ["Content-Signal: search=yes, ai-train=no", "Content-Usage: train-ai=n"])
def test_a_header_of_preferences(name: str) -> None:
    with site(a=whole(JPEG, name)) as web:
        assert failure(client(web), web.url("/a")).reason is Reason.OPTED_OUT
        assert client(web, opt_outs=()).fetch(web.url("/a")).body == JPEG


def test_tls_where_none_is_spoken() -> None:
    with site(a=whole(JPEG)) as web:
        assert failure(client(web), f"https://{web.authority}/a").reason == Reason.TLS_ERROR


def test_many_slow_pages_end_by_their_deadlines() -> None:
    pages = {f"p{i}": forever(head("200 OK", "Content-Length: 9999"), b"x", 0.02) for i in range(20)}
    with site(None, **pages) as web:
        started = time.monotonic()
        found = together(
            client(web, timeout=0.5, connections_per_host=20), [web.url(f"/p{i}") for i in range(20)]
        )
        assert [each.reason for each in found if isinstance(each, FetchError)] == [Reason.TIMEOUT] * 20
        assert time.monotonic() - started < 3


# What a list writes, and what a browser sends for it.
SENT = {
    "/%3a/%C3%a9/%7e": "/%3a/%C3%a9/%7e",
    "/[1]|(2)'*;,=@&$+!": "/[1]|(2)'*;,=@&$+!",
    '/{1}^`"<>': "/%7B1%7D%5E%60%22%3C%3E",
    "/a b/é": "/a%20b/%C3%A9",
    "/a?X-Signature=%2b/[1]|{2}^'\\": "/a?X-Signature=%2b/[1]|{2}^%27\\",
    "/100%/%zz?%&a?": "/100%/%zz?%&a?",
    "/b/./%2e/../c\\d#e": "/c/d",
    "/f?": "/f?",
}


@pytest.mark.parametrize("hop", [False, True], ids=["list", "redirect"])
def test_the_path_that_is_sent_is_the_standards(hop: bool) -> None:
    """Whatever libcurl thinks of it: a server may sign the path as it was given out."""
    for path, sent in SENT.items():
        start = to(path.encode().decode("latin-1"))
        with site(whole(b""), start=start) as web, client(web, opt_outs=()) as crawler:
            asked = "/start" if hop else path
            assert failure(crawler, web.url(asked)).reason is Reason.HTTP_NOT_FOUND
            assert web.log.paths[-1] == sent == guard.parse(web.url(path)).path


@pytest.mark.parametrize(
    "path",
    ["/open/../closed/a", "/open/%2e%2E/closed/a", "/./closed/a", "/%63losed/a", "/open\\..\\closed/a"],
)
def test_no_spelling_of_a_closed_path_is_asked_for(path: str) -> None:
    closed = rules("Disallow: /closed/")
    with site(closed, start=to(path)) as web, client(web) as crawler:
        for asked in (path, "/start"):
            assert failure(crawler, web.url(asked)).reason is Reason.ROBOTS_DISALLOWED
        assert not [path for path in web.log.paths if "losed" in path]
