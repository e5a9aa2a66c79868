"""A polite, suspicious and punctual HTTP client for images, and pages, on strangers' servers.

Each hop of a fetch is parsed (`guard`), resolved and its addresses checked (`lookup`, `guard`), allowed by
the site's files and licences (`sites`), let in by the host's gate (`polite`), asked (`wire`), and its headers
read for an opt-out (`optout`) before a byte of its body is.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar

from wit_pipeline.fetch import guard, licences, optout, sites
from wit_pipeline.fetch.doors import Doors, number
from wit_pipeline.fetch.failure import FetchError as FetchError
from wit_pipeline.fetch.http.head import Head
from wit_pipeline.fetch.http.reply import BROUGHT, body_of, file_of, is_picture, redirected, response_of
from wit_pipeline.fetch.http.reply import Response as Response
from wit_pipeline.fetch.http.reply import retry_after as retry_after
from wit_pipeline.fetch.http.wire import Answer, Deadline, Request, StaleError, Wire
from wit_pipeline.fetch.lookup import Lookup
from wit_pipeline.fetch.polite import Gate, paused
from wit_pipeline.fetch.room import Ticket
from wit_pipeline.fetch.sites import Kind, Sites
from wit_pipeline.fetch.table import PerHost
from wit_pipeline.vocabulary.chance import uniform
from wit_pipeline.vocabulary.crawl_config import NOBODY, CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Reason

T = TypeVar("T")

REDIRECTS = {301, 302, 303, 307, 308}
GONE = {404, 410}
OVERLOADED = {429, 503}
PASSING = OVERLOADED | {408, 425, 500, 502, 504, *range(520, 525), 529, 530, 598, 599}  # may be over soon
FILES_BROUGHT = BROUGHT - {202} | {204}  # of a site's file: 202 is the answer of walls, 204 an empty file
WAITED = 60.0  # seconds of a pause that are sat out, where whoever asks does not come back later
LONGEST_BACKOFF = 2.0  # seconds, where no Retry-After says more
SLACK = 1 << 16  # bytes of chunk sizes and of compression's overhead above `max_bytes`
FILE_SENT = 1 << 24  # bytes of one of a site's files: what its kind does not read of them is passed over
NAMED_AGAIN = 4  # licences that the answers of one URL may name, one after the other
IMAGES = "image/webp,image/jpeg,image/png,image/gif,*/*;q=0.5"  # what is asked for, if nothing else is
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What is known of where a URL was found."""

    as_agents: tuple[str, ...] = ()  # agents besides those of the config whose groups in robots.txt count
    licences: tuple[tuple[str, str], ...] = ()  # the pages, and the licence by RSL that each names


NOWHERE = Origin()


class UnreadLicenceError(FetchError):
    """The head of an answer names a licence that has to be read before the body may be."""

    def __init__(self, url: str, status: int) -> None:
        detail = "names another licence with every answer"
        super().__init__(Reason.WISHES_UNREADABLE, detail, http_status=status)
        self.url = url


@dataclass(slots=True)
class _Fetch:
    """One fetch under way."""

    url: str
    deadline: Deadline
    byte_limit: int
    file: Kind | None = None  # of one of the site's files
    opt_out: bool = True  # whether a header may refuse the body
    accept: str = "*/*"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # a secret may be among them
    origin: str = ""  # that `headers` are for
    found: Origin = NOWHERE
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class _Reply:
    head: Head
    body: bytes
    ticket: Ticket


def _door(target: guard.Target) -> str:
    """Whose door a request goes through, and whom courtesy is owed to: a host, or one of its odd ports."""
    return target.host if target.port in guard.PORTS.values() else target.authority


def shut(folder: Path, pauses: Mapping[str, float]) -> None:
    """Have the clients of a folder know of hosts, by authority, that want no request for so many seconds."""
    doors = Doors(folder)
    for authority, seconds in pauses.items():
        doors.shut(number(_door(guard.parse(f"http://{authority}/"))), seconds)
    doors.close()


