"""The trouble planted in the web, and the fate that each kind must meet in the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from wit_pipeline.vocabulary.records import SUCCESS, Reason


class Trouble(StrEnum):
    """What is wrong with an image, its caption, its page or its server."""

    NO_CAPTION = "no caption"
    CAMERA_CAPTION = "file name as caption"
    NO_QUERY = "caption without a query"
    PAGE_OPT_OUT = "page says noai"
    REPEATED_PAIR = "pair listed twice"
    PRIVATE_ADDRESS = "private address"
    ROBOTS = "path closed by robots.txt"
    HEADER_OPT_OUT = "X-Robots-Tag: noai"
    NOT_FOUND = "404"
    FORBIDDEN = "403"
    HTML = "HTML served as JPEG"
    TRUNCATED = "truncated file"
    SLOW = "slow answer, waited for"
    TOO_SMALL = "image too small"
    TOO_LONG = "image too long"
    SECOND_CAPTION = "second caption of an image"
    SAME_BYTES = "same bytes elsewhere"
    NEAR_COPY = "near-duplicate"
    EVALUATION_COPY = "evaluation image"
    EVALUATION_MIRROR = "mirrored evaluation image"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """The stage that must notice a trouble, what it must say, and how much of it there is."""

    stage: str
    says: str  # a Reason; SUCCESS or FLAGGED where the pair goes on
    share: float  # of the web's sound pictures


FLAGGED = "flagged"  # dedup and audit name the evaluation image, and the pair stays
LEAST = 2  # of each kind, however small the world

FATES: Mapping[Trouble, Fate] = MappingProxyType(
    {
        Trouble.NO_CAPTION: Fate(stage="extract", says=Reason.NO_TEXT, share=0.01),
        Trouble.CAMERA_CAPTION: Fate(stage="extract", says=Reason.TEXT_FILE_NAME, share=0.02),
        Trouble.NO_QUERY: Fate(stage="extract", says=Reason.NO_QUERY, share=0.015),
        Trouble.PAGE_OPT_OUT: Fate(stage="extract", says=Reason.PAGE_OPTED_OUT, share=0.012),
        Trouble.REPEATED_PAIR: Fate(stage="frontier", says=Reason.DUPLICATE_PAIR, share=0.02),
        Trouble.PRIVATE_ADDRESS: Fate(stage="crawl", says=Reason.BLOCKED_ADDRESS, share=0.003),
        Trouble.ROBOTS: Fate(stage="crawl", says=Reason.ROBOTS_DISALLOWED, share=0.015),
        Trouble.HEADER_OPT_OUT: Fate(stage="crawl", says=Reason.OPTED_OUT, share=0.01),
        Trouble.NOT_FOUND: Fate(stage="crawl", says=Reason.HTTP_NOT_FOUND, share=0.02),
        Trouble.FORBIDDEN: Fate(stage="crawl", says=Reason.HTTP_ERROR, share=0.005),
        Trouble.HTML: Fate(stage="crawl", says=Reason.UNSUPPORTED_FORMAT, share=0.01),
        Trouble.TRUNCATED: Fate(stage="crawl", says=Reason.DECODE_ERROR, share=0.01),
        Trouble.SLOW: Fate(stage="crawl", says=SUCCESS, share=0.002),
        Trouble.TOO_SMALL: Fate(stage="filter", says=Reason.IMAGE_TOO_SMALL, share=0.01),
        Trouble.TOO_LONG: Fate(stage="filter", says=Reason.IMAGE_TOO_LONG, share=0.005),
        Trouble.SECOND_CAPTION: Fate(stage="balance", says=Reason.OTHER_TEXT, share=0.01),
        Trouble.SAME_BYTES: Fate(stage="dedup", says=Reason.DUPLICATE, share=0.02),
        Trouble.NEAR_COPY: Fate(stage="dedup", says=Reason.NEAR_DUPLICATE, share=0.02),
        Trouble.EVALUATION_COPY: Fate(stage="audit", says=FLAGGED, share=0.01),
        Trouble.EVALUATION_MIRROR: Fate(stage="audit", says=FLAGGED, share=0.004),
    }
)
# These show a picture that stands elsewhere too: of the web, or of the evaluation set.
COPIES = (Trouble.REPEATED_PAIR, Trouble.SECOND_CAPTION, Trouble.SAME_BYTES, Trouble.NEAR_COPY)
EVALUATION = (Trouble.EVALUATION_COPY, Trouble.EVALUATION_MIRROR)
# What the site's server does to whole folders of it.
FOLDERS: Mapping[Trouble | None, str] = MappingProxyType(
    {
        Trouble.ROBOTS: "private",
        Trouble.HEADER_OPT_OUT: "studio",
        Trouble.FORBIDDEN: "members",
        Trouble.SLOW: "slow",
    }
)


def how_many(trouble: Trouble, images: int) -> int:
    """How often a trouble is planted in a web of `images` sound pictures."""
    return max(LEAST, round(FATES[trouble].share * images))
