from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import candidate
from wit_pipeline.frontier import (
    WORST,
    FrontierConfig,
    Route,
    after,
    fetch_limit,
    host_id,
    host_of,
    judge,
    pack,
    unit_of,
    url_id,
)
from wit_pipeline.vocabulary.chance import SCALE, fingerprint
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.records import Candidate, Reason, Reject

HOSTS = st.dictionaries(st.from_regex(r"[a-z]{1,6}\.test", fullmatch=True), st.integers(1, 50), max_size=30)


@given(HOSTS, st.integers(1, 20), st.integers(0, 3))
def test_a_hosts_urls_stay_together_and_units_are_not_overfull(
    hosts: dict[str, int], unit_urls: int, seed: int
) -> None:
    config = FrontierConfig(unit_urls=unit_urls)
    shares = pack(hosts, config, seed)
    assert sorted(share.host for share in shares) == sorted(hosts)
    load: Counter[int] = Counter()
    owners: dict[int, set[str]] = {}
    for share in shares:
        assert share.units == max(1, -(-hosts[share.host] // unit_urls))
        for unit in range(share.first, share.first + share.units):
            load[unit] += hosts[share.host] if share.units == 1 else 0
            owners.setdefault(unit, set()).add(share.host)
    assert all(urls <= unit_urls for urls in load.values())
    assert sorted(owners) == list(range(len(owners)))  # no unit is left out
    large = {share.host for share in shares if share.units > 1}
    assert all(owners[unit] == {host} for unit in owners for host in owners[unit] & large)


@given(HOSTS)
def test_the_order_in_which_hosts_come_does_not_matter(hosts: dict[str, int]) -> None:
    config = FrontierConfig(unit_urls=7)
    assert pack(hosts, config, 0) == pack(dict(reversed(hosts.items())), config, 0)


def test_a_url_of_a_large_host_goes_to_one_of_its_units() -> None:
    (share,) = pack({"a.test": 30}, FrontierConfig(unit_urls=10), 0)
    units = Counter(unit_of(f"http://a.test/{i}", share, 0) for i in range(3000))
    assert sorted(units) == [0, 1, 2]
    assert all(900 < count < 1100 for count in units.values())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://A.test/x", "a.test"),
        ("https://a.test:8080/x", "a.test:8080"),
        ("http://user:pw@a.test/", "a.test"),
        ("http://a.test:80/x", "a.test"),
        ("https://a.test:443", "a.test"),
        ("https://a.test:80/", "a.test:80"),
        ("http://A.test./x", "a.test"),
        ("http://faß.de/", "xn--fa-hia.de"),
        ("http://xn--fa-hia.de/", "xn--fa-hia.de"),
        ("http://a_b.test/", "a_b.test"),
    ],
)
def test_host(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_candidate_is_kept_dropped_as_a_duplicate_or_for_balance() -> None:
    first, second, third = (candidate(f"http://a.test/{i}", queries=(i,)) for i in range(3))
    found = list(judge(enumerate([first, second, third]), {1: "0/4"}, {2: 0}, seed=0))
    assert isinstance(found[0], Candidate)
    assert [(item.reason, item.detail) for item in found[1:] if isinstance(item, Reject)] == [
        (Reason.DUPLICATE_PAIR, "kept at 0/4"),
        (Reason.OVER_SAMPLED, "each of its queries has enough candidates"),
    ]


@pytest.mark.parametrize(("count", "share"), [(100, 1.0), (200, 1.0), (400, 0.5)])
def test_more_is_fetched_than_is_wanted(count: int, share: float) -> None:
    config = FrontierConfig(expected_success=0.5)
    assert fetch_limit(count, 100, config) == int(SCALE * share)


@pytest.mark.parametrize("fields", [{"unit_urls": 0}, {"expected_success": 0.0}, {"expected_success": 1.1}])
def test_nonsense_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="found"):
        FrontierConfig(**fields)  # type: ignore[arg-type]


@given(HOSTS, st.integers(1, 20), st.integers(0, 3))
def test_urls_are_routed_together_as_they_are_one_by_one(
    hosts: dict[str, int], unit_urls: int, seed: int
) -> None:
    urls = [f"http://{host}/{i}" for host, count in hosts.items() for i in range(count)]
    counts = {host_id(f"http://{host}/"): count for host, count in hosts.items()}
    shares = pack(counts, FrontierConfig(unit_urls=unit_urls), seed)
    by_host = {share.host: share for share in shares}
    route = Route(shares, seed)
    assert route.of(urls).tolist() == [unit_of(url, by_host[host_id(url)], seed) for url in urls]
    assert route.units == max((share.first + share.units for share in shares), default=0)


@pytest.mark.parametrize(
    ("crawls", "success"),
    [
        ([], 0.7),
        ([(100, 30)], 0.3),
        ([(100, 30), (300, 270)], 0.75),
        ([(100, 5)], WORST),
        ([(100, 4)], WORST),
        ([(0, 0)], WORST),
        ([(100, 6)], 0.06),
    ],
)
def test_what_was_measured_stands_for_what_was_expected(
    crawls: list[tuple[int, int]], success: float
) -> None:
    counts = [Counts(read=read, kept=kept, rejected={"timeout": read - kept}) for read, kept in crawls]
    assert after(counts, FrontierConfig()).expected_success == success


def test_the_knobs_of_an_empty_recipe_and_their_ends() -> None:
    assert FrontierConfig() == FrontierConfig(unit_urls=2000, expected_success=0.7, measured=())
    assert fetch_limit(2, 1, FrontierConfig(unit_urls=1, expected_success=1)) == SCALE // 2


def test_ids_are_16_digits_of_a_fingerprint() -> None:
    assert host_id("http://u@A.test/x") == fingerprint("a.test")[:16] == "7dcaacabcf5b74eb"
    assert (
        url_id("http://A.test/x")
        == fingerprint("http://A.test/x")[:24]
        == "dc341248da431b15" + fingerprint("http://A.test/x")[16:24]
    )
