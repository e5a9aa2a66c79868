"""A journal gives back what is whole of it, wherever it was cut, and only what was made alike."""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stores import s3
from wit_pipeline.crawl import journal
from wit_pipeline.crawl.journal import SUM, Found, Journal, Made, done, journals, records
from wit_pipeline.vocabulary.asked import Asking
from wit_pipeline.vocabulary.store import place

MADE = Made(plan="p", frontier="f")
UNIT = Asking(3)
STORED = [bytes([number]) * number * 100 for number in range(9)]
ROWS = [
    ({"url": f"http://a.test/{number}\ud800ü", "status": "s", SUM: sha256(stored).hexdigest()}, stored)
    for number, stored in enumerate(STORED)
]
URLS = [str(row["url"]) for row, _ in ROWS]


def write(folder: Path, which: Asking = UNIT, made: Made = MADE, room: int = 1000) -> Path:
    with Journal(folder, which, made, room) as journal:
        places = [journal.put(row, stored) for row, stored in ROWS]
        assert [journal.take(place) for place in places] == [stored for _, stored in ROWS]
        assert any(isinstance(place, bytes) for place in places[1:])
        assert not all(isinstance(place, bytes) for place in places)
        return journal.path


@settings(deadline=None)
@given(st.data())
def test_a_journal_that_was_cut_gives_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = write(folder)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    found = Found(journals(folder), UNIT, MADE, URLS)
    known = [found.get(url) for url in URLS]
    whole = sum(item is not None for item in known)
    assert known == [*ROWS[:whole], *[None] * (len(ROWS) - whole)]
    with path.open("rb") as file:
        assert len(list(records(file))) in (whole, whole + 1)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_damage_is_taken_for_a_picture(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = write(folder)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    found = Found(journals(folder), UNIT, MADE, URLS)
    assert all(found.get(url) in (known, None) for url, known in zip(URLS, ROWS, strict=True))


@pytest.mark.parametrize(
    ("which", "made", "known"),
    [
        (UNIT, MADE, 9),
        (Asking(4), MADE, 0),  # another unit of the same frontier has other URLs
        (Asking(3, 2), MADE, 0),
        (Asking(4), Made(plan="p", frontier="the next"), 9),  # numbered anew: may have any
        (UNIT, Made(plan="other", frontier="f"), 0),  # pictures would be others
    ],
)
def test_only_what_was_made_alike_counts(which: Asking, made: Made, known: int, tmp_path: Path) -> None:
    write(tmp_path)
    assert len(Found(journals(tmp_path), which, made, URLS)) == known
    assert len(Found(journals(tmp_path), which, made, URLS[:2])) == min(known, 2)


def test_a_whole_unit_leaves_no_journal(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path)
    other = write(tmp_path, Asking(4))
    earlier = write(tmp_path, made=Made(plan="p", frontier="before"))
    done(tmp_path, UNIT, MADE)
    assert set(journals(tmp_path)) == {other, earlier}


def test_a_journal_that_goes_meanwhile_is_none(tmp_path: Path) -> None:
    """Its unit was ended by another worker, between our list of the folder and our look at the file."""
    write(tmp_path)
    gone = tmp_path / "journal-000004-00000000.log"
    assert len(Found([gone, *journals(tmp_path), gone], UNIT, MADE, URLS)) == len(ROWS)


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)
def test_a_journal_in_a_store_is_sealed_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a segment holds is there whatever ends the attempt; a store that is away for a while ends none."""
    monkeypatch.setattr(journal, "SEALED", 0.05)
    with s3() as server:
        folder = place(server.at("root/crawl"))
        attempt = Journal(folder, UNIT, MADE, 1000)
        for row, stored in ROWS[:5]:
            attempt.put(row, stored)
        _wait(lambda: len(Found(journals(folder), UNIT, MADE, URLS)) == 5)
        with monkeypatch.context() as away:
            away.setattr(journal, "aside", _away)
            for row, stored in ROWS[5:7]:
                attempt.put(row, stored)
            time.sleep(0.3)
        assert attempt.take(attempt.put(*ROWS[7])) == ROWS[7][1]
        _wait(lambda: len(Found(journals(folder), UNIT, MADE, URLS)) == 8)
        attempt.__exit__()
        found = Found(journals(folder), UNIT, MADE, URLS)
        assert [found.get(url) for url in URLS] == [*ROWS[:8], None]
        assert len(journals(folder)) > 1
        done(folder, UNIT, MADE)
        assert journals(folder) == []


def _away(path: Path) -> None:
    raise OSError("the store is away")


def _wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
