"""The EXIF facts that are kept: what was taken, when, with what, and whose it is."""

import json
import struct
from typing import Any

from PIL import ExifTags, Image

VALUE_CHARACTERS = 256
TOTAL_CHARACTERS = 4096
MAX_BLOCK = 1 << 20  # bytes: a JPEG segment has 64 kB; more is a flood of tags

# Where somebody was, which camera is theirs, and binary of the maker's: not for a data set.
PRIVATE = {
    "GPSInfo", "BodySerialNumber", "LensSerialNumber", "CameraSerialNumber", "CameraOwnerName",
    "ImageUniqueID", "MakerNote", "UserComment", "HostComputer",
}  # fmt: skip

# What a hostile block makes Pillow's parser raise. The warning is one where warnings are made errors.
BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError,
          struct.error, UserWarning)  # fmt: skip


def read(image: Image.Image) -> tuple[str, int]:
    """The kept facts as a JSON object of tag names to text, and the orientation, 1 to 8.

    A broken block gives "{}" and 1, as viewers do: the picture is none the worse for it.
    """
    if image.format in ("JPEG", "MPO") and not image.info.keys() & {"exif", "xmp"}:
        return "{}", 1
    block = image.info.get("exif", b"")
    if len(block) > MAX_BLOCK:
        return "{}", 1
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        tags = {**dict(exif), **exif.get_ifd(ExifTags.IFD.Exif)}
    except BROKEN:
        return "{}", 1
    upright = orientation if type(orientation) is int and 1 <= orientation <= 8 else 1
    return _json(tags), upright


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
