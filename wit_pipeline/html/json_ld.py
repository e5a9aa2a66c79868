"""The images that a page's JSON-LD describes (schema.org), each with its texts."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wit_pipeline.text.text import valid

LONGEST = 1 << 20  # bytes of a block that are read
MOST = 10_000  # objects and lists of a block that are looked at
IMAGE_TEXTS = ("caption", "description", "name")
THING_TEXTS = ("headline", "name")  # of an article, recipe or product, for its image without a text
DECODER = json.JSONDecoder(strict=False)
BLANKS = " \t\n\r\ufeff;,"
MENDED = re.compile(  # strings, so that nothing in them is taken for what follows
    r'"(?:[^"\\]|\\.)*"|/\*.*?(?:\*/|\Z)|//[^\n]*|<!\[CDATA\[|\]\]>|<!--|-->|\ufeff|,(?=[\s\ufeff]*[}\]])',
    re.DOTALL,
)
CREDITS = ("creditText", "copyrightNotice", "creator", "author")


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """An image and what JSON-LD says of it; the URL as written."""

    url: str
    texts: tuple[str, ...]
    license: str = ""
    attribution: str = ""


def described(block: bytes) -> list[Described]:
    """The images of one block, in its order. A `ValueError` says why a block cannot be read."""
    if len(block) > LONGEST:
        raise ValueError(f"JSON-LD of {len(block)} bytes; the most that is read is {LONGEST}")
    try:
        roots = loads(block.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("JSON-LD is nested too deeply") from None
    return [found for root in roots for node in _nodes(root) for found in _images(node)]


def loads(text: str) -> list[Any]:
    """The values of a block: one, but for those who wrote several. A `ValueError` where it is no JSON.

    Where it is none as it stands, what JavaScript and XHTML allow around JSON is taken off: a byte order
    mark, CDATA, comments, commas behind the last item, a semicolon at the end, entities in place of quotes.
    """
    try:
        return [json.loads(text, strict=False)]
    except ValueError as error:
        if not (bare := MENDED.sub(_mended, text if '"' in text else html.unescape(text)).strip(BLANKS)):
            raise
        try:
            return list(_values(bare))
        except ValueError:
            raise error from None


def _mended(match: re.Match[str]) -> str:
    """A string as it is; of what is none, what parts it from the next."""
    return match[0] if match[0].startswith('"') else " "


def _values(text: str) -> Iterator[Any]:
    at = 0
    while at < len(text):
        value, at = DECODER.raw_decode(text, at)
        yield value
        while at < len(text) and text[at] in BLANKS:
            at += 1


def _nodes(root: Any) -> Iterator[dict[str, Any]]:
    """The objects within `root`, outer ones first, each as often as it stands there."""
    waiting = [root] if isinstance(root, dict | list) else []
    for _ in range(MOST):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        children = list(node.values()) if isinstance(node, dict) else node
        waiting += [child for child in reversed(children) if isinstance(child, dict | list)]


def _images(node: dict[str, Any]) -> Iterator[Described]:
    if "ImageObject" in _each(node.get("@type")):
        url = _string(node.get("contentUrl")) or _string(node.get("url"))
        if url:
            yield Described(
                url=url,
                texts=_texts(node, IMAGE_TEXTS),
                license=_string(node.get("license")),
                attribution=_credit(node),
            )
        return
    texts = _texts(node, THING_TEXTS)[:1]
    if texts:
        for image in _each(node.get("image")):
            if isinstance(image, str) and image.strip():
                yield Described(url=valid(image.strip()), texts=texts)
            elif isinstance(image, dict) and not _texts(image, IMAGE_TEXTS):
                image["name"] = texts[0]  # before its own turn comes


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _string(value: Any) -> str:
    """A text, or the name or address of the object that stands for one; "" where there is none."""
    for item in _each(value):
        if isinstance(item, dict):
            item = item.get("name") or item.get("@value") or item.get("url") or item.get("@id")
        if isinstance(item, str) and item.strip():
            return valid(item.strip())
    return ""


def _texts(node: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (_string(node.get(name)) for name in names))))


def _credit(node: dict[str, Any]) -> str:
    return next(filter(None, (_string(node.get(name)) for name in CREDITS)), "")
