"""Clean text, and the words of a text: one normalisation for queries and captions alike."""

import html
import re
import unicodedata

import ftfy

APOSTROPHES = "’‘ʼ＇`´"
CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
SPACES = re.compile(r"\s+")
# Python's \w knows no combining marks, and without them the words of Hindi or Thai fall into letters.
MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*(?:'[^\W_](?:[^\W_]|[{MARKS}])*)*")
PLAIN_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")  # the same for folded ASCII, at twice the speed
POSSESSIVE = re.compile(r"(?:'s)+\Z")
HUGE = re.compile(r"&#[0-9]{8,};?|&#[xX][0-9a-fA-F]{7,};?")  # no character; html.unescape stumbles over it
BREAK = re.compile(r"[.,;:!?()\[\]{}\"“”«»|\n\r\t]+|\s[-–—]+\s")


def clean(text: str) -> str:
    """`text` with mojibake mended, entities resolved, control characters dropped and blanks collapsed.

    >>> clean("  CafÃ© &amp;  bar ")
    'Café & bar'
    """
    if text.isascii() and text.isprintable() and "&" not in text:  # nothing to mend, and most of the web
        return " ".join(text.split()) if "  " in text else text.strip()
    return mended(text)


def mended(text: str) -> str:
    """`text` cleaned, whatever it needs."""
    text = html.unescape(ftfy.fix_text(HUGE.sub(" ", text)))
    return SPACES.sub(" ", CONTROL.sub("", text)).strip()


def valid(text: str) -> str:
    """`text` as UTF-8 can hold it: a lone surrogate, which JSON may smuggle in, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def fold(text: str) -> str:
    """`text` in the one form that is compared: NFKC, case-folded, one kind of apostrophe."""
    if text.isascii():  # most of the web, and NFKC changes nothing there
        return text.lower().replace("`", "'")
    for mark in APOSTROPHES:  # before NFKC, which makes two characters of "´"
        text = text.replace(mark, "'")
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """The words of `text`, folded: letters and digits of any script, apostrophes inside, no possessive.

    Hyphens, slashes, brackets, quotes and dashes part words.

    >>> words("The dog’s well-known “Ball” (2nd), it's O'Brien's")
    ['the', 'dog', 'well', 'known', 'ball', '2nd', 'it', "o'brien"]
    """
    return _words(fold(text))


def _words(folded: str) -> list[str]:
    found = (PLAIN_WORD if folded.isascii() else WORD).findall(folded)
    return [POSSESSIVE.sub("", word) for word in found] if "'s" in folded else found


def phrases(text: str) -> list[list[str]]:
    """The words of `text`, parted where punctuation or a line's end parts them: no bigram crosses those."""
    return [part for part in map(_words, BREAK.split(fold(text))) if part]


def normalise(query: str) -> str:
    """A query in the form in which it is matched: its words, one blank between."""
    return " ".join(words(query))
