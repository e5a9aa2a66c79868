"""RSL 1.0 (rslstandard.org/rsl): licences in XML that say which uses of which paths are free, priced or none.

Facts of the specification: one `content` or more, each with the `url` that it is about, a pattern of RFC
9309; in it one `license` or more, each with what it permits and prohibits, by type, and one payment (3.3 to
3.7). The narrower `content` outdoes the wider; what is both permitted and prohibited is prohibited (3.1.1,
3.6); where anything is permitted, nothing else is (3.5). Licences come from strangers: no entity is defined.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

from wit_pipeline.fetch import groups, guard
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.patterns import Paths, paths
from wit_pipeline.vocabulary.records import Reason

LICENCE_BYTES = 4 << 20
CONTENTS = 10_000  # of one licence; more is no site's
TYPE = "application/rsl+xml"
NOTE = "rsl"  # a fragment, which no server ever sees
TRAINING = {"ai-train", "ai-all", "all", "train-ai"}  # uses that training is one of; the last was RSL 0.9's
FREE = {"free", "attribution", "contribution"}  # payments that are none
PRICED = {"amount", "custom", "accepts"}  # elements of a payment that say what is to be done before

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,]*))?)*)")
_PARAMETER = re.compile(r";\s*([^\s=;,]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;,]*))")
_NAMED = re.compile(r"(?i)(?:\.xml|(?:^|[/._-])rsl(?:[/._-][^/]*)?)/?$")
_ROOT = re.compile(r"(?is)<(?:\w+:)?rsl\b")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a licence says of training."""

    forbidden: Mapping[str, Paths]  # where it is not free to all, by host; "" is any other

    def forbid(self, target: Target) -> bool:
        """Whether training on `target` is prohibited, priced, or not among what is permitted."""
        where = self.forbidden.get(target.host_header) or self.forbidden.get("")
        return where is not None and where.hold(target)


def is_licence(body: bytes) -> bool:
    """Whether a body begins as a licence does."""
    return _ROOT.search(groups.text_of(body[:4096])) is not None


def may_be_rsl(url: str) -> bool:
    """Whether an address has a path, or behind it a note of ours, that RSL's licences have."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.fragment == NOTE or _NAMED.search(parts.path) is not None


def noted(url: str, kind: str) -> str:
    """The address of a page's licence, with a note that it is RSL where only its type says so."""
    return f"{url.partition('#')[0]}#{NOTE}" if _is_rsl(kind) and not may_be_rsl(url) else url


def _is_rsl(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == TYPE


def linked(values: Iterable[str]) -> list[str]:
    """What the Link headers `values` name as licences by RSL (RFC 8288, 3), as written, each once."""
    found: dict[str, None] = {}
    for value in values:
        for where, rest in _LINK.findall(value):
            stated = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
            kind = stated.get("type", "")
            rsl = _is_rsl(kind) or (not kind and may_be_rsl(where.strip()))
            if rsl and "license" in stated.get("rel", "").lower().split():
                found[where.strip()] = None
    return list(found)


def read_licence(body: bytes) -> Terms:
    """The terms of a licence; what is no RSL has none. WISHES_UNREADABLE where it is broken XML."""
    if not body.strip() or groups.is_page(body) or not groups.text_of(body[:4096]).lstrip().startswith("<"):
        return Terms({})
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, _NoRslError) as error:
        if isinstance(error, _NoRslError):
            return Terms({})
        raise _unreadable(f"no XML: {error}"[:120]) from None
    return _terms(reader.contents)


@dataclass(slots=True)
class _License:
    prohibited: set[str] = field(default_factory=set)
    permitted: set[str] | None = None  # None: whatever is not prohibited
    free: bool = True

    @property
    def permits(self) -> bool:
        """Whether it lets everybody train."""
        return self.free and (self.permitted is None or bool(self.permitted & TRAINING))


@dataclass(slots=True)
class _Content:
    url: str
    licensed: bool = False  # by a server, which has to be asked first (3.3)
    licenses: list[_License] = field(default_factory=list)

    @property
    def forbids(self) -> bool:
        if any(license.prohibited & TRAINING for license in self.licenses):
            return True
        return self.licensed or not any(license.permits for license in self.licenses)


class _NoRslError(Exception):
    """The XML is of another kind."""


class _Reader:
    """Reads a licence into its contents."""

    def __init__(self) -> None:
        self.contents: list[_Content] = []
        self._depth = 0
        self._text: list[str] = []
        self._type = ""
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append
        self.parser.EntityDeclHandler = self._entity

    def _entity(self, *_: object) -> None:
        raise _unreadable("it defines entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2].lower()
        if not self._depth and name != "rsl":
            raise _NoRslError
        self._depth += 1
        self._text.clear()
        if name == "content":
            if len(self.contents) == CONTENTS:
                raise _unreadable(f"above {CONTENTS} contents")
            server = attributes.get("server", "").strip()
            self.contents.append(_Content(attributes.get("url", ""), bool(server)))
        elif name == "license" and self.contents:
            self.contents[-1].licenses.append(_License())
        elif name in ("permits", "prohibits"):
            self._type = attributes.get("type", "usage").strip().lower()
        elif self.contents and self.contents[-1].licenses:
            license = self.contents[-1].licenses[-1]
            paid = name == "payment" and attributes.get("type", "free").strip().lower() not in FREE
            # A report that we cannot give leaves the use unlicensed (3.12).
            license.free = license.free and not paid and name not in (*PRICED, "reporting")

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2].lower()
        self._depth -= 1
        if name in ("permits", "prohibits") and self._type == "usage" and self.contents[-1:] != []:
            licenses = self.contents[-1].licenses
            tokens = set(re.split(r"[\s,]+", "".join(self._text).lower())) - {""}
            if licenses and name == "prohibits":
                licenses[-1].prohibited |= tokens
            elif licenses:
                licenses[-1].permitted = (licenses[-1].permitted or set()) | tokens


def _terms(contents: Sequence[_Content]) -> Terms:
    """Where training is forbidden, for each host."""
    rules: dict[str, list[tuple[str, bool]]] = {}
    for content in contents:
        if content.licenses:
            host, path = _place(content.url)
            rules.setdefault(host, []).append((path, content.forbids))
    shared = rules.get("", [])
    return Terms({host: paths(stated if not host else [*stated, *shared]) for host, stated in rules.items()})


def _place(url: str) -> tuple[str, str]:
    """The host and the pattern that the `url` of a content means: a full address, or a path of the site."""
    whole = re.match(r"(?i)\s*(?:https?:)?//([^/?#\s]*)(.*)", url)
    host, path = (_host(whole[1]), whole[2].strip()) if whole else ("", url.strip())
    return host, path if path.startswith(("/", "*")) else f"/{path}"


def _host(written: str) -> str:
    """A host as a Target has it; what is none names nobody."""
    try:
        return guard.parse(f"https://{written.removesuffix(':80')}/").host_header
    except FetchError:
        return written.lower()


def absolute(base: Target, where: str) -> str:
    """The address that a file, a header or a page at `base` names; what is none stays as it is."""
    try:
        return urljoin(base.url, where)
    except ValueError:
        return where


def _unreadable(detail: str) -> FetchError:
    return FetchError(Reason.WISHES_UNREADABLE, detail, http_status=200)
