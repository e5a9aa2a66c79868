import csv
import gzip
import io
from typing import Any

import pytest

from tests.factories import local_world, records_of, world
from wit_pipeline.sources.wit_tsv import COLUMNS, WitTsvSource, file_page
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

COMMONS = "https://upload.wikimedia.org/wikipedia/commons"
ROW = {
    "language": "en",
    "page_url": "https://en.wikipedia.org/wiki/Dog",
    "image_url": f"{COMMONS}/a/ab/A_dog.jpg",
    "page_title": "Dog",
    "caption_reference_description": "A dog in a park",
    "caption_attribution_description": "English: A dog, seen from the left",
    "caption_alt_text_description": "photograph of a dog",
    "mime_type": "image/jpeg",
    "original_height": "300",
    "original_width": "400",
    "is_main_image": "true",
    "attribution_passes_lang_id": "true",
    "page_changed_recently": "true",
    "context_page_description": 'The "dog" is\na domesticated\tanimal.',
}


def row(**fields: str) -> dict[str, str]:
    return {name: {**ROW, **fields}.get(name, "") for name in COLUMNS}


def table(*rows: dict[str, str]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerows([COLUMNS, *(found.values() for found in rows)])
    return buffer.getvalue().encode()


def read(content: bytes, name: str = "wit.tsv", **fields: Any) -> list[Raw | Reject]:
    return records_of(WitTsvSource(path=("x",), **fields), name, world({name: content}))


def texts(items: list[Raw | Reject]) -> list[tuple[str, str]]:
    return [(item.text_kind, item.text) if isinstance(item, Raw) else ("", item.reason) for item in items]


def test_a_row() -> None:
    assert read(table(row())) == [
        Raw(
            url=f"{COMMONS}/a/ab/A_dog.jpg",
            text="A dog in a park",
            where="wit.tsv#0",
            page_url="https://en.wikipedia.org/wiki/Dog",
            attribution="https://commons.wikimedia.org/wiki/File:A_dog.jpg",
            language="en",
            text_kind="reference",
        )
    ]


REFERENCE, ATTRIBUTION, ALT = (
    ("reference", "A dog in a park"),
    ("attribution", "English: A dog, seen from the left"),
    ("alt", "photograph of a dog"),
)
NO_REFERENCE = {"caption_reference_description": " "}
NO_ALT = {"caption_alt_text_description": ""}
FOREIGN = {"attribution_passes_lang_id": "false"}


@pytest.mark.parametrize(
    ("fields", "best", "every"),
    [
        ({}, REFERENCE, [REFERENCE, ATTRIBUTION, ALT]),
        (NO_REFERENCE, ATTRIBUTION, [ATTRIBUTION, ALT]),
        (FOREIGN, REFERENCE, [REFERENCE, ALT]),
        (NO_REFERENCE | FOREIGN, ALT, [ALT]),
        (NO_REFERENCE | {"attribution_passes_lang_id": "True"}, ATTRIBUTION, [ATTRIBUTION, ALT]),
        (NO_REFERENCE | NO_ALT, ATTRIBUTION, [ATTRIBUTION]),
        (NO_REFERENCE | NO_ALT | FOREIGN, ("", ""), [("", "")]),
    ],
)
def test_which_text_is_taken(
    fields: dict[str, str], best: tuple[str, str], every: list[tuple[str, str]]
) -> None:
    content = table(row(**fields))
    assert texts(read(content)) == [best]
    found = read(content, texts="all")
    assert texts(found) == every
    assert [item.where for item in found] == ["wit.tsv#0", "wit.tsv#0.1", "wit.tsv#0.2"][: len(every)]


def test_languages_however_they_are_written() -> None:
    found = read(table(row(language="zh-TW"), row(language="no"), row(language="sv")), languages=("zh", "nb"))
    assert [isinstance(item, Raw) for item in found] == [True, True, False]
    found = read(
        table(*(row(language=code) for code in ("als", "simple", "zh-classical", "nn", "be-x-old", "sq"))),
        languages=("gsw", "en", "lzh", "no", "be"),
    )
    assert [item.language for item in found if isinstance(item, Raw)] == [
        "gsw", "en", "lzh", "nn", "be-tarask",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="'xx' is no language"):
        WitTsvSource(path=("a.tsv",), languages=("xx",))


def test_languages_that_are_not_wanted_are_counted() -> None:
    kept, dropped = read(table(row(language="en"), row(language="de")), languages=("en", "fr"))
    assert isinstance(kept, Raw)
    assert isinstance(dropped, Reject)
    assert (dropped.reason, dropped.detail, dropped.where) == (Reason.TEXT_LANGUAGE, "de", "wit.tsv#1")


def test_bad_rows_are_counted_and_the_others_go_on() -> None:
    content = (
        table(row(), row()) + b"half a\trow\n\n" + b"x" * (2 << 20) + b"\n" + table(row()).split(b"\n", 1)[1]
    )
    bad = ("", Reason.SOURCE_UNREADABLE)
    assert texts(read(content)) == [REFERENCE, REFERENCE, bad, bad, REFERENCE]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_packed_and_torn(mark: bytes) -> None:
    content = mark + table(*[row(page_title=f"{number:x}" * 20) for number in range(2000)])
    whole = read(gzip.compress(content), "wit.tsv.gz")
    assert len(whole) == 2000
    *before, last = read(gzip.compress(content)[:-3000], "wit.tsv.gz")
    assert before == whole[: len(before)]
    assert isinstance(last, Reject)
    assert last.where == f"wit.tsv.gz#{len(before)}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (table(), "holds no row below its header"),
        (table(row()).split(b"\n", 1)[1], "is no file of WIT: it lacks attribution_passes_lang_id"),
        (b"url\tcaption\nu\tt\n", "is no file of WIT: it lacks .*; it has url, caption"),
        (b"\0" * 100, "is no file of WIT"),
        (b'"' + b"x" * (3 << 20), "is no file of WIT"),
        (b"\n", "is no file of WIT"),
        (gzip.compress(table(row()))[:15], "cannot be read|no file of WIT"),
    ],
)
def test_what_is_no_file_of_wit_is_the_users(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(content)


def test_a_directory_is_the_users(tmp_path: Any) -> None:
    with pytest.raises(UserError, match="is a directory"):
        records_of(WitTsvSource(path=("x",)), str(tmp_path), local_world())


def test_a_source_without_files_is_refused() -> None:
    with pytest.raises(ValueError, match="path names no file"):
        WitTsvSource(path=())


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (f"{COMMONS}/a/ab/A_dog.jpg", "https://commons.wikimedia.org/wiki/File:A_dog.jpg"),
        (
            f"{COMMONS}/thumb/a/ab/A%20dog.jpg/9px-A.jpg",
            "https://commons.wikimedia.org/wiki/File:A%20dog.jpg",
        ),
        ("http://upload.wikimedia.org/wikipedia/en/1/1a/B.png", "https://en.wikipedia.org/wiki/File:B.png"),
        (
            "http://upload.wikimedia.org/wikipedia/zh-yue/1/1a/B.png",
            "https://zh-yue.wikipedia.org/wiki/File:B.png",
        ),
        (f"{COMMONS}/A_dog.jpg", ""),
        ("https://a.test/wikipedia/commons/a/ab/A_dog.jpg", ""),
        ("http://[1/wikipedia/commons/a/ab/A_dog.jpg", ""),
        ("", ""),
    ],
)
def test_the_page_of_a_file(url: str, page: str) -> None:
    assert file_page(url) == page
