"""What a line of a list names: URLs, domains, sums of bytes, and perceptual codes.

http://example.org/a.jpg            a URL
example.org                         a domain, and all below it
d41d8cd98f00b204e9800998ecf8427e    md5 (32 hex digits), sha1 (40) or sha256 (64): of the bytes that were
                                    fetched, or of those that are stored; an md5 also of a URL
http://example.org/a.jpg d41d8cd9…  a URL and its sum, either of which is enough
f8f8f0ce…,100                       PDQ: 64 hex digits and the quality, after which more may stand
aff0d1c2b3a49586                    phash: 16 hex digits, imagehash's
md5:… sha1:… sha256:… pdq:… phash:…     the same, said
pdq within 24                       how many bits may differ from the codes of the lines below
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target, parse

SUMS = {"md5": 32, "sha1": 40, "sha256": 64}  # and how many hex digits of each there are
CODES = {"pdq": 64, "phash": 16}
BITS = {"pdq": 31, "phash": 0}  # by which a code may differ from an entry, where its list does not say
MOST_BITS = {"pdq": 64, "phash": 8}  # beyond, lists of some size name what they do not mean
QUALITY = 50  # of PDQ, 0 to 100: below, a picture has too little in it to be known by its code

PARTS = " \t,;"  # between a URL and its sum
COMMENT = re.compile(r"(^|\s)#.*")  # "#" within a word is a URL's
_HEX = re.compile(r"[0-9a-fA-F]+")
_SAID = re.compile(r"(md5|sha1|sha256|pdq|phash):([0-9a-fA-F]+)(?:,(\d{1,3}))?", re.IGNORECASE)
_PDQ = re.compile(r"([0-9a-fA-F]{64})\s*,\s*(\d{1,3})(?:\s*,.*)?")
_WITHIN = re.compile(r"(pdq|phash)\s+within\s+(\d{1,3})", re.IGNORECASE)
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")  # RFC 3986, section 2.3
_ESCAPABLE = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~%!$&()*+,;=:@/?-]")  # and what no URI holds as it is


class Entry(NamedTuple):
    """What a line names."""

    kind: str  # "url", "domain", one of `SUMS` or of `CODES`
    value: str  # as it is compared; hex in lower case
    quality: int = 100  # of a PDQ


class Within(NamedTuple):
    """A line that says how near the codes of the lines below are meant."""

    kind: str
    bits: int


def plain_url(url: str) -> str:
    """A URL as it is compared: "" where it is none that could be fetched.

    The scheme counts for nothing, nor do the default port, the fragment, and the host's case and spelling;
    whether a character is escaped where that says the same, and dots in the path. Else all counts as written.
    """
    try:
        return _plain(parse(url))
    except FetchError:
        return ""


def _plain(target: Target) -> str:
    return target.host_header + _ESCAPABLE.sub(_escaped, target.path)


def _escaped(found: re.Match[str]) -> str:
    """An escape as RFC 3986, section 6.2.2, would have it, of a character that may need one."""
    text = found[0]
    if len(text) == 1:
        return f"%{ord(text):02X}"
    byte = unquote_to_bytes(text)
    return byte.decode("ascii") if _UNRESERVED.fullmatch(byte) else text.upper()


def names_of(url: str) -> Iterator[Entry]:
    """The entries that would name a URL: itself, its host and the domains that it is in; none of no URL."""
    try:
        target = parse(url)
    except FetchError:
        return
    yield Entry("url", _plain(target))
    host = target.host
    while host:
        yield Entry("domain", host)
        host = host.partition(".")[2]


def line_of(text: str) -> tuple[Entry, ...] | Within:
    """What a line without its comment says; no entry where it says nothing that is known."""
    if within := _WITHIN.fullmatch(text):
        kind, bits = within[1].lower(), int(within[2])
        return Within(kind, bits) if bits <= MOST_BITS[kind] else ()
    if said := _SAID.fullmatch(text):
        kind, quality = said[1].lower(), said[3]
        right = len(said[2]) == {**SUMS, **CODES}[kind] and (quality is None or kind == "pdq")
        return _code(kind, said[2], quality) if right else ()
    if pdq := _PDQ.fullmatch(text):
        return _code("pdq", pdq[1], pdq[2])
    if _HEX.fullmatch(text):
        kinds = [kind for kind, digits in (*SUMS.items(), ("phash", CODES["phash"])) if len(text) == digits]
        return tuple(Entry(kind, text.lower()) for kind in kinds)
    return _address(text)


def _code(kind: str, value: str, quality: str | None) -> tuple[Entry, ...]:
    told = 100 if quality is None else int(quality)
    return (Entry(kind, value.lower(), told),) if told <= 100 else ()


def _address(text: str) -> tuple[Entry, ...]:
    """A domain, a URL, or a URL and the sum of what lies there, in either order."""
    if "://" in text:
        for known, url in _parted(text):
            if found := _sum(known):
                return (Entry("url", plain), found) if (plain := plain_url(url)) else ()
        url = plain_url(text)
        return (Entry("url", url),) if url else ()
    try:
        target = parse(f"http://{text}")
    except FetchError:
        return ()
    bare = target.path == "/" and not text.endswith("/") and not set(text) & set(":?#")
    return (Entry("domain", target.host),) if bare and "." in target.host else ()


def _parted(text: str) -> Iterator[tuple[str, str]]:
    """The first word of a line, and the last, each with the rest."""
    places = [place for mark in PARTS if (place := text.find(mark)) > 0]
    if places:
        yield text[: min(places)], text[min(places) :].strip(PARTS)
        last = max(text.rfind(mark) for mark in PARTS)
        yield text[last + 1 :], text[:last].strip(PARTS)


def _sum(text: str) -> Entry | None:
    found = line_of(text) if _HEX.fullmatch(text) else ()
    return found[0] if found and isinstance(found[0], Entry) and found[0].kind in SUMS else None


def entry_hash(entry: Entry) -> str:
    """16 hex digits that name an entry without saying it."""
    return blake2b(f"{entry.kind}:{entry.value}".encode(), digest_size=8).hexdigest()
