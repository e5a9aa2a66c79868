"""What processes take of a host that others ask too, and know nothing of."""

import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web import JPEG, Answer, Endpoint, Visit, Web, to, whole
from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.fetch.polite import Share
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS

TOOK = 0.1  # seconds of an answer


@pytest.mark.parametrize(
    ("processes", "connections", "took", "interval", "delay", "rest"),
    [
        (4, 2, 1.0, 0.0, 0.0, 1.0),  # half of the time, each of four: two connections
        (4, 1, 1.0, 0.0, 0.0, 3.0),
        (2, 2, 1.0, 0.0, 0.0, 0.0),
        (2, 8, 1.0, 0.0, 0.0, 0.0),
        (4, 2, 0.0, 0.1, 0.0, 0.4),
        (4, 2, 0.3, 0.1, 0.0, 0.3),  # starts are apart, so what it took counts
        (4, 2, 0.0, 0.1, 5.0, 20.0),
        (4, 2, 9.0, 0.1, 5.0, 20.0),  # from the end, so what it took does not
    ],
)
def test_a_rest(
    processes: int, connections: int, took: float, interval: float, delay: float, rest: float
) -> None:
    share = Share(processes=processes, connections=connections)
    assert share.rest(took, interval, delay) == pytest.approx(rest)


seconds = st.floats(0.0, 1000.0)


@given(st.integers(1, 10_000), st.integers(1, 64), st.floats(0.001, 1000.0), seconds, seconds)
def test_all_together_take_what_one_may(
    processes: int, connections: int, took: float, interval: float, delay: float
) -> None:
    rest = Share(processes=processes, connections=connections).rest(took, interval, delay)
    assert rest >= 0
    assert processes * took / (took + rest) <= connections * 1.000001 or processes <= connections
    assert took + rest >= processes * interval * 0.999999
    assert rest >= processes * delay


def slowly(visit: Visit) -> Iterable[bytes]:
    visit.pause(TOOK)
    return whole(JPEG)(visit)


def two_at_once() -> Answer:
    """Answers nobody who comes alone."""
    pair = threading.Barrier(2, timeout=30)

    def answer(visit: Visit) -> Iterable[bytes]:
        pair.wait()
        return whole(JPEG)(visit)

    return answer


def webs(answer: Answer) -> tuple[Web, Web]:
    """A host, and another one that its pages lead to."""
    target = Web({f"/{i}": Endpoint(answer, SUCCESS) for i in range(4)})
    return Web({f"/{i}": Endpoint(to(target.url(f"/{i}")), SUCCESS) for i in range(4)}), target


def ask(client: Client, web: Web) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(answer.body == JPEG for answer in pool.map(client.fetch, map(web.url, web.endpoints)))


def asking(*webs: Web, processes: int, delay: bool = False) -> Client:
    allowed = tuple(web.authority for web in webs)
    return Client(CrawlConfig(allow_hosts=allowed, robots=delay, opt_outs=()), processes=processes)


def test_a_host_is_owned_by_one_unit_and_visited_by_another() -> None:
    web, target = webs(two_at_once())
    with web, target, asking(web, target, processes=6) as client:
        client.owns([web.url("/"), target.url("/")])
        ask(client, web)  # over two connections, as always
        target.endpoints = {path: Endpoint(slowly, SUCCESS) for path in target.endpoints}
        target.log.spans.clear()
        client.owns([web.url("/"), "no address"])
        ask(client, web)
        assert len(target.log.rests) == 3
        assert min(target.log.rests) >= TOOK * (6 / 2 - 1)  # a connection, a third of the time


def test_a_process_alone_is_nowhere_a_guest() -> None:
    web, target = webs(two_at_once())
    with web, target, asking(web, target, processes=1) as client:
        client.owns([web.url("/")])
        ask(client, web)


def test_a_guest_waits_for_the_crawl_delay_of_all_after_the_rules_too() -> None:
    web, target = webs(whole(JPEG))
    delay = Endpoint(whole(b"User-agent: *\nCrawl-delay: 0.1\n"), SUCCESS)
    with web, target, asking(web, target, processes=3, delay=True) as client:
        target.endpoints["/robots.txt"] = delay
        client.owns([web.url("/")])
        ask(client, web)
        assert len(target.log.rests) == 4
        assert min(target.log.rests) >= 0.3


def test_a_host_that_is_down_is_not_waited_for_by_guests() -> None:
    """A connection that was not accepted took nothing of the host."""
    with Web({}) as gone:
        pass
    web = Web({f"/{i}": Endpoint(to(gone.url(f"/{i}")), SUCCESS) for i in range(20)})
    with web, asking(web, gone, processes=100_000) as client, ThreadPoolExecutor(20) as pool:
        client.owns([web.url("/")])
        told = Counter(map(str, pool.map(lambda path: _said(client, web.url(path)), web.endpoints)))
    assert told.total() == 20
    assert sum(count for said, count in told.items() if "host is down" in said) >= 10


def _said(client: Client, url: str) -> str:
    try:
        client.fetch(url)
    except FetchError as error:
        return str(error)
    return "an answer"
