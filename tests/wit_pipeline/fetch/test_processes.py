"""Four processes and one server: what politeness promises holds for all of them together, in its log."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.web import JPEG, Answer, Endpoint, Visit, Web, at_visit, whole
from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.fetch.sites import FILES
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason

PROCESSES = 4
CRAWLER = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

def status(url):
    try:
        return client.fetch(url).status
    except FetchError as error:
        return str(error.reason)

folder, authority, urls = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
with Client(CrawlConfig(allow_hosts=(authority,), timeout=10.0), folder=folder) as client:
    with ThreadPoolExecutor(20) as pool:
        print(json.dumps(list(pool.map(status, urls))))
"""


def crawl(folder: Path, web: Web, shares: list[list[str]]) -> list[list[int | str]]:
    """What comes of each process's share of the paths."""
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                CRAWLER,
                str(folder),
                web.authority,
                json.dumps(list(map(web.url, share))),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    return [json.loads(process.communicate(timeout=60)[0]) for process in started]


def site(answer: Answer, robots: bytes = b"", paths: Iterable[str] = ()) -> Web:
    pages = {path: Endpoint(answer, SUCCESS) for path in paths}
    return Web({**pages, "/robots.txt": Endpoint(whole(b"User-agent: *\n" + robots), SUCCESS)})


def shares(count: int) -> list[list[str]]:
    return [[f"/{process}/{i}.jpg" for i in range(count)] for process in range(PROCESSES)]


def test_no_host_sees_more_connections_than_promised(tmp_path: Path) -> None:
    lock, now, peak = threading.Lock(), 0, 0

    def slow(visit: Visit) -> Iterable[bytes]:
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        visit.pause(0.02)
        with lock:
            now -= 1
        return whole(JPEG)(visit)

    wanted = shares(15)
    with site(slow, paths=itertools.chain(*wanted)) as web:
        assert crawl(tmp_path, web, wanted) == [[200] * 15] * PROCESSES
        hits = Counter(web.log.paths)
    assert peak == 2
    assert set(hits.values()) == {1}  # each picture, and each of the site's files, was asked for once


def test_a_crawl_delay_is_kept_by_all(tmp_path: Path) -> None:
    wanted = shares(3)
    with site(whole(JPEG), b"Crawl-delay: 0.2\n", itertools.chain(*wanted)) as web:
        assert crawl(tmp_path, web, wanted) == [[200] * 3] * PROCESSES
        gaps = [later - sooner for sooner, later in itertools.pairwise(web.log.times)]
        assert len(gaps) == len(FILES) + 3 * PROCESSES - 1
    assert min(gaps) >= 0.2  # from the end of one to the start of the next, so no jitter makes it less


def test_a_host_that_wants_a_pause_gets_it_from_all(tmp_path: Path) -> None:
    busy = whole(b"", "Retry-After: 1", status="429 Slow down")
    wanted = shares(4)
    with site(at_visit(2, busy, whole(JPEG)), paths=itertools.chain(*wanted)) as web:
        refused = web.endpoints["/0/0.jpg"]
        web.endpoints |= {path: Endpoint(whole(JPEG), SUCCESS) for path in itertools.chain(*wanted)}
        web.endpoints["/0/0.jpg"] = refused
        assert crawl(tmp_path, web, [["/0/0.jpg"]]) == [[200]]
        assert crawl(tmp_path, web, wanted[1:]) == [[200] * 4] * (PROCESSES - 1)
        at = web.log.paths.index("/0/0.jpg")
        assert web.log.times[at + 1] - web.log.times[at] >= 1.0


def test_a_cold_host_is_asked_for_its_rules_once_and_first(tmp_path: Path) -> None:
    def rules(visit: Visit) -> Iterable[bytes]:
        visit.pause(0.5)
        return whole(b"User-agent: *\nDisallow: /no\n")(visit)

    paths = [f"/{'no' if i % 2 else 'yes'}/{i}" for i in range(50)]
    with site(whole(JPEG), paths=paths) as web:
        web.endpoints["/robots.txt"] = Endpoint(rules, SUCCESS)
        found = crawl(tmp_path, web, [paths[process::PROCESSES] for process in range(PROCESSES)])
        assert Counter(itertools.chain(*found)) == {200: 25, "robots_disallowed": 25}
        assert web.log.paths[0] == "/robots.txt"
        assert web.hits("/robots.txt") == 1
        assert not [path for path in web.log.paths if path.startswith("/no")]


def test_a_later_run_remembers_the_rules(tmp_path: Path) -> None:
    with site(whole(JPEG), b"Disallow: /no", ["/a"]) as web:
        config = CrawlConfig(allow_hosts=(web.authority,))
        for _ in range(2):
            with Client(config, folder=tmp_path) as client:
                assert client.fetch(web.url("/a")).body == JPEG
                with pytest.raises(FetchError, match="disallows"):
                    client.fetch(web.url("/no"))
        assert [web.hits(path) for path in FILES] == [1, 1, 1]


def test_a_later_run_remembers_that_there_were_none(tmp_path: Path) -> None:
    with site(whole(JPEG), paths=["/a"]) as web:
        web.endpoints["/robots.txt"] = Endpoint(whole(b"", status="500 Oops"), SUCCESS)
        for _ in range(2):
            with Client(CrawlConfig(allow_hosts=(web.authority,)), folder=tmp_path) as client:
                with pytest.raises(FetchError) as caught:
                    client.fetch(web.url("/a"))
                assert caught.value.reason is Reason.ROBOTS_UNREACHABLE
        assert web.hits("/robots.txt") == 3  # and twice again, as 500 may pass


@pytest.mark.parametrize("rules", [True, False])
def test_a_later_client_remembers_that_a_host_wants_a_pause(rules: bool, tmp_path: Path) -> None:
    """Whether it said so of a picture or of its rules: in another unit, or another process."""
    busy = Endpoint(whole(b"", "Retry-After: 90", status="503 Busy"), SUCCESS)
    with site(whole(JPEG), paths=["/a", "/b"]) as web:
        web.endpoints["/robots.txt" if rules else "/a"] = busy
        for path in ("/a", "/b"):
            with Client(CrawlConfig(allow_hosts=(web.authority,)), folder=tmp_path) as client:
                with pytest.raises(FetchError) as caught:
                    client.fetch(web.url(path))
                assert caught.value.reason is Reason.HOST_PAUSED
                assert 80 < caught.value.not_before - time.time() <= 90
        assert (web.hits("/a"), web.hits("/b")) == (0 if rules else 1, 0)
        assert web.hits("/robots.txt") == 1


def test_a_throttled_host_is_fetched_whole(tmp_path: Path) -> None:
    """A server that takes some 8 requests a second: all are fetched, and few are refused."""
    lock, tokens, last, refused = threading.Lock(), 2.0, 0.0, 0

    def throttled(visit: Visit) -> Iterable[bytes]:
        nonlocal tokens, last, refused
        with lock:
            now = web.log.times[-1]
            tokens, last = min(2.0, tokens + 8 * (now - last)), now
            if tokens < 1:
                refused += 1
                return whole(b"", status="429 Slow down")(visit)
            tokens -= 1
        return whole(JPEG)(visit)

    paths = [f"/{i}" for i in range(60)]
    with site(throttled, paths=paths) as web:
        config = CrawlConfig(allow_hosts=(web.authority,), backoff=0.1)
        with Client(config, folder=tmp_path) as client, ThreadPoolExecutor(20) as pool:
            assert all(response.body == JPEG for response in pool.map(client.fetch, map(web.url, paths)))
    assert 0 < refused < 0.2 * (len(paths) + refused)
