"""Which standing of a URL is final, and which is passing.

Final is what the URL, its site or its bytes say; passing is what the way there says, the hour, or a host that
asks to be left alone: the same request may bring another answer later. Judged by what a crawl's table holds,
so that those of earlier releases can be, too.

Between the two is what a rule of the recipe's refused, and nobody else: under another recipe it may pass. The
messages hold what that has to be.
"""

import re
from collections.abc import Callable, Mapping

from wit_pipeline.crawl.bounds import ENOUGH
from wit_pipeline.fetch.lookup import TEMPORARY
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.records import SUCCESS, Reason

PASSING_4XX = (408, 425, 429)  # request timeout, too early, too many requests (RFC 9110, 8470, 6585)
LOST_IN_TLS = ("reset", "eof", "syscall", "broken pipe", "timed out")  # a handshake that was cut, not refused

Rule = Callable[[int, str], bool]  # (HTTP status, 0 where no answer came; message) -> whether it is passing


def _always(status: int, message: str) -> bool:
    return True


def _never(status: int, message: str) -> bool:
    return False


def _by_status(status: int, message: str) -> bool:
    """5xx and three more; without a status it is a host's pause, as releases before `host_paused` said it."""
    return status == 0 or status in PASSING_4XX or 500 <= status < 600


def _of_names(status: int, message: str) -> bool:
    """That a name does not exist is final; that no name server could say so is not."""
    return message.endswith(TEMPORARY)


def _of_tls(status: int, message: str) -> bool:
    return any(word in message.lower() for word in LOST_IN_TLS)


def _of_protocol(status: int, message: str) -> bool:
    """A connection that ended within a body, or was lost as older releases said it; the rest is malformed."""
    return message.startswith(("body ends before", "recv failure"))


def _of_held(status: int, message: str) -> bool:
    """A disk or a store that is away comes back; a file that is shorter than its list says does not grow."""
    return ": ends before byte" not in message


RULES: Mapping[Reason, Rule] = {
    Reason.CONNECT_ERROR: _always,
    Reason.TIMEOUT: _always,
    Reason.HOST_PAUSED: _always,
    Reason.ROBOTS_UNREACHABLE: _always,
    Reason.WISHES_UNREADABLE: _always,
    Reason.HTTP_ERROR: _by_status,
    Reason.DNS_ERROR: _of_names,
    Reason.TLS_ERROR: _of_tls,
    Reason.PROTOCOL_ERROR: _of_protocol,
    Reason.SOURCE_UNREADABLE: _of_held,
    **dict.fromkeys(
        (
            Reason.URL_INVALID, Reason.BLOCKED_SCHEME, Reason.BLOCKED_ADDRESS, Reason.ROBOTS_DISALLOWED,
            Reason.AGENTS_DISALLOWED, Reason.OPTED_OUT, Reason.BLOCK_LISTED, Reason.TOO_MANY_REDIRECTS,
            Reason.HTTP_NOT_FOUND, Reason.PAYMENT_REQUIRED, Reason.TOO_LARGE, Reason.EMPTY,
            Reason.HASH_MISMATCH, Reason.UNSUPPORTED_FORMAT, Reason.TOO_MANY_PIXELS, Reason.DECODE_ERROR,
            Reason.DECODE_CRASH, Reason.IMAGE_TOO_LONG, Reason.HOST_TOO_SLOW,
        ),
        _never,
    ),
}  # fmt: skip

# The keys of `[crawl]` that are rules of ours alone: no site stated them, and a body need not be had to know.
OURS = (
    "allow_hosts", "formats", "hash", "host_hours", "host_urls", "max_aspect", "max_bytes", "max_pixels",
    "max_redirects",
)  # fmt: skip
SIZE = re.compile(r"(\d+) × (\d+), ")  # pixels
LIMIT = re.compile(r"(?:(\d+) bytes, )?above (\d+) bytes")
MORE_THAN = re.compile(r"more than (\d+)")

OurRule = Callable[[str, CrawlConfig], bool]  # (message, recipe) -> whether it would pass


def _within_bytes(message: str, config: CrawlConfig) -> bool:
    found = LIMIT.fullmatch(message)
    return found is not None and (
        int(found[1]) <= config.max_bytes if found[1] else int(found[2]) < config.max_bytes
    )


def _within_pixels(message: str, config: CrawlConfig) -> bool:
    found = SIZE.match(message)
    return found is not None and int(found[1]) * int(found[2]) <= config.max_pixels


def _within_aspect(message: str, config: CrawlConfig) -> bool:
    found = SIZE.match(message)  # not of a picture that would be too long when it is stored
    return found is not None and max(sides := (int(found[1]), int(found[2]))) <= config.max_aspect * min(
        sides
    )


def _within_redirects(message: str, config: CrawlConfig) -> bool:
    found = MORE_THAN.fullmatch(message)
    return found is not None and int(found[1]) < config.max_redirects


def _within_share(message: str, config: CrawlConfig) -> bool:
    """Tables of earlier releases do not tell how much would be enough: without a bound it is."""
    enough = ENOUGH.search(message)
    key = enough[1] if enough else next((key for key in ("host_urls", "host_hours") if key in message), "")
    bound = float(getattr(config, key)) if key else -1.0
    return bound == 0 or (enough is not None and bound >= float(enough[2]))


RULES_OF_OURS: Mapping[Reason, OurRule] = {
    Reason.BLOCKED_ADDRESS: lambda message, config: message.partition(" is at ")[0] in config.allow_hosts,
    Reason.HASH_MISMATCH: lambda message, config: config.hash == "flag",
    Reason.HOST_TOO_SLOW: _within_share,
    Reason.IMAGE_TOO_LONG: _within_aspect,
    Reason.TOO_LARGE: _within_bytes,
    Reason.TOO_MANY_PIXELS: _within_pixels,
    Reason.TOO_MANY_REDIRECTS: _within_redirects,
    Reason.UNSUPPORTED_FORMAT: lambda message, config: message.partition(", which")[0] in config.formats,
}


def would_pass(status: str, message: str, config: CrawlConfig) -> bool:
    """Whether a rule of the recipe's alone refused a URL, that is none of `config`'s.

    >>> [would_pass("too_large", "above 1000 bytes", CrawlConfig(max_bytes=size)) for size in (1000, 1001)]
    [False, True]
    """
    rule = RULES_OF_OURS.get(Reason(status)) if status != SUCCESS else None
    return rule is not None and rule(message, config)


def is_passing(status: str, http_status: int, message: str) -> bool:
    """Whether a URL may be asked again: `status` is "success" or a Reason that a crawl gives.

    >>> is_passing("http_error", 503, "status 503"), is_passing("http_error", 403, "status 403")
    (True, False)
    """
    return status != SUCCESS and RULES[Reason(status)](http_status, message)


def may_pass(counts: Counts, *, ours: bool = False) -> bool:
    """Whether any of a unit's URLs may be passing, by the counts of its receipt: those of old have none.

    With `ours` also what a rule of ours refused.
    """
    reasons = map(Reason, counts.rejected)
    return not counts.read or any(
        RULES[reason] is not _never or (ours and reason in RULES_OF_OURS) for reason in reasons
    )
