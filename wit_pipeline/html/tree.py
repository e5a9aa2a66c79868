"""A page as the tree of it writes it: every element closed, every misplaced one in its place."""

from selectolax.lexbor import LexborHTMLParser

RAW = ("style", "script", "xmp", "iframe", "noembed", "noframes", "plaintext")
IN_DRAWINGS = ", ".join(f"{drawing} {name}" for drawing in ("svg", "math") for name in RAW)


def normal(data: bytes) -> bytes:
    """A page's tree, by the standard's tree construction, written as HTML again; both in UTF-8.

    A `style` within svg may hold elements and within HTML only text, but written they look the same: in
    drawings what they hold takes their place.
    """
    tree = LexborHTMLParser(data)
    for node in tree.css(IN_DRAWINGS):
        node.unwrap(delete_empty=True)
    return (tree.html or "").encode("utf-8", "replace")
