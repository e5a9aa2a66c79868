"""A body with its content coding undone, never more of it than allowed."""

import zlib
from collections.abc import Iterable, Iterator
from functools import partial

import brotli

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.unpacker import GZIP, ZSTD, zstd

CODINGS = {"gzip", "x-gzip", "deflate", "br", "zstd"}
# What IANA's registry of HTTP content codings has besides; whatever else a server states codes nothing:
# "UTF-8", "none", "aws-chunked" and the like are said of bytes that are as they were.
OTHERS = {"aes128gcm", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"}
STEP = 1 << 16  # bytes decompressed at once, and fed at once: what follows a member is copied
MEMBERS = 10_000  # of one body of gzip or zstd; BGZF has one for each 64 KiB
ZSTD_OPTIONS = {int(zstd.DecompressionParameter.window_log_max): 23}  # RFC 9659: 8 MiB of memory
FAILURES = (zlib.error, zstd.ZstdError, brotli.error)


def coding_of(stated: str) -> tuple[str, bool]:
    """The coding to undo, "" for none, by a Content-Encoding; and whether it says what is no coding.

    PROTOCOL_ERROR where it says several, or one that nobody undoes.

    >>> coding_of("aws-chunked, GZIP")
    ('gzip', True)
    """
    names = [name for name in (part.strip().lower() for part in stated.split(",")) if name]
    real = [name for name in names if name in CODINGS | OTHERS]
    if len(real) > 1 or OTHERS.intersection(real):
        raise FetchError(Reason.PROTOCOL_ERROR, f"content coding {stated[:40].lower()!r} was not asked for")
    return "".join(real), bool(set(names) - {"identity", *real})


def inflate(chunks: Iterable[bytes], stated: str) -> Iterator[bytes]:
    """The chunks with the coding of a Content-Encoding undone. What is damaged is a PROTOCOL_ERROR.

    We ask for none, and some servers use one all the same. Lazy, so a caller that stops reading stops a bomb.
    """
    coding, _ = coding_of(stated)
    if not coding:
        yield from chunks
        return
    undo = {"br": _unbrotlied, "zstd": _unpacked}.get(coding, partial(_unzipped, coding=coding))
    slices = (chunk[at : at + STEP] for chunk in chunks for at in range(0, len(chunk), STEP))
    try:
        yield from undo(slices)
    except FAILURES as error:
        raise FetchError(Reason.PROTOCOL_ERROR, f"compressed body: {error}"[:120]) from None


def _unzipped(slices: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Every member of a gzip body, or the one stream of a deflate body; what follows is no part of it."""
    chunk = _filled(b"", slices, GZIP)
    for _ in range(MEMBERS):
        unzip = zlib.decompressobj(wbits=_window(chunk, coding))
        while not unzip.eof:
            chunk = chunk or next(slices, b"")
            piece = unzip.decompress(chunk, STEP)  # of no input: what it held back for want of room
            if not chunk and not piece and not unzip.eof:
                raise _early()
            yield piece
            chunk = unzip.unconsumed_tail
        chunk = _filled(unzip.unused_data, slices, GZIP)
        if not chunk.startswith(GZIP):
            return
    raise _endless()


def _unpacked(slices: Iterator[bytes]) -> Iterator[bytes]:
    """Every frame of a zstd body."""
    chunk = _filled(b"", slices, ZSTD)
    for _ in range(MEMBERS):
        unpack = zstd.ZstdDecompressor(options=ZSTD_OPTIONS)
        while not unpack.eof:
            if unpack.needs_input and not (chunk := chunk or next(slices, b"")):
                raise _early()
            yield unpack.decompress(chunk, STEP)
            chunk = b""  # it keeps what there was no room for
        chunk = _filled(unpack.unused_data, slices, ZSTD)
        if not chunk.startswith(ZSTD):
            return
    raise _endless()


def _unbrotlied(slices: Iterator[bytes]) -> Iterator[bytes]:
    unpack = brotli.Decompressor()
    while not unpack.is_finished():
        chunk = next(slices, b"") if unpack.can_accept_more_data() else b""
        piece = unpack.process(chunk, output_buffer_limit=STEP)
        if not chunk and not piece and not unpack.is_finished():
            raise _early()
        yield piece


def _early() -> FetchError:
    return FetchError(Reason.PROTOCOL_ERROR, "compressed body ends early")


def _endless() -> FetchError:
    return FetchError(Reason.PROTOCOL_ERROR, f"compressed body: above {MEMBERS} members")


def _filled(chunk: bytes, slices: Iterator[bytes], magic: bytes) -> bytes:
    """`chunk` and what follows, until it is long enough to begin with `magic`, or all."""
    while len(chunk) < len(magic) and (more := next(slices, b"")):
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
