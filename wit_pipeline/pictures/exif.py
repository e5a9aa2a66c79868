"""How a picture lies, and the EXIF facts that are kept: what was taken, when, with what, and whose it is."""

import json
import struct
from typing import Any, Literal

from PIL import ExifTags, Image

from wit_pipeline.pictures import jpeg, png

VALUE_CHARACTERS = 256
TOTAL_CHARACTERS = 4096
SHORT = 3  # a type of TIFF's: 16 bits
MAX_BLOCK = 1 << 20  # bytes: a JPEG segment has 64 kB; more is a flood of tags

# Where somebody was, which camera is theirs, and binary of the maker's: not for a data set.
PRIVATE = {
    "GPSInfo", "BodySerialNumber", "LensSerialNumber", "CameraSerialNumber", "CameraOwnerName",
    "ImageUniqueID", "MakerNote", "UserComment", "HostComputer",
}  # fmt: skip

# What a hostile block makes Pillow's parser raise. The warning is one where warnings are made errors.
BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError,
          struct.error, UserWarning)  # fmt: skip


def read(image: Image.Image, body: bytes) -> tuple[str, int]:
    """The kept facts as a JSON object of tag names to text, and the orientation, 1 to 8.

    A broken block gives "{}", as viewers do: the picture is none the worse for it.
    """
    block = png.told(body) if image.format == "PNG" else image.info.get("exif", b"")
    return _facts(block), orientation(image, body)


def orientation(image: Image.Image, body: bytes) -> int:
    """How the picture of `body`, opened as `image`, has to be turned, 1 to 8, as Chromium does it.

    By the first Exif block of a JPEG before its pixels, by a PNG's eXIf chunk before its, and by an AVIF's
    irot and imir. A WebP, a GIF, XMP anywhere and ImageMagick's text chunks turn nothing.
    """
    match image.format:
        case "JPEG" | "MPO":
            return turn(jpeg.exif(body))
        case "PNG":
            return turn(png.exif(body))
        case "AVIF":  # Pillow puts irot and imir in the place of what Exif says
            return turn(image.info.get("exif", b"").removeprefix(b"Exif\0\0"))
    return 1


def turn(block: bytes) -> int:
    """The orientation in the first directory of an Exif block: one SHORT of 1 to 8; 1 where it is broken."""
    order: Literal["little", "big"] = "little" if block[:2] == b"II" else "big"
    if block[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    at = int.from_bytes(block[4:8], order)
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(block[at : at + 2], order), 12):
        if entry + 12 > len(block):
            return 1
        tag, kind = (int.from_bytes(block[place : place + 2], order) for place in (entry, entry + 2))
        if tag == ExifTags.Base.Orientation:
            value = int.from_bytes(block[entry + 8 : entry + 10], order)
            one_short = kind == SHORT and int.from_bytes(block[entry + 4 : entry + 8], order) == 1
            return value if one_short and 1 <= value <= 8 else 1
    return 1


def _facts(block: bytes) -> str:
    if not block or len(block) > MAX_BLOCK:
        return "{}"
    exif = Image.Exif()
    try:
        exif.load(block)
        tags = {**dict(exif), **exif.get_ifd(ExifTags.IFD.Exif)}
    except BROKEN:
        return "{}"
    return _json(tags)


def _json(tags: dict[int, Any]) -> str:
    """At most `TOTAL_CHARACTERS`; tags in order of name, so that the same block gives the same text."""
    named = {ExifTags.TAGS[tag]: _text(value) for tag, value in tags.items() if tag in ExifTags.TAGS}
    kept: dict[str, str] = {}
    size = 2
    for name in sorted(named.keys() - PRIVATE):
        size += len(json.dumps({name: named[name]}, ensure_ascii=False))
        if named[name] and size <= TOTAL_CHARACTERS:
            kept[name] = named[name]
    return json.dumps(kept, ensure_ascii=False)


def _text(value: Any) -> str:
    """`value` on one line, "" for bytes, which are no text."""
    if isinstance(value, bytes | dict):
        return ""
    try:
        text = str(value)
    except BROKEN:
        return ""
    try:
        text = text.encode("latin-1").decode("utf-8")  # Pillow reads as Latin-1, cameras write UTF-8
    except UnicodeError:
        text = text.encode("utf-8", "replace").decode("utf-8")
    printable = "".join(letter if letter.isprintable() else " " for letter in text[:VALUE_CHARACTERS])
    return " ".join(printable.split())
