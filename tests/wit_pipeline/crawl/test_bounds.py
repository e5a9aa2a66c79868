"""What a host may take, by the draws and by the server's own log."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import candidate, encoded, photograph
from tests.web import Endpoint, Web, whole
from tests.wit_pipeline.crawl.test_crawl import decode_here
from wit_pipeline.crawl.bounds import ENOUGH, Bounds, Lane
from wit_pipeline.crawl.crawl import Fetched, Supply, crawl
from wit_pipeline.crawl.finality import would_pass
from wit_pipeline.fetch.client import Client
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import Asking
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason

URLS = [f"http://a.test/{number}.jpg" for number in range(100)]


def asked(bounds: Bounds, interval: float, urls: list[str] = URLS) -> set[str]:
    return {url for url in urls if not bounds.refusal(url, interval)}


@pytest.mark.parametrize(
    ("hours", "urls", "interval", "left"),
    [
        (0.0, 0, 30.0, 100),
        (1.0, 0, 0.0, 100),  # nothing is known of its pace
        (1.0, 0, 36.0, 100),  # a hundred times 36 s are an hour
        (1.0, 0, 37.0, 97),
        (0.5, 0, 36.0, 50),
        (0.0, 99, 0.0, 99),
        (0.0, 100, 30.0, 100),
        (1.0, 10, 72.0, 10),
    ],
)
def test_both_sides_of_each_bound(hours: float, urls: int, interval: float, left: int) -> None:
    config = CrawlConfig(host_hours=hours, host_urls=urls)
    assert len(asked(Bounds(URLS, config, 0), interval)) == left


def test_each_host_has_its_own_and_a_higher_bound_leaves_out_no_other_url() -> None:
    others = [f"http://b.test/{number}.jpg" for number in range(5)]
    both = Bounds([*URLS, *others], CrawlConfig(host_urls=10), 0)
    assert asked(both, 0.0) == asked(Bounds(URLS, CrawlConfig(host_urls=10), 0), 0.0)
    assert asked(both, 0.0, others) == set(others)
    assert asked(both, 0.0) < asked(Bounds(URLS, CrawlConfig(host_urls=20), 0), 0.0)
    assert asked(both, 0.0) != asked(Bounds(URLS, CrawlConfig(host_urls=10), 1), 0.0)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 100))
def test_the_units_of_a_lane_share_what_their_host_may_take(sizes: list[int], most: int) -> None:
    whole_, before, found = sum(sizes), 0, 0
    for size in sizes:
        urls = [f"http://a.test/{number}" for number in range(before, before + size)]
        lane = Lane(before=before, urls=whole_)
        found += len(asked(Bounds(urls, CrawlConfig(host_urls=most), 0, lane), 0.0, urls))
        before += size
    assert found == min(most, whole_)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.integers(1, 100),
    st.sampled_from([0.0, 0.02, 1.5]),
    st.sampled_from([0.1, 1.0, 7.3]),
)
def test_what_is_left_out_is_told_which_bound_would_be_enough(
    sizes: list[int], most: int, hours: float, interval: float
) -> None:
    """With that it is asked for, whatever unit of its host it is in; with what is there now it is not."""
    config, whole_, before = CrawlConfig(host_urls=most, host_hours=hours), sum(sizes), 0
    for size in sizes:
        urls = [f"http://a.test/{number}" for number in range(before, before + size)]
        lane = Lane(before=before, urls=whole_)
        bounds = Bounds(urls, config, 0, lane)
        for url in urls:
            said, now = bounds.refusal(url, interval), config
            for _ in range(2):  # once for each of the bounds
                if not said:
                    break
                assert not would_pass("host_too_slow", said, now)
                key, enough = ENOUGH.findall(said)[0]
                one = {"host_urls": int(enough)} if key == "host_urls" else {"host_hours": float(enough)}
                now = replace(now, **one)
                assert would_pass("host_too_slow", said, now)
                said = Bounds(urls, now, 0, lane).refusal(url, interval)
            assert said == ""
        before += size


def test_a_host_whose_rules_make_it_slow_is_not_asked_beyond_the_bound(tmp_path: Path) -> None:
    """Its crawl-delay is known from its robots.txt alone, which is read before any picture is."""
    body = encoded(photograph(1, (160, 120)))
    slow = {f"/{number}.jpg": Endpoint(whole(body), SUCCESS) for number in range(20)}
    rules = {"/robots.txt": Endpoint(whole(b"User-agent: *\nCrawl-delay: 0.1"), SUCCESS)}
    with Web({**slow, **rules}) as web, Web(slow) as fast:
        config = CrawlConfig(allow_hosts=(web.authority, fast.authority), host_hours=0.5 / 3600)
        wanted = [candidate(site.url(path)) for site in (web, fast) for path in slow]
        bounds = Bounds((item.url for item in wanted), config, 0)
        with Client(config) as client:
            supply = Supply(client=client, decode=decode_here, bounds=bounds)
            counts, _ = crawl(wanted, supply, folder=tmp_path, which=Asking(1), seed=0)
        pictures = [path for path in web.log.paths if path.endswith(".jpg")]
        assert (len(pictures), counts.kept, dict(counts.rejected)) == (5, 25, {"host_too_slow": 15})
    left = [item for item in rows.read(tmp_path / "unit-000001.parquet", Fetched) if item.status != SUCCESS]
    assert {(item.status, item.attempts) for item in left} == {(Reason.HOST_TOO_SLOW, 0)}
