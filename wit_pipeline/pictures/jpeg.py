"""The segments of a JPEG file, without decoding a pixel."""

import re
from collections.abc import Iterator

import simplejpeg

START, END, SCAN = 0xD8, 0xD9, 0xDA
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2  # the frame types that every decoder reads
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless, arithmetic, …
FRAMES = {BASELINE, EXTENDED, PROGRESSIVE} | OTHER_FRAMES
COMMENT = 0xFE
APP1, APP2 = 0xE1, 0xE2
ICC = b"ICC_PROFILE\0"
APPLICATION = range(0xE0, 0xF0)
ADOBE, ADOBE_BYTES = 0xEE, 12
COLOUR = {0xE0, ADOBE}  # JFIF's and Adobe's headers: they say what the components mean

# What simplejpeg raises for an error and a warning, and for samplings it has no name for, as 4:4:1.
TURBO_REFUSES = (ValueError, KeyError)

# A marker, inside entropy-coded data too: there FF is followed by 00 or by a restart marker (01 has no
# segment either).
_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd7])")


def segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and whole segment of each part of a JPEG, scans with their data, up to the end marker.

    Walks as libjpeg does: what is between two segments and is no marker is skipped, or belongs to a scan.
    """
    at = 2
    while found := _MARKER.search(body, at):
        marker, start, at = found[1][0], found.end() - 2, found.end()
        if marker == END:
            yield END, b"\xff\xd9"
            return
        at += int.from_bytes(body[at : at + 2], "big")
        if marker == SCAN:
            following = _MARKER.search(body, at)
            at = following.start() if following else len(body)
        yield marker, body[start:at]


def scans(body: bytes) -> int:
    """How often a decoder must go over the picture: 1 if baseline, about 10 if progressive."""
    return sum(marker == SCAN for marker, _ in segments(body))


def more_scans_than(most: int, body: bytes) -> bool:
    """`scans(body) > most`, at once for nearly every picture: a marker can be no rarer than its bytes."""
    return not _is_one_scan(body) and body.count(b"\xff\xda") > most and scans(body) > most


def _is_one_scan(body: bytes) -> bool:
    """Whether a decoder goes over the picture once and refuses more: sequential, all components at once."""
    components = 0
    for marker, at, end in headers(body):
        if marker in FRAMES:
            components = body[at + 5] if marker in (BASELINE, EXTENDED) and end > at + 5 else 0
        elif marker == SCAN:
            return components > 0 and body[at : at + 1] == bytes([components])
    return False


def bare(body: bytes) -> bytes:
    """The same picture without Exif, colour profile, comments, thumbnails and what follows its end.

    b"" where another reader may fail: an unusual frame type, or no end marker.
    """
    parts = list(segments(body))
    markers = {marker for marker, _ in parts}
    if END not in markers or markers & OTHER_FRAMES:
        return b""
    dropped = {COMMENT, *APPLICATION} - COLOUR
    kept = (part for marker, part in parts if marker not in dropped and not _is_idle(marker, part))
    return b"\xff\xd8" + b"".join(kept)


def _is_idle(marker: int, part: bytes) -> bool:
    """Whether it is Adobe's by its marker, but too short for libjpeg to mind it; other readers stumble."""
    return marker == ADOBE and len(part) < 4 + ADOBE_BYTES


def frame(body: bytes) -> int:
    """The marker of the frame: `BASELINE`, …; 0 where a scan or the end comes first."""
    for marker, _, _ in headers(body):
        if marker in FRAMES:
            return marker
    return 0


def is_ended(body: bytes) -> bool:
    """Whether an end marker follows the first scan's header; a thumbnail's, in metadata, does not count."""
    scan = next((end for marker, _, end in headers(body) if marker == SCAN), len(body))
    return body.rfind(b"\xff\xd9", scan) >= 0


def is_plain(body: bytes) -> bool:
    """Whether simplejpeg reads the header: its colours and its sampling are among the usual."""
    try:
        simplejpeg.decode_jpeg_header(body)
    except TURBO_REFUSES:
        return False
    return True


def exif(body: bytes) -> bytes:
    """The first Exif block before the first scan, without its name, or b""."""
    return told(body)[0]


def told(body: bytes) -> tuple[bytes, bytes]:
    """The first Exif block before the first scan, without its name, and the ICC profile, each perhaps b"".

    A profile has its parts in any order, each with its number (ICC.1, annex B.4).
    """
    block, parts = b"", []
    for marker, at, end in headers(body):
        if marker == APP1 and not block and body.startswith(b"Exif\0", at):
            block = body[at + 6 : end]
        elif marker == APP2 and body.startswith(ICC, at):
            parts.append(body[at + len(ICC) : end])
    parts.sort(key=lambda part: part[:1])
    return block, b"".join(part[2:] for part in parts)


def headers(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker of each segment up to the first scan's header, where its content lies, and where that ends."""
    end = 2
    while found := _MARKER.search(body, end):
        marker, at = found[1][0], found.end() + 2
        end = found.end() + int.from_bytes(body[found.end() : at], "big")
        yield marker, at, end
        if marker in (SCAN, END):
            return
