"""A body with its content coding undone, never more of it than allowed."""

import zlib
from collections.abc import Iterable, Iterator

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

CODINGS = {"gzip", "x-gzip", "deflate"}
# What IANA's registry of HTTP content codings has besides; whatever else a server states codes nothing:
# "UTF-8", "none", "aws-chunked" and the like are said of bytes that are as they were.
OTHERS = {"aes128gcm", "br", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "zstd"}
STEP = 1 << 16  # bytes decompressed at once, and fed at once: what follows a member is copied
MEMBERS = 10_000  # of one gzip body; BGZF has one for each 64 KiB
GZIP = b"\x1f\x8b"


def coding_of(stated: str) -> tuple[str, bool]:
    """The coding to undo, "" for none, by a Content-Encoding; and whether it says what is no coding.

    PROTOCOL_ERROR where it says several, or one that nobody asked for.

    >>> coding_of("aws-chunked, GZIP")
    ('gzip', True)
    """
    names = [name for name in (part.strip().lower() for part in stated.split(",")) if name]
    real = [name for name in names if name in CODINGS | OTHERS]
    if len(real) > 1 or OTHERS.intersection(real):
        raise FetchError(Reason.PROTOCOL_ERROR, f"content coding {stated[:40].lower()!r} was not asked for")
    return "".join(real), bool(set(names) - {"identity", *real})


def inflate(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The chunks with one of CODINGS undone, or as they are for "". What is damaged is a PROTOCOL_ERROR.

    Lazy, so a caller that stops reading stops a bomb.
    """
    if not coding:
        yield from chunks
        return
    try:
        yield from _unzipped(_slices(chunks), coding)
    except zlib.error as error:
        raise FetchError(Reason.PROTOCOL_ERROR, f"compressed body: {error}") from None


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return (chunk[at : at + STEP] for chunk in chunks for at in range(0, len(chunk), STEP))


def _unzipped(slices: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Every member of a gzip body, or the one stream of a deflate body; what follows is no part of it."""
    chunk = _filled(b"", slices)
    for _ in range(MEMBERS):
        unzip = zlib.decompressobj(wbits=_window(chunk, coding))
        while not unzip.eof:
            chunk = chunk or next(slices, b"")
            piece = unzip.decompress(chunk, STEP)  # of no input: what it held back for want of room
            if not chunk and not piece and not unzip.eof:
                raise FetchError(Reason.PROTOCOL_ERROR, "compressed body ends early")
            yield piece
            chunk = unzip.unconsumed_tail
        chunk = _filled(unzip.unused_data, slices)
        if not chunk.startswith(GZIP):
            return
    raise FetchError(Reason.PROTOCOL_ERROR, f"compressed body: above {MEMBERS} members")


def _filled(chunk: bytes, slices: Iterator[bytes]) -> bytes:
    """`chunk` and what follows, until it is long enough to be recognised, or all."""
    while len(chunk) < len(GZIP) and (more := next(slices, b"")):
        chunk += more
    return chunk


def _window(start: bytes, coding: str) -> int:
    """What zlib is to expect: gzip's header, zlib's (RFC 1950, 2.2), or none, as some servers read "deflate".

    A stream without a header never begins as one with: its first bits would be those of a stored block with
    padding that nobody writes.
    """
    zlibs = len(start) < 2 or (start[0] & 15 == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0)
    bare = coding == "deflate" and not zlibs and not start.startswith(GZIP)
    return -zlib.MAX_WBITS if bare else 32 + zlib.MAX_WBITS
