"""Every format gives the same views; what is wrong with a file is told, and the rest of it is read."""

import bz2
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries import pageviews
from queries.dumps import unpack
from queries.pageviews import Problem, Views, ViewsError, is_automated, views

HOURLY = b"""\
de Hund 90 0
en Main_Page 4733 0
en Dog 12 0
en.b Cookbook 4 0
en.d dog 5 0
en.m Dog 30 0
en.m.d dog 5 0
en.mw en 99 0
en.voy Paris 4 0
en.zero Dog 1 0
english Dog 3 0
fr.m Chien 7 0
"""
COMPLETE = b"""\
de.wikipedia Hund 1 desktop 90 A90
en.wikibooks Dog 4 desktop 7 A7
en.wikipedia Dog 4269567 desktop 123 A5B118
en.wikipedia Dog 4269567 mobile-web 200 A200
en.wikipedia Gone null mobile-app 3 C3
en.wikipedia "\\"Heroes\\"_(album)" 55 desktop 8 A8
en.wikipedia "Heroes" 56 desktop 9 A9
en.wikipedia Old desktop 4 A4
"""
MERGED = b"# a comment\nde.z Hund 4 A4\nen.b Dog 1 A1\nen.m.z Dog 3 A3\nen.z Dog 123 A5B118\n"
RANKING = {
    "items": [
        {
            "project": "en.wikipedia",
            "access": "all-access",
            "articles": [{"article": "A_B", "views": 7, "rank": 1}],
        },
        {"project": "de.wikipedia", "articles": [{"article": "Hund", "views": 7, "rank": 1}]},
        {
            "country": "FR",
            "articles": [{"article": "C", "project": "en.wikipedia", "views_ceil": 100, "rank": 1}],
        },
        {
            "country": "FR",
            "articles": [{"article": "D", "project": "fr.wikipedia", "views_ceil": 100, "rank": 1}],
        },
        {"project": "en.wikipedia", "article": "E", "granularity": "monthly", "views": 5},
    ]
}
JUNE = Path(__file__).parents[3] / "shared/data/wiki_pageviews/top_monthly_202306.json"


def read(data: bytes, project: str = "en") -> list[tuple[str, int] | Problem]:
    rows = views(io.BytesIO(data), "file", project)
    return [(row.title, row.views) if isinstance(row, Views) else row.reason for row in rows]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HOURLY, [("Main Page", 4733), ("Dog", 12), ("Dog", 30), ("Dog", 1)]),
        (HOURLY.replace(b" 0\n", b"\n"), [("Main Page", 4733), ("Dog", 12), ("Dog", 30), ("Dog", 1)]),
        (HOURLY.replace(b"\n", b"\r\n"), [("Main Page", 4733), ("Dog", 12), ("Dog", 30), ("Dog", 1)]),
        (MERGED, [("Dog", 3), ("Dog", 123)]),
        (
            COMPLETE,
            [("Dog", 123), ("Dog", 200), ("Gone", 3), ('"Heroes" (album)', 8), ('"Heroes"', 9), ("Old", 4)],
        ),
        (json.dumps(RANKING).encode(), [("A B", 7), ("C", 100), ("E", 5)]),
        (json.dumps(RANKING, indent=4).encode(), [("A B", 7), ("C", 100), ("E", 5)]),
        (b'{"article_views": [{"article": "Dog", "views": 3}]}', [("Dog", 3)]),
        (b'[{"article": "Dog", "views": 3}]', [("Dog", 3)]),
        (b'\xef\xbb\xbf\n{"article_views":[{"article":"Dog","views":3}]}\n', [("Dog", 3)]),
        (b'[{"article":"Dog","views":3}]\n\n[{"article":"Cat","views":2}]\n', [("Dog", 3), ("Cat", 2)]),
        (b'[{"article": "\\ud800", "views": 3}]', [("?", 3)]),
    ],
    ids=["hourly", "three fields", "carriage returns", "merged", "complete", "json", "indented", "snapshot",
         "list", "byte order mark", "json lines", "surrogate"],
)  # fmt: skip
def test_every_format_is_known_by_its_content(data: bytes, expected: list[object]) -> None:
    assert read(data) == expected
    assert read(bz2.compress(data)) == expected
    assert read(gzip.compress(data)) == expected


def test_another_project_is_another_language_of_wikipedia() -> None:
    assert read(HOURLY, "de") == [("Hund", 90)]
    assert read(COMPLETE, "de") == [("Hund", 90)]
    assert read(json.dumps(RANKING).encode(), "de") == [("Hund", 7)]
    assert read(HOURLY, "xx") == []


@pytest.mark.parametrize(
    "line",
    [
        b"en Dog",
        b"en Dog x 0",
        b"en Dog -3 0",
        b"en Dog 12 0 0",
        b"en  12 0",
        b"en Dog 1234567890123456 0",
        b"en D\xff 12 0",
        b"en.wikipedia Dog 1 tablet 12 A12",
        b"en.wikipedia Dog 1 desktop x A12",
        b"en ",
    ],
)
def test_a_malformed_row_is_told_and_the_others_are_read(line: bytes) -> None:
    assert read(b"en Cat 1 0\n" + line + b"\nen Emu 2 0\n") == [("Cat", 1), Problem.BAD_ROW, ("Emu", 2)]
    assert read(b"en Cat 1 0\nde" + line[2:] + b"\n") == [("Cat", 1)]


