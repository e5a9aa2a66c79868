"""A polite, suspicious and punctual HTTP client for images, and pages, on strangers' servers.

Each hop of a fetch is parsed (`guard`), resolved and its addresses checked (`lookup`, `guard`), allowed by
robots.txt (`robots`), let in by the host's gate (`polite`), asked (`wire`), and its headers read for an
opt-out (`optout`) before a byte of its body is.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType, TracebackType
from typing import Self

from wit_pipeline.chance import uniform
from wit_pipeline.fetch import guard, optout
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.fetch.failure import FetchError as FetchError
from wit_pipeline.fetch.inflate import inflate
from wit_pipeline.fetch.lookup import Lookup
from wit_pipeline.fetch.polite import Gate
from wit_pipeline.fetch.robots import ROBOTS_BYTES, Robots
from wit_pipeline.fetch.table import PerHost
from wit_pipeline.fetch.wire import Answer, Answered, Deadline, exchange
from wit_pipeline.records import Reason

REDIRECTS = {301, 302, 303, 307, 308}
GONE = {404, 410}
OVERLOADED = {429, 503}
SLACK = 1 << 16  # bytes of chunk sizes and of compression's overhead above `max_bytes`
IMAGES = "image/webp,image/jpeg,image/png,image/gif,*/*;q=0.5"  # what is asked for, if nothing else is
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


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
    redirects: int  # hops before the final URL
    attempts: int  # requests sent, redirects and retries included, robots.txt not


@dataclass(slots=True)
class _Fetch:
    """One fetch under way."""

    url: str
    deadline: Deadline
    byte_limit: int
    is_robots: bool = False  # then the body may be cut at the limit
    opt_out: bool = True  # whether a header may refuse the body
    accept: str = "*/*"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # a secret may be among them
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: optout.Headers
    body: bytes

    def header(self, name: str) -> str:
        return ", ".join(optout.values(self.headers, name))


class Client:
    """Fetches URLs from any number of threads; gates, robots.txt and names are shared between them."""

    def __init__(self, config: CrawlConfig, lookup: Lookup | None = None) -> None:
        self._config = config
        self._lookup = lookup or Lookup()
        self._gates = PerHost(lambda: Gate(config.connections_per_host))
        self._robots = Robots(config.agent, self._robots_body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open between fetches; threads that still fetch end by their deadlines."""

    def fetch(
        self,
        url: str,
        *,
        accept: str = IMAGES,
        headers: Mapping[str, str] = NO_HEADERS,
        max_bytes: int = 0,
        opt_out: bool = True,
    ) -> Response:
        """The body at `url`, through redirects. Raises `FetchError` for all that a server or a URL can do.

        `headers` go to the origin of `url` alone, so that no redirect carries a secret elsewhere.
        `max_bytes`, where given, stands for the config's; without `opt_out` no header refuses the body.
        """
        fetch = _Fetch(
            url,
            Deadline(self._config.timeout),
            max_bytes or self._config.max_bytes,
            opt_out=opt_out and bool(self._config.opt_outs),
            accept=accept,
            headers=headers,
        )
        try:
            return self._follow(fetch)
        except FetchError as error:
            error.attempts = fetch.attempts
            raise

    def _follow(self, fetch: _Fetch) -> Response:
        target = guard.parse(fetch.url)
        for hop in range(self._config.max_redirects + 1):
            self._addresses(target, fetch)
            self._check_robots(target, fetch)
            reply = self._insist(target, fetch)
            if reply.status not in REDIRECTS:
                return _response(target, reply, hop, fetch.attempts)
            target = _next(target, reply)
        raise FetchError(Reason.TOO_MANY_REDIRECTS, f"more than {self._config.max_redirects}")

    def _addresses(self, target: guard.Target, fetch: _Fetch) -> Sequence[Answer]:
        """Where the target is, all of it public or allowed by name. Remembered: to ask again is free."""
        answers = self._lookup.answers(target, fetch.deadline)
        guard.check(target, [address[0] for _, address in answers], self._config.allow_hosts)
        return answers

    def _check_robots(self, target: guard.Target, fetch: _Fetch) -> None:
        if not self._config.robots:
            return
        started = time.monotonic()
        delay = self._robots.check(target)
        self._gates[target.host].at_least(delay)
        fetch.deadline.extend(time.monotonic() - started)  # robots.txt has a deadline of its own

    def _robots_body(self, target: guard.Target) -> bytes:
        """The robots.txt of an authority, b"" if it has none. 5xx, 429 and silence are a `FetchError`."""
        deadline = Deadline(self._config.timeout)
        fetch = _Fetch(target.url, deadline, ROBOTS_BYTES, is_robots=True, opt_out=False)
        for _ in range(self._config.max_redirects + 1):
            try:
                reply = self._insist(target, fetch)
            except FetchError as error:
                if 400 <= error.http_status < 500 and error.http_status != 429:
                    return b""
                raise
            if reply.status not in REDIRECTS:
                return reply.body
            target = _next(target, reply)
        return b""  # RFC 9309, 2.3.1.2: too many redirects count as no file

    def _insist(self, target: guard.Target, fetch: _Fetch) -> _Reply:
        """The reply to one hop, asked again where that makes sense and the time allows."""
        attempt = 0
        while True:
            try:
                return self._ask(target, fetch)
            except FetchError as error:
                attempt += 1
                pause = max(error.retry_after, self._backoff(fetch.url, attempt))
                if error.http_status in OVERLOADED:
                    self._gates[target.host].close_for(pause)
                if not error.transient or attempt > self._config.retries:
                    raise
                if pause >= fetch.deadline.remaining():
                    raise
                time.sleep(pause)

    def _backoff(self, url: str, attempt: int) -> float:
        jitter = 0.5 + uniform(url, seed=0, purpose=f"backoff:{attempt}")
        return self._config.backoff * jitter * 2.0 ** (attempt - 1)

    def _ask(self, target: guard.Target, fetch: _Fetch) -> _Reply:
        """One request; a reply that is neither the body nor a redirect is a `FetchError`."""
        config, gate = self._config, self._gates[target.host]
        answers = self._addresses(target, fetch)
        if target.authority not in config.allow_hosts:
            gate.at_least(config.host_interval)
        with gate.turn(patience=config.timeout) as waited:
            fetch.deadline.extend(waited)
            fetch.attempts += 1
            request = _request(target, config.user_agent, fetch)
            with exchange(target, answers, request, fetch.deadline, config.connect_timeout) as answered:
                self._judge(answered, fetch)
                reply = _Reply(answered.status, answered.headers, _body(answered, fetch))
        gate.went_well()
        return reply

    def _judge(self, answered: Answered, fetch: _Fetch) -> None:
        status = answered.status
        if status != 200 and status not in REDIRECTS:
            reason = Reason.HTTP_NOT_FOUND if status in GONE else Reason.HTTP_ERROR
            wait = retry_after(answered.headers) if status in OVERLOADED else -1.0
            raise FetchError(reason, f"status {status}", http_status=status, retry_after=wait)
        if fetch.opt_out:
            signal = optout.header_opt_out(answered.headers, self._config.agent)
            if signal:
                raise FetchError(Reason.OPTED_OUT, signal, http_status=status)


