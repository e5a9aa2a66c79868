"""What bytes are that were sent as a picture, in a word for whoever reads why they were refused.

By first bytes, from the formats' own specifications and the WHATWG's MIME Sniffing Standard (section 7.1 for
pages). A name is no promise: nothing but the start is looked at.
"""

import re

from wit_pipeline.pictures import structure

START = 1024  # bytes that are looked at

# The first that fits: (where, bytes, name).
MAGIC = (
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"\0\0\2\0", "CUR"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"8BPS", "Photoshop file"),
    (0, b"gimp xcf", "GIMP file"),
    (0, b"%PDF-", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"FLIF", "FLIF"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x01\xda", "SGI"),
    (8, b"AVI ", "AVI video"),
    (8, b"WAVE", "WAV sound"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska video"),
    (0, b"FLV\1", "Flash video"),
    (0, b"CWS", "Flash"),
    (0, b"FWS", "Flash"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3 sound"),
    (0, b"PK\3\4", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"Rar!\x1a\7", "RAR"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"\0asm", "WebAssembly"),
    (0, b"\x7fELF", "program"),
    (0, b"MZ", "program"),
)

# Files of boxes, by brand: ISO/IEC 23008-12 and the registry of MP4RA.
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
PICTURE_BRANDS = {b"mif1": "HEIF", b"mif2": "HEIF", b"msf1": "HEIF", b"jxl ": "JPEG XL", b"crx ": "Canon raw"}

CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")  # in no text, says the MIME Sniffing Standard, 3
TEXT = bytes(range(0x20, 0x7F)) + b"\t\n\r"

TAG_END = rb"(?=[\s>])"
PAGE = re.compile(
    rb"<(?:!doctype html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|meta|link)"
    + TAG_END,
    re.IGNORECASE,
)
BEFORE = re.compile(
    rb"(?:\s|\xef\xbb\xbf|<!--.*?-->|<\?xml.*?\?>|<!doctype (?!html).*?>(?:\s*\]>)?)*",
    re.IGNORECASE | re.DOTALL,
)


def name(body: bytes) -> str:
    """What it is: PNG, HEIC, HTML page, …; a format of the house under its own name. Never ""."""
    if not body:
        return "no bytes at all"
    if known := structure.format_of(body):
        return known
    start = body[:START]
    for at, magic, called in MAGIC:
        if start.startswith(magic, at):
            return called
    if start[4:8] == b"ftyp":
        return _of_brands(start)
    return _of_text(start) or "unknown bytes"


def _of_brands(start: bytes) -> str:
    end = min(int.from_bytes(start[:4], "big"), START)
    brands = [start[8:12], *(start[at : at + 4] for at in range(16, end, 4))]
    if HEIC_BRANDS & set(brands):
        return "HEIC"
    return PICTURE_BRANDS.get(brands[0], "MP4 video" if brands[0] != b"qt  " else "QuickTime video")


def _of_text(start: bytes) -> str:
    if not start.strip(b"\0"):
        return "zeros"
    for codec, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        if start.startswith(mark):
            start = start[2:].decode(codec, "replace").encode()
    rest = start[match.end() :] if (match := BEFORE.match(start)) else start
    if rest[:4].lower() == b"<svg" or b"<!doctype svg" in start[:200].lower():
        return "SVG"
    if PAGE.match(rest):
        return "HTML page"
    if rest[:1] == b"<" or start.lstrip().startswith(b"<?xml"):
        return "XML"
    if rest[:1] in (b"{", b"["):
        return "JSON"
    if re.match(rb"P[1-7]\s", start):
        return "PNM"
    strange = len(start.translate(None, TEXT)) * 5 > len(start)
    return "" if strange or CONTROLS.search(start) else "text"
