"""What each authority says of all that it serves: robots.txt, tdmrep.json, ai.txt, and licences they name.

Each file is asked for once by all processes of a build, however many URLs wait for it, and is good for a day.
One that is there and cannot be read, or may be there and cannot be had, is no consent: for an hour. Of a host
that asks for a pause nothing is known until that is over.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wit_pipeline.fetch import groups, guard, licences, reservations, robots
from wit_pipeline.fetch.doors import Doors, number
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.table import PerHost
from wit_pipeline.vocabulary.chance import fingerprint
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

DAY = 86_400.0  # seconds that an answer is good for: RFC 9309, 2.4 …
HOUR = 3_600.0  # … and that none is
LOOK_AGAIN = 0.02  # seconds between two looks whether another process has the file now
FOLDER = "sites"  # within that of the clients
COMMON_CRAWL = "CCBot"  # counts among `as_agents` for what Common Crawl found


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a kind of file."""

    most: int  # bytes that are read of it
    appears: Callable[[bytes], bool]  # whether its grammar does
    read: Callable[[bytes, CrawlConfig], Any]  # WISHES_UNREADABLE where it cannot be


def _robots(body: bytes, config: CrawlConfig) -> robots.Rules:
    return robots.read(body, config.agent, (*config.as_agents, COMMON_CRAWL))


ROBOTS, TDMREP, AI_TXT = "/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"
FILES = {
    ROBOTS: Kind(robots.ROBOTS_BYTES, groups.appears, _robots),
    TDMREP: Kind(
        reservations.TDMREP_BYTES, reservations.is_json, lambda body, _: reservations.read_tdmrep(body)
    ),
    AI_TXT: Kind(
        reservations.AI_TXT_BYTES,
        groups.appears,
        lambda body, config: reservations.read_ai_txt(body, config.agent),
    ),
}
LICENCE = Kind(licences.LICENCE_BYTES, licences.is_licence, lambda body, _: licences.read_licence(body))

NO_SERVER = {Reason.CONNECT_ERROR, Reason.TLS_ERROR, Reason.DNS_ERROR}  # no rule is missing: the server is

Get = Callable[[Target, Kind], Awaitable[bytes]]  # the body, b"" where there is none, else a FetchError


class _Entry:
    """What is known of one file: its rules, or why there are none, once somebody has asked."""

    def __init__(self) -> None:
        self.asked: asyncio.Future[Any] | None = None
        self.expires = 0.0


class Sites:
    """The sites that one client has met."""

    def __init__(self, config: CrawlConfig, get: Get, doors: Doors, folder: Path | None) -> None:
        self._config = config
        self._get = get
        self._doors = doors
        self._folder = folder
        self._entries: PerHost[_Entry] = PerHost(lambda name: _Entry())

    async def rules(self, target: Target) -> robots.Rules:
        """The robots.txt of the target's authority. ROBOTS_UNREACHABLE forbids everything."""
        rules: robots.Rules = await self._read(target, ROBOTS, FILES[ROBOTS])
        return rules

    async def refusal(self, target: Target) -> str:
        """The opt-out that the site's files state of `target`, or ""."""
        honoured = self._config.opt_outs
        if self._config.robots:
            rules = await self.rules(target)
            if said := rules.refusal(target, honoured):
                return said
            for place in rules.licences if "rsl" in honoured else ():
                file = replace(target, path=ROBOTS)
                if said := await self.licence(target, licences.absolute(file, place)):
                    return said
        if "tdmrep_json" in honoured:
            tdmrep: reservations.TdmRep = await self._read(target, TDMREP, FILES[TDMREP])
            if tdmrep.reserves(target):
                return "tdmrep.json: tdm-reservation 1"
        if "ai_txt" in honoured:
            ai_txt: reservations.AiTxt = await self._read(target, AI_TXT, FILES[AI_TXT])
            if ai_txt.reserves(target):
                return "ai.txt disallows it"
        return ""

    async def licence(self, target: Target, url: str) -> str:
        """What the licence at `url` says against training on `target`, or "".

        A `FetchError` says WISHES_UNREADABLE where there is one and it cannot be had.
        """
        place = _place(url)
        terms: licences.Terms = await self._read(place, place.path, LICENCE)
        return _forbidden(terms, target, url)

    def known_licence(self, target: Target, url: str) -> str | None:
        """What `licence` says if it need not ask, else None."""
        entry = self._entries[_place(url).url]
        if entry.asked is None or not entry.asked.done() or time.monotonic() > entry.expires:
            return None
        try:
            return _forbidden(entry.asked.result(), target, url)
        except FetchError as error:
            raise error.again() from None

    async def _read(self, target: Target, path: str, kind: Kind) -> Any:
        """The rules in the file at `path` beside the target: what came of asking, for all who wait."""
        entry = self._entries[target.origin + path]
        if entry.asked is None or (entry.asked.done() and time.monotonic() > entry.expires):
            entry.expires = time.monotonic() + DAY
            entry.asked = asyncio.ensure_future(self._ask(replace(target, path=path), kind, entry))
            entry.asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return entry.asked.result() if entry.asked.done() else await asyncio.shield(entry.asked)
        except FetchError as error:
            raise error.again() from None

    async def _ask(self, file: Target, kind: Kind, entry: _Entry) -> Any:
        try:
            return kind.read(await self._shared(file, kind), self._config)
        except FetchError as error:
            entry.expires = time.monotonic() + _good_for(error.reason, error.not_before)
            raise _refusal(file, kind, error) from None

    async def _got(self, file: Target, kind: Kind) -> bytes:
        """The file as its server gives it, and as it can be read."""
        body = await self._get(file, kind)
        kind.read(body, self._config)
        return body

    # --- between processes ------------------------------------------------------------------------

    async def _shared(self, file: Target, kind: Kind) -> bytes:
        """The file as whichever process of the build asked for it; one asks, the others wait."""
        if self._folder is None:
            return await self._get(file, kind)
        name = fingerprint(file.url, self._config.user_agent)
        while True:
            with self._doors.alone(number(name)) as alone:
                known = _recall(self._folder / name)
                if known is not None:
                    return _body(known)
                if alone:
                    return await self._keep(self._folder / name, file, kind)
            await asyncio.sleep(LOOK_AGAIN)

    async def _keep(self, path: Path, file: Target, kind: Kind) -> bytes:
        try:
            answer = ({"url": file.url, "reason": ""}, await self._got(file, kind))
        except FetchError as error:
            why = {name: getattr(error, name) for name in ("reason", *_TOLD)}
            answer = ({"url": file.url, **why}, b"")
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"{path.name}.{os.getpid()}")
        written.write_bytes(json.dumps(answer[0]).encode() + b"\n" + answer[1])
        written.replace(path)
        return _body(answer)


