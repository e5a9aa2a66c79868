import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from icu4py.breakers import WordBreaker

from tests.strategies import TEXTS
from tests.wit_pipeline.text.test_tokens import ODD
from wit_pipeline.text.segments import segmented
from wit_pipeline.text.text import ALONE, clean, fold, mended, normalise, phrases, words

LETTERED = re.compile(r"[^\W_]")


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
        ("L’Homme qu'il l'a d'été", ["l'", "homme", "qu'", "il", "l'", "a", "d'", "été"]),
        ("all's well at Dell's, aujourd'hui", ["all", "well", "at", "dell", "aujourd'hui"]),
        ("İNSAN insan Işık IŞIK ışık", ["insan", "insan", "işik", "işik", "işik"]),
        ("Straßen\u00adbahn\u2060hof", ["strassenbahnhof"]),
        ("ශ්\u200dරී स्\u200dथान می\u200cخواهم", ["ශ්රී", "स्थान", "میخواهم"]),
        ("ល\u200bក word\u200bword", ["ល", "ក", "word", "word"]),
        ('צה"ל צה״ל "צהל" ג׳ירפה', ['צה"ל', 'צה"ל', "צהל", "ג'ירפה"]),
        ("\U0001e900\U0001e944\U0001e901 𑀓𑀸", ["\U0001e922\U0001e944\U0001e923", "𑀓𑀸"]),  # marks of all planes
        ("東京タワー iPhone手机", ["東", "京", "タ", "ワー", "iphone", "手", "机"]),
        ("กาแฟ น้ำ", ["ก", "า", "แ", "ฟ", "น้ํ", "า"]),
        ("བོད་ཡིག", ["བོད", "ཡིག"]),
        ("한국어 위키", ["한국어", "위키"]),
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
        ("\u200bល\u200b\u200bក \u200b ខ\u200b", "ល\u200bក ខ"),  # it parts words, where there are two
        ("<strong>red</strong> <EM class='x'>tul</EM>ip", "red tulip"),
        ("&lt;b&gt;red&lt;/b&gt; a<br/>b<p>c</p><!-- d -->", "red a b c"),
        ("red <span style='color:", "red"),  # cut short
        ("<my-card a=b>red</my-card> <o:p>tulip</o:p>", "red tulip"),
        ("<?xml version='1.0'?><!DOCTYPE html><![CDATA[red & tulip]]>", "red & tulip"),
        ("[b]red[/b] [url=http://a.test/x]tulip[/url]", "red tulip"),
        ("[caption id='a' width=\"3\"]red tulip[/caption] [gallery ids='1,2']", "red tulip"),
        ("notes [b] and [1] [sic] of [Figure: a=b] <-x>", "notes [b] and [1] [sic] of [Figure: a=b] <-x>"),
        ("x < y and y > z, <3, a <c> d, 1<a", "x < y and y > z, <3, a <c> d, 1<a"),
        ("Stra&shy;ßen\u00adbahn \u061ca\u2066b", "Straßenbahn ab"),
        ("ශ්\u200dරී می\u200cخواهم ❤️", "ශ්\u200dරී می\u200cخواهم ❤️"),
        ("&#" + "9" * 5000 + ";x", "x"),
        ("  ", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "unit", ["<a-", "<o:", "[a", "[/a]", "[a b=c ", '[a b="', "<![CDATA[", "<?xml ", "<b ", "<!--"]
)
def test_no_markup_takes_long(unit: str) -> None:
    """As in `test_junk`: a square of the length would take hours."""
    assert isinstance(clean(unit * 100_000), str)


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


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("New  York's", "new york"),
        ("L’Homme", "l'homme"),
        ("東京 タワー", "東京タワー"),
        ("iPhone 手机", "iphone手机"),
        ("ភាសា\u200bខ្មែរ", "ភាសាខ្មែរ"),
    ],
)
def test_normalise(query: str, expected: str) -> None:
    assert normalise(query) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京大学的学生", [["北京", "大学", "的", "学生"]]),
        ("美しい東京、iPhone手机", [["美しい", "東京"], ["iphone", "手机"]]),
        ("ประเทศไทยเป็นประเทศ", [["ประเทศไทย", "เป็น", "ประเทศ"]]),
        ("ປະເທດລາວເປັນປະເທດ", [["ປະເທດ", "ລາວ", "ເປັນ", "ປະເທດ"]]),
        ("កុម្ពុជា\u200bប្រាសាទ", [["កុម្ពុជា", "ប្រាសាទ"]]),  # its author parted it
        ("ဂျာမနီနိုင်ငံ", [["ဂျာမနီ", "နိုင်ငံ"]]),
        ("A plain l'été", [["a", "plain", "l'", "été"]]),
    ],
)
def test_words_of_dumps_in_scripts_without_blanks(text: str, expected: list[list[str]]) -> None:
    assert phrases(segmented(text)) == expected


@given(TEXTS)
def test_a_query_has_the_words_of_the_text_it_was_made_from(text: str) -> None:
    assert words(normalise(text)) == words(text)


@given(st.text(f"{ODD}"))
def test_what_a_dictionary_parts_is_found_in_the_text_it_stood_in(text: str) -> None:
    found = words(text)
    for phrase in phrases(segmented(text)):
        for word in phrase:
            wanted = words(word)
            assert any(found[i : i + len(wanted)] == wanted for i in range(len(found))), word


# No punctuation, about which ours and theirs differ (they let 3.14 and a_b be one word), and nothing that
# NFKC makes several characters of.
PLAIN = st.text(
    st.characters(
        categories=("Lu", "Ll", "Lt", "Mn", "Mc", "Nd", "Zs"), include_characters="\u00ad\u200d\u200c\u2060"
    ).filter(lambda one: unicodedata.normalize("NFKC", one) == one)
)


@given(PLAIN)
def test_words_are_those_of_unicodes_annex_29_where_blanks_part_them(text: str) -> None:
    """By ICU, which follows UAX #29; scripts without blanks, and letters without case, are tested above."""
    assume(not ALONE.search(text) and not re.search(r"[\u0f40-\u0fbc\u1780-\u17ff]", text))
    parted = [part for part in WordBreaker(text, "en") if LETTERED.search(fold(part))]
    assert words(text) == [word for part in parted for word in words(part)]
    assert len(parted) == len(words(text))


@given(TEXTS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(TEXTS)
def test_cleaning_never_fails_and_leaves_one_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == cleaned.strip()
    assert "\n" not in cleaned
    assert "  " not in cleaned
