"""Captions that stand beside an image by their class alone: `wp-caption-text`, `os-caption`, `thumbcaption` …

Only a tree tells what belongs together without a `figure`, so one is made where a page has such a class.
"""

import re
from collections.abc import Iterator
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

WORD = b"aption"  # found at the speed of memory, which a pattern in any case is not
BEFORE = 200  # bytes before the word in which its attribute begins
LOOKED_AT = 1000  # times that the word may stand in a page outside of a class, as in scripts
# Of the class of a caption; "has-caption" and "no-caption" are classes of what has one, or none.
NAME = re.compile(
    r"(?<!\S)(?!(?:has|no|with|without|hide|show|toggle)[-_])[\w-]*caption(?:[-_]?(?:text|body))?(?!\S)",
    re.IGNORECASE,
)
IMAGES = "img, amp-img, amp-anim"
CLIMBED = 5  # elements around a caption in which its image is looked for
MOST_IMAGES = 4  # images that one caption is a text of


def may_have(data: bytes) -> bool:
    """Whether a page has a class that looks like a caption's."""
    return any(_in_class(data, at) for at in islice(_places(data), LOOKED_AT))


def _places(data: bytes) -> Iterator[int]:
    at = data.find(WORD)
    while at >= 0:
        yield at
        at = data.find(WORD, at + 1)


def _in_class(data: bytes, at: int) -> bool:
    head = data[max(0, at - BEFORE) : at].lower()
    named = head.rfind(b"class")
    return named >= 0 and b">" not in head[named:]


def captions(data: bytes) -> list[str]:
    """The caption of each image of a page, in its order; "" for one without.

    It is that of the nearest element that holds both; of several captions there each is of the image in its
    place, if there are as many.
    """
    tree = LexborHTMLParser(data)
    images = tree.css(IMAGES)
    order = {node.mem_id: number for number, node in enumerate(images)}
    found = [""] * len(images)
    together: dict[int, tuple[list[LexborNode], list[str]]] = {}  # by the first image there
    for node in tree.css("[class*=caption i]"):
        if not NAME.search(node.attributes.get("class") or "") or node.css_first(IMAGES) is not None:
            continue
        text = " ".join(node.text(separator=" ").split())
        near = _near(node)
        if near and text:
            together.setdefault(near[0].mem_id, (near, []))[1].append(text)
    for near, texts in together.values():
        if len(texts) == 1 and len(near) <= MOST_IMAGES:
            texts *= len(near)
        if len(texts) == len(near):
            for image, text in zip(near, texts, strict=True):
                found[order[image.mem_id]] = text
    return found


def _near(node: LexborNode) -> list[LexborNode]:
    """The images of the nearest element around a caption that holds any, or else of the one before it."""
    around = node.parent
    for _ in range(CLIMBED):
        if around is None or around.tag in ("body", "html"):
            break
        if found := around.css(IMAGES):
            return found
        around = around.parent
    before = node.prev
    while before is not None and before.tag == "-text":
        before = before.prev
    if before is None:
        return []
    return [before] if before.tag in IMAGES.split(", ") else before.css(IMAGES)
