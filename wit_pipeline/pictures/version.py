"""Which decoder stored a picture: those of two may differ, and each unit of a crawl says whose it has."""

from functools import cache
from importlib.metadata import version

from PIL import features

RELEASE = 2  # raised when the same file comes to be stored in other bytes
FIRST = "1"  # of units of a crawl that do not say


@cache
def decoder() -> str:
    """The release of our rules, and of the libraries that bytes depend on."""
    turbo, colours = features.version("libjpeg_turbo"), features.version("littlecms2")
    return f"{RELEASE} (simplejpeg {version('simplejpeg')}, libjpeg-turbo {turbo}, lcms {colours})"
