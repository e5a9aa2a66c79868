import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import TEXTS
from wit_pipeline.text.text import clean, mended, normalise, phrases, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog's life", ["a", "dog", "life"]),
        ("dogs’ home", ["dogs", "home"]),
        ('(dog) "dog" dog/cat well-known', ["dog", "dog", "dog", "cat", "well", "known"]),
        ("rock 'n' roll, O'Brien", ["rock", "n", "roll", "o'brien"]),
        ("Ｆｕｌｌ width", ["full", "width"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("snake_case 3D", ["snake", "case", "3d"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("x's's", ["x"]),
        ("— … !", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafÃ© &amp; bar", "café & bar"),
        ("two\u200b\x00  lines\n", "two lines"),
        ("&#" + "9" * 5000 + ";x", "x"),
        ("  ", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(st.characters(max_codepoint=127)))
def test_what_needs_no_mending_is_cleaned_the_same_way(text: str) -> None:
    assert clean(text) == mended(text)


def test_no_phrase_crosses_punctuation() -> None:
    assert phrases("New York, the city (in winter). Snow – ice") == [
        ["new", "york"],
        ["the", "city"],
        ["in", "winter"],
        ["snow"],
        ["ice"],
    ]


@given(TEXTS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(TEXTS)
def test_cleaning_never_fails_and_leaves_one_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == cleaned.strip()
    assert "\n" not in cleaned
    assert "  " not in cleaned
