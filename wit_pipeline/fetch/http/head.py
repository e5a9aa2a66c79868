"""The head of an answer, line by line as it comes, refused where two readers could read it in two ways."""

import re
from dataclasses import dataclass
from functools import cached_property

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

_STATUS = re.compile(rb"HTTP/1\.[01] +([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*)\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")  # RFC 9112, 5.2: a reader may still take it for a blank

Headers = tuple[tuple[str, str], ...]  # as sent: repeated names stay repeated


@dataclass(frozen=True)  # no slots, for the cached property
class Head:
    """Status and headers of an answer."""

    status: int
    headers: Headers

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name, []).append(value)
        return found

    def values(self, name: str) -> list[str]:
        """Every value of the header `name` (lower case), in the order sent."""
        return self._by_name.get(name, [])

    def value(self, name: str) -> str:
        """The values of `name`, ", " between; "" where there is none."""
        return ", ".join(self.values(name))


class HeadReader:
    """Reads heads as they come: those of 1xx answers are passed over, trailers are only counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._status = 0
        self._lines: list[bytes] = []
        self._head: Head | None = None

    @property
    def status(self) -> int:
        """The status, 0 as long as none came."""
        return self._head.status if self._head else 0

    @property
    def begun(self) -> bool:
        """Whether anything came."""
        return self._left < self._limit

    @property
    def complete(self) -> bool:
        return self._head is not None

    def whole(self) -> Head:
        """The head; PROTOCOL_ERROR where it never ended."""
        if self._head is None:
            raise FetchError(Reason.PROTOCOL_ERROR, "headers that never end")
        return self._head

    def feed(self, line: bytes) -> Head | None:
        """Takes one line, and gives the head when that was its last. PROTOCOL_ERROR for doubt."""
        self._left -= len(line)
        if self._left < 0:
            raise FetchError(Reason.PROTOCOL_ERROR, f"headers above {self._limit} bytes")
        if self._head is not None:
            return None  # a trailer
        if not self._status:
            self._status = _status(line)
        elif line in (b"\r\n", b"\n"):
            return self._end()
        else:
            self._lines.append(line)
        return None

    def _end(self) -> Head | None:
        head = Head(self._status, _fields(b"".join(self._lines)))
        self._status, self._lines = 0, []
        if head.status < 200:
            return None
        self._head = head
        _refuse_doubt(head)
        return head


def _status(line: bytes) -> int:
    found = _STATUS.fullmatch(line)
    if found is None:
        raise FetchError(Reason.PROTOCOL_ERROR, "no status line of HTTP/1")
    return int(found[1])


def _fields(block: bytes) -> Headers:
    """The headers in their lines. Each byte of these belongs to one, or another reader might see others."""
    block = _FOLD.sub(b" ", block)
    found, at = [], 0
    for field in _FIELD.finditer(block):
        if field.start() != at:
            break
        at = field.end()
        found.append((field[1].decode("ascii").lower(), field[2].rstrip(b" \t").decode("latin-1")))
    if at != len(block):
        raise FetchError(Reason.PROTOCOL_ERROR, "malformed header line")
    return tuple(found)


def _refuse_doubt(head: Head) -> None:
    lengths = set(head.values("content-length"))
    codings = [coding.strip().lower() for coding in head.values("transfer-encoding")]
    doubt = ""
    if any(not (length.isascii() and length.isdigit()) for length in lengths) or len(lengths) > 1:
        doubt = "Content-Length in doubt"
    elif codings and (lengths or codings != ["chunked"]):
        doubt = "Transfer-Encoding in doubt"
    if doubt:
        raise FetchError(Reason.PROTOCOL_ERROR, doubt, http_status=head.status)
