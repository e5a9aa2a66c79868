"""Absolute addresses from what a page writes, as urllib's `urljoin` makes them, mostly without calling it."""

import re
from urllib.parse import urljoin, urlsplit

BLANKS = "\t\n\f\r "
LINE_BREAKS = str.maketrans("", "", "\t\n\r")
SCHEMES = ("http://", "https://")
WITH_HOST = (*SCHEMES, "//")
ORIGIN = re.compile(r"(https?:)//[A-Za-z0-9.:@_\-]+(?=[/?#]|\Z)")
PATH = re.compile(r"[!->@-Z^-~]*(?=[?#]|\Z)")
NO_HOST = ("", "/", "?", "#")
NO_PATH = ("", ".", "?", "#")
ODD = re.compile(r"[\0- \[\];\\]")  # what urljoin or we may change, or refuse
ENDS = ("?", "#")  # of which urljoin drops the empty ones


def cleaned(reference: str) -> str:
    """A reference as browsers take it: no blanks around, no line breaks inside, "\\" before "?" a "/"."""
    reference = reference.strip(BLANKS).translate(LINE_BREAKS)
    if "\\" in reference and not reference.startswith("data:"):
        path = re.match(r"[^?#]*", reference)
        assert path is not None  # it may be empty
        reference = path[0].replace("\\", "/") + reference[path.end() :]
    return reference


class Base:
    """What a page's references are relative to."""

    def __init__(self, url: str) -> None:
        self.url = url
        origin = ORIGIN.match(url)
        path = PATH.match(url, origin.end()) if origin is not None else None
        self.plain = origin is not None and path is not None and "//" not in path[0] and "/." not in path[0]
        if origin is None or path is None:
            return
        self.scheme = origin[1]  # what goes before "//host" …
        self.site = origin[0]  # … before a path …
        self.folder = origin[0] + (path[0][: path[0].rfind("/") + 1] or "/")  # … and before a relative one

    @property
    def parent(self) -> str:
        """The folder above."""
        return self.folder[: max(self.folder.rfind("/", 0, -1), len(self.site)) + 1]

    def resolve(self, reference: str) -> str | None:
        """The absolute URL of a reference; a data: URI as it is; None where it is none."""
        if ODD.search(reference) is not None or reference.endswith(ENDS) or "?#" in reference:
            reference = cleaned(reference)
        elif found := self._simple(reference):
            return found.replace(" ", "%20")
        if not reference or reference.startswith("data:"):
            return reference
        return _joined(self.url, reference)

    def _simple(self, reference: str) -> str:
        """The URL of a reference that only has to be put behind something; "" for any other."""
        if not reference or not self.plain:
            return ""
        if reference.startswith(WITH_HOST):
            host = reference.find("//") + 2
            whole = reference if host > 2 else self.scheme + reference
            return whole if whole.isascii() and reference[host : host + 1] not in NO_HOST else ""
        folder = self.folder
        if reference[0] == "/":
            folder = self.site
        elif reference.startswith("../"):
            reference, folder = reference[3:], self.parent
        elif ":" in reference:
            return ""
        turns = "//" in reference or "/." in reference or "./" in reference
        return folder + reference if not turns and reference[:1] not in NO_PATH else ""


def _joined(base: str, reference: str) -> str | None:
    try:
        found = urljoin(base, reference)
        urlsplit(found)  # what urljoin joins may be none by itself
    except ValueError:  # such as a broken IPv6 address
        return None
    return found.replace(" ", "%20")
