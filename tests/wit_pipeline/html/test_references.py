import html

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.html import references

PIECES = st.lists(
    st.sampled_from(
        ["&", "#", "x", "X", ";", "=", "amp", "copy", "lt", "notit", "not", "frac12", "rarr", "é", "a", "1",
         "80", "D800", "110000", "0", "9", "&amp;", "&#", "&#x", " ", "\r", "\r\n",
         "CounterClockwiseContourIntegral"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(PIECES)
def test_an_attribute_is_what_html5lib_reads(value: str) -> None:
    tree = html5lib.parse(f'<img alt="{value}">', namespaceHTMLElements=False)
    assert references.attribute(value) == next(tree.iter("img")).get("alt")


@given(PIECES)
def test_a_text_is_what_html5lib_reads(value: str) -> None:
    tree = html5lib.parse(f"<body><b>{value}", namespaceHTMLElements=False)
    assert references.text(value) == (next(tree.iter("b")).text or "")


@pytest.mark.parametrize(
    ("value", "attribute", "text"),
    [
        ("?a=1&copy=2", "?a=1&copy=2", "?a=1©=2"),
        ("&copyx", "&copyx", "©x"),
        ("&copy x", "© x", "© x"),
        ("&amp", "&", "&"),
        ("&rarr", "&rarr", "&rarr"),  # a newer name needs its semicolon
        ("&#0;&#xD800;&#x110000;&#99999999999;", "\ufffd" * 4, "\ufffd" * 4),
        ("&#x80;&#x81;", "€\x81", "€\x81"),
        ("&#" + "1" * 10_000, "\ufffd", "\ufffd"),
        ("a\0b\r\nc\rd", "a\ufffdb\nc\nd", "a\ufffdb\nc\nd"),
    ],
)
def test_both_rules(value: str, attribute: str, text: str) -> None:
    assert references.attribute(value) == attribute
    assert references.text(value) == text


@given(st.text())
def test_what_was_escaped_comes_back(text: str) -> None:
    assert references.attribute(html.escape(text)) == references.normal(text)
