"""From what a source gave to a Candidate: cleaned, judged and matched before a byte is fetched."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from wit_pipeline.sources import Source
from wit_pipeline.text.caption import CaptionConfig, reject_language, reject_text, reject_words
from wit_pipeline.text.junk import is_no_address
from wit_pipeline.text.languages import canonical, identified_as, identify
from wit_pipeline.text.match import Lists, Matcher, Matches, Mode
from wit_pipeline.text.spoken import Languages
from wit_pipeline.text.text import clean
from wit_pipeline.text.tokens import distinct, longest_runs, packed, unspaced, word_hashes
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Candidate, Raw, Reason, Reject, pair_key
from wit_pipeline.vocabulary.store import given

STAGE = "extract"
BATCH = 4096  # records judged at once …
BATCH_CHARACTERS = 1 << 22  # … or fewer, if they are this long
LONGEST = 100_000  # characters of a URL or a text that are worth a look
SHOWN = 4_000  # characters of them that a Reject keeps
# Blanks, and what is not seen: of concatenated files, of editors, of chats.
UNSEEN = "".join(
    chr(code)
    for code in (*range(0x3001), 0xFEFF)
    if chr(code).isspace() or unicodedata.category(chr(code)) in ("Cf", "Cc")
)
PLAIN_URL = re.compile(r"https?://[a-z0-9.\-]+(?::[0-9]{1,5})?(?:/[!-Z\\^-~]*)?")  # most: nothing to find out


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractConfig(CaptionConfig):
    """The recipe's `[extract]`: what a caption must be, and where pairs come from."""

    match: Mode = "normalised"  # what a word is where queries are looked up
    keep_rejects: bool = False  # whether every reject is written down, and not a sample …
    reject_sample: int = 1000  # … of so many of each reason in a unit of work; all are counted
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What decides about the records of a source."""

    config: ExtractConfig
    lists: Lists
    languages: Languages  # those of the lists
    blocked: Sequence[str] = ()  # words and phrases that no caption may contain …
    blocker: Matcher | None = None  # … and what finds them


def rules_of(config: ExtractConfig, lists: Lists) -> Rules:
    """The rules of a recipe over its lists of queries; a `UserError` where its block list cannot be read."""
    languages = Languages(lists.languages, config.language_certainty)
    if not config.blocklist:
        return Rules(config=config, lists=lists, languages=languages)
    blocked = read_blocklist(given(config.blocklist))
    return Rules(config=config, lists=lists, languages=languages, blocked=blocked, blocker=Matcher(blocked))


def read_blocklist(path: Path) -> list[str]:
    """The words and phrases of a block list, one a line, `#` before a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"recipe: [extract] blocklist: {path}: cannot be read: {error}") from None
    return [text for text in (line.partition("#")[0].strip() for line in lines) if text]


def candidates(raws: Iterable[Raw | Reject], source: str, rules: Rules) -> Iterator[Candidate | Reject]:
    """Each record of a source as a Candidate, or as the Reject that says why not; one for one, in order."""
    for batch in batches(raws):
        yield from judge(batch, source, rules)


def batches(raws: Iterable[Raw | Reject]) -> Iterator[list[Raw | Reject]]:
    """The records some thousands at a time: that much is in memory, and the compiled rules work on many."""
    batch: list[Raw | Reject] = []
    size = 0
    for raw in raws:
        batch.append(raw)
        size += len(raw.text) if isinstance(raw, Raw) else 0
        if len(batch) == BATCH or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Cleaned(NamedTuple):
    """A record whose URL and whose caption's characters nothing is said against."""

    raw: Raw
    url: str
    caption: str


class Facts(NamedTuple):
    """What the compiled rules found out about a caption."""

    words: int
    distinct: int  # of its words
    run: int  # times that one character stands in a row, at most
    unspaced: int  # of its words, single letters of scripts without blanks
    blocked: tuple[int, ...]  # positions in the block list
    queries: tuple[int, ...]
    language: str  # that of its list; "" where it is unknown, or where there is one list