class Client:
    """Fetches URLs for any number of threads, on one event loop of its own.

    Clients of one `folder` are one to the hosts: they share what politeness needs to know. A pause of up to
    `waits` seconds that a host asks for is sat out; for a longer one its URLs are HOST_PAUSED.
    Of `processes` that have folders of their own, each takes its share of the hosts that it does not own.
    """

    def __init__(
        self,
        config: CrawlConfig,
        lookup: Lookup | None = None,
        folder: Path | None = None,
        waits: float = WAITED,
        processes: int = 1,
    ) -> None:
        self._config = config
        self._processes = processes
        self._own: Collection[str] | None = None  # doors; None: all are
        self._waits = min(waits, config.patience)
        self._lookup = lookup or Lookup()
        self._doors = Doors(folder)
        self._gates = PerHost(lambda door: Gate(door, config.connections_per_host, self._doors, processes))
        self._sites = Sites(config, self._file, self._doors, folder / sites.FOLDER if folder else None)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetch", daemon=True)
        self._thread.start()
        self._wire = self.run(_made(config))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is under way, and all connections."""
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._doors.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._wire.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine of the client's event loop gives, for a thread outside of it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def owns(self, urls: Iterable[str]) -> None:
        """From now on, the hosts of these URLs are ours: no other process asks them meanwhile, by a list.

        Any other host is one that a redirect led to, or that of a licence: there we are guests, as processes
        that we know nothing of may be. Until this is called for the first time, all hosts are ours.
        """
        if self._processes > 1:  # else it makes no difference, and addresses need not be parsed for it
            self._own = {door for url in urls if (door := _door_of(url))}

    def fetch(
        self,
        url: str,
        *,
        accept: str = IMAGES,
        headers: Mapping[str, str] = NO_HEADERS,
        max_bytes: int = 0,
        opt_out: bool = True,
    ) -> Response:
        """`ask`, for a thread outside of the event loop."""

        async def whole() -> Response:
            asking = self.ask(url, accept=accept, headers=headers, max_bytes=max_bytes, opt_out=opt_out)
            async with asking as response:
                return response

        return self.run(whole())

    @asynccontextmanager
    async def ask(
        self,
        url: str,
        *,
        accept: str = IMAGES,
        headers: Mapping[str, str] = NO_HEADERS,
        max_bytes: int = 0,
        opt_out: bool = True,
        found: Origin = NOWHERE,
    ) -> AsyncIterator[Response]:
        """The body at `url`, through redirects. Raises `FetchError` for all that a server or a URL can do.

        `headers` go to the origin of `url` alone, so that no redirect carries a secret elsewhere.
        `max_bytes`, where given, stands for the config's; without `opt_out` nothing refuses the body.
        `found` says whose wishes count besides those of the servers that are asked.
        Until the block ends the body counts as memory in use, and slows other fetches down.
        """
        fetch = _Fetch(
            url,
            Deadline(self._config.timeout),
            max_bytes or self._config.max_bytes,
            opt_out=opt_out and bool(self._config.opt_outs),
            accept=accept,
            headers=headers,
            found=found,
        )
        try:
            response, ticket = await self._follow(fetch)
        except FetchError as error:
            error.attempts = fetch.attempts
            raise
        try:
            yield response
        finally:
            ticket.give_back()

    async def interval(self, url: str) -> float:
        """Seconds between two requests to the host of `url`; its robots.txt is read for that.

        0 where nothing is known: `ask` will say why.
        """
        try:
            target = guard.parse(url)
            await self._addresses(target, _Fetch(url, Deadline(self._config.timeout), 0))
            if self._config.robots:
                self._gate(target).crawl_delay((await self._sites.rules(target)).crawl_delay)
        except FetchError:
            return 0.0
        if target.authority not in self._config.allow_hosts:
            self._gate(target).keep_apart(self._config.host_interval)
        return self._gate(target).interval

    async def refusal(self, url: str, found: Origin = NOWHERE) -> FetchError | None:
        """Why the files of the site of `url` do not let it be asked for, or cannot be had, or None.

        `url` itself is not asked for, and the files only where nobody has them yet.
        """
        fetch = _Fetch(
            url, Deadline(self._config.timeout), 0, opt_out=bool(self._config.opt_outs), found=found
        )
        try:
            target = guard.parse(url)
            await self._addresses(target, fetch)
            await self._check_site(target, fetch)
        except FetchError as error:
            return error
        return None

    async def _follow(self, fetch: _Fetch) -> tuple[Response, Ticket]:
        target = guard.parse(fetch.url)
        fetch.origin = target.origin
        await self._check_pages(target, fetch)
        for hop in range(self._config.max_redirects + 1):
            await self._addresses(target, fetch)
            await self._check_site(target, fetch)
            reply = await self._permitted(target, fetch)
            if reply.head.status not in REDIRECTS:
                return _response(target, reply, hop, fetch.attempts), reply.ticket
            target = _next(target, reply)
        raise FetchError(Reason.TOO_MANY_REDIRECTS, f"more than {self._config.max_redirects}")

    async def _addresses(self, target: guard.Target, fetch: _Fetch) -> Sequence[Answer]:
        """Where the target is, all of it public or allowed by name. Remembered: to ask again is free."""
        answers = await self._lookup.answers(target, fetch.deadline)
        guard.check(target, [address[0] for _, address in answers], self._config.allow_hosts)
        if self._config.user_agent == NOBODY and target.authority not in self._config.allow_hosts:
            raise UserError(
                'crawl.user_agent: set it to your own name and a page about you, "name/1.0 (+https://…)", '
                f"before strangers are asked ({target.authority})"
            )
        return answers

    async def _check_site(self, target: guard.Target, fetch: _Fetch) -> None:
        """What the site's files forbid is a `FetchError`; they have deadlines of their own."""
        started = time.monotonic()
        if self._config.robots:
            rules = await self._sites.rules(target)
            named = self._config.as_agents
            rules.check(target, (*named, *fetch.found.as_agents) if named else ())
            self._gate(target).crawl_delay(rules.crawl_delay)
        refusal = await self._sites.refusal(target) if fetch.opt_out else ""
        if refusal:
            raise FetchError(Reason.OPTED_OUT, refusal)
        fetch.deadline.extend(time.monotonic() - started)

    async def _check_pages(self, target: guard.Target, fetch: _Fetch) -> None:
        """A `FetchError` where a page that shows the picture names a licence that forbids it."""
        started = time.monotonic()
        heard = fetch.opt_out and "rsl" in self._config.opt_outs
        for page, licence in fetch.found.licences if heard else ():
            try:
                about = guard.parse(page)
            except FetchError:
                about = target
            if said := await self._sites.licence(about, licence):
                raise FetchError(Reason.OPTED_OUT, f"{said}, of its page")
        fetch.deadline.extend(time.monotonic() - started)

    async def _permitted(self, target: guard.Target, fetch: _Fetch) -> _Reply:
        """The reply to one hop, whose licence is read first where its head names one.

        It is asked for twice then: a body that waited for another file would hold memory that this one needs.
        """
        for _ in range(NAMED_AGAIN):
            try:
                return await self._insist(target, fetch)
            except UnreadLicenceError as unread:
                started = time.monotonic()
                if said := await self._sites.licence(target, unread.url):
                    raise FetchError(Reason.OPTED_OUT, said, http_status=unread.http_status) from None
                fetch.deadline.extend(time.monotonic() - started)
        return await self._insist(target, fetch)

    async def _file(self, target: guard.Target, kind: Kind) -> bytes:
        """One of an authority's files, b"" if it has none. 5xx, 429 and silence are a `FetchError`."""
        fetch = _Fetch(target.url, Deadline(self._config.timeout), FILE_SENT, file=kind, opt_out=False)
        for _ in range(self._config.max_redirects + 1):
            try:
                reply = await self._insist(target, fetch)
            except FetchError as error:
                if 400 <= error.http_status < 500 and error.http_status != 429:
                    return b""
                raise
            reply.ticket.give_back()
            if reply.head.status not in REDIRECTS:
                return reply.body
            target = _next(target, reply)
        return b""  # RFC 9309, 2.3.1.2: too many redirects count as no file

    async def _insist(self, target: guard.Target, fetch: _Fetch) -> _Reply:
        """The reply to one hop, asked again where that makes sense and the time allows.

        Answers and lost connections are counted apart: one of the latter does not hide what a server says.
        """
        failed = Counter[bool]()
        while True:
            try:
                return await self._ask(target, fetch)
            except FetchError as error:
                if error.reason is Reason.HOST_PAUSED:
                    raise
                failed[error.http_status > 0] += 1
                backoff = self._backoff(fetch.url, failed.total())
                pause = max(error.retry_after, min(backoff, LONGEST_BACKOFF))
                overloaded = error.http_status in OVERLOADED
                if error.retry_after > self._waits:  # whatever its status: it is the host that says so
                    self._gate(target).slow_down(error.retry_after)
                    raise paused(f"{error.detail}, and a pause", pause, error.http_status) from None
                if overloaded or (error.reason is Reason.TIMEOUT and error.transient):
                    self._gate(target).slow_down(pause if overloaded else 0.0)
                if not error.transient or failed[error.http_status > 0] > self._config.retries:
                    raise
                if pause > self._waits or (not overloaded and pause >= fetch.deadline.remaining()):
                    raise
                if not overloaded:  # else the gate makes us wait, and gives the time back
                    await asyncio.sleep(pause)

    def _backoff(self, url: str, attempt: int) -> float:
        jitter = 0.5 + uniform(url, seed=0, purpose=f"backoff:{attempt}")
        return self._config.backoff * jitter * 2.0 ** (attempt - 1)

    def _gate(self, target: guard.Target) -> Gate:
        return self._gates[_door(target)]

    def _is_guest(self, target: guard.Target) -> bool:
        return self._own is not None and _door(target) not in self._own

    async def _ask(self, target: guard.Target, fetch: _Fetch) -> _Reply:
        """One request; a reply that is neither the body nor a redirect is a `FetchError`."""
        config, gate = self._config, self._gate(target)
        answers = await self._addresses(target, fetch)
        if target.authority not in config.allow_hosts:
            gate.keep_apart(config.host_interval)
        guest = self._is_guest(target)
        async with gate.turn(target.port, self._waits, self._wire, guest=guest) as turn:
            fetch.deadline.extend(turn.waited)
            fetch.attempts += 1
            request = Request(
                target=target,
                answers=answers,
                headers=_headers(target, config.user_agent, fetch),
                deadline=fetch.deadline,
                last=turn.last,
            )
            try:
                head, sent, ticket = await self._exchange(request, fetch, gate)
            except FetchError as error:
                if error.reason is Reason.CONNECT_ERROR and not error.transient:  # nor accepted and then lost
                    gate.not_reached(target.port)
                elif error.http_status and error.http_status not in OVERLOADED:
                    gate.went_well(target.port)
                raise
        gate.went_well(target.port)
        try:
            return _Reply(head, _body(head, sent, fetch), ticket)
        except BaseException:
            ticket.give_back()
            raise

    async def _exchange(self, request: Request, fetch: _Fetch, gate: Gate) -> tuple[Head, bytes, Ticket]:
        """The exchange, over a new connection where a kept one brings none: no fault of the URL's."""
        started = time.monotonic()
        try:
            return await self._wire.exchange(request, lambda head: self._judge(head, request.target, fetch))
        except StaleError:
            gate.keep_none()
            fetch.deadline.extend(time.monotonic() - started)
            again = replace(request, fresh=True, last=True)
            return await self._wire.exchange(again, lambda head: self._judge(head, request.target, fetch))

    def _judge(self, head: Head, target: guard.Target, fetch: _Fetch) -> tuple[int, FetchError]:
        """The bytes of body that may come; a `FetchError` where none is wanted."""
        status, limit = head.status, fetch.byte_limit
        if status not in (BROUGHT if fetch.file is None else FILES_BROUGHT) | REDIRECTS:
            wait = retry_after(head.headers) if status in PASSING else -1.0
            raise FetchError(_reason(status), f"status {status}", http_status=status, retry_after=wait)
        if fetch.opt_out:
            self._refuse_opted_out(head, target)
        too_large = FetchError(Reason.TOO_LARGE, f"above {limit} bytes", http_status=status)
        length = head.value("content-length")[:20]
        if status in BROUGHT and length.isdigit() and int(length) > limit:
            raise too_large
        return limit + SLACK, too_large

    def _refuse_opted_out(self, head: Head, target: guard.Target) -> None:
        honoured = self._config.opt_outs
        signal = optout.header_opt_out(head.headers, self._config.agent, honoured)
        for place in licences.linked(head.values("link")) if "rsl" in honoured and not signal else ():
            url = licences.absolute(target, place)
            said = self._sites.known_licence(target, url)
            if said is None:
                raise UnreadLicenceError(url, head.status)
            signal = signal or said
        if signal:
            raise FetchError(Reason.OPTED_OUT, signal, http_status=head.status)


