import json
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.crawl import accounts
from wit_pipeline.crawl.accounts import Class, Classes, Host, Hosts, Outcome, check, together
from wit_pipeline.frontier import host_of
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import SUCCESS


def outcome(url: str, status: str = SUCCESS, message: str = "", size: int = 0, attempts: int = 1) -> Outcome:
    return Outcome(url=url, status=status, error_message=message, attempts=attempts, bytes_fetched=size)


def hosts_of(units: Sequence[Sequence[Outcome]]) -> Iterator[Host]:
    hosts = Hosts()
    for unit in units:
        yield from hosts.unit(unit)
    yield from hosts.rest()


def test_the_sums_of_a_host_and_of_a_status() -> None:
    unit = [
        outcome("http://b.test/1", size=100, attempts=2),
        outcome("http://a.test:81/1", "timeout", "read"),
        outcome("http://b.test/2", "timeout", "connect", attempts=3),
        outcome("http://b.test/3", "timeout", "read"),
    ]
    hosts = Hosts()
    assert list(hosts.unit(unit, {"http://b.test/1": 1.5, "http://b.test/2": 0.25})) == []
    one, other = hosts.rest()
    assert (one.host, one.urls, one.success, one.seconds) == ("a.test:81", 1, 0, 0.0)
    assert other == Host(
        host="b.test",
        urls=3,
        success=1,
        statuses=("timeout", SUCCESS),
        counts=(2, 1),
        bytes=100,
        attempts=6,
        seconds=1.75,
    )
    classes = Classes()
    classes.unit(unit, {item.url: 2 for item in unit})
    assert list(classes.rows()) == [
        Class(
            status="timeout",
            urls=3,
            candidates=6,
            bytes=0,
            attempts=5,
            messages=("read", "connect"),
            counts=(2, 1),
            passing=3,
        ),
        Class(status=SUCCESS, urls=1, candidates=2, bytes=100, attempts=2, messages=(), counts=()),
    ]


UNITS = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([SUCCESS, "timeout", "empty"])), max_size=8),
    max_size=5,
)


@given(UNITS, st.integers(1, 4), st.integers(1, 3))
def test_hosts_come_once_and_add_up(units: list[list[tuple[str, str]]], large: int, width: int) -> None:
    """Each unit has hosts of its own; a large one follows in units of its own."""
    packed = [
        [outcome(f"http://{host}{number}.test/{i}", status) for i, (host, status) in enumerate(unit)]
        for number, unit in enumerate(units)
    ]
    packed += [[outcome(f"http://large.test/{number}")] for number in range(large)]
    rows = list(hosts_of(packed))
    names = [row.host for row in rows]
    assert len(names) == len(set(names))
    wanted = Counter(host_of(item.url) for unit in packed for item in unit)
    assert {row.host: row.urls for row in rows} == wanted
    assert all(row.urls == sum(row.counts) for row in rows)
    classes = Classes()
    for unit in packed:
        classes.unit(unit, Counter(item.url for item in unit))
    assert sum(row.urls for row in classes.rows()) == classes.urls == wanted.total()
    apart, told = Classes(), list[Host]()  # `width` units at a time, as workers tell them
    for some in (packed[first : first + width] for first in range(0, len(packed), width)):
        part = Classes()
        for unit in some:
            part.unit(unit, Counter(item.url for item in unit))
        apart.add(json.loads(json.dumps(part.told())))
        told += hosts_of(some)
    assert list(apart.rows()) == list(classes.rows())
    assert list(together(lambda: told)) == rows


def test_a_host_is_given_out_once_a_unit_goes_by_without_it() -> None:
    hosts = Hosts()
    assert list(hosts.unit([outcome("http://a.test/1")])) == []
    assert list(hosts.unit([outcome("http://a.test/2")])) == []
    assert [row.urls for row in hosts.unit([outcome("http://b.test/1")])] == [2]
    assert [row.host for row in hosts.rest()] == ["b.test"]


def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "DISTINCT", 2)
    classes = Classes()
    unit = [outcome(f"http://a.test/{i}", "timeout", f"message {min(i, 3)}") for i in range(6)]
    classes.unit(unit, {item.url: 1 for item in unit})
    (row,) = classes.rows()
    assert (row.urls, row.messages, row.counts) == (6, ("message 0", "message 1"), (1, 1))
    classes.unit([outcome("http://a.test/x", "empty", "x" * 500)], {"http://a.test/x": 1})
    assert [len(row.messages[0]) for row in classes.rows()] == [9, accounts.CHARACTERS]


A, B = outcome("http://a.test/1"), outcome("http://b.test/1")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([A], "unit 000007: of 2 URLs 1 have no status; the first is http://b"),
        ([outcome("http://c.test/1")], "of 2 URLs 2 have no status; the first is http://a"),
    ],
)
def test_every_url_that_is_wanted_has_a_status(told: list[Outcome], message: str) -> None:
    wanted = {A.url: 2, B.url: 1}
    check(7, [A, B], wanted)
    check(7, [A, B, outcome("http://c.test/1")], wanted)  # of a round whose candidates are gone
    with pytest.raises(RunError, match=message):
        check(7, told, wanted)
