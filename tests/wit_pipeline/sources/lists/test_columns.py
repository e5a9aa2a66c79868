import json
from typing import Any

import pytest

from tests.lists import CSV, facts, parquet, read
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("u", "a dog", "caption")]),
        (
            {"texts": ("alt", "title")},
            [("u", "a dog", "caption"), ("u", "dog", "alt"), ("u", "Rex", "title")],
        ),
        ({"text": "alt"}, [("u", "dog", "caption")]),
        ({"text": "alt", "texts": ("title",)}, [("u", "dog", "caption"), ("u", "Rex", "title")]),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.csv"])
def test_further_texts(fields: dict[str, Any], expected: list[tuple[str, str, str]], name: str) -> None:
    row = {"url": "u", "alt": "dog", "title": "Rex", "caption": "a dog"}
    content = {
        "a.jsonl": json.dumps(row).encode(),
        "a.parquet": parquet([row]),
        "a.csv": "\n".join(map(",".join, [row, row.values()])).encode(),
    }[name]
    found = read(content, name, **fields)
    assert [(raw.url, raw.text, raw.text_kind) for raw in found if isinstance(raw, Raw)] == expected
    assert [raw.where for raw in found] == [f"{name}#0", f"{name}#0.1", f"{name}#0.2"][: len(found)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),  # which bytes a sum is of, nobody says
        ({"sha256": "sha256"}, "sha256:ab"),
        ({"md5": "MD5"}, "md5:cd"),
        ({"sha256": "sha256", "md5": "MD5"}, "sha256:ab"),
        ({"sha256": "none", "md5": "MD5", "texts": ("alt",)}, "md5:cd"),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.csv"])
def test_sums_that_are_named(fields: dict[str, Any], expected: str, name: str) -> None:
    row = {"url": "u", "alt": "dog", "caption": "a dog", "sha256": " AB", "MD5": "cd", "none": ""}
    content = {
        "a.jsonl": json.dumps(row).encode(),
        "a.parquet": parquet([row]),
        "a.csv": "\n".join(map(",".join, [row, row.values()])).encode(),
    }[name]
    found = read(content, name, **fields)
    assert {raw.digest for raw in found if isinstance(raw, Raw)} == {expected}
    assert len(found) == 1 + len(fields.get("texts", ()))


def test_a_further_text_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="has no column 'alt'"):
        read(CSV.encode(), "a.csv", texts=("alt",))
    assert len(read(b"url,caption,alt\nu,t,\n", "a.csv", texts=("alt",))) == 1


def test_lists_give_a_record_each() -> None:
    rows: list[dict[str, Any]] = [
        {"image_urls": ["u", "v"], "caption": ["a dog"], "author": "A"},
        {"image_urls": ["u"], "caption": ["a dog", "a cat"], "author": "B"},
        {"image_urls": ["u", "v"], "caption": ["a dog", "a cat"], "author": "C"},
        {"image_urls": ["u", "v", "w"], "caption": ["a dog", "a cat"], "author": "D"},
        {"image_urls": [], "caption": ["a dog"], "author": "E"},
        {"image_urls": None, "caption": None, "author": "F"},
        {"image_urls": [f"u{i}" for i in range(101)], "caption": ["a dog"], "author": "G"},
    ]
    expected = [
        *[("u", "a dog"), ("v", "a dog")],
        *[("u", "a dog"), ("u", "a cat")],
        *[("u", "a dog"), ("v", "a cat")],
        ("", Reason.SOURCE_UNREADABLE),
        ("", "a dog"),
        ("", ""),
        *[(f"u{i}", "a dog") for i in range(100)],
        ("", Reason.SOURCE_UNREADABLE),
    ]
    for name, content in (
        ("a.parquet", parquet(rows)),
        ("a.jsonl", "\n".join(map(json.dumps, rows)).encode()),
    ):
        found = read(content, name)
        assert facts(found) == expected
        assert len({item.where for item in found}) == len(found)
        assert {item.attribution for item in found if isinstance(item, Raw)} == set("ABCEFG")
