"""Files that a crawl must not store: damaged, booby-trapped, or no picture that we take."""

import struct
import zlib
from base64 import b85decode

from PIL import Image

from tests.web.pictures import (
    AVIF,
    GIF,
    JPEG,
    MAX_BYTES,
    PNG,
    PROGRESSIVE,
    WEBP,
    chunk,
    encoded,
    of_size,
    picture,
    with_chunks,
)
from wit_pipeline.vocabulary.records import Reason

# --- bombs ----------------------------------------------------------------------------------------


def png_bomb(side: int, height: int = 0) -> bytes:
    """A PNG that declares `side` × `side` (or `height`) pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, height or side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def webp_bomb(side: int) -> bytes:
    """A WebP of a few bytes that declares `side` × `side` pixels, `side` up to 16384."""
    data = b"\x2f" + struct.pack("<I", (side - 1) | (side - 1) << 14) + bytes(9)
    return riff(b"VP8L", data)


def riff(name: bytes, data: bytes) -> bytes:
    """A WebP of one chunk."""
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBP" + name + struct.pack("<I", len(data)) + data


def wide_webp(side: int) -> bytes:
    """A WebP whose canvas is `side` × `side`, though its picture is small."""
    canvas = (side - 1).to_bytes(3, "little") * 2
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    return b"RIFF" + struct.pack("<I", len(WEBP) - 8 + len(extended)) + b"WEBP" + extended + WEBP[12:]


def avif_declaring(side: int, avif: bytes) -> bytes:
    """An AVIF whose box of the size says another than its pixels do."""
    at = avif.index(b"ispe") + 8
    return avif[:at] + struct.pack(">II", side, side) + avif[at + 8 :]


def scan_bomb(scans: int, jpeg: bytes = PROGRESSIVE) -> bytes:
    """A progressive JPEG that makes a decoder go over the picture `scans` times more."""
    start = jpeg.rindex(b"\xff\xda")
    return jpeg[:start] + jpeg[start:-2] * scans + jpeg[-2:]


def jpeg_of(width: int, height: int, jpeg: bytes = JPEG) -> bytes:
    """A JPEG that declares another size than it has."""
    at = next(jpeg.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in jpeg)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def gif_of(width: int, height: int) -> bytes:
    """A GIF that declares another screen than its frame's."""
    return GIF[:6] + struct.pack("<HH", width, height) + GIF[10:]


def gif_with_frame(width: int, height: int) -> bytes:
    """A GIF whose frame is larger than its screen."""
    at = GIF.index(b",\0\0\0\0")
    return GIF[: at + 5] + struct.pack("<HH", width, height) + GIF[at + 9 :]


# --- damage ---------------------------------------------------------------------------------------


def frame_changed(at: int, value: int) -> bytes:
    """The JPEG with one byte of its frame header set: its kind is at 1, its precision at 4, channels at 9."""
    where = JPEG.index(b"\xff\xc0") + at
    return JPEG[:where] + bytes([value]) + JPEG[where + 1 :]


def header_changed(at: int, value: int) -> bytes:
    """The PNG with one byte of its IHDR set: its depth is at 8, its colour type at 9."""
    header = bytearray(PNG[16:29])
    header[at] = value
    return PNG[:8] + chunk(b"IHDR", bytes(header)) + PNG[33:]


def noise(body: bytes, start: int, length: int) -> bytes:
    """The file with a stretch of it overwritten."""
    return body[:start] + b"\xa5" * length + body[start + length :]


