"""What lists may know a picture by beside sha256 and phash: sums and a code that are made when asked for."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

from wit_pipeline.listed.entries import QUALITY
from wit_pipeline.pictures.image import pdq_of_stored

UNKNOWN = -1  # a quality: no PDQ was made
ASKED = frozenset({"md5", "sha1", "pdq"})  # kinds of entries for which marks are made


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """Sums in hex; "" where no list asked for them. Columns of a unit's table where one does."""

    md5: str = ""  # of the bytes fetched
    sha1: str = ""
    stored_md5: str = ""  # of the bytes stored
    stored_sha1: str = ""
    pdq: str = ""  # 64 hex digits, of the picture as it was decoded; "" where its quality is below 50
    pdq_quality: int = UNKNOWN  # 0 to 100

    def lacks(self, kinds: Collection[str]) -> bool:
        """Whether entries of some kinds ask for what is not known."""
        sums = ("md5" in kinds and not self.md5) or ("sha1" in kinds and not self.sha1)
        return sums or ("pdq" in kinds and self.pdq_quality == UNKNOWN)


NO_MARKS = Marks()


def of_fetched(body: bytes | bytearray | memoryview, kinds: Collection[str]) -> Marks:
    """The sums of the bytes that were fetched."""
    return Marks(md5=_sum("md5", body, kinds), sha1=_sum("sha1", body, kinds))


def of_stored(known: Marks, stored: bytes, kinds: Collection[str], pdq: str, quality: int) -> Marks:
    """The same and the sums of the bytes to store, and a PDQ where one was made."""
    return Marks(
        md5=known.md5,
        sha1=known.sha1,
        stored_md5=_sum("md5", stored, kinds),
        stored_sha1=_sum("sha1", stored, kinds),
        pdq=pdq if quality >= QUALITY else "",
        pdq_quality=quality,
    )


def completed(known: Marks, stored: bytes, kinds: Collection[str], *, original: bool) -> Marks:
    """The same with what the stored bytes tell of what nobody asked for when they were stored.

    Of the bytes that were fetched they tell nothing, unless they are the `original` ones.
    """
    made = of_stored(known, stored, kinds, known.pdq, known.pdq_quality)
    if original:
        made = replace(made, md5=known.md5 or made.stored_md5, sha1=known.sha1 or made.stored_sha1)
    if "pdq" not in kinds or known.pdq_quality != UNKNOWN:
        return made
    code, quality = pdq_of_stored(stored)
    return replace(made, pdq=code if quality >= QUALITY else "", pdq_quality=quality)


def _sum(name: str, content: bytes | bytearray | memoryview, kinds: Collection[str]) -> str:
    return hashlib.new(name, content, usedforsecurity=False).hexdigest() if name in kinds else ""
