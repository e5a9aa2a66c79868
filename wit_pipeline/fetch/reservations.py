"""What two files of a site say of its images: W3C's /.well-known/tdmrep.json and Spawning's /ai.txt.

Where a file can be read in two ways, the one that reserves counts.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from protego import Protego

from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.robots import Pattern

FILE_BYTES = 512 * 1024  # of one of them; what follows is not read
RULES = 10_000  # of one file; more is no site's

_US, _OTHERS = "us", "~"  # groups, once renamed: Protego matches names by prefix
_PATH = re.compile(r"(?im)^([ \t]*(?:dis)?allow[ \t]*:[ \t]*)(?=[^/*\s#])")
_NAMED = re.compile(r"(?im)^[ \t]*user[- ]?agent[ \t]*:[ \t]*([^\s#]+)[^\r\n]*")


@dataclass(frozen=True, slots=True)
class TdmRep:
    """The rules of a tdmrep.json, in its order."""

    rules: tuple[tuple[Pattern, bool], ...]  # location, reserved

    def reserves(self, target: Target) -> bool:
        """Whether the first rule that matches says so, or the most specific one does."""
        matching = [
            (len(where.text), reserved) for where, reserved in self.rules if where.matches(target.path)
        ]
        return bool(matching) and (matching[0][1] or max(matching)[1])


@dataclass(frozen=True, slots=True)
class AiTxt:
    """The rules of an ai.txt for everybody: robots.txt's, but that a pattern need not begin with "/"."""

    parsed: Protego

    def reserves(self, target: Target) -> bool:
        """Whether training on `target` is disallowed."""
        return not self.parsed.can_fetch(target.url, _US)


def read_tdmrep(body: bytes, _agent: str = "") -> TdmRep:
    """The rules of a tdmrep.json; what is no rule is passed over, and what is no JSON holds none."""
    try:
        found = json.loads(body[: FILE_BYTES + 1].decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return TdmRep(())
    entries = found if isinstance(found, list) else [found]
    return TdmRep(tuple(rule for entry in entries[:RULES] for rule in _tdm_rule(entry)))


def _tdm_rule(entry: Any) -> list[tuple[Pattern, bool]]:
    if not isinstance(entry, dict):
        return []
    where, said = entry.get("location"), entry.get("tdm-reservation")
    reserved = {"0": False, "1": True, "False": False, "True": True}.get(
        str(said)
    )  # true is no number, but clear
    if not isinstance(where, str) or reserved is None:
        return []
    return [(Pattern(where if where.startswith("/") else f"*{where}"), reserved)]


def read_ai_txt(body: bytes, agent: str) -> AiTxt:
    """The rules of an ai.txt for `agent` (lower case), or for everybody."""
    text = body[:FILE_BYTES].decode("utf-8-sig", "replace")
    text = _NAMED.sub(lambda line: f"User-agent: {_group(line[1], agent)}", text)
    return AiTxt(Protego.parse(_PATH.sub(r"\1*", text)))


def _group(name: str, agent: str) -> str:
    if name == "*":
        return name
    return _US if name.lower() == agent else _OTHERS
