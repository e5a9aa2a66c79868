import io
import json
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from beam_jobs.progress import Display, Event, JsonLines, send_to, tell

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


def shown(events: list[Event], *seconds: float, terminal: bool = False) -> str:
    out = io.StringIO()
    display = Display(Console(file=out, force_terminal=terminal, width=100), clock(*seconds))
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
