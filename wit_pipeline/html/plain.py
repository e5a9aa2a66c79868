"""The text of a fragment of HTML, as a reader sees it."""

from selectolax.lexbor import LexborHTMLParser

UNSEEN = '[style*="display:none" i], [style*="display: none" i], script, style, template'
APART = "br, p, div, li, dt, dd, tr, td, th, caption, h1, h2, h3, h4, h5, h6, blockquote, pre"  # begin a line


def plain(fragment: str) -> str:
    """`fragment` without its tags and what they hide; what stood on lines of its own stays apart.

    >>> plain('A <b>wat</b>er lily<br>by <a href="x">Ada</a>, 1843<span style="display: none;">1843</span>')
    'A water lily by Ada, 1843'
    """
    tree = LexborHTMLParser(fragment)
    for node in tree.css(UNSEEN):
        node.decompose()
    for node in tree.css(APART):
        node.insert_before(" ")
        node.insert_after(" ")
    return " ".join(tree.body.text().split()) if tree.body is not None else ""
