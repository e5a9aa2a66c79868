"""What the parts of an image file declare: whether it is whole, and whether it would exhaust a reader."""

import struct
from collections.abc import Iterator
from itertools import islice

from wit_pipeline.pictures import avif, jpeg

MAX_SCANS = 100  # a progressive JPEG has about 10; each costs a pass over the picture (1,500 took 20 s)
MAX_CHUNKS = (
    20_000  # of a PNG or WebP: 20 MB in libpng's usual 8 kB are 2,500; each costs a reader some 10 µs
)
MAX_ASIDE = 1_000  # chunks beside those of pixels and frames: texts, profiles, EXIF

MAGIC = {"JPEG": b"\xff\xd8", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF8", "WEBP": b"RIFF"}
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}
HEADERS_IN_C = ("WEBP", "AVIF")  # whose headers C reads; Python reads the others'
PIXELS = {b"IDAT", b"fdAT", b"fcTL", b"ANMF", b"VP8 ", b"VP8L", b"ALPH"}


def format_of(content: bytes) -> str:
    """JPEG PNG GIF WEBP AVIF by the first bytes, or ""."""
    if avif.is_avif(content):
        return "AVIF"
    name = next((name for name, magic in MAGIC.items() if content.startswith(magic)), "")
    return "" if name == "WEBP" and content[8:12] not in (b"WEBP", b"") else name


def extension(content: bytes) -> str:
    """What a file of such bytes is called after its dot, or ""."""
    return EXTENSIONS.get(format_of(content), "")


def size(content: bytes) -> tuple[int, int]:
    """The largest width and height that a WebP or AVIF declares, (0, 0) of other bytes.

    Of these two Pillow tells less, or only once room was made for more.
    """
    return avif.size(content) if avif.is_avif(content) else webp_size(content)


def webp_size(content: bytes) -> tuple[int, int]:
    """Width and height that a WebP declares, (0, 0) of other bytes: its reader makes room as it is opened."""
    if not content.startswith(b"RIFF") or content[8:12] != b"WEBP" or len(content) < 30:
        return 0, 0
    match content[12:16]:
        case b"VP8X":
            return (
                1 + int.from_bytes(content[24:27], "little"),
                1 + int.from_bytes(content[27:30], "little"),
            )
        case b"VP8L":
            bits = int.from_bytes(content[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack("<HH", content[26:30])
            return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def webp_frame(content: bytes) -> tuple[int, int, int, int] | None:
    """Left, upper, right and lower end of the first frame of a WebP that moves; None of others."""
    at = 12
    for name, end in islice(chunks(content, "WEBP"), MAX_CHUNKS):
        if name == b"ANMF":
            x, y, width, height = (
                int.from_bytes(content[at + place : at + place + 3], "little") for place in (8, 11, 14, 17)
            )
            return 2 * x, 2 * y, 2 * x + width + 1, 2 * y + height + 1
        at = end
    return None


def flood(content: bytes) -> str:
    """What of the file is too many, on a line; "" where a decoder may go over it."""
    kind = format_of(content)
    if kind == "JPEG" and jpeg.more_scans_than(MAX_SCANS, content):
        return f"above {MAX_SCANS} progressive scans"
    if kind in ("PNG", "WEBP"):
        names = [name for name, _ in islice(chunks(content, kind), MAX_CHUNKS + 1)]
        if len(names) > MAX_CHUNKS:
            return f"above {MAX_CHUNKS} chunks"
        if sum(name not in PIXELS for name in names) > MAX_ASIDE:
            return f"above {MAX_ASIDE} chunks beside those of pixels"
    if kind == "AVIF":
        if sum(1 for _ in avif.inside(content)) > MAX_ASIDE:
            return f"above {MAX_ASIDE} boxes"
        if sum(1 for _ in avif.extents(content)) > MAX_ASIDE:
            return f"above {MAX_ASIDE} parts of items"
    return ""


def is_whole(content: bytes) -> bool:
    """Whether the file ends where its format says; nothing of its pixels is read."""
    match format_of(content):
        case "JPEG":
            return jpeg.is_ended(content)
        case "PNG":
            return any(name == b"IEND" and end <= len(content) for name, end in chunks(content, "PNG"))
        case "GIF":
            return content.rstrip(b"\0").endswith(b";")
        case "AVIF":
            return avif.is_whole(content)
        case "WEBP":
            return len(content) >= 12 and 8 + int.from_bytes(content[4:8], "little") <= len(content)
    return False


def chunks(content: bytes, kind: str) -> Iterator[tuple[bytes, int]]:
    """Name and end of each chunk of a PNG or WebP, the last one's perhaps beyond the file's."""
    at, order = (8, ">I4s") if kind == "PNG" else (12, "<4sI")
    while at + 8 <= len(content):
        first, second = struct.unpack_from(order, content, at)
        name, length = (second, first) if kind == "PNG" else (first, second)
        at += length + 12 if kind == "PNG" else 8 + length + length % 2  # a PNG's ends in its checksum
        yield name, at
        if name == b"IEND":
            return
