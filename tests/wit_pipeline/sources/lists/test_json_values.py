import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources.lists import json_values
from wit_pipeline.sources.lists.json_values import items
from wit_pipeline.sources.packed import Damaged

VALUE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def before_it_breaks(content: bytes) -> list[Any]:
    found: list[tuple[str, Any]] = []
    with pytest.raises(Damaged):
        found.extend(items([content]))
    return [item for _, item in found]


@given(
    values=st.lists(VALUE, max_size=6),
    size=st.integers(1, 40),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_the_items_of_an_array_however_it_is_cut(
    values: list[Any], size: int, indent: int | None, ascii_only: bool
) -> None:
    content = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert list(items(cut(content, size))) == [("", value) for value in values]


@given(
    document=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), VALUE, max_size=5),
    size=st.integers(1, 40),
)
def test_the_items_of_an_object_s_arrays(document: dict[str, Any], size: int) -> None:
    arrays = {key: value for key, value in document.items() if isinstance(value, list)}
    expected = [(key, item) for key, value in arrays.items() for item in value]
    assert list(items(cut(json.dumps(document).encode(), size))) == expected


@pytest.mark.parametrize(
    ("content", "before"),
    [
        (b"", []),
        (b"17", []),
        (b'"a', []),
        (b"[1, 2", [1, 2]),
        (b"[1, 2,", [1, 2]),
        (b"[1, 2,]", [1, 2]),
        (b"[1 2]", [1]),
        (b"[1, {nonsense}, 2]", [1]),
        (b'{"a": [1, 2], "b": [3, tru', [1, 2, 3]),
        (b'{"a" [1]}', []),
        (b'{"a": [1] "b": [2]}', [1]),
        (b"[1, " + b"[" * 100_000, [1]),
        (b"[1, " + b"1" * 5000 + b"]", [1]),
    ],
)
def test_what_comes_before_a_break_is_given(content: bytes, before: list[int]) -> None:
    assert before_it_breaks(content) == before


def test_a_value_that_is_too_long_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "MAX_VALUE", 1000)
    taken = 0

    def endless() -> Any:
        nonlocal taken
        yield b'[1, "'
        while True:
            taken += 1
            yield b"x" * 100

    found: list[tuple[str, Any]] = []
    with pytest.raises(Damaged, match="longer than 1000"):
        found.extend(items(endless()))
    assert found == [("", 1)]
    assert taken < 100


def test_bytes_that_are_no_utf8_and_a_byte_order_mark() -> None:
    assert list(items([b'\xef\xbb\xbf["a \xff dog"]'])) == [("", "a \ufffd dog")]
