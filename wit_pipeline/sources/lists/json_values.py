"""The values of a JSON document, one at a time: a document may be larger than memory, a value may not."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from wit_pipeline.sources.packed import Damaged

MAX_VALUE = 1 << 24  # characters of one value
AFTER = set(" \t\r\n,:]}")  # what may follow a value: without it, a number may go on
DECODER = json.JSONDecoder()
BLANKS = re.compile(r"[ \t\r\n]*")


def items(pieces: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Each item of the outer array under ""; of an outer object, each item of its arrays under their key.

    What is no array there is passed over. `Damaged` is raised where the document breaks.
    """
    document = _Document(pieces)
    opening = document.take("[{", "an array or an object")
    if opening == "[":
        for item in document.array():
            yield "", item
        return
    for key in document.names():
        if document.peek() == "[":
            document.take("[", "an array")
            for item in document.array():
                yield key, item
        else:
            document.value()


class _Document:
    """The text of a document from where it has been read to; it is let go as it is read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._texts = codecs.iterdecode(iter(pieces), "utf-8-sig", errors="replace")
        self._text = ""
        self._at = 0

    def names(self) -> Iterator[str]:
        """The keys of an object whose brace was taken; the caller takes each value."""
        if self.peek() == "}":
            return
        while True:
            key = self.value()
            self.take(":", "a colon")
            yield key if isinstance(key, str) else ""
            if self.take(",}", "a comma or a closing brace") == "}":
                return

    def array(self) -> Iterator[Any]:
        """The items of an array whose bracket was taken."""
        if self.peek() == "]":
            self.take("]", "a closing bracket")
            return
        while True:
            yield self.value()
            if self.take(",]", "a comma or a closing bracket") == "]":
                return

    def take(self, characters: str, name: str) -> str:
        """The next character that is not blank, which must be one of `characters`."""
        found = self.peek()
        if found not in characters or not found:
            raise Damaged(f"broken JSON: {name} is wanted, found {found or 'the end'!r}")
        self._at += 1
        return found

    def peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            self._at = BLANKS.match(self._text, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            found, end, broken = self._try()
            if not broken and self._text[end : end + 1] in AFTER:
                break
            if len(self._text) - self._at > MAX_VALUE:
                raise Damaged(f"broken JSON, or a value longer than {MAX_VALUE} characters")
            if not self._more():
                break
        if broken:
            raise Damaged(f"broken JSON: {broken}")
        self._at = end
        return found

    def _try(self) -> tuple[Any, int, str]:
        """The value that the text seems to begin with, where it ends, and why it is none."""
        try:
            return *DECODER.raw_decode(self._text, self._at), ""
        except (ValueError, RecursionError) as error:
            return None, 0, f"{error}"

    def _more(self) -> bool:
        """Whether there is more text: as much again as is held, so that a long value is tried few times."""
        held, wanted = len(self._text) - self._at, 1
        found: list[str] = []
        while wanted > 0 and (piece := next(self._texts, "")):
            found.append(piece)
            wanted = held - sum(map(len, found))
        if found:
            self._text, self._at = "".join([self._text[self._at :], *found]), 0
        return bool(found)
