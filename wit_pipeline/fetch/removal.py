"""What may not be kept: lists of URLs, domains and sha256 sums, a line each, and who is found in them.

Entries are held as 64-bit hashes, 8 bytes each whatever their length. Among five million entries, a name that
is in none of them is taken for one of them once in 3.7 · 10^12 times.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target, parse
from wit_pipeline.vocabulary.errors import UserError

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
COMMENT = re.compile(r"(^|\s)#.*")  # "#" within a word is a URL's
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")  # RFC 3986, section 2.3
_ESCAPABLE = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~%!$&()*+,;=:@/?-]")  # and what no URI holds as it is
SHOWN = 80  # characters of a line that a message repeats


def plain_url(url: str) -> str:
    """A URL as it is compared: "" where it is none that could be fetched.

    The scheme counts for nothing, nor do the default port, the fragment, and the host's case and spelling;
    whether a character is escaped where that says the same, and dots in the path. Else all counts as written.
    """
    try:
        return _plain(parse(url))
    except FetchError:
        return ""


def _plain(target: Target) -> str:
    return target.host_header + _ESCAPABLE.sub(_escaped, target.path)


def _escaped(found: re.Match[str]) -> str:
    """An escape as RFC 3986, section 6.2.2, would have it, of a character that may need one."""
    text = found[0]
    if len(text) == 1:
        return f"%{ord(text):02X}"
    byte = unquote_to_bytes(text)
    return byte.decode("ascii") if _UNRESERVED.fullmatch(byte) else text.upper()


def names_of(url: str) -> Iterator[str]:
    """The entries that would name a URL: itself, its host and the domains that it is in; none of no URL."""
    try:
        target = parse(url)
    except FetchError:
        return
    yield f"url:{_plain(target)}"
    host = target.host
    while host:
        yield f"domain:{host}"
        host = host.partition(".")[2]


def entry_of(text: str) -> str:
    """An entry as it is compared: "url:…", "domain:…" or "sha256:…"; "" where the text is none of them."""
    if SHA256.fullmatch(text):
        return f"sha256:{text.lower()}"
    if "://" in text:
        url = plain_url(text)
        return f"url:{url}" if url else ""
    try:
        target = parse(f"http://{text}")
    except FetchError:
        return ""
    bare = target.path == "/" and not text.endswith("/") and not set(text) & set(":?#")
    return f"domain:{target.host}" if bare and "." in target.host else ""


def entries(lines: Iterable[bytes], path: str) -> Iterator[str]:
    """The entries of a list; a `UserError` names the line that is none."""
    for number, line in enumerate(lines, 1):
        try:
            text = COMMENT.sub("", line.decode("utf-8-sig" if number == 1 else "utf-8")).strip()
        except UnicodeDecodeError:
            raise UserError(f"{path}: line {number} is not UTF-8") from None
        if not text:
            continue
        entry = entry_of(text)
        if not entry:
            raise UserError(
                f"{path}: line {number} is no http(s) URL, no domain and no sha256 in hex: {text[:SHOWN]!r}"
            )
        yield entry


def entry_hash(entry: str) -> str:
    """16 hex digits that name an entry without saying it."""
    return f"{_number(entry):016x}"


def _number(entry: str) -> int:
    return int.from_bytes(blake2b(entry.encode(), digest_size=8).digest(), "big")


class BlockList:
    """URLs, domains and sums that may not be kept."""

    def __init__(self, entries: Iterable[str]) -> None:
        numbers = array("Q", map(_number, entries))
        self._numbers: NDArray[np.uint64] = np.unique(np.frombuffer(numbers, dtype=np.uint64))

    @classmethod
    def read(cls, paths: Iterable[str], open: Callable[[str], BinaryIO]) -> "BlockList":
        """The entries of some files; a `UserError` names the line that is no entry."""
        return cls(entry for path in paths for entry in _entries_of(path, open))

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, entry: str) -> bool:
        number = np.uint64(_number(entry))
        place = int(np.searchsorted(self._numbers, number))
        return place < len(self._numbers) and bool(self._numbers[place] == number)

    def found(
        self, url: str, final_url: str = "", page_url: str = "", sha256: str = "", stored_sha256: str = ""
    ) -> str:
        """The entry that names an image, its address after redirects, its page or its bytes; "" for none."""
        return self.found_url(url, final_url, page_url) or self.found_bytes(sha256, stored_sha256)

    def found_url(self, *urls: str) -> str:
        """The entry that names one of some URLs or its domain: all that can be asked before a fetch."""
        if not len(self):
            return ""
        for url in dict.fromkeys(filter(None, urls)):
            for entry in names_of(url):
                if entry in self:
                    return entry
        return ""

    def found_bytes(self, *sums: str) -> str:
        """The entry that is one of some sha256 sums in hex."""
        if not len(self):
            return ""
        return next((entry for text in sums if text and (entry := f"sha256:{text}") in self), "")


def _entries_of(path: str, open: Callable[[str], BinaryIO]) -> Iterator[str]:
    try:
        with open(path) as file:
            yield from entries(file, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
