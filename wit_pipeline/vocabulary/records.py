"""One type per state of knowledge about a pair. Each module's Parquet schema is derived from these.

    Query       a string that a caption may contain
    Raw         a URL and a text as a source gave them
    Candidate   a URL and a caption that was cleaned, judged and matched; no byte fetched yet
    Image       the facts of the one decode, and where the stored bytes lie
    Pair        a Candidate and its Image
    Example     a Pair and its bytes
    Reject      a record that a rule dropped, and the Reason

Missing text is "", missing numbers are 0: nothing is null-typed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from wit_pipeline.vocabulary.chance import fingerprint


class Kind(StrEnum):
    """Where a query comes from, in order of trust."""

    WORD = "word"
    BIGRAM = "bigram"
    TITLE = "title"
    SYNSET = "synset"


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A string that a caption may contain, with its provenance; its id is given once."""

    query_id: int  # the query's for good: no other ever has it
    query: str  # normalised: words with one blank between
    kind: Kind
    count: int = 0  # occurrences in Wikipedia
    document_count: int = 0  # articles with at least one occurrence
    npmi: float = 0.0  # bigrams: normalised pointwise mutual information, -1 to 1
    views: int = 0  # titles: page views
    rank: int = 0  # within its kind, 0 first
    sources: tuple[str, ...] = ()  # every kind that offers it; `kind` is the first
    pmi: float = 0.0  # bigrams: pointwise mutual information, bits
    llr: float = 0.0  # bigrams: log-likelihood ratio G²
    title: str = ""  # titles: the most viewed article of that name
    lemma: str = ""  # synsets: as WordNet spells it
    language: str = ""  # of the list that it is in, BCP 47 without script and region


class Reason(StrEnum):
    """Why a record was dropped. Closed: a stage that drops says one of these."""

    # queries
    QUERY_BLOCKED = "query_blocked"
    QUERY_TOO_SHORT = "query_too_short"
    QUERY_OVER_BUDGET = "query_over_budget"
    # extract
    SOURCE_UNREADABLE = "source_unreadable"
    PAGE_OPTED_OUT = "page_opted_out"
    DUPLICATE_PAGE = "duplicate_page"  # listed before, or a redirect to a page that was read
    TOO_MANY_PAGES = "too_many_pages"  # its host has as many before it as are asked of one
    NOT_AN_IMAGE = "not_an_image"  # by what the source says of it
    NO_URL = "no_url"
    URL_INVALID = "url_invalid"
    NO_TEXT = "no_text"
    TEXT_TOO_SHORT = "text_too_short"
    TEXT_TOO_LONG = "text_too_long"
    TEXT_FEW_LETTERS = "text_few_letters"
    TEXT_FILE_NAME = "text_file_name"
    TEXT_CAMERA = "text_camera"  # a camera's name or its settings
    TEXT_DATE = "text_date"
    TEXT_URL = "text_url"
    TEXT_BOILERPLATE = "text_boilerplate"
    TEXT_REPETITIVE = "text_repetitive"
    TEXT_BLOCKED = "text_blocked"
    TEXT_LANGUAGE = "text_language"
    NO_QUERY = "no_query"
    # frontier
    DUPLICATE_PAIR = "duplicate_pair"
    OVER_SAMPLED = "over_sampled"
    # crawl: the URL and the network
    BLOCKED_SCHEME = "blocked_scheme"
    BLOCKED_ADDRESS = "blocked_address"
    ROBOTS_DISALLOWED = "robots_disallowed"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    AGENTS_DISALLOWED = "agents_disallowed"  # by groups of robots.txt for `crawl.as_agents`
    WISHES_UNREADABLE = "wishes_unreadable"  # a file of the site's that may forbid it cannot be read
    OPTED_OUT = "opted_out"
    BLOCK_LISTED = "block_listed"  # by its address, its bytes or its code: it is not said which
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    TIMEOUT = "timeout"
    HOST_PAUSED = "host_paused"  # its host asked for a pause, and was not asked before its end
    HOST_TOO_SLOW = "host_too_slow"  # its host would take more than `crawl.host_hours`, or `host_urls`
    PROTOCOL_ERROR = "protocol_error"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    HTTP_NOT_FOUND = "http_not_found"  # 404 and 410
    PAYMENT_REQUIRED = "payment_required"  # 402
    HTTP_ERROR = "http_error"  # every other status that is none of success
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    # crawl: the image
    HASH_MISMATCH = "hash_mismatch"  # its bytes do not have the sum that the list states
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_MANY_PIXELS = "too_many_pixels"
    DECODE_ERROR = "decode_error"
    DECODE_CRASH = "decode_crash"  # the decoder's process ended, or took more time or memory than allowed
    # filter
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_TOO_LONG = "image_too_long"  # said by crawl of what is no picture at all, too
    # dedup
    DUPLICATE = "duplicate"  # the same bytes
    NEAR_DUPLICATE = "near_duplicate"
    EVALUATION_COPY = "evaluation_copy"
    REPEATED_CAPTION = "repeated_caption"  # of more images than `dedup.per_caption`
    # balance
    OTHER_TEXT = "other_text"  # joined to the image's caption
    BALANCED_OUT = "balanced_out"
    # shard
    TAKEN_DOWN = "taken_down"  # by a list that `wit remove` was given
    REPLACED = "replaced"  # the pair stays, but with another picture of its URL: it is a new sample
    NO_LONGER_KEPT = "no_longer_kept"  # and no stage of the later round says of it why


