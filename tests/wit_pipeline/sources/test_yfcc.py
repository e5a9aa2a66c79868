import bz2
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import local_world, records_of, world
from wit_pipeline.sources import lines
from wit_pipeline.sources.yfcc import YfccSource, unfold
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

PAGE = "http://www.flickr.com/photos/39089491@N00/6985418911/"
IMAGE = "http://farm8.staticflickr.com/7205/6985418911_df7747990d.jpg"
BY = "http://creativecommons.org/licenses/by/2.0/"
BEFORE = {
    23: ["6985418911"],
    24: ["0", "6985418911"],
    25: ["0", "6985418911", "4e2f7a26a1dfbf165a7e30bdabf7e72a"],
}
UNREADABLE = ("", Reason.SOURCE_UNREADABLE)


def line(title: str = "A dog", description: str = "", marker: str = "0", columns: int = 23) -> str:
    """A row as it is published: text is URL-encoded, the rest is not."""
    fields = [
        *BEFORE[columns],
        "39089491@N00",
        quote_plus("nino & co"),
        "2012-02-16 09:56:37.0",
        "1331840483",
        "Canon+PowerShot+ELPH+310+HS",
        quote_plus(title),
        quote_plus(description),
        "dog,park",
        "",
        "-81.804885",
        "24.550558",
        "12",
        PAGE,
        IMAGE,
        "Attribution License",
        BY,
        "7205",
        "8",
        "df7747990d",
        "692d7e0a7f",
        "jpg",
        marker,
    ]
    return "\t".join(fields)


def read(content: bytes, name: str = "yfcc100m_dataset") -> list[Raw | Reject]:
    return records_of(YfccSource(path=("x",)), name, world({name: content}))


def texts(items: list[Raw | Reject]) -> list[tuple[str, str]]:
    return [(item.text_kind, item.text) if isinstance(item, Raw) else ("", item.reason) for item in items]


@pytest.mark.parametrize("columns", BEFORE)
def test_a_photograph(columns: int) -> None:
    title, description = read(
        line("A red dog", 'In a <b>park</b>.\nSee <a href="x">this</a>', columns=columns).encode()
    )
    assert title == Raw(
        url=IMAGE,
        text="A red dog",
        where="yfcc100m_dataset#0",
        page_url=PAGE,
        license=BY,
        attribution="nino & co https://www.flickr.com/people/39089491@N00/",
        text_kind="title",
    )
    assert (description.where, texts([description])) == (
        "yfcc100m_dataset#0.1",
        [("description", "In a park. See this")],
    )


@pytest.mark.parametrize(
    ("title", "description", "expected"),
    [
        ("A dog", "In a park", [("title", "A dog"), ("description", "In a park")]),
        ("A dog", " ", [("title", "A dog")]),
        ("", "In a park", [("description", "In a park")]),
        ("", "", [("title", "")]),  # counted later as a record without text
        ("20160716 113957.JPG", "", [("title", "20160716 113957.JPG")]),  # judging is another's affair
    ],
)
def test_each_text_is_a_record(title: str, description: str, expected: list[tuple[str, str]]) -> None:
    assert texts(read(line(title, description).encode())) == expected


def test_videos_are_counted() -> None:
    video, photo = read(f"{line(marker='1')}\n{line()}\n".encode())
    assert isinstance(video, Reject)
    assert (video.reason, video.detail, video.url) == (Reason.NOT_AN_IMAGE, "a video", IMAGE)
    assert isinstance(photo, Raw)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("A+red%20dog", "A red dog"),
        ("caf%C3%A9+%FF", "café \ufffd"),
        ("100%+dog", "100% dog"),
        ("%3Cbr+%2F%3Etwo%3Cp%3Elines", "two lines"),
        ("re%3Cb%3Ed%3C%2Fb%3E+dog", "red dog"),
        ("5+%3C+6+%3E+4", "5 < 6 > 4"),
        ("Tom+%26amp%3B+Jerry", "Tom &amp; Jerry"),  # entities are resolved once, by whoever cleans
        ("%3Ca+%3Ca+%3Ca", "<a <a <a"),
    ],
)
def test_text_is_unfolded(field: str, expected: str) -> None:
    assert unfold(field) == expected


@pytest.mark.parametrize(
    "bad",
    [
        "half a\trow",
        line()[:-2],
        line(marker="2"),
        line().replace("@N00", ""),
        line(columns=25) + "\tx",
        "x" * (2 << 20),
    ],
)
def test_bad_lines_are_counted_and_the_others_go_on(bad: str) -> None:
    content = f"{line()}\n{bad}\n\n{line()}\n".encode()
    found = read(content)
    assert texts(found) == [("title", "A dog"), UNREADABLE, ("title", "A dog")]
    assert [item.where for item in found] == [f"yfcc100m_dataset#{number}" for number in (0, 1, 3)]


def test_packed_and_torn() -> None:
    content = "".join(line(f"dog {number}") + "\n" for number in range(5000)).encode()
    packed = bz2.compress(content, 1)
    whole = read(packed, "yfcc100m_dataset-0.bz2")
    assert len(whole) == 5000
    *before, last = read(packed[:-30], "yfcc100m_dataset-0.bz2")
    assert 0 < len(before) < 5000
    assert before == whole[: len(before)]
    assert (texts([last]), last.where) == ([UNREADABLE], f"yfcc100m_dataset-0.bz2#{len(before)}")


@given(titles=st.lists(st.text(max_size=9), min_size=1, max_size=6), size=st.integers(50, 900))
def test_the_records_do_not_depend_on_the_splits(titles: list[str], size: int) -> None:
    content = "\n".join(line(title.encode("utf-8", "replace").decode()) for title in titles).encode()
    whole = texts(read(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "SPLIT_BYTES", size)
        found = read(content)
    assert texts(found) == whole
    assert len({item.where for item in found}) == len(whole)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is no metadata of YFCC100M"),
        (b"url\tcaption\nu\tt\n", "is no metadata of YFCC100M"),
        ("\t".join(["x"] * 23).encode(), "is no metadata of YFCC100M"),
        (b"\0" * 5000, "is no metadata of YFCC100M"),
        (b"x" * (3 << 20), "is no metadata of YFCC100M"),
        (b"BZh9nonsense", "cannot be read: the packing is broken"),
    ],
)
def test_what_is_no_metadata_is_the_users(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(content)


def test_a_directory_is_the_users(tmp_path: Any) -> None:
    with pytest.raises(UserError, match="is a directory"):
        records_of(YfccSource(path=("x",)), str(tmp_path), local_world())
