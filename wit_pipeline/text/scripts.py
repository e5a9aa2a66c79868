"""What Unicode says of characters, as far as it decides what a word is.

Ranges of blocks and scripts are the Unicode Standard's (Blocks.txt, Scripts.txt, DerivedCoreProperties.txt of
version 16), written down where Python's own tables have no such property; what is a letter, a digit or a mark
is Python's word (`unicodedata`).
"""

import unicodedata
from collections.abc import Iterable
from itertools import chain


def _ranges(codes: Iterable[int]) -> str:
    """Code points, ascending, as the inside of a regular expression's brackets."""
    parts: list[list[int]] = []
    for code in codes:
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in parts)


LONG = "ー"  # makes the kana before it longer, as a mark does
# Python's \w knows no combining marks, and without them the words of Hindi or Thai fall into letters.
MARKS = LONG + _ranges(
    code
    for code in chain(range(0x300, 0x20000), range(0xE0100, 0xE01F0))
    if unicodedata.category(chr(code))[0] == "M"
)


def _letters(*blocks: tuple[int, int]) -> str:
    """The letters of some blocks, without their marks, as `_ranges` writes them."""
    every = (code for first, last in blocks for code in range(first, last + 1))
    return _ranges(code for code in every if chr(code).isalnum())


# Of scripts that put no blank between words those of which one is a word by itself, …
IDEOGRAPHS = _letters(
    (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)
)  # fmt: skip
# … and all letters of such scripts: Line_Break=SA of UAX #14, and those of Chinese and Japanese. Tibetan is
# not among them: its syllables are parted by a mark of their own.
UNSPACED = IDEOGRAPHS + _letters(
    (0x0E01, 0x0E3A), (0x0E40, 0x0E4E), (0x0E81, 0x0ECE), (0x0EDC, 0x0EDF),  # Thai, Lao
    (0x1000, 0x103F), (0x1050, 0x108F), (0x109A, 0x109F),  # Myanmar
    (0x1780, 0x17D3), (0x17D7, 0x17D7), (0x17DC, 0x17DD),  # Khmer
    (0x1950, 0x19C9), (0x1A20, 0x1A7F),  # Tai Le, New Tai Lue, Lanna
    (0x3021, 0x3029), (0x3031, 0x303C),  # numerals and marks of Han
    (0x3041, 0x30FA), (0x30FD, 0x3130), (0x31A0, 0x31BF), (0x31F0, 0x31FF),  # kana, Bopomofo
    (0xA9E0, 0xA9EF), (0xA9FA, 0xA9FE), (0xAA60, 0xAADF), (0x16FE0, 0x16FFF), (0x1AFF0, 0x1B16F),
)  # fmt: skip
HALF = "ｦ-ﾟ"  # katakana of half the width, which NFKC makes whole
# Characters of which each says as much as a few letters do elsewhere.
DENSE = f"{IDEOGRAPHS}{HALF}\u3041-\u30ff\u3105-\u312f\uac00-\ud7a3"
HEBREW = "א-ת"
# Nothing is seen of these, and no word differs by them: Default_Ignorable_Code_Point, which NFKC_Casefold
# drops too (soft hyphen, joiners, selectors, directions); but for U+200B, which is there to part words.
PARTS = "\u200b"
IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# What a vowel leaves of an article, a pronoun or a preposition before it, in French, Italian and Catalan.
ELIDED = (
    "all", "bell", "c", "coll", "d", "dall", "dell", "j", "jusqu", "l", "lorsqu", "m", "n", "nell", "puisqu",
    "qu", "quell", "quest", "quoiqu", "s", "sant", "sull", "t", "un",
)  # fmt: skip