def forget_failures(folder: Path) -> None:
    """Let the files that could not be had be asked for again at once: they met an outage of ours.

    `folder` is that of the clients. A host's pause is not forgotten.
    """
    for path in (folder / FOLDER).glob("*"):
        known = _recall(path)
        if known is not None and known[0]["reason"] not in ("", Reason.HOST_PAUSED):
            path.unlink()


def _place(url: str) -> Target:
    try:
        return guard.parse(url)
    except FetchError as error:
        raise FetchError(Reason.WISHES_UNREADABLE, f"a licence: {error.reason}: {error.detail}") from None


def _forbidden(terms: licences.Terms, target: Target, url: str) -> str:
    return f"RSL: {url.partition('?')[0]}" if terms.forbid(target) else ""


def _refusal(file: Target, kind: Kind, error: FetchError) -> FetchError:
    """What is told of URLs whose site's file cannot be had, or cannot be read."""
    if error.reason is Reason.HOST_PAUSED:
        return error
    is_robots = kind is FILES[ROBOTS]
    if kind is not LICENCE and error.reason in NO_SERVER and (is_robots or not error.transient):
        return error
    brought = 200 <= error.http_status < 300  # bytes came: it is they that cannot be read
    reason = Reason.ROBOTS_UNREACHABLE if is_robots and not brought else Reason.WISHES_UNREADABLE
    said = error.detail if error.reason is reason else f"{error.reason}: {error.detail}"
    return FetchError(reason, f"{file.url.partition('?')[0]}: {said}")


def _good_for(reason: str, not_before: float, since: float | None = None) -> float:
    """Seconds that what was heard at `since` (now) is good for; a host's pause, until it is over."""
    if reason == Reason.HOST_PAUSED:
        return not_before - (time.time() if since is None else since)
    return HOUR if reason else DAY


Known = tuple[dict[str, Any], bytes]
_TOLD = ("detail", "http_status", "retry_after", "not_before")  # of a FetchError, beside its reason


def _recall(path: Path) -> Known | None:
    """What another process, or an earlier run, was told less than a day (an hour) ago."""
    try:
        age = time.time() - path.stat().st_mtime
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    known = json.loads(head)
    good_for = _good_for(known["reason"], known.get("not_before", 0.0), time.time() - age)
    return (known, body) if 0 <= age < good_for else None


def _body(known: Known) -> bytes:
    said = known[0]
    if said["reason"]:
        raise FetchError(Reason(said["reason"]), **{name: said[name] for name in _TOLD if name in said})
    return known[1]