def _door_of(url: str) -> str:
    try:
        return _door(guard.parse(url))
    except FetchError:  # it will not be asked
        return ""


async def _made(config: CrawlConfig) -> Wire:
    return Wire(config)


def _headers(target: guard.Target, user_agent: str, fetch: _Fetch) -> dict[str, str]:
    headers = {"User-Agent": user_agent, "Accept": fetch.accept, "Accept-Encoding": "identity"}
    if fetch.headers and target.origin == fetch.origin:
        headers |= fetch.headers
    return headers


def _reason(status: int) -> Reason:
    if status in GONE:
        return Reason.HTTP_NOT_FOUND
    return Reason.PAYMENT_REQUIRED if status == 402 else Reason.HTTP_ERROR


def _body(head: Head, sent: bytes, fetch: _Fetch) -> bytes:
    """What was asked for, as it is; a status of success that is not 200 brings pictures alone."""
    try:
        if fetch.file is not None:
            return file_of(head, sent, fetch.file.most, fetch.file.appears)
        body = body_of(head, sent, fetch.byte_limit)
    except FetchError as error:
        error.http_status = head.status
        raise
    if head.status in BROUGHT - {200} and not is_picture(body):
        raise FetchError(_reason(head.status), f"status {head.status}", http_status=head.status)
    return body


def _next(target: guard.Target, reply: _Reply) -> guard.Target:
    """Where a redirect leads, its memory given back."""
    reply.ticket.give_back()
    return redirected(target, reply.head)


def _response(target: guard.Target, reply: _Reply, redirects: int, attempts: int) -> Response:
    if not reply.body:
        reply.ticket.give_back()
        raise FetchError(Reason.EMPTY, "no byte of body", http_status=reply.head.status)
    return response_of(target.url, reply.head, reply.body, redirects, attempts)
