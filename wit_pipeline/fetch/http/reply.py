"""What a server's reply says: its body undone, where it leads, how long to wait, what is kept of its head."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from wit_pipeline.fetch import groups, guard, optout
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.http.head import Head
from wit_pipeline.fetch.http.inflate import coding_of, inflate
from wit_pipeline.fetch.http.media import HTML_TYPES, media_type
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.unpacker import GZIP

BROUGHT = frozenset((200, 201, 202, 203, 226))  # statuses of answers that may bring what was asked for

_PICTURE = re.compile(rb"(?s)\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|....ftypavi[fs]")
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*[<{\[]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A body that was fetched with everybody's consent, and the headers kept for provenance, "" if absent."""

    final_url: str
    status: int  # one of BROUGHT
    body: bytes  # with any content coding undone
    content_type: str
    etag: str
    last_modified: str
    x_robots_tag: str  # raw; of several lines, joined by ", "
    tdm_reservation: str
    tdm_policy: str
    content_usage: str
    content_signal: str
    redirects: int  # hops before the final URL
    attempts: int  # requests sent, redirects and retries included, the site's files not


def response_of(url: str, head: Head, body: bytes, redirects: int, attempts: int) -> Response:
    """A body with its provenance."""
    return Response(
        final_url=url,
        status=head.status,
        body=body,
        content_type=head.value("content-type"),
        etag=head.value("etag"),
        last_modified=head.value("last-modified"),
        x_robots_tag=head.value("x-robots-tag"),
        tdm_reservation=head.value("tdm-reservation"),
        tdm_policy=head.value("tdm-policy"),
        content_usage=head.value("content-usage"),
        content_signal=head.value("content-signal"),
        redirects=redirects,
        attempts=attempts,
    )


def is_picture(body: bytes) -> bool:
    """Whether a body begins as a JPEG, PNG, GIF, WebP or AVIF does."""
    return _PICTURE.match(body) is not None


def is_plain(body: bytes) -> bool:
    """Whether a body is plainly what it is: a picture, or the beginning of a page, of XML or of JSON."""
    return is_picture(body) or _MARKUP.match(body) is not None


def body_of(
    head: Head, sent: bytes, limit: int, *, cut: bool = False, plain: Callable[[bytes], bool] = is_plain
) -> bytes:
    """The body of an answer, b"" of a redirect; above `limit` cut, or TOO_LARGE as soon as that is certain.

    Where a Content-Encoding names what is no coding, browsers take the bytes as they are; so do we if they
    are `plain`.
    """
    if head.status not in BROUGHT or not sent:
        return b""
    stated = head.value("content-encoding")
    coding, odd = coding_of(stated)
    body = sent if not coding and len(sent) <= limit else _inflated(sent, coding, limit, cut=cut)
    if odd and not plain(body):
        raise FetchError(Reason.PROTOCOL_ERROR, f"content coding {stated[:40].lower()!r} was not asked for")
    return body


def _inflated(sent: bytes, coding: str, limit: int, *, cut: bool) -> bytes:
    body = bytearray()
    for chunk in inflate([sent], coding):
        body += chunk
        if len(body) > limit:
            if cut:
                break
            raise FetchError(Reason.TOO_LARGE, f"above {limit} bytes", http_status=200)
    return bytes(body[:limit])


def file_of(head: Head, sent: bytes, limit: int, appears: Callable[[bytes], bool]) -> bytes:
    """The first `limit` bytes of one of a site's files, b"" where it has none.

    Servers say that by a page of HTML, too, or by a picture. Bytes are taken as they were sent if the file's
    own grammar `appears` in them and the coding that is stated cannot be undone; unzipped if they are gzip
    and nothing says so. What cannot be had is a PROTOCOL_ERROR.
    """

    def is_other(body: bytes) -> bool:
        return groups.is_page(body) or is_picture(body)

    try:
        body = body_of(head, sent, limit, cut=True, plain=lambda body: appears(body) or is_other(body))
    except FetchError:
        if not appears(sent[:limit]):
            raise
        body = sent[:limit]
    if body.startswith(GZIP):
        body = _inflated(body, "gzip", limit, cut=True)
    is_html = media_type(head.value("content-type")).essence in HTML_TYPES
    return b"" if not appears(body) and (is_html or is_other(body)) else body


def redirected(target: guard.Target, head: Head) -> guard.Target:
    """Where a redirect leads; none or several places are refused."""
    places = set(head.values("location"))
    if len(places) != 1:
        detail = f"redirect to {len(places)} places"
        raise FetchError(Reason.PROTOCOL_ERROR, detail, http_status=head.status)
    return guard.redirect(target, places.pop())


def retry_after(headers: optout.Headers) -> float:
    """Seconds that a Retry-After asks for, as a number or as a date; 0 where none can be read."""
    text = next(iter(optout.values(headers, "retry-after")), "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max((when - datetime.now(UTC)).total_seconds(), 0.0) if when.tzinfo else 0.0
