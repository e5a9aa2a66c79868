"""What a server's reply says: its body undone, where it leads, how long to wait, what is kept of its head."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from wit_pipeline.fetch import guard, optout
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.http.head import Head
from wit_pipeline.fetch.http.inflate import inflate
from wit_pipeline.vocabulary.records import Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A body that was fetched with everybody's consent, and the headers kept for provenance, "" if absent."""

    final_url: str
    status: int  # 200
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


def body_of(head: Head, sent: bytes, limit: int, *, cut: bool) -> bytes:
    """The body of a 200, b"" of a redirect; above `limit` cut, or TOO_LARGE as soon as that is certain."""
    if head.status != 200:
        return b""
    coding = head.value("content-encoding")
    if not coding and len(sent) <= limit:
        return sent
    body = bytearray()
    for chunk in inflate([sent], coding):
        body += chunk
        if len(body) > limit:
            if cut:
                break
            raise FetchError(Reason.TOO_LARGE, f"above {limit} bytes", http_status=200)
    return bytes(body)


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
