"""The candidates of a `srcset`, by the HTML standard's algorithm (4.8.4.2.2)."""

import re
from collections.abc import Iterator

BLANKS = "\t\n\f\r "
MOST = 1000  # candidates of one srcset that are looked at
URL = re.compile(rf"[{BLANKS},]*([^{BLANKS}]+)")
DESCRIPTORS = re.compile(r"((?:[^,(]|\([^)]*\)?)*)(?:,|\Z)")
WIDTH = re.compile(r"([0-9]{1,9})w")
DENSITY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})x")


def candidates(srcset: str) -> Iterator[tuple[str, float, float]]:
    """Each URL of a srcset, its width in pixels (0: not said) and its density.

    >>> list(candidates("a.jpg 320w, b,c.jpg 2x, d.jpg"))
    [('a.jpg', 320.0, 1.0), ('b,c.jpg', 0.0, 2.0), ('d.jpg', 0.0, 1.0)]
    """
    position = 0
    for _ in range(MOST):
        found = URL.match(srcset, position)
        if found is None:
            return
        url, position = found[1], found.end()
        descriptors = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            rest = DESCRIPTORS.match(srcset, position)
            descriptors, position = (rest[1], rest.end()) if rest is not None else ("", len(srcset))
        size = _size(descriptors.split())
        if url and size is not None:
            yield url, *size


def _size(descriptors: list[str]) -> tuple[float, float] | None:
    """Width and density; None for a candidate that is to be left out."""
    width, density = 0.0, 1.0
    for descriptor in descriptors:
        if (found := WIDTH.fullmatch(descriptor)) is not None:
            width = float(found[1])
        elif (found := DENSITY.fullmatch(descriptor)) is not None:
            density = float(found[1])
        elif not re.fullmatch(r"[0-9]{1,9}h", descriptor):
            return None
    return width, density


def largest(srcset: str) -> str:
    """The URL of the widest candidate, then of the densest; the first of equals; "" where there is none."""
    best, size = "", (-1.0, -1.0)
    for url, width, density in candidates(srcset):
        if (width, density) > size:
            best, size = url, (width, density)
    return best
