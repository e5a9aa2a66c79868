import json
from typing import Any

import pytest

from wit_pipeline.html.json_ld import LONGEST, MOST, Described, described


def found(value: Any) -> list[Described]:
    return described(json.dumps(value).encode())


def image(**fields: Any) -> dict[str, Any]:
    return {"@type": "ImageObject", "contentUrl": "1.jpg", **fields}


def test_an_image_object_with_its_texts_caption_first() -> None:
    assert found(image(name="a", description="b", caption="c", url="2.jpg")) == [
        Described(url="1.jpg", texts=("c", "b", "a"))
    ]


@pytest.mark.parametrize(
    "value",
    [
        [image(caption="a")],
        {"@graph": [{"@type": "WebPage", "primaryImageOfPage": image(caption="a")}]},
        {"@type": "Article", "headline": "b", "image": [{"x": {"thumbnail": image(caption="a")}}]},
        {"@type": ["ImageObject", "Photograph"], "url": "1.jpg", "caption": ["a", "c"]},
        image(caption=" a ", description="a"),
        image(caption={"@value": "a"}),
    ],
)
def test_wherever_it_stands(value: Any) -> None:
    assert found(value) == [Described(url="1.jpg", texts=("a",))]


OBJECT = '{"@type": "ImageObject", "contentUrl": "1.jpg", "caption": "a /* b */ // c; <!-- d"}'
READ = [Described(url="1.jpg", texts=("a /* b */ // c; <!-- d",))]


@pytest.mark.parametrize(
    ("block", "times"),
    [
        (f"{OBJECT};", 1),
        (f" {OBJECT} ; ;\n", 1),
        (f"// <![CDATA[\n{OBJECT}\n// ]]>", 1),
        (f"/* <![CDATA[ */ {OBJECT} /* ]]> */", 1),
        (f"<![CDATA[{OBJECT}]]>", 1),
        (f"<!--\n{OBJECT}\n-->", 1),
        (f"\ufeff{OBJECT}", 1),
        (f"{OBJECT}\n{OBJECT}", 2),
        (f"{OBJECT}, {OBJECT}", 2),
        (f"[{OBJECT}, ]", 1),
        (OBJECT.replace("}", ",\n}"), 1),
        (f"/* made by hand */ {OBJECT} // the end", 1),
        (OBJECT.replace('{"', '{ // what it is\n"'), 1),
        (OBJECT.replace('"', "&quot;"), 1),
    ],
)
def test_what_is_written_around_json(block: str, times: int) -> None:
    assert described(block.encode()) == READ * times


@pytest.mark.parametrize("block", ["", ";", "// nothing", f"{OBJECT} {{", f"{OBJECT[:-9]}", "{a: 1}"])
def test_what_is_no_json_for_all_that(block: str) -> None:
    with pytest.raises(ValueError, match=r"line|char"):
        described(block.encode())


@pytest.mark.parametrize(
    ("fields", "license", "attribution"),
    [
        ({"license": "http://l"}, "http://l", ""),
        ({"license": {"@id": "http://l"}}, "http://l", ""),
        ({"creditText": "c", "copyrightNotice": "n"}, "", "c"),
        ({"copyrightNotice": "n", "creator": {"name": "p"}}, "", "n"),
        ({"creator": [{"@type": "Person", "name": "p"}]}, "", "p"),
        ({"creator": 7}, "", ""),
    ],
)
def test_rights(fields: dict[str, Any], license: str, attribution: str) -> None:
    (only,) = found(image(**fields))
    assert (only.license, only.attribution) == (license, attribution)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ({"@type": "Article", "headline": "h", "name": "n", "image": "1.jpg"}, [("h",)]),
        ({"@type": "Product", "name": "n", "image": ["1.jpg", "1.jpg"]}, [("n",), ("n",)]),
        ({"@type": "Article", "headline": "h", "image": image()}, [("h",)]),
        ({"@type": "Article", "headline": "h", "image": image(caption="c")}, [("c",)]),
        ({"@type": "Recipe", "image": image()}, [()]),
        ({"@type": "Recipe", "image": "1.jpg"}, []),
        ({"@type": "ImageObject", "caption": "a"}, []),
        ({"@type": "Article", "headline": "h", "image": " "}, []),
        (7, []),
        ([None, [], {}], []),
    ],
)
def test_the_image_of_a_thing(value: Any, texts: list[tuple[str, ...]]) -> None:
    assert [one.texts for one in found(value)] == texts


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (b"", "Expecting value"),
        (b"{'a': 1}", "Expecting property name"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 5000, "digits"),
        (b" " * (LONGEST + 1), "the most that is read"),
    ],
)
def test_what_cannot_be_read_says_why(block: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        described(block)


def test_bounds_and_odd_strings() -> None:
    assert len(found([image()] * (MOST + 5))) == MOST - 1  # the list is one
    assert described(b'{"@type":"ImageObject","url":"1.jpg","caption":"a\nb \\ud800"}')[0].texts == (
        "a\nb ?",
    )
    assert described(b'{"@type":"ImageObject","url":"1.jpg","caption":"\xff"}')[0].texts == ("\ufffd",)
    assert found(image(caption="a") | {"x": [[[]]] * 10}) != []
    assert described(b" " * (LONGEST - 2) + b"[]") == []