DETAIL = 500  # characters of a detail that a source's Reject keeps
SUCCESS = "success"  # the status of a fetched URL, where it is not a Reason


class Raw(NamedTuple):
    """A URL and a text as a source gave them: nothing cleaned, nothing judged.

    No dataclass, as most of the web ends here: a tuple costs a third to make.
    """

    url: str  # absolute
    text: str
    where: str  # the position in the source: "file#row"
    page_url: str = ""
    license: str = ""
    attribution: str = ""
    language: str = ""
    text_kind: str = ""  # which of an image's texts: "alt", "title", "figcaption", "reference", …
    held: str = ""  # "source:file#offset+length" of its bytes, if somebody fetched them before
    digest: str = ""  # "sha256:HEX" or "md5:HEX" that the source states of its bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A URL and a caption that names at least one query."""

    key: str  # 32 hex digits: fingerprint(url, caption)
    url: str
    caption: str
    page_url: str = ""
    source: str = ""  # "list", "warc", …: the kind of source
    where: str = ""  # the position in it: "file#row"
    license: str = ""
    attribution: str = ""
    language: str = ""  # BCP 47, as the source states it, or as identified where languages are filtered
    text_kind: str = ""  # which of an image's texts
    held: str = ""  # "source:file#offset+length" of bytes that need no fetching
    digest: str = ""  # "sha256:HEX" or "md5:HEX" that the source states of the image's bytes
    queries: tuple[int, ...] = ()  # ids of the queries that the caption contains, ascending


def pair_key(url: str, caption: str) -> str:
    """The name of a pair for life: 32 hex digits of its URL and its cleaned caption."""
    return fingerprint(url, caption)


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """The facts of one decode. Codes are of the stored pixels; `sha256` is of the bytes fetched."""

    final_url: str
    sha256: str  # 64 hex digits
    stored_sha256: str  # 64 hex digits, of the bytes stored
    bytes_fetched: int
    format: str  # JPEG PNG GIF WEBP AVIF, as sniffed
    original_width: int  # pixels, after EXIF orientation
    original_height: int
    width: int  # pixels as stored
    height: int
    phash: str  # 16 hex digits, imagehash.phash(hash_size=8) of the stored image
    phash16: str  # 64 hex digits, imagehash.phash(hash_size=16)
    weak: float  # share of DCT coefficients near the median: flat images are above 0.35
    trim_phash: str  # both codes without uniform borders; "" where there are none
    trim_phash16: str
    entropy: float  # bits, 0 to 8, of the grey histogram of the stored pixels
    exif: str  # JSON object of EXIF tag names to text
    signals: str  # JSON object of what server and file say of reuse, header or property to raw value …
    # … and "hash-mismatch", where bytes are kept that have not the sum which a list states
    unit: int  # the crawl unit whose tar holds the stored bytes …
    offset: int  # … from this byte …
    length: int  # … this many of them
    chance: int = 0  # of the unit: 0 is the unit itself, 2 the second time that some of its URLs were asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A caption and the image that was fetched for it."""

    candidate: Candidate
    image: Image
    evaluation: tuple[str, ...] = ()  # from dedup on: "set/image distance [cosine] way" of each copy
    texts: tuple[str, ...] = ()  # from balance on: the image's other texts

    @property
    def key(self) -> str:
        return self.candidate.key


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A pair and the bytes of its stored image."""

    pair: Pair
    stored: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A record that a rule dropped. Without a caption there is no key, and `where` tells it apart."""

    key: str
    url: str
    stage: str
    reason: Reason
    detail: str = ""
    where: str = ""
    caption: str = ""


def reject(candidate: Candidate, stage: str, reason: Reason, detail: str = "") -> Reject:
    """The Reject of a candidate, or of the pair that it became."""
    return Reject(
        key=candidate.key,
        url=candidate.url,
        stage=stage,
        reason=reason,
        detail=detail,
        where=candidate.where,
        caption=candidate.caption,
    )


def dropped(reason: Reason, where: str, detail: str = "", url: str = "") -> Reject:
    """The Reject of something in a source that gives no Raw."""
    return Reject(key="", url=url, stage="extract", reason=reason, detail=detail[:DETAIL], where=where)


def unreadable(where: str, detail: str, url: str = "") -> Reject:
    """The Reject of what could not be read at all."""
    return dropped(Reason.SOURCE_UNREADABLE, where, detail, url)