def _request(target: guard.Target, user_agent: str, fetch: _Fetch) -> bytes:
    headers = {
        "Host": target.host_header,
        "User-Agent": user_agent,
        "Accept": fetch.accept,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if target.origin == guard.parse(fetch.url).origin:
        headers |= fetch.headers
    lines = (f"GET {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()))
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _body(answered: Answered, fetch: _Fetch) -> bytes:
    """The whole body of a 200, b"" of a redirect; TOO_LARGE as soon as that is certain."""
    if answered.status != 200:
        return b""
    limit = fetch.byte_limit
    too_large = FetchError(Reason.TOO_LARGE, f"above {limit} bytes", http_status=200)
    length = ", ".join(optout.values(answered.headers, "content-length"))[:20]
    if not fetch.is_robots and length.isdigit() and int(length) > limit:
        raise too_large
    answered.read_on(limit + SLACK, too_large)
    body = bytearray()
    for chunk in inflate(answered.chunks, ", ".join(optout.values(answered.headers, "content-encoding"))):
        body += chunk
        if len(body) > limit:
            if fetch.is_robots:
                break
            raise too_large
    return bytes(body)


def _next(target: guard.Target, reply: _Reply) -> guard.Target:
    """Where a redirect leads; none or several places are refused."""
    places = set(optout.values(reply.headers, "location"))
    if len(places) != 1:
        raise FetchError(Reason.PROTOCOL_ERROR, f"redirect to {len(places)} places", http_status=reply.status)
    return guard.redirect(target, places.pop())


def _response(target: guard.Target, reply: _Reply, redirects: int, attempts: int) -> Response:
    if not reply.body:
        raise FetchError(Reason.EMPTY, "no byte of body", http_status=reply.status)
    return Response(
        final_url=target.url,
        status=reply.status,
        body=reply.body,
        content_type=reply.header("content-type"),
        etag=reply.header("etag"),
        last_modified=reply.header("last-modified"),
        x_robots_tag=reply.header("x-robots-tag"),
        tdm_reservation=reply.header("tdm-reservation"),
        tdm_policy=reply.header("tdm-policy"),
        content_usage=reply.header("content-usage"),
        redirects=redirects,
        attempts=attempts,
    )


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
