"""What pool, nursery and decoder say to one another.

Nothing is unpickled: a decoder may be in the hands of a picture that it decoded, so what it says is checked.
"""

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import fields
from socket import socket
from typing import Any

from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

DEPTH = 2  # bodies that a decoder holds: the one at work, and the next, so that it never waits for the pool
SLACK = 1 << 20  # bytes of a slot above its picture: the facts
FACTS_BYTES = 1 << 18  # of the facts of one picture; EXIF and signals are bounded far below

REQUEST = struct.Struct("<IBI")  # number, slot, bytes of the body
ANSWER = struct.Struct("<IcII")  # number, PICTURE or REFUSED, bytes stored, bytes of the facts
PICTURE, REFUSED = b"p", b"r"

ORDER = struct.Struct("<cI")  # to the nursery: FORK, with two descriptors, or KILL and a process id
FORK, KILL = b"f", b"k"
NEWS = struct.Struct("<cIi")  # from the nursery: BORN and pid, UNBORN and errno, ENDED, pid and wait status
BORN, UNBORN, ENDED = b"b", b"u", b"e"

NO_MEMORY = 77  # the exit code of a decoder whose picture wants more than `decode_bytes`

(STORED,) = (field.name for field in fields(Decoded) if field.type is bytes)  # it travels beside the facts
FACTS = tuple((field.name, field.type) for field in fields(Decoded) if field.name != STORED)


class NonsenseError(ValueError):
    """What a decoder in its right mind does not say."""


def slot_bytes(config: CrawlConfig) -> int:
    """The room for a body, and then for what is stored and its facts: no JPEG we write has 2 bytes a pixel.

    Nothing lies where nothing was written: the file has holes.
    """
    return max(config.max_bytes, 2 * config.max_pixels) + SLACK


def packed(decoded: Decoded) -> tuple[bytes, bytes]:
    """The bytes to store, and all else as JSON."""
    facts = json.dumps([kind(getattr(decoded, name)) for name, kind in FACTS]).encode()  # type: ignore[operator]
    return getattr(decoded, STORED), facts


def unpacked(stored: bytes, facts: bytes) -> Decoded:
    """The inverse of `packed`. Raises `NonsenseError`."""
    values = _array(facts)
    if len(values) != len(FACTS):
        raise NonsenseError
    for value, (_, kind) in zip(values, FACTS, strict=True):
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            raise NonsenseError
    named: dict[str, Any] = {name: value for value, (name, _) in zip(values, FACTS, strict=True)}
    return Decoded(**named, **{STORED: stored})  # type: ignore[arg-type]


def packed_error(error: ImageError) -> bytes:
    return json.dumps([error.reason, error.detail]).encode()


def unpacked_error(facts: bytes) -> ImageError:
    """The inverse of `packed_error`. Raises `NonsenseError`."""
    match _array(facts):
        case [str(reason), str(detail)] if reason in list(Reason):
            return ImageError(Reason(reason), detail)
    raise NonsenseError


def _array(facts: bytes) -> list[Any]:
    try:
        values = json.loads(facts)
    except (ValueError, RecursionError):
        raise NonsenseError from None
    if type(values) is not list:
        raise NonsenseError
    return values


class Inbox:
    """Messages of one kind, whole ones, out of a socket that does not wait."""

    def __init__(self, connection: socket, kind: struct.Struct) -> None:
        self._connection = connection
        self._kind = kind
        self._unread = b""  # the beginning of a message

    def messages(self) -> Iterator[tuple[Any, ...]] | None:
        """Some that have come, None where nothing has. Raises `ConnectionError` if the other end is gone."""
        try:
            data = self._connection.recv(1 << 16)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionResetError
        data = self._unread + data
        whole = len(data) - len(data) % self._kind.size
        self._unread = data[whole:]
        return self._kind.iter_unpack(data[:whole])


def received(connection: socket, size: int) -> bytes:
    """The next `size` bytes, or b"" where the other end is closed."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            return b""
        data += more
    return data