@pytest.mark.parametrize(
    "entry", ['"views": "3"', '"views": true', '"views": -1', '"rank": 1', '"views": 1e3', '"views": 9e15']
)
def test_a_malformed_entry_is_told_and_the_others_are_read(entry: str) -> None:
    data = f'[{{"article": "Cat", {entry}}}, {{"article": "Emu", "views": 2}}]'.encode()
    assert read(data) == [Problem.BAD_ROW, ("Emu", 2)]


def test_a_bad_row_is_shown() -> None:
    (_, error) = views(io.BytesIO(b"en Cat 1 0\nen Dog x 0\n"), "hour.gz", "en")
    assert error == ViewsError(name="hour.gz", reason=Problem.BAD_ROW, detail="b'en Dog x 0'")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"PK\x03\x04 a zip",
        b"<mediawiki><page>en Dog</page></mediawiki>\n" * 9,
        b"Some prose, in English.\n" * 100_000,
        b"x" * (pageviews.MAX_LINE + 1),
        b'{"article": ',
        b"{not json}",
        b'{"query": []}',
        b'{"items": [{"article": "\xff"}]}',
        b"[" * 200_000,
        b'[{"article": "Dog", "views": ' + b"9" * 5000 + b"}]",
    ],
)
def test_what_holds_no_page_views_is_told(data: bytes) -> None:
    (reason,) = read(data)
    assert reason in (Problem.NOT_PAGE_VIEWS, Problem.TRUNCATED)
    assert (reason == Problem.TRUNCATED) == (data == b'{"article": ')


def test_a_file_without_one_good_row_is_none() -> None:
    assert read(b"en Dog\n") == [Problem.BAD_ROW, Problem.NOT_PAGE_VIEWS]


def test_a_line_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a file of zeros, unpacked, would be held whole."""
    monkeypatch.setattr(unpack, "CHUNK", 16)
    monkeypatch.setattr(pageviews, "MAX_LINE", 20)
    assert read(b"en Dog 3 0\nen Tabby_cat_1234 40\nen Emu 2 0\n") == [
        ("Dog", 3),
        ("Tabby cat 1234", 40),
        ("Emu", 2),
    ]
    assert read(b"en Dog 3 0\nen Tabby_cat_12345 40" + b"0" * 20) == [("Dog", 3), Problem.NOT_PAGE_VIEWS]


def test_a_ranking_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'[{"article": "Dog", "views": 3}]'
    monkeypatch.setattr(pageviews, "MAX_JSON", len(data))
    assert read(data) == [("Dog", 3)]
    monkeypatch.setattr(pageviews, "MAX_JSON", len(data) - 1)
    assert read(data) == [Problem.NOT_PAGE_VIEWS]


def test_a_ranking_cut_off_is_told_after_what_is_whole() -> None:
    data = b'[{"article": "Dog", "views": 3}]\n[{"article": "Cat", "views": 30}]\n'
    for end in range(34, len(data) - 2):
        assert read(data[:end]) == [("Dog", 3), Problem.TRUNCATED]


def test_a_packed_file_cut_off_gives_whole_lines_and_then_the_error() -> None:
    lines = [b"en %032x 4733 0\n" % (number * 0x9E3779B97F4A7C15**2 % 2**128) for number in range(9000)]
    whole = read(gzip.compress(b"".join(lines)))
    found = read(gzip.compress(b"".join(lines))[:-30_000])
    assert found[-1] == Problem.TRUNCATED
    assert found[:-1] == whole[: len(found) - 1]
    assert len(found) > 1


def test_reading_goes_on_behind_a_broken_stream_at_the_next_whole_line() -> None:
    first, second, third = b"en A 1 0\nen B 2", b"3 0\nen C 3", b"4 0\nen D 4 0\n"
    broken = bytearray(bz2.compress(second))
    broken[30] ^= 255
    found = read(bz2.compress(first) + bytes(broken) + bz2.compress(third))
    assert found == [("A", 1), Problem.BROKEN_COMPRESSION, ("D", 4)]


@given(st.lists(st.integers(0, 3 * len(HOURLY)), max_size=8))
def test_lines_may_be_cut_anywhere_between_two_pieces(cuts: list[int]) -> None:
    data = HOURLY * 3
    ends = [*sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    blocks = [block for block in pageviews._blocks(iter(pieces)) if isinstance(block, bytes)]
    assert b"\n".join(block.strip(b"\n") for block in blocks if block) == data.rstrip(b"\n")


@pytest.mark.parametrize(
    ("name", "automated"),
    [
        ("pageviews-20230601-spider.bz2", True),
        ("/data/pageviews-202306-automated.bz2", True),
        ("pageviews-20230601-automated", True),
        ("pageviews-20230601-user.bz2", False),
        ("pageviews-20230601-000000.gz", False),
        ("notes-spider-man.txt", False),
        ("/x-spider/pageviews-20230601-user.bz2", False),
    ],
)
def test_robots_are_told_by_the_name(name: str, automated: bool) -> None:
    assert is_automated(name) is automated


def test_the_ranking_of_june_2023_is_read_whole() -> None:
    if not JUNE.is_file():
        pytest.skip(f"needs {JUNE}")
    found = read(JUNE.read_bytes())
    assert len(found) == 5744
    assert found[2] == ("The Idol (TV series)", 14303395)
