"""A body with its content coding undone, never more of it than allowed."""

import zlib
from collections.abc import Iterable, Iterator

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

CODINGS = {"gzip", "x-gzip", "deflate"}
STEP = 1 << 16  # bytes decompressed at once


def inflate(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The decoded chunks; `coding` is the Content-Encoding, which we did not ask for but some servers use.

    Lazy, so a caller that stops reading stops a bomb. More than one coding at once is refused.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        yield from chunks
    elif coding in CODINGS:
        yield from _unzipped(chunks)
    else:
        raise FetchError(Reason.PROTOCOL_ERROR, f"content coding {coding[:40]!r} was not asked for")


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # reads gzip's header and zlib's
    try:
        for chunk in chunks:
            while chunk and not unzip.eof:
                yield unzip.decompress(chunk, STEP)
                chunk = unzip.unconsumed_tail
    except zlib.error as error:
        raise FetchError(Reason.PROTOCOL_ERROR, f"compressed body: {error}") from None
    if not unzip.eof:
        raise FetchError(Reason.PROTOCOL_ERROR, "compressed body ends early")
