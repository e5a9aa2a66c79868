"""What is one for all that unpacks files: which zstd, how a file tells its packing, what unpacking may raise.

How they unpack is not one, and is kept apart:

    queries.dumps.unpack   an `Unpacker` that is fed: a bz2 file is entered anywhere, and read on after damage
    sources.packed         the standard library's files: a list is read from its start, up to the first damage
    sources.web.sitemap    the same of gzip alone: the protocol has no other; it is read by lines, and rewound
    sources.archives       an `Unpacker` that fetches: it must know where each member begins and ends

One piece of code for the first two would change what is told of damaged files: `gzip` words it otherwise than
`zlib`, and behind the last stream of a bz2 file the library's reader passes over anything.
"""

import lzma
import sys
import zlib
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

CHUNK = 1 << 20  # bytes read, and bytes unpacked at most, at a time: a bomb unpacks no faster than it is used
GZIP = b"\x1f\x8b"
BZ2 = b"BZh"
ZSTD = b"\x28\xb5\x2f\xfd"
NEITHER = {b"PK\x03\x04": "zip", b"Rar!": "rar"}  # that nothing here unpacks
FAILURES = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)  # what broken packed bytes raise


class Unpacker(Protocol):
    """One stream, as much of it at a time as is asked for, as bz2, lzma, zstd and isal have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...
