from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from tests.factories import query
from tests.strategies import TEXTS
from wit_pipeline import rows
from wit_pipeline.extract import (
    ExtractConfig,
    identify,
    is_file_name,
    judge,
    reject_text,
    reject_url,
)
from wit_pipeline.frontier import host_of
from wit_pipeline.match import Matcher
from wit_pipeline.records import Candidate, Raw, Reason, Reject, pair_key
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.text import valid

MATCHER = Matcher([query(0, "dog"), query(1, "red")])


def judged(text: str, url: str = "http://a.test/1.jpg", **config: object) -> Candidate | Reject:
    raw = Raw(url=url, text=text, where="f#0")
    return judge(raw, "list", MATCHER, ExtractConfig(**config))  # type: ignore[arg-type]


def test_a_good_record_becomes_a_candidate() -> None:
    found = judged("  A red&nbsp;dog ")
    assert isinstance(found, Candidate)
    assert (found.caption, found.queries) == ("A red dog", (0, 1))
    assert found.key == pair_key("http://a.test/1.jpg", "A red dog")


@pytest.mark.parametrize(
    ("text", "url", "reason"),
    [
        ("", "http://a.test/1", Reason.NO_TEXT),
        ("\u200b ", "http://a.test/1", Reason.NO_TEXT),
        ("a dog", "", Reason.NO_URL),
        ("a dog", "data:image/png;base64,AAAA", Reason.NO_URL),
        ("a dog", "ftp://a.test/1", Reason.BLOCKED_SCHEME),
        ("a dog", "1.jpg", Reason.BLOCKED_SCHEME),
        ("a dog", "http:///1.jpg", Reason.URL_INVALID),
        ("a dog", "http://[::1/1.jpg", Reason.URL_INVALID),
        ("the cat", "http://a.test/1", Reason.NO_QUERY),
    ],
)
def test_what_is_dropped_and_why(text: str, url: str, reason: Reason) -> None:
    found = judged(text, url)
    assert isinstance(found, Reject)
    assert (found.reason, found.where, found.caption) == (reason, "f#0", text)


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("a dog", None),
        ("dogs", Reason.TEXT_TOO_SHORT),  # four characters
        ("doggy", Reason.TEXT_TOO_SHORT),  # one word
        ("a " + "d" * 18, None),
        ("a " + "d" * 19, Reason.TEXT_TOO_LONG),
        ("ab 12 -", Reason.TEXT_FEW_LETTERS),
        ("abc 123", None),
    ],
)
def test_both_sides_of_each_bound(caption: str, reason: Reason | None) -> None:
    assert reject_text(caption, ExtractConfig(max_characters=20)) == reason


@pytest.mark.parametrize(
    "name", ["IMG_2041.jpg", "DSC00042", "20160716 113957.JPG", "2016-07-16", "a dog.png", "abcd-efgh-1234"]
)
def test_file_names(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    "caption", ["A dog, 2016", "Image of 3 dogs", "Boeing 747", "route 66 sign", "photograph"]
)
def test_no_file_names(caption: str) -> None:
    assert not is_file_name(caption)


@pytest.mark.parametrize(("length", "reason"), [(100_000, Reason.NO_QUERY), (100_001, Reason.TEXT_TOO_LONG)])
def test_what_is_far_too_long_is_not_even_cleaned(length: int, reason: Reason) -> None:
    text = ("no query " * (length // 9 + 1))[:length]
    found = judged(text, max_characters=10**6)
    assert isinstance(found, Reject)
    assert (found.reason, len(found.caption)) == (reason, 4_000)


def test_file_names_stay_where_the_recipe_says_so() -> None:
    assert reject_text("red dog 1.jpg", ExtractConfig(file_names=True)) is None


def test_languages() -> None:
    assert identify("Een rode hond rent door de tuin van het huis") == "nl"
    found = judged("ein roter Hund, a dog spielt im Garten hinter dem Haus", languages=("en",))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == (Reason.TEXT_LANGUAGE, "de")
    kept = judged("a red dog runs through the garden", languages=("en",))
    assert isinstance(kept, Candidate)
    assert kept.language == "en"


@given(TEXTS.map(valid), TEXTS.map(valid))
def test_whatever_a_source_gives_is_judged_and_can_be_written(url: str, text: str) -> None:
    for address in (url, f"http://{url}", f"http://a.test/{url}"):
        found = judged(text, address)
        table = pa.Table.from_pylist([rows.to_row(found)], schema=rows.schema_of(type(found)))
        assert table.num_rows == 1
        if isinstance(found, Candidate):
            assert host_of(found.url) == host_of(found.url).lower()


def test_https_passes() -> None:
    assert reject_url("https://a.test/1.jpg") is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": ()}, "path names no file"),
        ({"path": ("a.tsv",), "columns": ("a", "b")}, "columns lack"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ListSource(**fields)
