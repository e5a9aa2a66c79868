"""CirrusSearch dumps give plain pages and their redirects; a bad line costs itself."""

import bz2
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.dumps import cirrus
from queries.dumps.wikipedia import DumpError, Page, Problem, article, pages

INDEX = {"index": {"_type": "page", "_id": "123"}}


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def read(data: bytes) -> list[Page | DumpError]:
    return list(pages(io.BytesIO(data), "a dump"))


def titles(data: bytes) -> list[str]:
    return [found.title if isinstance(found, Page) else found.reason for found in read(data)]


def doc(title: str, **fields: object) -> dict[str, object]:
    return {"title": title, "text": f"about {title}", "namespace": 0, **fields}


def test_a_document_is_a_plain_page_and_its_redirects() -> None:
    redirects = [{"namespace": 0, "title": "Hound"}, {"namespace": 4, "title": "Woof"}]
    assert read(lines(INDEX, doc("Dog", redirect=redirects), doc("Cat", page_id=7), doc("Cow"))) == [
        Page(title="Dog", text="about Dog", page_id=123, plain=True),
        Page(title="Hound", text="", redirect="Dog", plain=True),
        Page(title="Woof", text="", namespace=4, redirect="Dog", plain=True),
        Page(title="Cat", text="about Cat", page_id=7, plain=True),
        Page(title="Cow", text="about Cow", plain=True),
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_it_is_known_by_its_first_byte_however_it_is_packed(pack: type[bytes]) -> None:
    assert titles(pack(b"\xef\xbb\xbf\n " + lines(INDEX, doc("Dog")))) == ["Dog"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"template": ["Template:Cite web", "Template:Dog"]}, True),
        ({"template": ["Template:Disambiguation"]}, False),
        ({"template": ["Vorlage:Begriffsklärung"]}, False),
        ({"template": ["Disambiguation needed"]}, True),
        ({"template": "Disambiguation"}, True),  # no list: not understood, not fatal
        ({"namespace": 1}, False),
        ({"title": "Dog (disambiguation)"}, False),
    ],
)
def test_an_article_is_told_by_its_title_and_templates(fields: dict[str, object], expected: bool) -> None:
    (found,) = read(lines({**doc("Dog"), **fields}))
    assert isinstance(found, Page)
    assert article(found) is expected


@pytest.mark.parametrize(
    "bad",
    [
        b"{]\n",
        b"[1]\n",
        b"{}\n",
        b'{"title": 3}\n',
        b'{"title": "B", "text": null}\n',
        b'{"title": "\xff"}\n',
        b"[" * 100_000 + b"\n",
        b'{"n": ' + b"9" * 5000 + b"}\n",
    ],
)
def test_a_broken_line_costs_itself(bad: bytes) -> None:
    found = read(lines(doc("A")) + bad + b"\n" + lines(doc("Z")))
    error = found[1]
    assert isinstance(error, DumpError)
    assert (error.reason, error.pages) == (Problem.BROKEN_JSON, 1)
    assert error.detail.startswith("line 2: ")
    assert [one.title for one in (found[0], *found[2:]) if isinstance(one, Page)] == ["A", "Z"]


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert titles(b'{"title": "\\ud83d x", "text": ""}\n') == ["? x"]


def test_a_line_that_is_too_long_is_left_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cirrus, "MAX_LINE", 100)
    data = lines(doc("A"), doc("B" * 100), doc("C"))
    assert titles(data) == ["A", Problem.PAGE_TOO_LONG, "C"]
    assert titles(data + b'{"title": "' + b"D" * 100) == [
        "A",
        Problem.PAGE_TOO_LONG,
        "C",
        Problem.PAGE_TOO_LONG,
    ]


@given(st.data())
def test_a_cut_dump_gives_its_whole_documents_and_one_problem(data: st.DataObject) -> None:
    whole = lines(*(doc(f"P{number}") for number in range(6)))
    cut = data.draw(st.integers(1, len(whole) - 1))
    ended = whole[cut - 1 : cut + 1].count(b"\n")  # the line's end is no part of what it says
    expected = [f"P{number}" for number in range(whole[:cut].count(b"\n") + (whole[cut : cut + 1] == b"\n"))]
    assert titles(whole[:cut]) == expected + [Problem.TRUNCATED] * (not ended)
    packed = gzip.compress(whole)
    assert titles(packed[: data.draw(st.integers(3, len(packed) - 1))])[-1] == Problem.TRUNCATED


def test_after_a_broken_stream_lines_go_on_at_the_next() -> None:
    parts = [bz2.compress(lines(doc(f"P{number}"))) for number in range(3)]
    assert titles(parts[0] + parts[1][:20] + parts[2]) == ["P0", Problem.TRUNCATED, "P2"]
