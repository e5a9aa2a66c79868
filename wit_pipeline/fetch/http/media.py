"""What a Content-Type says: WHATWG's parsing of MIME types, and Fetch's of headers that state several.

https://mimesniff.spec.whatwg.org/#parsing-a-mime-type and https://fetch.spec.whatwg.org/#content-type-header
"""

import re
from functools import lru_cache
from typing import NamedTuple

HTML_TYPES = ("text/html", "application/xhtml+xml")
JSON_TYPES = ("application/json", "text/json")
# Types that say nothing, so that the bytes are looked at: what does not parse is "" here; the next three are
# the standard's, the last what servers send for files that they do not know.
UNTOLD = ("", "unknown/unknown", "application/unknown", "*/*", "application/octet-stream")
BLANKS = " \t\r\n"
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# How pages begin, by the standard's patterns for resources of an unknown type; and anywhere in the first
# bytes what only pages have, as some begin with notes of a server's.
BEGINS = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\n\f\r]*<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a"
    rb"|style|title|b|body|br|p)[ >])",
    re.IGNORECASE,
)
WITHIN = re.compile(rb"<!doctype\s+html|<html", re.IGNORECASE)
HEAD_OF_PAGE = 1024  # bytes that are looked at
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
PLAIN = re.compile(r"([a-z]+/[a-z+]+)(?:; ?charset=([A-Za-z0-9-]+))?")  # nearly all
NAME = re.compile(r"[^;=]*")  # of a parameter
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\Z)', re.DOTALL)
PART = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\Z))*', re.DOTALL)


class Media(NamedTuple):
    """A MIME type."""

    essence: str  # "type/subtype", lower case; "" where none is stated that can be parsed
    charset: str = ""  # lower case, or ""


@lru_cache(1024)
def media_type(content_type: str) -> Media:
    """The type that a Content-Type header states, its values put together by ", " where there are several.

    The last that parses counts, and takes over a charset of one like it before.

    >>> media_type('text/html; Charset="UTF-8"')
    Media(essence='text/html', charset='utf-8')
    >>> media_type("text/html;charset=gbk, text/html").charset, media_type("text/html charset=utf-8").essence
    ('gbk', '')
    """
    if plain := PLAIN.fullmatch(content_type):
        return Media(plain[1], (plain[2] or "").lower())
    found = Media("")
    for value in _values(content_type):
        one = _parsed(value)
        if not one.essence or one.essence == "*/*":
            continue
        same = one.essence == found.essence
        found = one._replace(charset=one.charset or (found.charset if same else ""))
    return found


def looks_like_page(body: bytes) -> bool:
    """Whether a body of which no type is told is a page by how it begins."""
    return BEGINS.match(body) is not None or WITHIN.search(body, 0, HEAD_OF_PAGE) is not None


def is_page(content_type: str, body: bytes) -> bool:
    """Whether a body is HTML: by its stated type, or where that says nothing by how it begins.

    >>> [is_page(kind, b"<!doctype html><p>") for kind in ("TEXT/HTML ;x=y", "", "image/png")]
    [True, True, False]
    """
    essence = media_type(content_type).essence
    return essence in HTML_TYPES or (essence in UNTOLD and looks_like_page(body))


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type states, or "".

    >>> charset_of('text/html; Charset="UTF-8"')
    'utf-8'
    """
    stated = media_type(content_type).charset.strip(" '")
    if stated or "charset" not in content_type.lower():
        return stated
    found = CHARSET.search(content_type)  # of a type that is none
    return found[1].lower() if found else ""


def _values(header: str) -> list[str]:
    """A header's values: parted by commas, but for those in quotes."""
    values, at = [], 0
    while at <= len(header):
        found = PART.match(header, at)
        assert found is not None  # it may be empty
        values.append(found[0].strip(BLANKS))
        at = found.end() + 1
    return values


def _parsed(value: str) -> Media:
    """One MIME type; its essence is "" where it is none."""
    essence, *rest = value.strip(BLANKS).split(";", 1)
    kind, slash, subtype = essence.partition("/")
    subtype = subtype.rstrip(BLANKS)
    if not (slash and TOKEN.fullmatch(kind) and TOKEN.fullmatch(subtype)):
        return Media("")
    return Media(f"{kind}/{subtype}".lower(), _charset(rest[0]) if rest else "")


def _charset(parameters: str) -> str:
    """The first charset among parameters; a value may be quoted."""
    at = 0
    while at < len(parameters):
        name = NAME.match(parameters, at)
        assert name is not None
        at = name.end()
        value = ""
        if parameters[at : at + 1] == "=":
            at += 1
            if quoted := QUOTED.match(parameters, at):
                value = ESCAPED.sub(r"\1", quoted[1])
                at = quoted.end()
            rest = parameters.find(";", at)
            end = rest if rest >= 0 else len(parameters)
            value = value if quoted else parameters[at:end].rstrip(BLANKS)
            at = end
        at += 1
        if name[0].strip(BLANKS).lower() == "charset" and value:
            return value.lower()
    return ""
