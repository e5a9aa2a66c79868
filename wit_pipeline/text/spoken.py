"""Which of some languages a caption is in: by its script, where that tells, else as it is identified."""

import unicodedata
from collections.abc import Sequence
from functools import cache

import langcodes
import numpy as np
import numpy.typing as npt

from wit_pipeline.text.languages import LABELS, base, identify, is_one_of, of_wiki

# Scripts as ISO 15924 has them, by the first word of the names of their letters.
SCRIPTS = {
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARABIC": "Arab", "HEBREW": "Hebr", "CJK": "Hani",
    "HIRAGANA": "Hira", "KATAKANA": "Kana", "BOPOMOFO": "Bopo", "HANGUL": "Hang", "THAI": "Thai",
    "LAO": "Laoo", "KHMER": "Khmr", "MYANMAR": "Mymr", "TIBETAN": "Tibt", "DEVANAGARI": "Deva",
    "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya", "TAMIL": "Taml",
    "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh", "GEORGIAN": "Geor",
    "ARMENIAN": "Armn", "ETHIOPIC": "Ethi", "CHEROKEE": "Cher", "CANADIAN": "Cans", "MONGOLIAN": "Mong",
    "SYRIAC": "Syrc", "THAANA": "Thaa", "TIFINAGH": "Tfng", "NKO": "Nkoo",
    "OL": "Olck", "MEETEI": "Mtei", "JAVANESE": "Java",
    "BALINESE": "Bali", "SUNDANESE": "Sund", "BUGINESE": "Bugi", "YI": "Yiii", "GOTHIC": "Goth",
}  # fmt: skip
NAMES = tuple(SCRIPTS.values())
LATIN = NAMES.index("Latn") + 1
# Of letters that stand for syllables or words, one weighs as many as in the length of a caption.
WEIGHTS = np.array([1, *(3 if name in ("Hani", "Hira", "Kana", "Hang") else 1 for name in NAMES)])
SHARE = 0.2  # of a caption's letters: from here on a script says something
# What several scripts together are to ISO 15924 …
TOGETHER = {
    "Jpan": ("Hani", "Hira", "Kana"), "Kore": ("Hang", "Hani"), "Hans": ("Hani",), "Hant": ("Hani", "Bopo"),
}  # fmt: skip
# … and languages that are written in more than CLDR's likely one.
ALSO = {
    "az": ("Cyrl", "Arab"), "azb": ("Arab",), "bs": ("Cyrl",), "kk": ("Arab", "Latn"), "ku": ("Arab",),
    "ks": ("Deva",), "lad": ("Hebr",), "mn": ("Mong",), "pa": ("Arab",), "sd": ("Deva",), "sh": ("Cyrl",),
    "sr": ("Latn",), "tg": ("Arab",), "tt": ("Latn",), "ug": ("Latn",), "uz": ("Cyrl",), "yue": ("Hani",),
}  # fmt: skip


@cache
def _table() -> npt.NDArray[np.uint8]:
    """The script of each code point, one more than its place in NAMES; 0 where it is of none of them."""
    places = {name: place for place, name in enumerate(SCRIPTS, 1)}
    table = np.zeros(0x110000, np.uint8)
    for code in range(0x30000 + 0x1400):
        if chr(code).isalpha():
            table[code] = places.get(unicodedata.name(chr(code), "").partition(" ")[0], 0)
    return table


@cache
def scripts_of(language: str) -> frozenset[str]:
    """The scripts that a language is written in.

    >>> sorted(scripts_of("ja")), sorted(scripts_of("sr"))
    (['Hani', 'Hira', 'Kana'], ['Cyrl', 'Latn'])
    """
    likely = langcodes.Language.get(language).maximize().script or ""
    return frozenset((*TOGETHER.get(likely, (likely,)), *ALSO.get(language, ())))


def scripts_in(text: str) -> frozenset[str]:
    """The scripts that a fifth of a text's letters or more are of; kana wherever it is.

    >>> sorted(scripts_in("a red dog")), sorted(scripts_in("東京タワー")), sorted(scripts_in("Der дом"))
    (['Latn'], ['Hani', 'Kana'], ['Cyrl', 'Latn'])
    """
    if text.isascii():
        return frozenset(("Latn",))
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    weights = np.bincount(_table()[codes], minlength=len(NAMES) + 1) * WEIGHTS
    weights[0] = 0
    (places,) = np.nonzero(weights >= max(1.0, SHARE * weights.sum()))
    return frozenset(NAMES[place - 1] for place in places.tolist())


class Languages:
    """Some languages, and which of them captions are in."""

    def __init__(self, languages: Sequence[str], certainty: float) -> None:
        self.names = tuple(languages)
        self.certainty = certainty
        self._written = {name: scripts_of(name) for name in self.names}
        self._by_label = {label: _meant(label, self.names) for label in LABELS}
        self._written_in: dict[frozenset[str], tuple[str, ...]] = {}

    def of(self, caption: str, stated: str = "") -> str:
        """The language of a caption, one of `names`; "" where it is none of them, or none surely.

        What its source has `stated` counts where the script does not contradict. A script that only one of
        the languages is written in tells it; else the text is identified.
        """
        scripts = scripts_in(caption)
        possible = self._written_in.get(scripts)
        if possible is None:
            possible = self._written_in[scripts] = self._possible(scripts)
        if not possible:
            return ""
        if stated and (told := _meant(stated, self.names)) in possible:
            return told
        if len(possible) == 1 and len(scripts) == 1:
            return possible[0]
        label, probability = identify(caption)
        found = self._by_label.get(label, "")
        return found if probability >= self.certainty and found in possible else ""

    def _possible(self, scripts: frozenset[str]) -> tuple[str, ...]:
        """The languages that are written in all of some scripts; Latin letters may be of any beside them."""
        others = scripts - {"Latn"}
        found = [name for name in self.names if others and others <= self._written[name]]
        latin = [name for name in self.names if "Latn" in scripts and "Latn" in self._written[name]]
        return tuple(dict.fromkeys((*found, *latin)))


@cache
def _meant(label: str, names: tuple[str, ...]) -> str:
    """Which of some languages a code of a wiki or of BCP 47 stands for; "" for none."""
    found = base(of_wiki(label))
    if found in names:
        return found
    return next((name for name in names if is_one_of(found, (name,))), "")
