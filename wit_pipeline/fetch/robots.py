"""What robots.txt allows us, by RFC 9309, and the crawl-delay that many still state."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from protego import Protego

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.polite import LONGEST_INTERVAL
from wit_pipeline.fetch.table import PerHost
from wit_pipeline.records import Reason

ROBOTS_BYTES = 512 * 1024  # RFC 9309 asks for 500 KiB at least; what follows is not read

NO_SERVER = {Reason.CONNECT_ERROR, Reason.TLS_ERROR}  # then no rule is missing: the server itself is

_USER_AGENT = re.compile(r"(?im)^[ \t]*user[- ]?agent[ \t]*:?[ \t]*([^\s/#]+)[^\r\n]*")
_US = "us"  # our groups, once renamed
_OTHERS = "~"  # all other named groups: a name that no part of ours matches


@dataclass(frozen=True, slots=True)
class Rules:
    """What the robots.txt of one authority says."""

    parsed: Protego
    crawl_delay: float  # seconds; 0 where none is stated

    def allows(self, target: Target) -> bool:
        return bool(self.parsed.can_fetch(target.url, _US))


def read(body: bytes, agent: str) -> Rules:
    """The rules that `body` holds for `agent` (a product token in lower case).

    Protego matches agents by prefix, so that a group for "img" would bind "imgbot": groups are renamed first.
    """
    text = body[:ROBOTS_BYTES].decode("utf-8-sig", "replace")
    parsed = Protego.parse(_USER_AGENT.sub(lambda line: f"User-agent: {_group(line[1], agent)}", text))
    return Rules(parsed, max(parsed.crawl_delay(_US) or 0.0, 0.0))


def _group(name: str, agent: str) -> str:
    if name == "*":
        return name
    return _US if name.lower() == agent else _OTHERS


class _Entry:
    """The rules of one authority, or why there are none, once somebody has asked."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rules: Rules | None = None
        self.failure: FetchError | None = None


class Robots:
    """The rules of every authority met. The first thread that needs one fetches it, the others wait."""

    def __init__(self, agent: str, get: Callable[[Target], bytes]) -> None:
        self._agent = agent
        self._get = get  # the body, b"" where the answer was 4xx; FetchError where there was none
        self._entries = PerHost(_Entry)

    def check(self, target: Target) -> float:
        """The crawl-delay to keep, in seconds; a `FetchError` where `target` may not be fetched."""
        rules = self._rules(target)
        if not rules.allows(target):
            raise FetchError(Reason.ROBOTS_DISALLOWED, f"{target.origin}/robots.txt disallows it")
        if rules.crawl_delay > LONGEST_INTERVAL:
            raise FetchError(
                Reason.ROBOTS_DISALLOWED,
                f"{target.origin}/robots.txt asks for {rules.crawl_delay:g} s between requests",
            )
        return rules.crawl_delay

    def _rules(self, target: Target) -> Rules:
        entry = self._entries[target.origin]
        with entry.lock:
            if entry.rules is None and entry.failure is None:
                self._fill(entry, target)
        if entry.failure is not None:
            raise FetchError(entry.failure.reason, entry.failure.detail)
        assert entry.rules is not None
        return entry.rules

    def _fill(self, entry: _Entry, target: Target) -> None:
        file = Target(scheme=target.scheme, host=target.host, port=target.port, path="/robots.txt")
        try:
            entry.rules = read(self._get(file), self._agent)
        except FetchError as error:
            if error.reason in NO_SERVER:
                entry.failure = FetchError(error.reason, error.detail)
            else:
                detail = f"{file.url}: {error.reason}: {error.detail}"
                entry.failure = FetchError(Reason.ROBOTS_UNREACHABLE, detail)
