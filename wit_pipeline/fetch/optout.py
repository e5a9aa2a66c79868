"""Which headers and page elements say "not for training". Values in, the signal found or "" out.

X-Robots-Tag and HTML meta robots: noai, noimageai (DeviantArt, 2022), noml (noml.info, 2023), noindex,
noimageindex, none, and DisallowAITraining (draft-canel-robots-ai-control-00).
TDMRep (W3C community group): `tdm-reservation: 1`. IETF aipref: `Content-Usage: train-ai=n`.
contentsignals.org: `Content-Signal: ai-train=no`.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import http_sf

from wit_pipeline.vocabulary.crawl_config import SIGNALS

WORDS = {word: word for word in ("noai", "noimageai", "noml", "noindex", "noimageindex", "none")}
WORDS["disallowaitraining"] = "disallow_ai_training"  # the words of X-Robots-Tag, and their signals

# What may follow "agent:". Anything else behind a colon is a value, as in "max-snippet: 10".
DIRECTIVES = WORDS.keys() | {
    "all", "index", "follow", "nofollow", "noarchive", "nocache", "nosnippet", "notranslate",
    "indexifembedded",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """A dictionary of preferences, in a header or a line of robots.txt of the same name."""

    signal: str  # its name in the recipe
    header: str
    keys: tuple[str, ...]  # that are about training: the first is today's …
    yes: str
    no: str

    def read(self, value: str) -> tuple[str, bool] | None:
        """What `value` says of training, as "key=no" and whether it forbids; None where it says nothing.

        By draft-ietf-aipref-vocab, 6: a dictionary of RFC 9651, of which tokens alone count. What is no
        dictionary, as by a capital or a blank too many, says nothing by the draft; it still forbids here
        where it plainly does, and allows nothing.
        """
        try:
            stated = _tokens(value)
            found = {key: self.yes for key in self.keys if stated.get(key) == self.yes}
            found |= {key: self.no for key in self.keys if stated.get(key, "").lower() == self.no}
        except ValueError:
            loose = _LOOSE.findall(value.lower())
            found = {key: no for key, no in loose if key in self.keys and no == self.no}
        if not found:
            return None
        # … which outdoes its predecessors; they are heard where it is not said, the one that forbids first.
        today = self.keys[0] if self.keys[0] in found else ""
        key = today or next((key for key in found if found[key] == self.no), next(iter(found)))
        return f"{key}={found[key]}", found[key] == self.no


_LOOSE = re.compile(r"([\w.*-]+)\s*=\s*([\w-]+)")


def _tokens(value: str) -> dict[str, str]:
    """The members of a dictionary that are tokens; a `ValueError` where it is none."""
    members = http_sf.parse(value.encode(), tltype="dictionary")
    assert isinstance(members, dict)
    items = ((key, member[0]) for key, member in members.items() if isinstance(member, tuple))
    return {key: str(item) for key, item in items if isinstance(item, http_sf.Token)}


PREFERENCES = (
    Preferences(
        signal="content_usage",
        header="content-usage",
        # Predecessors in drafts up to vocab-04, all of which sites still send.
        keys=("train-ai", "train-genai", "genai", "ai", "tdm", "bots", "all"),
        yes="y",
        no="n",
    ),
    Preferences(signal="content_signal", header="content-signal", keys=("ai-train",), yes="yes", no="no"),
)

Headers = Sequence[tuple[str, str]]  # as sent: repeated names stay repeated


def header_opt_out(headers: Headers, agent: str, honoured: Collection[str] = SIGNALS) -> str:
    """The opt-out, of those `honoured`, that one response states for `agent` (lower case), or ""."""
    words = _words(honoured)
    for value in values(headers, "x-robots-tag"):
        if found := _robots_tag(value, agent, words):
            return f"X-Robots-Tag: {found}"
    if "tdm_header" in honoured and "1" in _members(headers, "tdm-reservation"):
        return "tdm-reservation: 1"
    for preferences in PREFERENCES:
        for value in values(headers, preferences.header) if preferences.signal in honoured else ():
            said = preferences.read(value)
            if said is not None and said[1]:
                return f"{preferences.header}: {said[0]}"
    return ""


def page_opt_out(robots_meta_values: Iterable[str], honoured: Collection[str] = SIGNALS) -> str:
    """The opt-out, of those `honoured`, among the `content` values of a page's robots meta tags, or ""."""
    words = _words(honoured)
    for value in robots_meta_values:
        for word in re.split(r"[\s,;]+", value.lower()):
            if word in words:
                return f"meta robots: {word}"
    return ""


def _words(honoured: Collection[str]) -> frozenset[str]:
    return frozenset(word for word, signal in WORDS.items() if signal in honoured)


def values(headers: Headers, name: str) -> list[str]:
    """Every value of the header `name` (lower case), in the order sent."""
    return [value for key, value in headers if key.lower() == name]


def _members(headers: Headers, name: str) -> list[str]:
    """The values of a header of which there may be several, in a line or in more."""
    return [member.strip() for value in values(headers, name) for member in value.split(",")]


def _robots_tag(value: str, agent: str, opt_outs: Collection[str]) -> str:
    """The opt-out in one X-Robots-Tag line. "name: noai" binds it, and what follows, to that agent."""
    bound = agent
    for piece in re.split("[,;]", value.lower()):
        name, colon, rest = (part.strip() for part in piece.partition(":"))
        words = (rest if colon else name).split()
        if colon and words and words[0] in DIRECTIVES:
            bound = name or agent
        elif colon:
            continue  # a directive with a value of its own, such as max-snippet
        for word in words:
            if word in opt_outs and bound in (agent, "*"):
                return word
    return ""
