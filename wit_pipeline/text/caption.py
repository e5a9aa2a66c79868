"""What a caption must be: the rules that judge a cleaned text, each with its threshold and its Reason."""

from dataclasses import dataclass

from wit_pipeline.text import junk
from wit_pipeline.text.languages import identified_as
from wit_pipeline.text.scripts import PARTS
from wit_pipeline.text.text import HIDDEN, MARK, WIDE
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.records import Reason

LONG_RUN = 16  # times one character: a drawn line, a stuck key
LONG = 50  # words: a longer text repeats more of them anyway, and needs no more different ones
NO_LETTERS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isalpha())


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionConfig:
    """The recipe's `[extract]`, as far as it says what a caption must be."""

    min_characters: int = 5  # LAION-400M's rule; of Chinese, kana and Hangul each counts as three
    max_characters: int = 2000
    min_words: int = 2  # two letters of a script without blanks count as a word
    max_words: int = 400
    min_letters: float = 0.5  # share of the characters that are not blank, marks among the letters
    max_repeated: float = 0.6  # share of the words that the caption said before
    max_url: float = 0.5  # share of the characters that belong to web addresses
    file_names: bool = False  # whether captions such as "IMG_2041.jpg" are kept
    cameras: bool = False  # … "OLYMPUS DIGITAL CAMERA", "Nikon D90, 50mm, f/2.8"
    dates: bool = False  # … "Sat, 12 March 2014"
    boilerplate: bool = False  # … "Image may contain: 2 people", "Click to enlarge"
    blocklist: str = how("")  # a file of words and phrases that no caption may contain, one a line
    languages: tuple[str, ...] = ()  # BCP 47 codes that pass, as identified from the text; all by default
    language_certainty: float = 0.4  # probability from which on another language drops a caption

    def __post_init__(self) -> None:
        for name in ("min_letters", "max_repeated", "max_url", "language_certainty"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, found {getattr(self, name)}")
        if self.languages:
            identified_as(self.languages)
        for unit in ("characters", "words"):
            least, most = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if least > most:
                raise ValueError(f"min_{unit} {least} is above max_{unit} {most}")


def reject_text(caption: str, config: CaptionConfig) -> Reason | None:
    """Why a cleaned caption says nothing about an image, as far as its characters tell; or None."""
    if not caption:
        return Reason.NO_TEXT
    if len(caption) > config.max_characters:  # first: what follows then has a bound
        return Reason.TEXT_TOO_LONG
    reason = reject_junk(caption, config)
    if reason is not None:
        return reason
    if len(caption) < config.min_characters and length(caption) < config.min_characters:
        return Reason.TEXT_TOO_SHORT
    return Reason.TEXT_FEW_LETTERS if letters_share(caption) < config.min_letters else None


def reject_junk(caption: str, config: CaptionConfig) -> Reason | None:
    """Which kind of text that is no caption a text is, or None."""
    if not config.file_names and junk.is_file_name(caption):
        return Reason.TEXT_DATE if not config.dates and junk.is_date(caption) else Reason.TEXT_FILE_NAME
    if not config.dates and junk.is_date(caption):
        return Reason.TEXT_DATE
    if not config.cameras and junk.is_camera(caption):
        return Reason.TEXT_CAMERA
    if not config.boilerplate and junk.is_boilerplate(caption):
        return Reason.TEXT_BOILERPLATE
    return Reason.TEXT_URL if junk.url_share(caption) > config.max_url else None


def length(caption: str) -> int:
    """How many letters a caption would have, if all scripts had letters that say as much as Latin ones.

    >>> [length(text) for text in ("tower", "東京", "서울", "เมือง")]
    [5, 6, 6, 5]
    """
    return len(caption) + 2 * len(WIDE.findall(caption))


def reject_words(
    count: int, distinct: int, run: int, config: CaptionConfig, unspaced: int = 0
) -> Reason | None:
    """Why a caption is not kept, or None: it has `count` words, `distinct` of them different.

    `unspaced` of them are single letters of scripts without blanks, whose words have two or more: two count
    as one. One character stands in it at most `run` times in a row.
    """
    words = max(0, count - unspaced) + (min(count, unspaced) + 1) // 2
    if words < config.min_words:
        return Reason.TEXT_TOO_SHORT
    if words > config.max_words:
        return Reason.TEXT_TOO_LONG
    if config.max_repeated < 1 and run >= LONG_RUN:
        return Reason.TEXT_REPETITIVE
    few = distinct < (1 - config.max_repeated) * min(count, LONG)
    return Reason.TEXT_REPETITIVE if few else None


def letters_share(text: str) -> float:
    """The share of letters and marks among the characters of `text` that are seen; 0 where there is none."""
    if text.isascii():
        solid, letters = len(text) - text.count(" "), len(text.encode().translate(None, NO_LETTERS))
    else:
        seen = HIDDEN.sub("", text.replace(PARTS, ""))
        solid = sum(not part.isspace() for part in seen)
        letters = sum(map(str.isalpha, MARK.sub("a", seen)))
    return letters / solid if solid else 0.0


def reject_language(language: str, certainty: float, wanted: tuple[str, ...], least: float) -> Reason | None:
    """Whether a caption is in a language that nobody asked for, and surely so."""
    return Reason.TEXT_LANGUAGE if certainty >= least and language not in identified_as(wanted) else None
