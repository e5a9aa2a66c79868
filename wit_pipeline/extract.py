"""From what a source gave to a Candidate: cleaned, judged and matched before a byte is fetched."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from wit_pipeline.match import Matcher
from wit_pipeline.records import Candidate, Raw, Reason, Reject, pair_key
from wit_pipeline.sources import Source
from wit_pipeline.text import clean, words

STAGE = "extract"
LONGEST = 100_000  # characters of a URL or a text that are worth a look
SHOWN = 4_000  # characters of them that a Reject keeps
SUFFIXES = r"(?:jpe?g|png|gif|webp|bmp|tiff?|svg|heic|avif|raw|cr2|nef)"
FILE_NAME = re.compile(
    rf"""
      [\w\-.,()\[\]+%&@~\ ]* \. {SUFFIXES}                              # what ends like an image file
    | (?:img|dsc[nf]?|pict|p|imgp|cimg|mvc|wp|pxl|vid|screenshot|image|photo)[\s_\-]*\d[\d\s_\-]*
    | [\d\s_\-:.]+                                                       # a date, a time, a number
    | (?=\S*\d{{4}})[\w\-]{{8,}}                                         # one long word with a number in it
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractConfig:
    """The recipe's `[extract]`: what a caption must be."""

    sources: tuple[Source, ...] = ()
    min_characters: int = 5  # LAION-400M's rule
    max_characters: int = 2000
    min_words: int = 2
    min_letters: float = 0.5  # share of the characters that are not blank
    file_names: bool = False  # whether captions such as "IMG_2041.jpg" are kept
    languages: tuple[str, ...] = ()  # ISO 639-1 codes that pass, as identified from the text; all by default

    def __post_init__(self) -> None:
        if not 0 <= self.min_letters <= 1:
            raise ValueError(f"min_letters is a share from 0 to 1, found {self.min_letters}")
        if self.min_characters > self.max_characters:
            raise ValueError(
                f"min_characters {self.min_characters} is above max_characters {self.max_characters}"
            )


def candidates(
    raws: Iterable[Raw | Reject], source: str, matcher: Matcher, config: ExtractConfig
) -> Iterator[Candidate | Reject]:
    """Each record of a source as a Candidate, or as the Reject that says why not; one for one."""
    for raw in raws:
        yield raw if isinstance(raw, Reject) else judge(raw, source, matcher, config)


def judge(raw: Raw, source: str, matcher: Matcher, config: ExtractConfig) -> Candidate | Reject:
    """One record as a Candidate, or the Reject that says why not."""
    if len(raw.text) > LONGEST or len(raw.url) > LONGEST:  # before it costs the time that cleaning takes
        return rejected(raw, Reason.TEXT_TOO_LONG if len(raw.text) > LONGEST else Reason.URL_INVALID)
    url, caption = raw.url.strip(), clean(raw.text)
    reason = reject_url(url) or reject_text(caption, config)
    queries: tuple[int, ...] = ()
    if reason is None:
        queries = matcher.match(caption)
        reason = None if queries else Reason.NO_QUERY
    language = raw.language
    if reason is None and config.languages:
        language = identify(caption)
        reason = None if language in config.languages else Reason.TEXT_LANGUAGE
    if reason is not None:
        return rejected(raw, reason, language if reason is Reason.TEXT_LANGUAGE else "")
    return Candidate(
        key=pair_key(url, caption),
        url=url,
        caption=caption,
        page_url=raw.page_url,
        source=source,
        where=raw.where,
        license=raw.license,
        attribution=raw.attribution,
        language=language,
        queries=queries,
    )


def rejected(raw: Raw, reason: Reason, detail: str = "") -> Reject:
    """The Reject of a record that has no key yet."""
    return Reject(
        key="",
        url=raw.url[:SHOWN],
        stage=STAGE,
        reason=reason,
        detail=detail,
        where=raw.where,
        caption=raw.text[:SHOWN],
    )


def reject_url(url: str) -> Reason | None:
    """Whether a URL is not worth a look: there is none, or it is not an absolute http(s) address."""
    if not url or url.startswith("data:"):
        return Reason.NO_URL
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a broken IPv6 address
        return Reason.URL_INVALID
    if parts.scheme not in ("http", "https"):
        return Reason.BLOCKED_SCHEME
    return None if parts.netloc else Reason.URL_INVALID


def reject_text(caption: str, config: ExtractConfig) -> Reason | None:
    """Whether a cleaned caption says nothing about an image, and why."""
    if not caption:
        return Reason.NO_TEXT
    if not config.file_names and is_file_name(caption):
        return Reason.TEXT_FILE_NAME
    if len(caption) < config.min_characters or len(words(caption)) < config.min_words:
        return Reason.TEXT_TOO_SHORT
    if len(caption) > config.max_characters:
        return Reason.TEXT_TOO_LONG
    if letters_share(caption) < config.min_letters:
        return Reason.TEXT_FEW_LETTERS
    return None


def is_file_name(caption: str) -> bool:
    """Whether a caption is what a camera or a file system called the image.

    >>> [is_file_name(text) for text in ("DSC_0042", "20160716 113957.JPG", "A dog, 2016")]
    [True, True, False]
    """
    return FILE_NAME.fullmatch(caption) is not None


def letters_share(text: str) -> float:
    """The share of letters among the characters of `text` that are not blank; 0 where there is none."""
    solid = [character for character in text if not character.isspace()]
    return sum(character.isalpha() for character in solid) / len(solid) if solid else 0.0


def identify(text: str) -> str:
    """The ISO 639-1 code of the language that `text` is most likely in."""
    import py3langid  # loads a model of 3 MB: only where languages are filtered

    return str(py3langid.classify(text)[0])
