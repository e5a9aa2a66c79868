"""The lines of robots.txt and of what is written like it: which text, which group, and who is named.

Protego matches agents by parts of their names, so that a group for "img" would bind "imgbot": groups are
renamed before it reads them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

US = "us"  # our groups, once renamed
EVERYBODY = "*"
OTHERS = "~"  # all other named groups: a name that no part of ours matches

_USER_AGENT = re.compile(r"(?i)\s*user[- ]?agent\s*(?::|\s)\s*(.*)")
_NAME = re.compile(r"[^\s,;()/]+(?:/[^\s,;()]*)?")
_GRAMMAR = re.compile(
    r"(?im)(?:^|\r)[ \t]*(?:user[- ]?agent|(?:dis)?allow(?:aitraining)?|crawl-delay|sitemap"
    r"|content-usage|content-signal|license)[ \t]*:"
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")
_PADDING = "\0\x1a"  # behind the text, where the file was written in blocks, or long ago
_PAGE = re.compile(
    r"(?is)(?:\s|<!--.*?-->|<\?xml.*?\?>)*<(?:!doctype\s+html|(?:html|head|body|title|meta|script|h1|p)\b)"
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def text_of(body: bytes) -> str:
    """The characters of a site's file: UTF-8, or UTF-16 where it begins with the mark of that."""
    if body.startswith(_UTF_16):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8-sig", "replace")


def is_page(body: bytes) -> bool:
    """Whether a body is a page of HTML, as many servers answer for what they have not."""
    return _PAGE.match(text_of(body[:4096])) is not None


def appears(body: bytes) -> bool:
    """Whether a body is text and a line of it one that a robots.txt has."""
    text = _text(body)
    return _GRAMMAR.search(text) is not None and not _NO_TEXT.search(text) and "\ufffd" not in text[:64]


def _text(body: bytes) -> str:
    return text_of(body).rstrip(_PADDING)


def lines_of(body: bytes) -> list[str]:
    """The lines of a robots.txt, comments cut off. WISHES_UNREADABLE where the bytes are no text."""
    text = _text(body)
    if _NO_TEXT.search(text):
        raise FetchError(Reason.WISHES_UNREADABLE, "no text", http_status=200)
    return [line.partition("#")[0].strip() for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file that is not a name, and the groups that it belongs to."""

    text: str
    groups: frozenset[str]  # renamed; empty where no name came before


def codes(tokens: Sequence[str]) -> dict[str, str]:
    """What groups of other agents are renamed to, by token in lower case: no name is a part of another."""
    return {token.lower(): f"as{number:04d}" for number, token in enumerate(tokens)}


def grouped(lines: Sequence[str], names: Mapping[str, str]) -> Iterator[Line]:
    """The lines that are not empty, with their groups; `names` are the tokens told apart, renamed."""
    groups, naming = frozenset[str](), False
    for line in lines:
        named = _USER_AGENT.fullmatch(line)
        if named is not None:
            groups = _groups(named[1], names) | (groups if naming else frozenset())
            naming = True
        elif line:
            naming = naming and _is_of_the_site(line)
            yield Line(line, groups)


def renamed(lines: Sequence[str], names: Mapping[str, str]) -> str:
    """The file with its groups renamed, for Protego; what is said of the site as a whole is left out."""
    out = []
    for line in lines:
        named = _USER_AGENT.fullmatch(line)
        if named is not None:
            out += [f"User-agent: {group}" for group in sorted(_groups(named[1], names))]
        elif not _is_of_the_site(line):
            out.append(line)
    return "\n".join(out)


def _is_of_the_site(line: str) -> bool:
    """Whether a line belongs to no group, wherever it stands."""
    return line.partition(":")[0].strip().lower() in ("license", "sitemap", "host")


def _groups(value: str, names: Mapping[str, str]) -> frozenset[str]:
    """The groups that the value of a User-agent line names: many name several, or end one in "*"."""
    parts = {part.strip() for part in value.split(",")}
    tokens = {name.partition("/")[0].replace("*", "").lower() for name in _NAME.findall(value)}
    found = {names[token] for token in tokens & names.keys()} | ({EVERYBODY} & parts)
    return frozenset(found or {OTHERS})
