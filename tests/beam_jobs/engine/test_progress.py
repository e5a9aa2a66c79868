import io
import json
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from beam_jobs.engine import progress
from beam_jobs.engine.progress import Display, Event, JsonLines, Pulse, rates, send_to, tell

STEP = {"event": "step", "stage": "crawl", "step": "Fetch", "units": 4, "done": 1}
STAGE = {
    "event": "stage",
    "stage": "crawl",
    "read": 3000,
    "kept": 2000,
    "rejected": {"timeout": 1, "http_error": 999},
    "digest": "d",
    "seconds": 1.25,
}


def clock(*seconds: float) -> Callable[[], float]:
    """A clock that shows these times, one a look."""
    times: Iterator[float] = iter(seconds)
    return lambda: next(times)


def shown(events: list[Event], *seconds: float, terminal: bool = False, width: int = 100) -> str:
    out = io.StringIO()
    display = Display(Console(file=out, force_terminal=terminal, width=width), clock(*seconds))
    for event in events:
        display(event)
    display.close()
    return out.getvalue()


def test_a_finished_stage_is_one_line_with_its_reasons() -> None:
    line = "   crawl      3,000 read     2,000 kept     1.2 s  (999 http_error, 1 timeout)\n"
    assert shown([STAGE]) == line


@pytest.mark.parametrize(("later", "lines"), [(9.9, 0), (10.0, 1)])
def test_without_a_terminal_a_line_every_ten_seconds(later: float, lines: int) -> None:
    found = shown([STEP, {"event": "records", "count": 25}], 0.0, later, later)
    assert found == "   crawl  Fetch: 1 of 4 units, 25 records\n" * lines


def test_a_terminal_shows_the_units() -> None:
    found = shown([STEP, {"event": "unit", "unit": "u"}], 0.0, 5.0, 5.0, terminal=True)
    assert "crawl Fetch" in found


def test_notes_and_skipped_stages() -> None:
    found = shown(
        [{"event": "note", "text": "[bold] as it is"}, {"event": "skip", "stage": "shard", "digest": "d"}]
    )
    assert found.splitlines() == [
        "[bold] as it is",
        "   shard  nothing to do: signed for this recipe and input",
    ]


def test_json_is_one_object_a_line_and_not_one_a_record() -> None:
    out = io.StringIO()
    lines = JsonLines(out, clock(0.0, *[0.5] * 100, 1.5, 1.5))
    lines(STEP)
    for _ in range(101):
        lines({"event": "records", "count": 1})
    lines(STAGE)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["step", "progress", "stage"]
    assert (events[1]["records"], events[1]["done"], events[1]["units"]) == (101, 1, 4)


def test_nobody_need_listen() -> None:
    heard: list[Event] = []
    send_to(heard.append)
    tell("unit", unit="u")
    send_to(None)
    tell("unit", unit="v")
    assert heard == [{"event": "unit", "unit": "u"}]


FETCH = {**STEP, "expected": 1000}
TOLD: list[Event] = [
    {"event": "records", "count": 60, "bytes": 4_000_000, "statuses": {"success": 50, "timeout": 10}},
    {"event": "records", "count": 40, "bytes": 1_000_000, "statuses": {"success": 20, "dns_error": 20}},
]


def test_a_crawl_says_how_fast_how_well_and_how_long() -> None:
    assert shown([FETCH, *TOLD], 0.0, 2.0, 10.0, width=200) == (
        "   crawl  Fetch: 1 of 4 units, 100 records, 7.0 images/s, 0.5 MB/s, 70.0 % success, "
        "(20 dns_error, 10 timeout), 0:01:30 left\n"
    )


def test_a_terminal_shows_them_too() -> None:
    found = shown([FETCH, *TOLD], 0.0, 2.0, 10.0, terminal=True, width=200)
    assert "7.0 images/s, 0.5 MB/s, 70.0 % success, (20 dns_error, 10 timeout), 0:01:30 left" in found


def test_json_has_them_as_numbers() -> None:
    out = io.StringIO()
    lines = JsonLines(out, clock(0.0, 0.5, 10.0))
    for event in (FETCH, *TOLD):
        lines(event)
    said = json.loads(out.getvalue().splitlines()[-1])
    assert {name: said[name] for name in said if name not in STEP} == {
        "records": 100,
        "expected": 1000,
        "images_per_s": 7.0,
        "bytes_per_s": 500_000,
        "success_rate": 0.7,
        "errors": 30,
        "top_errors": {"dns_error": 20, "timeout": 10},
        "eta_s": 90,
    }


def test_another_step_begins_at_nothing() -> None:
    found = shown([FETCH, *TOLD, FETCH, {"event": "records", "count": 1}], 0.0, 1.0, 2.0, 5.0, 15.0)
    assert found == "   crawl  Fetch: 1 of 4 units, 1 records, 2:46:30 left\n"


@pytest.mark.parametrize(
    ("eta", "text"),
    [(0, "0:00:00 left"), (59, "0:00:59 left"), (3661, "1:01:01 left"), (90_000, "25:00:00 left")],
)
def test_the_time_that_is_left(eta: int, text: str) -> None:
    assert list(rates({"eta_s": eta})) == [text]


def test_a_pulse_tells_of_many_records_in_few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    monkeypatch.setattr(progress, "_sink", heard.append)
    with Pulse(clock(0.0, 0.1, 0.2, 0.25, 0.3, 0.49, 0.6)) as pulse:
        pulse.beat(bytes=10, status="success")
        pulse.beat(bytes=20, status="success")
        pulse.beat(status="timeout")
        pulse.beat(2)
        pulse.beat(bytes=7, status="success")
    assert heard == [
        {"event": "records", "count": 3, "bytes": 30, "statuses": {"success": 2, "timeout": 1}},
        {"event": "records", "count": 3, "bytes": 7, "statuses": {"success": 1}},
    ]
    with Pulse(clock(0.0)):
        pass
    assert len(heard) == 2
