"""The XMP packets and the C2PA manifest store of an image file, without decoding a pixel.

Only the parts beside the pixels are looked at, so a file without either costs microseconds.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from wit_pipeline.pictures import avif

PARTS = 20_000  # of a file; one with more is searched as a whole, the rest of it unread
INFLATED_BYTES = 4_000_000  # of a compressed packet; the longest we know of has some 100 kB

XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
EXTENSION_HEADER = len(XMP_EXTENSION) + 40  # a digest of 32, the whole's length and this part's place, 4 each
START_OF_SCAN, END = 0xDA, 0xD9
APP1, APP11 = 0xE1, 0xEB


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What a file holds beside its pixels, as far as it may speak of reuse."""

    xmp: tuple[bytes, ...] = ()  # packets, in whatever encoding
    c2pa: bytes = b""  # the JUMBF boxes of the manifest store


def metadata(body: bytes) -> Metadata:
    """The packets and the manifest store of a picture; of a damaged file, what is there."""
    if body.startswith(b"\xff\xd8"):
        return _of_jpeg(body)
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return _of_png(body)
    if body.startswith(b"RIFF"):
        return _of_webp(body)
    if avif.is_avif(body):
        return Metadata(xmp=avif.xmp(body), c2pa=avif.c2pa(body))
    return _of_gif(body) if body.startswith(b"GIF8") else Metadata()


def _of_jpeg(body: bytes) -> Metadata:
    packets: list[bytes] = []
    extensions: list[tuple[bytes, bytes]] = []
    boxes: list[bytes] = []
    count = 0
    for count, (marker, at, end) in enumerate(islice(_segments(body), PARTS), start=1):  # noqa: B007
        if marker == APP1 and body.startswith(XMP, at):
            packets.append(body[at + len(XMP) : end])
        elif marker == APP1 and body.startswith(XMP_EXTENSION, at):
            place = at + EXTENSION_HEADER
            extensions.append((body[place - 4 : place], body[place:end]))
        elif marker == APP11 and body.startswith(b"JP", at):
            first = body[at + 4 : at + 8] == b"\0\0\0\1"
            boxes.append(body[at + 8 if first else at + 16 : end])  # later ones repeat the box's header
    if count == PARTS:
        return Metadata(xmp=(body,), c2pa=body)
    if extensions:
        packets.append(b"".join(part for _, part in sorted(extensions)))
    return Metadata(xmp=tuple(packets), c2pa=b"".join(boxes))


def _segments(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the payload of each segment before the first scan."""
    at = 2
    while True:
        at = body.find(b"\xff", at)
        if at < 0 or at + 4 > len(body):
            return
        marker = body[at + 1]
        if marker in (START_OF_SCAN, END):
            return
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # no segment
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + max(int.from_bytes(body[at + 2 : at + 4], "big"), 2)
        yield marker, at + 4, end
        at = end


def _of_png(body: bytes) -> Metadata:
    packets: list[bytes] = []
    boxes: list[bytes] = []
    at, count = 8, 0
    while at + 8 <= len(body) and count < PARTS:
        length, name, start = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8], at + 8
        if name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0", start):
            packets.append(_itxt(body[start : start + length]))
        elif name == b"caBX":
            boxes.append(body[start : start + length])
        at, count = start + length + 4, count + 1
    if count == PARTS:
        return Metadata(xmp=(body,), c2pa=body)
    return Metadata(xmp=tuple(packets), c2pa=b"".join(boxes))


def _itxt(chunk: bytes) -> bytes:
    """The text of an iTXt chunk: behind keyword, two bytes of compression, language, translated keyword."""
    _, _, rest = chunk.partition(b"\0")
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if rest[:1] != b"\1":
        return text
    try:
        return zlib.decompressobj().decompress(text, INFLATED_BYTES)
    except zlib.error:
        return b""


def _of_webp(body: bytes) -> Metadata:
    packets: list[bytes] = []
    boxes: list[bytes] = []
    at, count = 12, 0
    while at + 8 <= len(body) and count < PARTS:
        name, length = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "little")
        if name in (b"XMP ", b"XMP\0"):
            packets.append(body[at + 8 : at + 8 + length])
        elif name == b"C2PA":
            boxes.append(body[at + 8 : at + 8 + length])
        at, count = at + 8 + length + length % 2, count + 1
    if count == PARTS:
        return Metadata(xmp=(body,), c2pa=body)
    return Metadata(xmp=tuple(packets), c2pa=b"".join(boxes))


def _of_gif(body: bytes) -> Metadata:
    """XMP lies in an application extension as it is, with a tail that a reader of blocks falls through."""
    xmp = body.find(b"\x21\xff\x0bXMP DataXMP")
    c2pa = body.find(b"\x21\xff\x0bC2PA_GIF")
    packet = body[xmp + 14 : xmp + 14 + INFLATED_BYTES] if xmp >= 0 else b""
    return Metadata(xmp=(packet,) if packet else (), c2pa=_blocks(body, c2pa + 14) if c2pa >= 0 else b"")


def _blocks(body: bytes, at: int) -> bytes:
    """The data of a GIF extension, each of whose blocks begins with its length."""
    parts = []
    while at < len(body) and body[at]:
        parts.append(body[at + 1 : at + 1 + body[at]])
        at += 1 + body[at]
    return b"".join(parts)
