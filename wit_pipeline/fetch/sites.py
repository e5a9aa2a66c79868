"""What each authority says of all that it serves: robots.txt, tdmrep.json and ai.txt.

Each file is asked for once by all processes of a build, however many URLs wait for it, and is good for a day.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from wit_pipeline.fetch import reservations, robots
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
FILES = ROBOTS, TDMREP, AI_TXT = "/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"

NO_SERVER = {Reason.CONNECT_ERROR, Reason.TLS_ERROR, Reason.DNS_ERROR}  # no rule is missing: the server is

Get = Callable[[Target], Awaitable[bytes]]  # the body, b"" where the answer was 4xx, else a FetchError


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
        rules: robots.Rules = await self._read(target, ROBOTS, robots.read)
        return rules

    async def refusal(self, target: Target) -> str:
        """The opt-out that the site's files state of `target`, or ""."""
        honoured = self._config.opt_outs
        if self._config.robots and (said := (await self.rules(target)).refusal(target, honoured)):
            return said
        if "tdmrep_json" in honoured:
            tdmrep: reservations.TdmRep = await self._read(target, TDMREP, reservations.read_tdmrep)
            if tdmrep.reserves(target):
                return "tdmrep.json: tdm-reservation 1"
        if "ai_txt" in honoured:
            ai_txt: reservations.AiTxt = await self._read(target, AI_TXT, reservations.read_ai_txt)
            if ai_txt.reserves(target):
                return "ai.txt disallows it"
        return ""

    async def _read(self, target: Target, path: str, read: Callable[[bytes, str], Any]) -> Any:
        """The rules in one file of the target's authority: what came of asking, for all who wait."""
        entry = self._entries[target.origin + path]
        if entry.asked is None or (entry.asked.done() and time.monotonic() > entry.expires):
            entry.expires = time.monotonic() + DAY
            entry.asked = asyncio.ensure_future(self._ask(replace(target, path=path), entry, read))
            entry.asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return entry.asked.result() if entry.asked.done() else await asyncio.shield(entry.asked)
        except FetchError as error:
            raise error.again() from None

    async def _ask(self, file: Target, entry: _Entry, read: Callable[[bytes, str], Any]) -> Any:
        try:
            body = await self._shared(file)
        except FetchError as error:
            entry.expires = time.monotonic() + HOUR
            if file.path != ROBOTS:
                body = b""  # nobody says that silence reserves
            elif error.reason in (*NO_SERVER, Reason.ROBOTS_UNREACHABLE):
                raise
            else:
                detail = f"{file.url}: {error.reason}: {error.detail}"
                raise FetchError(Reason.ROBOTS_UNREACHABLE, detail) from None
        return read(body, self._config.agent)

    # --- between processes ------------------------------------------------------------------------

    async def _shared(self, file: Target) -> bytes:
        """The file as whichever process of the build asked for it; one asks, the others wait."""
        if self._folder is None:
            return await self._get(file)
        name = fingerprint(file.url, self._config.user_agent)
        while True:
            with self._doors.alone(number(name)) as alone:
                known = _recall(self._folder / name)
                if known is not None:
                    return _body(known)
                if alone:
                    return await self._keep(self._folder / name, file)
            await asyncio.sleep(LOOK_AGAIN)

    async def _keep(self, path: Path, file: Target) -> bytes:
        try:
            answer = ({"url": file.url, "reason": "", "detail": ""}, await self._get(file))
        except FetchError as error:
            answer = ({"url": file.url, "reason": error.reason, "detail": error.detail}, b"")
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"{path.name}.{os.getpid()}")
        written.write_bytes(json.dumps(answer[0]).encode() + b"\n" + answer[1])
        written.replace(path)
        return _body(answer)


Known = tuple[dict[str, Any], bytes]


def _recall(path: Path) -> Known | None:
    """What another process, or an earlier run, was told less than a day (an hour) ago."""
    try:
        age = time.time() - path.stat().st_mtime
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    known = json.loads(head)
    return (known, body) if 0 <= age < (HOUR if known["reason"] else DAY) else None


def _body(known: Known) -> bytes:
    if known[0]["reason"]:
        raise FetchError(Reason(known[0]["reason"]), known[0]["detail"])
    return known[1]
