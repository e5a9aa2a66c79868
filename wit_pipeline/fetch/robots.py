"""What robots.txt allows us, by RFC 9309, its crawl-delay, and what it says of training.

Preferences for training are draft-ietf-aipref-attach's `Content-Usage`, contentsignals.org's `Content-Signal`
and draft-canel-robots-ai-control's `DisallowAITraining`: of the lines whose paths match the longest decides.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from protego import Protego

from wit_pipeline.fetch import groups
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.groups import EVERYBODY, US, Line
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.optout import PREFERENCES
from wit_pipeline.fetch.patterns import Paths, paths
from wit_pipeline.fetch.polite import LONGEST_INTERVAL
from wit_pipeline.vocabulary.records import Reason

ROBOTS_BYTES = 512 * 1024  # RFC 9309 asks for 500 KiB at least; what follows is not read
LICENCES = 4  # of one file that are read; more is no site's

_FIELD = re.compile(r"([^:\s]+)\s*:\s*(.*)")
_PATH = re.compile(r"(/\S*)\s*(.*)")
_BY_HEADER = {preferences.header: preferences for preferences in PREFERENCES}
_AI_TRAINING = {"disallowaitraining": True, "allowaitraining": False}


@dataclass(frozen=True, slots=True)
class Preference:
    """What a robots.txt says of training in one of the ways to say it."""

    signal: str  # its name in the recipe
    said: str  # as it is told
    reserved: Paths


@dataclass(frozen=True, slots=True)
class Rules:
    """What the robots.txt of one authority says."""

    parsed: Protego
    crawl_delay: float  # seconds; 0 where none is stated
    preferences: tuple[Preference, ...]
    licences: tuple[str, ...]  # what `License:` names, as written
    others: Mapping[str, str]  # other agents that have groups of their own: the token to the group

    def allows(self, target: Target) -> bool:
        return bool(self.parsed.can_fetch(target.url, US))

    def closed_to(self, target: Target, tokens: Iterable[str]) -> list[str]:
        """Those of `tokens` (of agents that the rules were read for) whose own groups disallow `target`."""
        named = [(token, self.others[token.lower()]) for token in tokens if token.lower() in self.others]
        return [token for token, group in named if not self.parsed.can_fetch(target.url, group)]

    def check(self, target: Target, as_agents: Iterable[str] = ()) -> None:
        """A `FetchError` where `target` may not be fetched, by us or by any of `as_agents`."""
        if not self.allows(target):
            raise FetchError(Reason.ROBOTS_DISALLOWED, f"{target.origin}/robots.txt disallows it")
        if self.crawl_delay > LONGEST_INTERVAL:
            detail = f"{target.origin}/robots.txt asks for {self.crawl_delay:g} s between requests"
            raise FetchError(Reason.ROBOTS_DISALLOWED, detail)
        if closed := self.closed_to(target, as_agents):
            detail = f"{target.origin}/robots.txt disallows it to {', '.join(closed)}"
            raise FetchError(Reason.AGENTS_DISALLOWED, detail)

    def refusal(self, target: Target, honoured: Collection[str]) -> str:
        """The opt-out that the file states of `target`, or ""."""
        for preference in self.preferences:
            if preference.signal in honoured and preference.reserved.hold(target):
                return f"robots.txt {preference.said}"
        return ""


def read(body: bytes, agent: str, others: Sequence[str] = ()) -> Rules:
    """The rules that `body` holds for `agent` (a product token in lower case), and for `others` besides.

    WISHES_UNREADABLE where it is no text.
    """
    lines = groups.lines_of(body[:ROBOTS_BYTES])
    codes = {**groups.codes(others), agent: US}
    parsed = Protego.parse(groups.renamed(lines, codes))
    found = list(groups.grouped(lines, codes))
    named = {group for line in found for group in line.groups}
    return Rules(
        parsed=parsed,
        crawl_delay=max(parsed.crawl_delay(US) or 0.0, 0.0),
        preferences=tuple(_preferences(found)),
        licences=tuple(_licences(found)),
        others={token: group for token, group in codes.items() if group in named - {US}},
    )


def _fields(lines: Iterable[Line]) -> list[tuple[str, str, frozenset[str]]]:
    """Name in lower case, value, groups of the lines that have a name."""
    found = ((line, _FIELD.fullmatch(line.text)) for line in lines)
    return [(field[1].lower(), field[2].strip(), line.groups) for line, field in found if field is not None]


def _licences(lines: Iterable[Line]) -> list[str]:
    """RSL 1.0, 4.4: of the site as a whole, wherever the line stands."""
    stated = (value.split()[0] for name, value, _ in _fields(lines) if name == "license" and value)
    return list(dict.fromkeys(stated))[:LICENCES]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line about training."""

    signal: str
    path: str  # a pattern
    said: str
    forbids: bool


def _preferences(lines: Iterable[Line]) -> list[Preference]:
    """What groups for us, for everybody and of none say; a signal of our own group outdoes the others'."""
    ours, everybodys = defaultdict[str, list[_Rule]](list), defaultdict[str, list[_Rule]](list)
    for name, value, named in _fields(lines):
        rule = _rule(name, value)
        if rule is not None and US in named:
            ours[rule.signal].append(rule)
        if rule is not None and (EVERYBODY in named or not named):
            everybodys[rule.signal].append(rule)
    stated = [rules for rules in (everybodys | ours).values() if any(rule.forbids for rule in rules)]
    return [_preference(rules) for rules in stated]


def _preference(rules: Sequence[_Rule]) -> Preference:
    said = next(rule.said for rule in rules if rule.forbids)
    return Preference(rules[0].signal, said, paths((rule.path, rule.forbids) for rule in rules))


def _rule(name: str, value: str) -> _Rule | None:
    """What a line says of training, or None."""
    if name in _AI_TRAINING and value:
        forbids, path = _AI_TRAINING[name], value.split()[0]
        if path.startswith(("/", "*")):
            return _Rule("disallow_ai_training", path, f"{name}: {path}", forbids)
        return _Rule("disallow_ai_training", "/", f"{name}: {path}", True) if forbids else None
    preferences = _BY_HEADER.get(name)
    if preferences is None:
        return None
    placed = _PATH.fullmatch(
        value
    )  # attach, 3: what does not begin with "/" has no path, and is of everything
    path, stated = placed.groups() if placed else ("/", value)
    said = preferences.read(stated)
    return _Rule(preferences.signal, path, f"{name}: {said[0]}", said[1]) if said else None
