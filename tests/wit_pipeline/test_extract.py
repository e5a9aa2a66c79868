from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from tests.strategies import TEXTS
from wit_pipeline import extract
from wit_pipeline.extract import ExtractConfig, batches, candidates, judge, reject_url, rules_of
from wit_pipeline.frontier import host_of
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.text.match import Lists
from wit_pipeline.text.text import valid
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Candidate, Raw, Reason, Reject, pair_key

MATCHER = Lists(["dog", "red"])


def judged(text: str, url: str = "http://a.test/1.jpg", held: str = "", **config: Any) -> Candidate | Reject:
    raw = Raw(url=url, text=text, where="f#0", held=held)
    (found,) = judge([raw], "list", rules_of(ExtractConfig(**config), MATCHER))
    return found


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


@pytest.mark.parametrize(("length", "reason"), [(100_000, Reason.NO_QUERY), (100_001, Reason.TEXT_TOO_LONG)])
def test_what_is_far_too_long_is_not_even_cleaned(length: int, reason: Reason) -> None:
    text = ("no query " * (length // 9 + 1))[:length]
    found = judged(text, max_characters=10**6, max_words=10**6, max_repeated=1.0)
    assert isinstance(found, Reject)
    assert (found.reason, len(found.caption)) == (reason, 4_000)


@pytest.mark.parametrize(
    ("stated", "language"),
    [("en-us", "en-US"), ("DE", "de"), ("eng", "en"), ("nolang", ""), ("zh_hant_tw", "zh-Hant-TW")],
)
def test_a_language_that_is_stated_is_kept_in_its_canonical_form(stated: str, language: str) -> None:
    raw = Raw(url="http://a.test/1.jpg", text="a red dog", where="f#0", language=stated)
    (found,) = judge([raw], "list", rules_of(ExtractConfig(), MATCHER))
    assert isinstance(found, Candidate)
    assert found.language == language


def test_languages() -> None:
    found = judged("ein roter Hund, a dog spielt im Garten hinter dem Haus", languages=("en",))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail[:4]) == (Reason.TEXT_LANGUAGE, "de, ")
    kept = judged("a red dog runs through the garden", languages=("en",))
    assert isinstance(kept, Candidate)
    assert kept.language == "en"
    unsure = judged("red dog PUMA", languages=("de",))
    assert isinstance(unsure, Candidate)
    assert unsure.language == ""


@pytest.mark.parametrize(
    "url",
    [
        "{{ item.image }}", "%7B%7B%20item.image%20%7D%7D", "${product.image}", "<%= user.image %>",
        "[[image]]", "%%image%%", "{$image}", "{% static 'a.png' %}", "a/{{img}}.jpg?w=1", "undefined",
        "null", "NaN?w=9", "%5Bobject%20Object%5D", "#{photo.url}", "{0}", "{img}.jpg", "@Model.Image",
        "@(Model.Image)", "__IMAGE__", "__IMAGE_URL__.png?x", "%s", "%1$s.jpg", "%7B0%7D", "undefined.jpg",
        "undefined/1.jpg", "null/1.jpg", "{w}x{h}bb.{f}", "%5Bobject%20Object%5D.png",
    ],
)  # fmt: skip
def test_an_address_that_no_program_filled_in_is_none(url: str) -> None:
    assert reject_url(f"https://a.test/shop/{url.replace(' ', '%20')}") is Reason.NO_URL


@pytest.mark.parametrize(
    "url",
    [
        "{8C2F01B3-11D0}/a.jpg",
        "{}.jpg",
        "[1]{2}.jpg",
        "a[1].jpg",
        "undefined-love.jpg",
        "null.jpg",
        "nullam/1.jpg",
        "100%25.jpg",
        "a%5B1%5D.jpg",
        "$1.jpg",
        "a%7Eb",
        "@model.images/1.jpg",
        "@Model",
        "a__IMAGE__b.jpg",
        "%d0%b0.jpg",
        "x%20s.jpg",
        "__macosx/1.jpg",
        "?w=undefined",
    ],
)
def test_an_odd_address_is_one(url: str) -> None:
    assert reject_url(f"https://a.test/{url}") is None


def test_what_is_not_seen_around_an_address_goes() -> None:
    for around in ("\ufeff", "\u200b", "\u2060 ", "\u202a", "\u00ad\n", "\ufeff\ufeff "):
        found = judged("a red dog", f"{around}https://a.test/1.jpg{around}")
        assert found.url == "https://a.test/1.jpg"


def test_a_blank_in_an_address_is_written_as_browsers_write_it() -> None:
    found = judged("a red dog", " http://a.test/my dog.jpg ")
    assert isinstance(found, Candidate)
    assert (found.url, found.key) == ("http://a.test/my%20dog.jpg", pair_key(found.url, found.caption))


def test_a_block_list(tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text("# what nobody wants\nBad Word  # two words\n\ncat\n")
    found = judged("a red dog with a bad word", blocklist=str(path))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == (Reason.TEXT_BLOCKED, "Bad Word")
    assert isinstance(judged("a red dog with a bad, bad sword", blocklist=str(path)), Candidate)
    with pytest.raises(UserError, match=r"blocklist: .*: cannot be read"):
        judged("a dog", blocklist=str(tmp_path))


def test_bytes_that_are_held_need_no_address() -> None:
    found = judged("a red dog", "wds:00000/1", held="a.tar#512+9")
    assert isinstance(found, Candidate)
    assert (found.url, found.held) == ("wds:00000/1", "a.tar#512+9")
    assert isinstance(judged("a red dog", "", held="a.tar#512+9"), Reject)


def test_a_batch_keeps_its_order() -> None:
    lost = Reject(key="", url="", stage="extract", reason=Reason.SOURCE_UNREADABLE, where="f#1")
    texts = ["a dog", "", "no query", "a red dog", "dogs and red cats"]
    items: list[Raw | Reject] = [
        Raw(url="http://a.test/", text=text, where=f"f#{i}") for i, text in enumerate(texts)
    ]
    items.insert(1, lost)
    found = list(candidates(items, "list", rules_of(ExtractConfig(), MATCHER)))
    assert [(item.where, getattr(item, "reason", "")) for item in found] == [
        ("f#0", ""),
        ("f#1", "source_unreadable"),
        ("f#1", "no_text"),
        ("f#2", "no_query"),
        ("f#3", ""),
        ("f#4", ""),
    ]


def test_batches_are_bounded_by_their_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "BATCH", 3)
    monkeypatch.setattr(extract, "BATCH_CHARACTERS", 10)
    texts = ["x" * length for length in (4, 4, 4, 1, 12, 1, 1, 1, 1)]
    made = batches(Raw(url="", text=text, where="") for text in texts)
    assert [[len(raw.text) for raw in batch if isinstance(raw, Raw)] for batch in made] == [
        [4, 4, 4], [1, 12], [1, 1, 1], [1],
    ]  # fmt: skip


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
