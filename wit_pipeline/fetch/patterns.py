"""Which paths a site means: patterns by RFC 9309, matched by Protego."""

import string
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from protego import Protego

from wit_pipeline.fetch.guard import Target

# Protego reads lines: what would end one, or a pattern in it, is written as RFC 9309, 2.2.2 has it.
_KEPT = string.punctuation.replace("#", "")
_INDEX = "/index.html"


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths that the longest of the matching patterns takes; of two as long, the one that takes wins."""

    parsed: Protego | None  # None where there are no patterns, as of most sites

    def hold(self, target: Target) -> bool:
        """Whether `target` is one of them; equivalent spellings of a path are one (RFC 9309, 2.2.2)."""
        if self.parsed is None:
            return False
        # Protego allows robots.txt itself whatever is said: here that would take it.
        is_robots = target.path.partition("?")[0] == "/robots.txt"
        return not is_robots and bool(self.parsed.can_fetch(target.url, "us"))


def paths(rules: Iterable[tuple[str, bool]]) -> Paths:
    """The paths that `rules` take: patterns, and whether what they match is taken.

    Protego lets "Allow" win a tie, so that is what takes; nothing is taken that no pattern matches.
    """
    lines = [f"{'Allow' if takes else 'Disallow'}: {_escaped(pattern)}" for pattern, takes in rules]
    return Paths(Protego.parse("\n".join(("User-agent: *", "Disallow: *", *lines))) if lines else None)


def _escaped(pattern: str) -> str:
    text = quote(pattern, safe=_KEPT, errors="replace")
    # Protego takes a folder for allowed where its index.html is: here the pattern is to mean what it says.
    return text + "*" if text.endswith(_INDEX) else text