def judge(batch: Sequence[Raw | Reject], source: str, rules: Rules) -> list[Candidate | Reject]:
    """Some records as Candidates, or as the Rejects that say why not, in their order."""
    cleaned = [item if isinstance(item, Reject) else clean_record(item, rules.config) for item in batch]
    facts = facts_of([item for item in cleaned if isinstance(item, Cleaned)], rules)
    return [
        answer(item, next(facts), source, rules.config, rules.blocked) if isinstance(item, Cleaned) else item
        for item in cleaned
    ]


def clean_record(raw: Raw, config: ExtractConfig) -> Cleaned | Reject:
    """A record with its caption cleaned, or the Reject that its URL or its characters ask for."""
    if len(raw.text) > LONGEST or len(raw.url) > LONGEST:  # before it costs the time that cleaning takes
        return rejected(raw, Reason.TEXT_TOO_LONG if len(raw.text) > LONGEST else Reason.URL_INVALID)
    url, caption = raw.url.strip(UNSEEN).replace(" ", "%20"), clean(raw.text)
    reason = reject_url(url, bool(raw.held)) or reject_text(caption, config)
    return rejected(raw, reason) if reason is not None else Cleaned(raw, url, caption)


def facts_of(cleaned: Sequence[Cleaned], rules: Rules) -> Iterator[Facts]:
    """The facts of each caption: packed and hashed once for all rules."""
    data, byte_ends = packed([item.caption for item in cleaned])
    words = hashes, ends = word_hashes(data, byte_ends)
    columns = (
        np.diff(ends, prepend=0),
        distinct(hashes, ends),
        longest_runs(data, byte_ends),
        unspaced(data, byte_ends),
    )
    blocked = rules.blocker.match_packed(data, byte_ends, words) if rules.blocker else repeat(())
    counts = (column.tolist() for column in columns)
    found = rules.lists.matcher.match_packed(data, byte_ends, words)
    spoken = spoken_in(cleaned, found, rules)
    return map(Facts, *counts, blocked, rules.lists.of(found, spoken), spoken)


def spoken_in(cleaned: Sequence[Cleaned], found: Matches, rules: Rules) -> list[str]:
    """The language of each caption in which anything was found, where lists of several languages need it."""
    if not rules.lists.several:
        return [""] * len(cleaned)
    matched = np.diff(found.ends, prepend=0) > 0
    return [
        rules.languages.of(item.caption, item.raw.language) if any_ else ""
        for item, any_ in zip(cleaned, matched.tolist(), strict=True)
    ]


def answer(
    cleaned: Cleaned, facts: Facts, source: str, config: ExtractConfig, blocked: Sequence[str]
) -> Candidate | Reject:
    """The Candidate, or the Reject that the caption's words ask for."""
    raw, url, caption = cleaned
    reason = reject_words(facts.words, facts.distinct, facts.run, config, facts.unspaced)
    if reason is not None:
        return rejected(raw, reason)
    if facts.blocked:
        return rejected(raw, Reason.TEXT_BLOCKED, blocked[facts.blocked[0]])
    if not facts.queries:
        return rejected(raw, Reason.NO_QUERY)
    language = (canonical(raw.language) if raw.language else "") or facts.language
    if config.languages:
        found, certainty = identify(caption)
        reason = reject_language(found, certainty, config.languages, config.language_certainty)
        if reason is not None:
            return rejected(raw, reason, f"{found}, {certainty:.2f}")
        if certainty >= config.language_certainty:
            language = identified_as(config.languages)[found]
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
        text_kind=raw.text_kind,
        held=raw.held,
        digest=raw.digest,
        queries=facts.queries,
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


def reject_url(url: str, held: bool = False) -> Reason | None:
    """Whether a URL is not worth a look: there is none, or it is not an absolute http(s) address.

    Where the image's bytes are `held`, the URL is a name, and any will do.
    """
    if held and url:
        return None
    if not url or url.startswith("data:") or is_no_address(url):
        return Reason.NO_URL
    if PLAIN_URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a broken IPv6 address
        return Reason.URL_INVALID
    if parts.scheme not in ("http", "https"):
        return Reason.BLOCKED_SCHEME
    return None if parts.netloc else Reason.URL_INVALID
