"""Which of some languages a caption is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.text import spoken
from wit_pipeline.text.spoken import Languages, scripts_in, scripts_of

FIVE = Languages(("de", "en", "ja", "th", "zh"), 0.4)


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("the red dog runs through the garden", "en"),
        ("der rote Hund läuft durch den Garten", "de"),
        ("สุนัขสีแดงวิ่งผ่านสวน", "th"),
        ("赤い犬が庭を走る", "ja"),
        ("红色的狗在花园里奔跑", "zh"),
        ("タワー", "ja"),  # no other is written in kana
        ("красная собака", ""),  # none of them is
        ("Nike Air", ""),  # of any
        ("le chien rouge court dans le jardin", ""),  # surely of none
        ("123 !?", ""),
        ("", ""),
        ("iPhone 手机 新品发布会在北京举行", "zh"),
    ],
)
def test_of_five(caption: str, language: str) -> None:
    assert FIVE.of(caption) == language


@pytest.mark.parametrize(
    ("caption", "stated", "language"),
    [
        ("Nike Air", "de", "de"),
        ("Nike Air", "DE-at", "de"),
        ("Nike Air", "fr", ""),
        ("Nike Air", "nonsense", ""),
        ("タワー", "en", "ja"),  # which the script contradicts
        ("北京", "zh-Hant", "zh"),
        ("北京", "yue", "zh"),
        ("Nike Air", "als", ""),  # of Wikimedia: Alemannic
    ],
)
def test_what_a_source_states_counts_where_the_script_allows_it(
    caption: str, stated: str, language: str
) -> None:
    assert FIVE.of(caption, stated) == language


def test_nothing_is_identified_where_the_script_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(text: str) -> tuple[str, float]:
        raise AssertionError(text)

    monkeypatch.setattr(spoken, "identify", never)
    languages = Languages(("en", "ru", "th"), 0.4)
    assert [languages.of(text) for text in ("a dog", "собака", "สุนัข", "犬")] == ["en", "ru", "th", ""]


def test_scripts() -> None:
    assert scripts_of("ko") == {"Hang", "Hani"}
    assert scripts_of("zh") == {"Hani"}
    assert scripts_in("한국 a") == {"Hang"}
    assert scripts_in("αβγ и Δ") == {"Grek", "Cyrl"}
    assert scripts_in("\u0301 12") == frozenset()


@given(st.text(), st.text(max_size=5))
def test_any_text_has_one_of_the_languages_or_none(text: str, stated: str) -> None:
    assert FIVE.of(text, stated) in (*FIVE.names, "")
