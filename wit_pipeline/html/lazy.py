"""Which of an `img`'s URLs is the image's: many pages write it elsewhere than in `src`, and load it late."""

import re
from collections.abc import Iterator, Mapping, Sequence

from wit_pipeline.html.scan import LAZY_SET, LAZY_URL, SRCSET
from wit_pipeline.html.srcset import largest
from wit_pipeline.text.junk import is_no_address

# Names of pictures that keep the place of another …
STAND_IN = re.compile(
    r"(?:(?:blank|spacer|placeholder|1x1|pixel|loading|transparent|gr[ae]y)(?:\.[^/]*)?|lazy[\w-]*\.(?:gif|svg))\Z",
    re.IGNORECASE,
)
# … and what is in such a name where the page has another URL for the same image.
LIKE_STAND_IN = re.compile(r"blank|spacer|placeholder|1x1|pixel|load(?:ing|er)|transparent|gr[ae]y|lazy")
NO_ADDRESS = frozenset({"data", "about", "javascript", "blob"})


def is_none(url: str) -> bool:
    """Whether a URL is the address of no image: it is empty, a place in the page itself, or holds one."""
    return not url or url[0] == "#" or (":" in url and url.partition(":")[0].lower() in NO_ADDRESS)


def stands_in(url: str) -> bool:
    """Whether a URL is of a picture that only keeps the place of one.

    >>> [stands_in(url) for url in ("/img/spacer.gif?v=2", "Placeholder.svg", "google-pixel.png")]
    [True, True, False]
    """
    path = url.partition("?")[0] if "?" in url else url
    return STAND_IN.match(path, path.rfind("/") + 1) is not None


def like_stand_in(url: str) -> bool:
    """The same where the page has another URL for the image: whether the name looks like that of one."""
    path = url.partition("?")[0].lower()
    return LIKE_STAND_IN.search(path, path.rfind("/") + 1) is not None


def real(src: str, attributes: Mapping[int, str], sources: Sequence[Mapping[int, str]]) -> str:
    """The URL of an image, as written: `src`, unless it is none, of a template, or stands in for another.

    `attributes` are the img's others by their code, `sources` those of the `source` elements before it.
    """
    if not is_none(src) and not like_stand_in(src) and not is_no_address(src):
        return src
    return next(_others(attributes, sources), src)


def _others(attributes: Mapping[int, str], sources: Sequence[Mapping[int, str]]) -> Iterator[str]:
    """The other URLs of an image, the likeliest first."""
    for code in sorted(attributes):
        if LAZY_URL <= code < LAZY_SET and not _useless(url := attributes[code].strip()):
            yield url
    for element in (attributes, *sources):
        for code in sorted(element, reverse=True):  # what a script would put into srcset before srcset
            if (code == SRCSET or code >= LAZY_SET) and not _useless(url := largest(element[code])):
                yield url


def _useless(url: str) -> bool:
    return is_none(url) or stands_in(url) or is_no_address(url)
