"""What robots.txt allows us, by RFC 9309, the crawl-delay that many still state, and its AI preferences."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from protego import Protego

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.optout import PREFERENCES, refuses
from wit_pipeline.fetch.polite import LONGEST_INTERVAL
from wit_pipeline.vocabulary.records import Reason

ROBOTS_BYTES = 512 * 1024  # RFC 9309 asks for 500 KiB at least; what follows is not read

_USER_AGENT = re.compile(r"(?im)^[ \t]*user[- ]?agent[ \t]*:?[ \t]*([^\s/#]+)[^\r\n]*")
_PREFERENCE = re.compile(r"(?i)[ \t]*(content-usage|content-signal)[ \t]*:[ \t]*([^#]*)")
_US = "us"  # our groups, once renamed
_OTHERS = "~"  # all other named groups: a name that no part of ours matches


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path pattern as robots.txt has them: "*" is anything, "$" at the end is the end."""

    text: str

    def matches(self, path: str) -> bool:
        """Whether `path` begins as the pattern says. In linear time: patterns are strangers'."""
        ends = self.text.endswith("$")
        first, *others = self.text.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        at = len(first)
        if not others:
            return not ends or at == len(path)
        *middle, last = others
        for part in middle:
            at = path.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return path.endswith(last) and len(path) - len(last) >= at if ends else path.find(last, at) >= 0


@dataclass(frozen=True, slots=True)
class Preference:
    """A line of robots.txt that says "not for training" of the paths that `pattern` matches."""

    signal: str  # its name in the recipe
    said: str  # as it is told
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Rules:
    """What the robots.txt of one authority says."""

    parsed: Protego
    crawl_delay: float  # seconds; 0 where none is stated
    preferences: tuple[Preference, ...]

    def allows(self, target: Target) -> bool:
        return bool(self.parsed.can_fetch(target.url, _US))

    def check(self, target: Target) -> None:
        """A `FetchError` where `target` may not be fetched."""
        if not self.allows(target):
            raise FetchError(Reason.ROBOTS_DISALLOWED, f"{target.origin}/robots.txt disallows it")
        if self.crawl_delay > LONGEST_INTERVAL:
            detail = f"{target.origin}/robots.txt asks for {self.crawl_delay:g} s between requests"
            raise FetchError(Reason.ROBOTS_DISALLOWED, detail)

    def refusal(self, target: Target, honoured: Collection[str]) -> str:
        """The opt-out that the file states of `target`, or ""."""
        for preference in self.preferences:
            if preference.signal in honoured and preference.pattern.matches(target.path):
                return f"robots.txt {preference.said}"
        return ""


def read(body: bytes, agent: str) -> Rules:
    """The rules that `body` holds for `agent` (a product token in lower case).

    Protego matches agents by prefix, so that a group for "img" would bind "imgbot": groups are renamed first.
    """
    text = body[:ROBOTS_BYTES].decode("utf-8-sig", "replace")
    text = _USER_AGENT.sub(lambda line: f"User-agent: {_group(line[1], agent)}", text)
    parsed = Protego.parse(text)
    delay = max(parsed.crawl_delay(_US) or 0.0, 0.0)
    return Rules(parsed, delay, tuple(_preferences(text)) if "ontent-" in text.lower() else ())


def _group(name: str, agent: str) -> str:
    if name == "*":
        return name
    return _US if name.lower() == agent else _OTHERS


def _preferences(text: str) -> list[Preference]:
    """Refusals of groups for us, for everybody and of none; a line of our own group outdoes the others'."""
    found: dict[str, list[Preference]] = {_US: [], "*": []}
    stated_for_us: set[str] = set()
    agents, in_names = {"*"}, False
    for line in text.splitlines():
        name = _USER_AGENT.match(line)
        if name is not None:
            agents = agents | {name[1]} if in_names else {name[1]}
            in_names = True
        elif line.strip() and not line.lstrip().startswith("#"):
            in_names = False
            said = _PREFERENCE.match(line)
            for group in agents & found.keys() if said else ():
                assert said is not None
                stated_for_us |= {said[1].lower()} if group == _US else set()
                found[group].extend(_refusals(said[1].lower(), said[2].strip()))
    everybody = [item for item in found["*"] if item.said.partition(":")[0] not in stated_for_us]
    return [*found[_US], *everybody]


def _refusals(name: str, value: str) -> list[Preference]:
    path, _, rest = value.partition(" ")
    if not path.startswith("/"):  # without a path, of everything
        path, rest = "/", value
    return [
        Preference(signal, f"{name}: {key}={no}", Pattern(path))
        for signal, header, key, no in PREFERENCES
        if header == name and refuses(rest, key, no)
    ]
