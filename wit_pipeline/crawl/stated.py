"""The sums that lists state of an image's bytes, and whether what came has one of them."""

import hashlib
from collections.abc import Collection, Iterable, Mapping

from wit_pipeline.vocabulary.records import Candidate

SUMS = {"sha256": 64, "md5": 32}  # and how many hex digits of each there are


def stated_of(candidates: Iterable[Candidate]) -> Mapping[str, Collection[str]]:
    """What is stated of each URL's bytes, "sha256:HEX" or "md5:HEX", by as many lists as name it."""
    found: dict[str, set[str]] = {}
    for candidate in candidates:
        if candidate.digest:
            found.setdefault(candidate.url, set()).add(candidate.digest)
    return found


def mismatch(body: bytes, stated: Collection[str]) -> str:
    """How `body` differs from all that is stated of it; "" where one sum is right, or none is stated.

    Lists of different ages may state different sums of one URL: any of them is an answer to what was asked.
    """
    sums: dict[str, str] = {}
    for digest in sorted(stated):
        name, _, value = digest.partition(":")
        if name not in sums:
            sums[name] = hashlib.new(name, body, usedforsecurity=False).hexdigest()
        if sums[name] == value:
            return ""
    return "; ".join(_told(digest, sums) for digest in sorted(stated))


def _told(digest: str, sums: Mapping[str, str]) -> str:
    name, _, value = digest.partition(":")
    if len(value) != SUMS[name] or set(value) - set("0123456789abcdef"):
        return f"what the list has as {name} is none: {value[:20]!r}"
    return f"{name} is {sums[name]}, the list says {value}"