SMALL = picture(64, 64)
# 8,192 a side in AV1's own header, in some hundred bytes: a reader makes room for all of it. As libaom made it
# of one grey, quality 1, which takes seconds.
HUGE_AVIF = zlib.decompress(
    b85decode(
        "c-muNV30{GsVqn=%S>Yc0uY^>nP!-qnF!*)%uOvxWPkw0jFg-rD4U@mGr5ET4e%9YmgIt2j6f`xnUkLk;<$kLj1W;qUIqpxejr;T"
        "Gczv@u2u@jNo9ia63Yw>o%3_@!FFY278Df#Y0u1p<a{74l384k3b9TBib3{PWP&ww012MNGDGJ^c^Qy^aB_Z5QC@OR1<+hx2DS#E"
        "ka%W6F3d+jXR$CcHM0QSB%Yg+SR%y0#U=mQ{{R1PGdMC#js7u9_<t3>|4-)+gZ24SI^OHOSMS*0c}~00LwlF%u>x)-`&!TGliY8L"
        "+zQv^3C$DF*GLKtvOe%kp84hTYcXL*O&u4klv(9zV0-?QOaGhAja)mmS5-uQe)dbEOP}wsxxeZ&hbcF&Jn@atmWo@_ahmz`8~shC"
        "4%em|8e}vpJ+f!Hq|5bQa7)9ecCxiorW*iaSS6G"
    )
)
DAMAGED: dict[str, bytes] = {
    **{
        f"truncated_at_{percent}.{name}": body[: len(body) * percent // 100]
        for name, body in {"jpg": JPEG, "png": PNG, "gif": GIF, "webp": WEBP}.items()
        for percent in (10, 50, 95)
    },
    "truncated.progressive.jpg": PROGRESSIVE[: len(PROGRESSIVE) // 2],
    "without_end.jpg": JPEG[:-2],
    "header_only.jpg": JPEG[:4],
    "header_only.png": PNG[:20],
    "header_only.gif": GIF[:13],
    "header_only.webp": WEBP[:12],
    "header_only.avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200),
    "noise.avif": noise(AVIF, 60, 60),
    "chunk_flood.avif": AVIF + b"\0\0\0\x08free" * 30_000,
    "checksum.png": PNG[:60] + b"\0\0\0\0" + PNG[64:],
    "header_checksum.png": PNG[:29] + b"\0\0\0\0" + PNG[33:],
    "no_rows.png": png_bomb(4_000),
    "no_pixels.png": PNG[:33] + chunk(b"IEND", b""),
    "width_0.png": with_chunks(png_bomb(1, 5)[:16] + bytes(4) + png_bomb(1, 5)[20:]),
    "depth_3.png": header_changed(8, 3),
    "colour_type_7.png": header_changed(9, 7),
    "height_0.jpg": jpeg_of(400, 0),
    "lossless.jpg": frame_changed(1, 0xC3),
    "12_bits.jpg": frame_changed(4, 12),
    "channels_9.jpg": frame_changed(9, 9),
    "noise.gif": noise(GIF, len(GIF) // 2, 400),
    "noise.webp": noise(WEBP, 200, 400),
    "no_frame.gif": GIF[:13] + b";",
    "chunk_flood.png": with_chunks(PNG, chunk(b"tEXt", b"k\0v") * 30_000),
    "pixel_chunk_flood.png": PNG[:33] + chunk(b"IDAT", b"") * 30_000 + PNG[33:],
    "chunk_flood.webp": WEBP[:4] + struct.pack("<I", len(WEBP) - 8 + 300_000) + WEBP[8:] + b"JUNK\2\0\0\0xx" * 30_000,
    "scans.jpg": scan_bomb(400),
    "scans_1500.jpg": scan_bomb(1500, encoded(picture(64, 48), "JPEG", progressive=True)),
    "scans_101.jpg": scan_bomb(101),
}  # fmt: skip

TOO_MANY_PIXELS: dict[str, bytes] = {
    "bomb.png": png_bomb(12_000),
    "huge_bomb.png": png_bomb(50_000),
    "largest_bomb.png": png_bomb(2**31 - 1),
    "bomb_2_32.png": png_bomb(65_536),
    "just_above.png": png_bomb(8_001, 8_000),
    "bomb.webp": webp_bomb(16_384),
    "bomb_13000.webp": webp_bomb(13_000),
    "canvas_bomb.webp": wide_webp(16_384),
    "lossy_bomb.webp": riff(b"VP8 ", b"\x10\0\0\x9d\1*" + struct.pack("<HH", 16_383, 16_383) + bytes(9)),
    "bomb.avif": avif_declaring(50_000, AVIF),
    "hidden_bomb.avif": avif_declaring(64, HUGE_AVIF),
    "bomb.jpg": jpeg_of(65_500, 65_500),
    "progressive_bomb.jpg": jpeg_of(65_500, 65_500, PROGRESSIVE),
    "just_above.jpg": jpeg_of(8_001, 8_000),
    "bomb.gif": gif_of(65_535, 65_535),
    "frame_bomb.gif": gif_with_frame(65_535, 65_535),
}

TOO_LONG: dict[str, bytes] = {
    "line.png": encoded(Image.new("L", (1, 60_000), 9), "PNG"),
    "line_lying.png": encoded(Image.new("L", (60_000, 1), 9), "PNG"),
    "line.jpg": encoded(picture(8, 500), "JPEG"),
    "line.gif": encoded(picture(2, 101), "GIF"),
    "line.webp": encoded(picture(51, 1), "WEBP"),
}

OTHER_FORMATS: dict[str, bytes] = {
    "zeros.jpg": bytes(5000),
    "byte.jpg": b"\xff",
    "page.jpg": b"<!doctype html><title>404 with a friendly face</title>",
    "script.jpg": b"#!/bin/sh\necho pwned\n",
    "json.jpg": b'{"error": "not found"}',
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "entity.svg": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "laughs.svg": b'<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><svg>&b;&b;</svg>',
    **{
        f"{kind.lower()}.jpg": encoded(SMALL, kind)
        for kind in ("TIFF", "BMP", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "IM", "JPEG2000", "DIB")
    },
    "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch pwned) (w) file\n",
    "pdf.jpg": b"%PDF-1.7\n%%EOF",
    "psd.jpg": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(12),
    "fits.jpg": b"SIMPLE  =                    T" + b" " * 50 + b"END" + b" " * 2797,
    "heic.jpg": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(200),
    "jxl.jpg": b"\xff\x0a" + bytes(200),
    "mp4.jpg": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(200),
    "zip.jpg": b"PK\3\4" + bytes(200),
    "gzip.jpg": b"\x1f\x8b\x08" + bytes(200),
    "webm.jpg": b"\x1aE\xdf\xa3" + bytes(200),
    "pickle.jpg": b"\x80\4cos\nsystem\n(S'true'\ntR.",
}  # fmt: skip

NO_PICTURES: dict[str, tuple[bytes, Reason]] = {
    **{name: (body, Reason.DECODE_ERROR) for name, body in DAMAGED.items()},
    **{name: (body, Reason.TOO_MANY_PIXELS) for name, body in TOO_MANY_PIXELS.items()},
    **{name: (body, Reason.IMAGE_TOO_LONG) for name, body in TOO_LONG.items()},
    **{name: (body, Reason.UNSUPPORTED_FORMAT) for name, body in OTHER_FORMATS.items()},
}
LARGER_THAN_MAY_BE = of_size(JPEG, MAX_BYTES + 1)
