"""Which standing of a URL is final, and which is passing.

Final is what the URL, its site or its bytes say; passing is what the way there says, the hour, or a host that
asks to be left alone: the same request may bring another answer later. Judged by what a crawl's table holds,
so that those of earlier releases can be, too.
"""

from collections.abc import Callable, Mapping

from wit_pipeline.fetch.lookup import TEMPORARY
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


def is_passing(status: str, http_status: int, message: str) -> bool:
    """Whether a URL may be asked again: `status` is "success" or a Reason that a crawl gives.

    >>> is_passing("http_error", 503, "status 503"), is_passing("http_error", 403, "status 403")
    (True, False)
    """
    return status != SUCCESS and RULES[Reason(status)](http_status, message)


def may_pass(counts: Counts) -> bool:
    """Whether any of a unit's URLs may be passing, by the counts of its receipt: those of old have none."""
    return not counts.read or any(RULES[Reason(status)] is not _never for status in counts.rejected)
