"""What two files of a site say of its images: W3C's /.well-known/tdmrep.json and Spawning's /ai.txt.

Where a file can be read in two ways, the one that reserves counts; one that cannot be read is
WISHES_UNREADABLE.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from protego import Protego

from wit_pipeline.fetch import groups
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.groups import US
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.patterns import Paths, paths
from wit_pipeline.vocabulary.records import Reason

AI_TXT_BYTES = 512 * 1024  # what follows is not read
TDMREP_BYTES = 4 << 20  # more is no site's: cut, it cannot be read
RULES = 10_000  # of one tdmrep.json; more is no site's
RUNS = 100  # of them that change from the one to the other: what follows reserves where it does

_EVERYBODY = "User-agent: *\nCrawl-delay: 0\n"  # whom lines of no group are for
_PATH = re.compile(r"(?im)^((?:dis)?allow[ \t]*:[ \t]*)(?=[^/*\s#])")
_ORIGIN = re.compile(r"(?i)^(?:https?:)?//[^/]*/?")  # a location is a path, but many write an address
_SAID = {"0": False, "1": True, "False": False, "True": True, "0.0": False, "1.0": True}  # clear, as true is
_JSON = re.compile(r"\s*[\[{]")


@dataclass(frozen=True, slots=True)
class TdmRep:
    """The rules of a tdmrep.json."""

    runs: tuple[
        tuple[bool, Paths], ...
    ]  # in its order: whether rules that follow one another reserve, and where
    longest: Paths  # what is reserved if the longest location decides

    def reserves(self, target: Target) -> bool:
        """Whether the first rule that matches says so, or the most specific one does."""
        first = next((reserved for reserved, where in self.runs if where.hold(target)), False)
        return first or self.longest.hold(target)


@dataclass(frozen=True, slots=True)
class AiTxt:
    """The rules of an ai.txt for everybody: robots.txt's, but that a pattern need not begin with "/"."""

    parsed: Protego

    def reserves(self, target: Target) -> bool:
        """Whether training on `target` is disallowed."""
        return not self.parsed.can_fetch(target.url, US)


def is_json(body: bytes) -> bool:
    """Whether a body begins as a tdmrep.json does."""
    return _JSON.match(groups.text_of(body[:64])) is not None


def read_tdmrep(body: bytes) -> TdmRep:
    """The rules of a tdmrep.json; what is no rule is passed over, and an empty file or a page holds none."""
    text = groups.text_of(body)
    if not text.strip() or groups.is_page(body):
        return _tdmrep([])
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f"no JSON: {error}"[:120]
        raise FetchError(Reason.WISHES_UNREADABLE, detail, http_status=200) from None
    entries = found if isinstance(found, list) else [found]
    return _tdmrep([rule for entry in entries[:RULES] for rule in _tdm_rule(entry)])


def _tdmrep(rules: Sequence[tuple[str, bool]]) -> TdmRep:
    runs = [(reserved, [where for where, _ in run]) for reserved, run in groupby(rules, lambda rule: rule[1])]
    rest = [where for reserved, run in runs[RUNS:] if reserved for where in run]
    bounded = [*runs[:RUNS], (True, rest)]
    return TdmRep(
        runs=tuple((reserved, paths((where, True) for where in run)) for reserved, run in bounded),
        longest=paths(rules),
    )


def _tdm_rule(entry: Any) -> list[tuple[str, bool]]:
    if not isinstance(entry, dict):
        return []
    stated = {name.lower(): value for name, value in entry.items()}
    where, reserved = stated.get("location"), _SAID.get(str(stated.get("tdm-reservation")).strip())
    if not isinstance(where, str) or reserved is None:
        return []
    where = _ORIGIN.sub("/", where.strip())
    return [(where if where.startswith("/") else f"*{where}", reserved)]


def read_ai_txt(body: bytes, agent: str) -> AiTxt:
    """The rules of an ai.txt for `agent` (lower case), or for everybody."""
    lines = groups.lines_of(body[:AI_TXT_BYTES])
    return AiTxt(Protego.parse(_EVERYBODY + _PATH.sub(r"\1*", groups.renamed(lines, {agent: US}))))
