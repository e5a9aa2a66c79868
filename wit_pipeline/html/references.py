"""Character references, as the HTML standard resolves them (13.2.5.72 to 13.2.5.80)."""

import re
from html.entities import html5

NAMED = re.compile(r"&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?|([A-Za-z][A-Za-z0-9]*)(;?)(=?))")
LONGEST = 6  # letters of the names that need no semicolon, such as "&frac12"
REPLACEMENT = "\ufffd"


def attribute(value: str) -> str:
    """An attribute's value with its references resolved.

    A name without its semicolon stays where a letter, a digit or "=" follows: `?a=1&copy=2` is an address.

    >>> attribute("?a=1&copy=2&amp;b=&quot&#x41;")
    '?a=1&copy=2&b="A'
    """
    return NAMED.sub(_in_attribute, normal(value))


def text(value: str) -> str:
    """A text's characters with its references resolved; there the longest name that fits is one.

    >>> text("a &amp b&copyright")
    'a & b©right'
    """
    return NAMED.sub(_in_text, normal(value))


def normal(value: str) -> str:
    """`value` with one kind of line end, and no NUL."""
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value.replace("\0", REPLACEMENT)


def _in_attribute(match: re.Match[str]) -> str:
    name, semicolon, equals = match.group(3, 4, 5)
    if name is None:
        return _number(match)
    if semicolon:
        return html5.get(name + ";", match[0][: len(match[0]) - len(equals)]) + equals
    return match[0] if equals else html5.get(name, match[0])


def _in_text(match: re.Match[str]) -> str:
    name, semicolon, equals = match.group(3, 4, 5)
    if name is None:
        return _number(match)
    if semicolon and name + ";" in html5:
        return html5[name + ";"] + equals
    for length in range(min(len(name), LONGEST), 1, -1):
        if name[:length] in html5:
            return html5[name[:length]] + name[length:] + semicolon + equals
    return match[0]


def _number(match: re.Match[str]) -> str:
    digits = (match[1] or match[2]).lstrip("0")
    if len(digits) > 7:  # beyond Unicode, and int() would mind thousands of them
        return REPLACEMENT
    code = int(digits or "0", 16 if match[1] else 10)
    if 0x80 <= code < 0xA0:  # as Windows-1252, where that has a character
        return bytes([code]).decode("cp1252", "ignore") or chr(code)
    return REPLACEMENT if code == 0 or 0xD800 <= code < 0xE000 or code > 0x10FFFF else chr(code)
