import unicodedata
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.text.caption import (
    CaptionConfig,
    letters_share,
    reject_language,
    reject_text,
    reject_words,
)
from wit_pipeline.text.languages import identify
from wit_pipeline.text.scripts import PARTS
from wit_pipeline.text.text import HIDDEN, words
from wit_pipeline.text.tokens import distinct, longest_runs, packed, word_hashes
from wit_pipeline.vocabulary.records import Reason


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("", Reason.NO_TEXT),
        ("a dog", None),
        ("dogs", Reason.TEXT_TOO_SHORT),  # four characters
        ("a " + "dc" * 9, None),
        ("a " + "dc" * 9 + "d", Reason.TEXT_TOO_LONG),
        ("ab 12 -", Reason.TEXT_FEW_LETTERS),
        ("abc 123", None),
        ("犬 12 3", Reason.TEXT_FEW_LETTERS),
        ("東京", None),  # as long as "Tōkyō"
        ("猫", Reason.TEXT_TOO_SHORT),  # as short as "cat"
        ("서울", None),
        ("မြို့တော်", None),  # half of it is marks
        ("เจ้าพระยา", None),
        ("東京タワー2014年撮影写真", None),  # no blank, and no file name
        ("タワー2014.jpg", Reason.TEXT_FILE_NAME),
        ("犬犬犬 123", None),
        ("-.jpg", Reason.TEXT_FILE_NAME),
        ("12.3.2014", Reason.TEXT_DATE),
        ("12 March 2014", Reason.TEXT_DATE),
        ("SONY DSC", Reason.TEXT_CAMERA),
        ("read more", Reason.TEXT_BOILERPLATE),
        ("at www.a.org/bcde", Reason.TEXT_URL),
        ("found at www.a.org", None),
    ],
)
def test_both_sides_of_each_bound(caption: str, reason: Reason | None) -> None:
    assert reject_text(caption, CaptionConfig(max_characters=20)) == reason


@pytest.mark.parametrize(
    ("caption", "switch"),
    [
        ("a dog.jpg", {"file_names": True}),
        ("12 September 2014", {"dates": True}),
        ("SONY DSC", {"cameras": True}),
        ("read more", {"boilerplate": True}),
        ("www.example.org", {"max_url": 1.0}),
    ],
)
def test_what_the_recipe_keeps(caption: str, switch: dict[str, bool]) -> None:
    assert reject_text(caption, CaptionConfig()) is not None
    assert reject_text(caption, CaptionConfig(**switch)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "unlike", "run", "reason"),
    [
        (1, 1, 1, Reason.TEXT_TOO_SHORT),
        (2, 2, 1, None),
        (9, 9, 1, None),
        (10, 10, 1, Reason.TEXT_TOO_LONG),
        (5, 2, 1, None),  # three of five were said before
        (5, 1, 1, Reason.TEXT_REPETITIVE),
        (5, 5, 15, None),
        (5, 5, 16, Reason.TEXT_REPETITIVE),
    ],
)
def test_both_sides_of_the_bounds_on_words(count: int, unlike: int, run: int, reason: Reason | None) -> None:
    assert reject_words(count, unlike, run, CaptionConfig(max_words=9)) == reason
    assert reject_words(9, 1, 99, CaptionConfig(max_repeated=1.0)) is None


@pytest.mark.parametrize(
    ("count", "unspaced", "reason"),
    [
        (2, 2, Reason.TEXT_TOO_SHORT),  # one word of two ideographs
        (3, 3, None),
        (2, 1, None),  # and one of Latin letters
        (800, 800, None),
        (801, 801, Reason.TEXT_TOO_LONG),
        (400, 0, None),
        (401, 0, Reason.TEXT_TOO_LONG),
    ],
)
def test_two_letters_of_a_script_without_blanks_are_a_word(
    count: int, unspaced: int, reason: Reason | None
) -> None:
    assert reject_words(count, count, 1, CaptionConfig(max_words=400), unspaced) == reason


@pytest.mark.parametrize(("unlike", "reason"), [(20, None), (19, Reason.TEXT_REPETITIVE)])
def test_a_long_text_may_repeat_more(unlike: int, reason: Reason | None) -> None:
    assert reject_words(300, unlike, 1, CaptionConfig()) == reason


@given(st.lists(st.text(max_size=30), max_size=6))
def test_words_are_counted_as_text_counts_them(texts: list[str]) -> None:
    hashes, ends = word_hashes(*packed(texts))
    counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert counts == [len(words(text)) for text in texts]
    assert distinct(hashes, ends).tolist() == [len(set(words(text))) for text in texts]


@given(st.lists(st.text("a é犬\n", max_size=12), max_size=4))
def test_runs_of_one_character(texts: list[str]) -> None:
    expected = [max((len(list(run)) for _, run in groupby(text)), default=0) for text in texts]
    assert longest_runs(*packed(texts)).tolist() == expected


@given(st.text())
def test_the_share_of_letters(text: str) -> None:
    cleaned = " ".join(text.split())
    solid = [character for character in cleaned if not character.isspace()]
    solid = [one for one in solid if not HIDDEN.match(one) and one != PARTS]
    letters = sum(one.isalpha() or unicodedata.category(one)[0] == "M" for one in solid)
    share = letters / len(solid) if solid else 0.0
    assert letters_share(cleaned) == pytest.approx(share)


def test_languages() -> None:
    language, certainty = identify("Een rode hond rent door de tuin van het huis")
    assert (language, certainty > 0.9) == ("nl", True)
    assert identify("") == identify("\n")  # no failure
    assert reject_language("nl", 0.4, ("en",), 0.4) is Reason.TEXT_LANGUAGE
    assert reject_language("nl", 0.39, ("en",), 0.4) is None
    assert reject_language("en", 1.0, ("de", "en"), 0.4) is None


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("nb", "no"), ("no", "no"), ("nn", "nn"), ("EN", "en"), ("eng", "en"), ("en-US", "en"),
        ("en_us", "en"), ("iw", "he"), ("he", "he"), ("zh-Hant", "zh"), ("cmn", "zh"), ("fil", "tl"),
        ("sr-Latn", "sr"), ("id", "id"),
    ],
)  # fmt: skip
def test_a_language_is_known_however_its_code_is_written(code: str, label: str) -> None:
    assert CaptionConfig(languages=(code,)).languages == (code,)
    assert reject_language(label, 1.0, (code,), 0.4) is None
    assert reject_language("nl", 1.0, (code,), 0.4) is Reason.TEXT_LANGUAGE


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("xx", "'xx' is no language by BCP 47"),
        ("english", "'english' is no language by BCP 47"),
        ("", "'' is no language by BCP 47"),
        ("haw", "'haw' cannot be told from a caption; known: af, als, "),
    ],
)
def test_a_code_that_would_drop_all_captions_is_refused(code: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CaptionConfig(languages=("en", code))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"min_letters": 1.5}, "min_letters is a share from 0 to 1, found 1.5"),
        ({"max_url": -0.1}, "max_url is a share"),
        ({"min_characters": 9, "max_characters": 8}, "min_characters 9 is above max_characters 8"),
        ({"min_words": 9, "max_words": 8}, "min_words 9 is above max_words 8"),
    ],
)
def test_nonsense_is_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CaptionConfig(**fields)  # type: ignore[arg-type]
