"""Clean text, and the words of a text: one normalisation for queries and captions alike.

Where a script parts words by blanks, a word is its letters, marks and digits. Where it does not (`scripts`),
each character with its marks is a word here, so that a query is found wherever its characters follow one
another and no caption needs a dictionary. Dumps have one (`segments`): there such characters run on from one
break to the next, and what is counted is what people call a word. See decision 25.
"""

import html
import re
import unicodedata
from itertools import pairwise

import ftfy

from wit_pipeline.text.scripts import DENSE, ELIDED, HEBREW, IGNORABLE, LONG, MARKS, PARTS, UNSPACED

APOSTROPHES = "’‘ʼ＇`´׳"
QUOTES = "“”„‟״"
CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0001]"
)
SPACES = re.compile(r"\s+")
# Elements of HTML, as their tags stand in texts that went through one editor more than was meant. Of those
# that are WITHIN a line, the tag parts no word.
WITHIN = frozenset(
    """
    a abbr b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt
    u var wbr
    """.split()  # noqa: SIM905  a list of words reads better than words in quotes
)
APART = """
    address article aside audio blockquote body br button caption center dd details div dl dt figcaption
    figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe img input label li link main meta nav
    noscript ol object option p picture pre script section select source style svg table tbody td textarea
    tfoot th thead time title tr ul video
""".split()  # noqa: SIM905
NAMED = r"[a-z][a-z0-9]*(?:-[a-z0-9_.]*)+|[a-z][a-z0-9]*:[a-z][a-z0-9]*"  # of one's own, and Word's
TAG = re.compile(
    rf"<!--.*?(?:-->|\Z)|<!\[CDATA\[|\]\]>|<!doctype\b[^<>]*>|<\?xml\b[^<>]*\?>"
    rf"|</?(?P<name>{'|'.join(sorted([*WITHIN, *APART], key=len, reverse=True))}|{NAMED})"
    r"(?:(?:\s[^<>]*|\s*/)?>|\s[^<>]*=[^<>]*\Z)",  # the last may be cut short
    re.IGNORECASE | re.DOTALL,
)
# Markup in brackets, as of forums and WordPress: "[b]", "[caption id=1]". A name alone may be a note's, so it
# is markup where the text also has its end.
BRACKETED = re.compile(
    r"""\[(?P<end>/)?(?P<name>[a-z][a-z0-9_-]*)
    (?: =[^\[\]]* | (?P<attributes>(?:\s+[a-z][\w-]*=(?:"[^"\[\]]*"|'[^'\[\]]*'|[^\s"'\[\]]+))+))?\s*/?\]""",
    re.IGNORECASE | re.VERBOSE,
)
LOOSE = re.compile(rf"(?:\A|(?<=[\s{PARTS}])){PARTS}+|{PARTS}+(?=\s|\Z)")  # what parts no two words
HIDDEN = re.compile(f"[{IGNORABLE}]")
# Turkish and Azeri have two letters i, and casefold makes three of them: the dot that a capital has, none,
# and the one that all others write. In captions without a language nobody knows which was meant.
DOTTED = re.compile("(?<=[ij])\u0307")
LETTER = f"[^\\W_{LONG}]"
SPACED = f"[^\\W_{UNSPACED}{LONG}]"


def _word(letter: str) -> str:
    """A word of letters, with its marks, and apostrophes inside; or an elision before it, with its own."""
    part = f"{letter}(?:{letter}|[{MARKS}])*"
    elided = rf"(?:{'|'.join(ELIDED)})'(?={letter})(?!s(?!{letter}|[{MARKS}]))"
    inside = rf"(?:'|(?<=[{HEBREW}])\"(?=[{HEBREW}]))"
    return rf"{elided}|{part}(?:{inside}{part})*"


WORD = re.compile(rf"[{UNSPACED}][{MARKS}]*|{_word(SPACED)}")
RUN_ON = re.compile(_word(LETTER))
ALONE = re.compile(f"[{UNSPACED}]")
MARK = re.compile(f"[{MARKS}]")
WIDE = re.compile(f"[{DENSE}]")
# The same for folded ASCII, at twice the speed.
PLAIN_WORD = re.compile(rf"(?:{'|'.join(ELIDED)})'(?=[a-z0-9])(?!s(?![a-z0-9]))|[a-z0-9]+(?:'[a-z0-9]+)*")
# Commas, full stops and brackets: Latin, CJK, Arabic, Indic, Myanmar, Khmer, Tibetan, Armenian, Ethiopic.
STOPS = r".,;:!?()\[\]{}“”«»|\n\r\t、。〈-】〔-〛〝〟،؛؟۔।॥၊။។-៖།-༔։።-፨"
POSSESSIVE = re.compile(r"(?:'s)+\Z")
HUGE = re.compile(r"&#[0-9]{8,};?|&#[xX][0-9a-fA-F]{7,};?")  # no character; html.unescape stumbles over it
BREAK = re.compile(rf"(?:[{STOPS}]|\"(?!(?<=[{HEBREW}]\")[{HEBREW}]))+|\s[-–—]+\s")


