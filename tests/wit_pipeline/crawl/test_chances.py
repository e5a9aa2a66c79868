"""When a URL is asked for again, by made tables."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.crawl.chances import MOST, Due, Said, Wants, due, lanes
from wit_pipeline.crawl.crawl import Timed
from wit_pipeline.vocabulary.records import SUCCESS

DAY = datetime(2026, 11, 30, tzinfo=UTC)


def asking(
    statuses: Mapping[str, tuple[str, int]], hours: float, not_before: float | None = None
) -> tuple[list[Said], list[Timed]]:
    """A table of (status, HTTP status) by path, and its times: in hours after midnight."""
    answers = [
        Said(url=f"http://{path}", status=status, http_status=code, error_message="")
        for path, (status, code) in statuses.items()
    ]
    until = "" if not_before is None else at(not_before).isoformat(timespec="milliseconds")
    when = at(hours).isoformat(timespec="milliseconds")
    times = [Timed(url=item.url, fetched_at=when, seconds=0.0, not_before=until) for item in answers]
    return answers, times


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


PAUSED, LATE, GONE, GOOD = ("host_paused", 0), ("timeout", 0), ("http_not_found", 404), (SUCCESS, 200)


def test_in_a_build_those_that_were_parked_in_it_are_waited_for_and_nobody_else() -> None:
    unit = asking({"a.test/1": PAUSED, "b.test/1": LATE, "c.test/1": GONE, "d.test/1": GOOD}, 2, 3)
    assert due([unit], Wants(began=at(1))) == {"http://a.test/1": Due(at(3), parked=True)}
    assert due([unit], Wants(began=at(2.5))) == {}  # an earlier one, and it was signed


def test_again_asks_for_what_is_passing_a_day_later_and_three_times_at_most() -> None:
    tables = [asking({"a.test/1": LATE, "b.test/1": PAUSED, "c.test/1": GONE}, 2)]
    again = Wants(began=at(200), again=True, again_after=86_400)
    for times in range(1, MOST + 1):
        found = due(tables, again)
        if times == MOST:
            assert found == {"http://b.test/1": Due(at(26), parked=False)}  # it was never asked
        else:
            latest = at(2 + 24 * times)
            assert found["http://a.test/1"] == Due(latest, parked=False)
            tables.append(asking({"a.test/1": LATE}, 2 + 24 * times))


def test_no_url_of_a_host_is_asked_before_the_latest_moment_that_it_named() -> None:
    tables = [
        asking({"a.test/1": ("http_error", 503), "b.test/1": LATE}, 2),
        asking({"a.test/2": PAUSED}, 2, 99),
    ]
    again = due(tables, Wants(began=at(200), again=True, again_after=3600))
    assert {url: item.moment for url, item in again.items()} == {
        "http://a.test/1": at(99),
        "http://a.test/2": at(99),
        "http://b.test/1": at(3),
    }


def test_after_an_outage_all_that_is_passing_is_asked_at_once_by_running_again() -> None:
    tables = [asking({"a.test/1": LATE, "b.test/1": GONE}, 2), asking({"c.test/1": ("dns_error", 0)}, 2)]
    assert due(tables, Wants(began=at(3), outage=True)) == {"http://a.test/1": Due(at(2), parked=False)}
    assert due([*tables, asking({"a.test/1": LATE}, 4)], Wants(began=at(3), outage=True)) == {}


def test_a_host_that_only_ever_asks_for_pauses_is_given_up_and_one_that_answers_now_and_then_is_not() -> None:
    paused, some = asking({"a.test/1": PAUSED}, 2, 3), asking({"a.test/1": PAUSED, "a.test/2": GOOD}, 2, 3)
    wants = Wants(began=at(1))
    assert due([paused, paused], wants)
    assert not due([paused, paused, paused], wants)
    assert due([paused, paused, some], wants)


def test_what_is_stored_is_not_asked_for_because_a_later_answer_was_none() -> None:
    assert (
        due([asking({"a.test/1": GOOD}, 2), asking({"a.test/1": LATE}, 3)], Wants(began=at(9), again=True))
        == {}
    )


def test_pictures_age_from_when_they_were_asked_for_last_and_those_taken_down_do_not() -> None:
    """A picture that the build asked for itself is young, and one that it parked is waited for."""
    names = {f"a.test/{number}": GOOD for number in range(5)}
    gone = ("http_not_found", 410)
    later = asking({"a.test/1": GONE, "a.test/2": gone, "a.test/3": PAUSED, "a.test/4": GOOD}, 48)
    after = [asking(names, 2), later]
    assert due(after, Wants(began=at(100))) == {}
    assert due(after, Wants(began=at(100), max_age=24 * 3600)) == {
        "http://a.test/0": Due(at(26), parked=False, aged=True),
        **{f"http://a.test/{n}": Due(at(72), parked=False, aged=True) for n in (1, 3, 4)},
    }
    found = due(after, Wants(began=at(40), max_age=24 * 3600))
    assert found == {
        "http://a.test/0": Due(at(26), parked=False, aged=True),
        "http://a.test/3": Due(at(48), parked=True, aged=True),
    }


HOSTS = st.sets(st.sampled_from("abcdefgh"), max_size=3)


@given(st.lists(st.tuples(HOSTS, st.sampled_from(["", "", "large", "larger"])), max_size=12))
def test_units_that_share_a_host_or_a_lane_are_one_lane_and_no_others(
    units: list[tuple[set[str], str]],
) -> None:
    found = lanes([hosts for hosts, _ in units], [name for _, name in units])
    reached = [{number} for number in range(len(units))]  # all pairs, until nothing is added
    for _ in units:
        for mine, (hosts, name) in zip(reached, units, strict=True):
            others = [units[number] for number in mine]
            mine |= {
                number
                for number, (theirs, other) in enumerate(units)
                if any(
                    theirs & some or (other and other == called) for some, called in [*others, (hosts, name)]
                )
            }
    for number, mine in enumerate(reached):
        together = {other for other, lane in enumerate(found) if lane and lane == found[number]} | {number}
        assert together == mine
        assert found[number] or len(mine) == 1
