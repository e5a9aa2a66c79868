"""Which signals say "not for training". Pure functions: values in, the signal found or "" out.

X-Robots-Tag and HTML meta robots: noai, noimageai (DeviantArt, 2022), noindex, noimageindex, none.
TDMRep (W3C community group): `tdm-reservation: 1`. IETF aipref: `Content-Usage: train-ai=n`.
"""

import re
from collections.abc import Iterable, Sequence

OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})

# What may follow "agent:". Anything else behind a colon is a value, as in "max-snippet: 10".
DIRECTIVES = OPT_OUTS | {
    "all", "index", "follow", "nofollow", "noarchive", "nocache", "nosnippet", "notranslate",
    "indexifembedded",
}  # fmt: skip

Headers = Sequence[tuple[str, str]]  # as sent: repeated names stay repeated


def header_opt_out(headers: Headers, agent: str) -> str:
    """The opt-out that the headers of one response state for `agent` (lower case), or ""."""
    robots = values(headers, "x-robots-tag")
    found = next(filter(None, (_robots_tag(value, agent) for value in robots)), "")
    if found:
        return f"X-Robots-Tag: {found}"
    if any(value.strip() == "1" for value in values(headers, "tdm-reservation")):
        return "tdm-reservation: 1"
    if any(_usage_refused(value) for value in values(headers, "content-usage")):
        return "Content-Usage: train-ai=n"
    return ""


def page_opt_out(robots_meta_values: Iterable[str]) -> str:
    """The opt-out among the `content` values of a page's robots meta tags, or ""."""
    for value in robots_meta_values:
        for word in re.split(r"[\s,;]+", value.lower()):
            if word in OPT_OUTS:
                return f"meta robots: {word}"
    return ""


def values(headers: Headers, name: str) -> list[str]:
    """Every value of the header `name` (lower case), in the order sent."""
    return [value for key, value in headers if key.lower() == name]


def _robots_tag(value: str, agent: str) -> str:
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
            if word in OPT_OUTS and bound in (agent, "*"):
                return word
    return ""


def _usage_refused(value: str) -> bool:
    """True if a Content-Usage dictionary holds train-ai=n; parameters after ";" change nothing."""
    for member in value.lower().split(","):
        key, _, preference = member.partition(";")[0].partition("=")
        if key.strip() == "train-ai" and preference.strip() == "n":
            return True
    return False
