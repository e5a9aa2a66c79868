import json
from typing import Any

import pytest

from tests.lists import facts, read
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

SBU = {
    "image_urls": ["http://a.test/1", "http://a.test/2"],
    "captions": ["a dog", "a cat"],
    "user_ids": ["47889917@N08", "1@N00"],
}


def test_documents_of_parallel_arrays() -> None:
    (first, second) = read(json.dumps(SBU).encode(), "sbu.json")
    assert first == Raw(
        url="http://a.test/1",
        text="a dog",
        where="sbu.json#0",
        attribution="47889917@N08",
        text_kind="caption",
    )
    assert facts([second]) == [("http://a.test/2", "a cat")]
    short = {**SBU, "captions": ["a dog"]}
    assert facts(read(json.dumps(short).encode(), "a.json")) == [
        ("http://a.test/1", "a dog"),
        ("", Reason.SOURCE_UNREADABLE),
    ]


def test_the_annotations_of_redcaps() -> None:
    row = {
        "image_id": "bpzj7r",
        "author": "djasz1",
        "url": "https://i.redd.it/ho0wntksivy21.jpg",
        "raw_caption": "Found on a friend's property",
        "caption": "found on a friend's property",
        "subreddit": 3,
        "score": 72,
        "created_utc": 1558234144,
        "permalink": "/r/airplants/comments/bpzj7r/found_on_a_friends_property/",
        "crosspost_parents": None,
    }
    content = json.dumps({"info": {"url": "http://x"}, "annotations": [row, "nonsense"]}).encode()
    first, second = read(content, "a.json")
    assert first == Raw(
        url="https://i.redd.it/ho0wntksivy21.jpg",
        text="found on a friend's property",
        where="a.json#0",
        page_url="https://www.reddit.com/r/airplants/comments/bpzj7r/found_on_a_friends_property/",
        attribution="djasz1",
        text_kind="caption",
    )
    assert isinstance(second, Reject)


def test_captions_of_images() -> None:
    content = {
        "annotations": [
            {"image_id": 7, "id": 1, "caption": "a dog"},
            {"image_id": 7, "id": 2, "caption": "a red dog"},
            {"image_id": 9, "id": 3, "caption": "a cat"},
        ],
        "images": [{"id": 7, "license": 4, "coco_url": "c", "flickr_url": "f", "caption": "of all"}],
        "licenses": [{"id": 4, "url": "http://creativecommons.org/licenses/by/2.0/", "name": "BY"}],
    }
    first, second, third = read(json.dumps(content).encode(), "a.json")
    assert first == Raw(
        url="c",
        text="a dog",
        where="a.json#0",
        license="http://creativecommons.org/licenses/by/2.0/",
        text_kind="caption",
    )
    assert facts([second, third]) == [("c", "a red dog"), ("", Reason.SOURCE_UNREADABLE)]
    assert facts(read(json.dumps(content).encode(), "a.json", url="flickr_url"))[0] == ("f", "a dog")
    del content["licenses"]
    (first, *_) = read(json.dumps(content).encode(), "a.json")
    assert isinstance(first, Raw)
    assert first.license == ""


def test_a_document_of_images_alone_is_said() -> None:
    content = json.dumps(
        {"images": [{"id": 1, "coco_url": "u"}], "annotations": [{"image_id": 1, "bbox": [1]}]}
    )
    with pytest.raises(UserError, match="hold the text"):
        read(content.encode(), "instances.json")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (SBU | {"user_ids": ["x" * 99, "y"]}, [("http://a.test/1", "a dog")]),
        (
            {
                "images": [{"id": 1, "coco_url": "u"}],
                "annotations": [{"image_id": 1, "caption": "a dog"}, {"image_id": 1, "caption": "x" * 99}],
            },
            [("u", "a dog")],
        ),
        ([["http://a.test/1", "a dog"], ["http://a.test/2", "x" * 99]], [("http://a.test/1", "a dog")]),
        (
            [["x1", "a.jpg", "s/comments/x1/", "a dog"], ["x" * 99] * 4],
            [("https://i.redd.it/a.jpg", "a dog")],
        ),
    ],
)
def test_a_torn_document_gives_what_came_before(document: Any, expected: list[tuple[str, str]]) -> None:
    content = json.dumps(document).encode()
    *before, last = read(content[: -len("xxx...")], "a.json")
    assert facts(before) == expected
    assert isinstance(last, Reject)
    assert (last.where, last.detail[:12]) == (f"a.json#{len(expected)}", "broken JSON:")


def test_further_columns_of_parallel_arrays() -> None:
    document = {**SBU, "tags_of_mine": ["dog", ""], "more": [[1], 2]}
    found = read(json.dumps(document).encode(), "a.json", texts=("tags_of_mine",))
    assert facts(found) == [
        ("http://a.test/1", "a dog"),
        ("http://a.test/1", "dog"),
        ("http://a.test/2", "a cat"),
    ]


def test_a_row_without_names_unlike_the_first_is_counted() -> None:
    document = [["http://a.test/1", "a dog"], ["http://a.test/2"], 7, ["http://a.test/3", "a cat"]]
    assert [text for _, text in facts(read(json.dumps(document).encode(), "a.json"))] == [
        "a dog",
        Reason.SOURCE_UNREADABLE,
        Reason.SOURCE_UNREADABLE,
        "a cat",
    ]
    explored = [["x1", "a.jpg", "s/comments/x1/", "a dog"], ["x2"]]
    assert [url for url, _ in facts(read(json.dumps(explored).encode(), "a.json"))] == [
        "https://i.redd.it/a.jpg",
        "",
    ]