def clean(text: str) -> str:
    """`text` without mojibake, entities, tags of HTML, and control characters; blanks collapsed.

    >>> clean("  CafÃ© &amp;  <b>bar</b> <3 ")
    'Café & bar <3'
    """
    plain = text.isascii() and text.isprintable()
    if (
        plain and "&" not in text and "<" not in text and "[" not in text
    ):  # nothing to mend, and most of the web
        return " ".join(text.split()) if "  " in text else text.strip()
    return mended(text)


def mended(text: str) -> str:
    """`text` cleaned, whatever it needs."""
    text = html.unescape(ftfy.fix_text(HUGE.sub(" ", text)))
    if "<" in text:
        text = TAG.sub(_tag, text)
    if "[" in text:
        text = _unbracketed(text)
    text = SPACES.sub(" ", CONTROL.sub("", text)).strip()
    return SPACES.sub(" ", LOOSE.sub("", text)).strip() if PARTS in text else text


def _unbracketed(text: str) -> str:
    """`text` without what BRACKETED finds and knows to be markup."""
    ends = {one["name"].lower() for one in BRACKETED.finditer(text) if one["end"]}

    def left(one: re.Match[str]) -> str:
        return _tag(one) if one["attributes"] or one["name"].lower() in ends else one[0]

    return BRACKETED.sub(left, text)


def _tag(match: re.Match[str]) -> str:
    """What a tag leaves: nothing within a line, a blank where it parts lines."""
    return "" if (match["name"] or "").lower() in WITHIN else " "


def valid(text: str) -> str:
    """`text` as UTF-8 can hold it: a lone surrogate, which JSON may smuggle in, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def fold(text: str) -> str:
    """`text` in the one form that is compared: NFKC, case-folded, nothing that is not seen, one i.

    One kind of apostrophe and of quotes; what parts words unseen is a blank.

    >>> fold("İSTANBUL’da Straßen\u00adbahn")
    "istanbul'da strassenbahn"
    """
    if text.isascii():  # most of the web, and NFKC changes nothing there
        return text.lower().replace("`", "'")
    for mark in APOSTROPHES:  # before NFKC, which makes two characters of "´"
        text = text.replace(mark, "'")
    for mark in QUOTES:
        text = text.replace(mark, '"')
    text = unicodedata.normalize("NFKC", HIDDEN.sub("", text.replace(PARTS, " "))).casefold()
    return DOTTED.sub("", text.replace("ı", "i"))


def words(text: str) -> list[str]:
    """The words of `text`, folded: letters and digits of any script, apostrophes inside, no possessive.

    Hyphens, slashes, brackets, quotes and dashes part words; an elision is a word of its own.

    >>> words("The dog’s well-known “Ball” (2nd), it's O'Brien's")
    ['the', 'dog', 'well', 'known', 'ball', '2nd', 'it', "o'brien"]
    >>> words("l'été à 東京")
    ["l'", 'été', 'à', '東', '京']
    """
    folded = fold(text)
    return _found(PLAIN_WORD if folded.isascii() else WORD, folded)


def _found(word: re.Pattern[str], folded: str) -> list[str]:
    found = word.findall(folded)
    return [POSSESSIVE.sub("", word) for word in found] if "'s" in folded else found


def phrases(text: str) -> list[list[str]]:
    """The words of a dump's text (see `segments`), parted where punctuation or a line's end parts them.

    No bigram crosses those. Characters of scripts without blanks run on.
    """
    parts = BREAK.split(fold(text))
    return [part for part in (_found(RUN_ON, part) for part in parts) if part]


def normalise(query: str) -> str:
    """A query in the form in which it is matched: its words, with a blank between where they have one.

    >>> normalise("New  York"), normalise("東京 タワー"), normalise("L’Homme")
    ('new york', '東京タワー', "l'homme")
    """
    found = words(query)
    spaced = found[:1]
    for before, word in pairwise(found):
        joined = before.endswith("'") or is_unspaced(before) or is_unspaced(word)
        spaced.append(word if joined else f" {word}")
    return "".join(spaced)


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that puts no blanks between words."""
    return not word.isascii() and ALONE.match(word) is not None
