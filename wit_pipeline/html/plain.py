"""The text of a fragment of HTML, as a reader sees it."""

import re

from selectolax.lexbor import LexborHTMLParser

LONGEST = 50_000  # characters that are read: elements within elements cost a parser their number squared
UNSEEN = '[style*="display:none" i], [style*="display: none" i], script, style, template'
APART = re.compile(
    r"(?=</?(?:br|p|div|li|dt|dd|tr|td|th|caption|h[1-6]|blockquote|pre)\b)", re.IGNORECASE
)  # before the tags that begin or end a line


def plain(fragment: str) -> str:
    """`fragment` without its tags and what they hide; what stood on lines of its own stays apart.

    >>> plain('A <b>wat</b>er lily<br>by <a href="x">Ada</a>, 1843<span style="display: none;">1843</span>')
    'A water lily by Ada, 1843'
    """
    tree = LexborHTMLParser(APART.sub(" ", fragment[:LONGEST]))
    for node in tree.css(UNSEEN):
        node.decompose()
    return " ".join(tree.body.text().split()) if tree.body is not None else ""
