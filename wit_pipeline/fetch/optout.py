"""Which headers and page elements say "not for training". Values in, the signal found or "" out.

X-Robots-Tag and HTML meta robots: noai, noimageai (DeviantArt, 2022), noindex, noimageindex, none.
TDMRep (W3C community group): `tdm-reservation: 1`. IETF aipref: `Content-Usage: train-ai=n`.
contentsignals.org: `Content-Signal: ai-train=no`.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from wit_pipeline.vocabulary.crawl_config import SIGNALS

OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})

# What may follow "agent:". Anything else behind a colon is a value, as in "max-snippet: 10".
DIRECTIVES = OPT_OUTS | {
    "all", "index", "follow", "nofollow", "noarchive", "nocache", "nosnippet", "notranslate",
    "indexifembedded",
}  # fmt: skip

# Dictionaries of preferences: the signal, the header or line of robots.txt, the key that is about us, its no.
PREFERENCES = (
    ("content_usage", "content-usage", "train-ai", "n"),
    ("content_signal", "content-signal", "ai-train", "no"),
)

Headers = Sequence[tuple[str, str]]  # as sent: repeated names stay repeated


def header_opt_out(headers: Headers, agent: str, honoured: Collection[str] = SIGNALS) -> str:
    """The opt-out, of those `honoured`, that one response states for `agent` (lower case), or ""."""
    words = OPT_OUTS.intersection(honoured)
    for value in values(headers, "x-robots-tag"):
        if found := _robots_tag(value, agent, words):
            return f"X-Robots-Tag: {found}"
    if "tdm_header" in honoured and any(value.strip() == "1" for value in values(headers, "tdm-reservation")):
        return "tdm-reservation: 1"
    for signal, header, key, no in PREFERENCES:
        if signal in honoured and any(refuses(value, key, no) for value in values(headers, header)):
            return f"{header}: {key}={no}"
    return ""


def page_opt_out(robots_meta_values: Iterable[str], honoured: Collection[str] = SIGNALS) -> str:
    """The opt-out, of those `honoured`, among the `content` values of a page's robots meta tags, or ""."""
    words = OPT_OUTS.intersection(honoured)
    for value in robots_meta_values:
        for word in re.split(r"[\s,;]+", value.lower()):
            if word in words:
                return f"meta robots: {word}"
    return ""


def values(headers: Headers, name: str) -> list[str]:
    """Every value of the header `name` (lower case), in the order sent."""
    return [value for key, value in headers if key.lower() == name]


def _robots_tag(value: str, agent: str, opt_outs: Collection[str]) -> str:
    """The opt-out in one X-Robots-Tag line. "name: noai" binds it, and what follows, to that agent."""
    bound = agent
    for piece in value.lower().split(","):
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


def refuses(value: str, key: str, no: str) -> bool:
    """True if a dictionary of preferences holds `key=no`; parameters after ";" change nothing."""
    for member in value.lower().split(","):
        name, _, preference = member.partition(";")[0].partition("=")
        if name.strip() == key and preference.strip() == no:
            return True
    return False
