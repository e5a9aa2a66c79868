"""Which standing of a URL is final, which is passing, and when a passing one may be asked for again.

Final is what the URL, its site or its bytes say; passing is what the way there says, the hour, or a host that
asks to be left alone: the same request may bring another answer later. Judged by what a crawl's table holds,
so that those of earlier releases can be, too.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from wit_pipeline.crawl.crawl import Timed
from wit_pipeline.fetch.lookup import TEMPORARY
from wit_pipeline.frontier import host_of
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


def is_passing(status: str, http_status: int, message: str) -> bool:
    """Whether a URL may be asked again: `status` is "success" or a Reason that a crawl gives.

    >>> is_passing("http_error", 503, "status 503"), is_passing("http_error", 403, "status 403")
    (True, False)
    """
    return status != SUCCESS and RULES[Reason(status)](http_status, message)


MOST = 4  # times that a URL is asked for by a crawl and by `--again` together: the first, and three more


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a unit's table, or that of a chance, says of a URL, as much as chances need."""

    url: str
    status: str
    http_status: int
    error_message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wants:
    """Who is asked again now."""

    began: datetime  # of the build: whoever was parked since is waited for
    again: bool = False  # what is passing of earlier builds, too, …
    again_after: float = 0.0  # … so many seconds after it was asked for last
    outage: bool = False  # what is passing of earlier builds, as they met an outage


class Due(NamedTuple):
    """When a URL may be asked for again."""

    moment: datetime
    parked: bool  # by its host, in this build: the build waits for it


Asking = tuple[Sequence[Said], Sequence[Timed]]  # a table of a unit, or of a chance of it, and when it was


def due(askings: Sequence[Asking], wants: Wants) -> dict[str, Due]:
    """When each URL of a unit, that is to be, may be asked again; `askings` are in their order.

    Nobody of a host is asked before the latest moment that it named. A host that did nothing but ask for
    pauses in two chances that followed one another is waited for no longer.
    """
    last: dict[str, tuple[Said, Timed]] = {}
    asked, stored, closed = Counter[str](), set[str](), dict[str, str]()
    for answers, times in askings:
        for answer, timed in zip(answers, times, strict=True):
            last[answer.url] = answer, timed
            asked[answer.url] += answer.status != Reason.HOST_PAUSED
            if answer.status == SUCCESS:
                stored.add(answer.url)
            if timed.not_before:
                host = host_of(answer.url)
                closed[host] = max(closed.get(host, ""), timed.not_before)
    barren = len(askings) > 2 and all(
        answer.status == Reason.HOST_PAUSED for answers, _ in askings[-2:] for answer in answers
    )
    found = {}
    for url, (answer, timed) in last.items():
        if url in stored or not is_passing(answer.status, answer.http_status, answer.error_message):
            continue
        at = datetime.fromisoformat(timed.fetched_at)
        opens = max(at, datetime.fromisoformat(closed.get(host_of(url), timed.fetched_at)))
        if at >= wants.began:
            if answer.status == Reason.HOST_PAUSED and not barren:
                found[url] = Due(opens, parked=True)
        elif wants.outage:
            found[url] = Due(opens, parked=False)
        elif wants.again and asked[url] < MOST:
            found[url] = Due(max(opens, at + timedelta(seconds=wants.again_after)), parked=False)
    return found
