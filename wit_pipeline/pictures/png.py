"""What the chunks of a PNG beside its pixels say: its colours, what of it is clear, how it lies.

Read by us, since a reader's answer to a damaged chunk that no pixel needs is to refuse the picture. Which
chunk wins, and what is ignored: PNG's third edition (w3.org/TR/png-3), and Chromium where that leaves a
choice.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from wit_pipeline.pictures import coded, structure
from wit_pipeline.pictures.coded import Coded

START = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # types of colour, in the header
FOR_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
KEY_BYTES = {GREY: 2, RGB: 6}  # of tRNS: one colour that is clear, in 16 bits a sample
PROFILE_BYTES = 4 << 20  # of a profile, inflated: `colour.MAX_PROFILE`
TEXT_BYTES = 1 << 20  # of Exif in a text, inflated
INFLATED_BYTES = 1 << 20  # at once, of pixels whose sum is worked out
SCREEN = 2.2  # the exponent of screens; a gamma that differs by no more than …
SCREEN_SHARE = 0.05  # … this share means them, as libpng and browsers have it

# How Pillow's reader is asked for all 16 bits of a sample, by colour type: ways of unpacking that give the
# higher bytes, and the lower ones. Grey with alpha it has as pixels of four bytes, which are these.
HALVES = {
    GREY: ("I;16B",),
    RGB: ("RGB;16B", "RGB;16L"),
    GREY_ALPHA: ("RGBA",),
    RGB_ALPHA: ("RGBA;16B", "RGBA;16L"),
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk, and where in the file its data lies; `end` may be beyond the file's."""

    name: bytes
    at: int
    end: int
    intact: bool  # by its checksum; of the pixels' chunks nobody asks


def chunks(body: bytes) -> Iterator[Chunk]:
    """All chunks, up to the end's."""
    at = len(START)
    for name, stop in structure.chunks(body, "PNG"):
        end = stop - 4
        told = body[end:stop]
        intact = name == b"IDAT" or told == zlib.crc32(memoryview(body)[at + 4 : end]).to_bytes(4, "big")
        yield Chunk(name, at + 8, end, intact)
        at = stop


def bare(body: bytes) -> bytes:
    """The same picture without what no pixel needs; `body` itself where there is nothing to leave out.

    Of chunks that may be there once the first stays, and one of transparency only if it is intact and has the
    length that its colour type asks for: browsers ignore others.
    """
    kind = body[25] if len(body) > 25 else GREY
    parts, seen, at = [], set(), len(START)
    for chunk in chunks(body):
        first_one = chunk.name == b"IDAT" or chunk.name not in seen
        if chunk.name in FOR_PIXELS and first_one and _is_right(chunk, kind):
            parts.append(body[at : chunk.end + 4])
            seen.add(chunk.name)
        at = chunk.end + 4
    kept = START + b"".join(parts)
    return body if len(kept) == len(body) else kept


def _is_right(chunk: Chunk, kind: int) -> bool:
    if chunk.name == b"PLTE":
        return kind == PALETTE or chunk.intact
    if chunk.name != b"tRNS":
        return True
    length = chunk.end - chunk.at
    return chunk.intact and (length <= 256 if kind == PALETTE else length == KEY_BYTES.get(kind))


def with_right_sum(body: bytes) -> bytes:
    """A bare PNG with the right checksum of its pixels, where all are there but that was wrong; else b"".

    Browsers show such a file, as they have shown the rows before they come to the sum.
    """
    packed = b"".join(body[chunk.at : chunk.end] for chunk in chunks(body) if chunk.name == b"IDAT")
    deflated = zlib.decompressobj(-zlib.MAX_WBITS)  # the stream without its header and its sum
    width, height = struct.unpack_from(">II", body, 16)
    left = 2 * height * (1 + width * 8)  # bytes of rows, at 16 bits in four channels, and as much of passes
    total, rest = 1, packed[2:]
    try:
        while not deflated.eof and rest and left > 0:
            made = deflated.decompress(rest, INFLATED_BYTES)
            total, rest, left = zlib.adler32(made, total), deflated.unconsumed_tail, left - len(made)
    except zlib.error:
        return b""
    told = deflated.unused_data[:4]
    if not deflated.eof or len(told) < 4 or told == total.to_bytes(4, "big"):
        return b""
    data = b"IDAT" + packed[: len(packed) - len(deflated.unused_data)] + total.to_bytes(4, "big")
    pixels = struct.pack(">I", len(data) - 4) + data + zlib.crc32(data).to_bytes(4, "big")
    around = [
        (chunk.name, body[chunk.at - 8 : chunk.end + 4]) for chunk in chunks(body) if chunk.name != b"IDAT"
    ]
    before = b"".join(part for name, part in around if name != b"IEND")
    return START + before + pixels + b"".join(part for name, part in around if name == b"IEND")


def first(body: bytes, *names: bytes) -> dict[bytes, bytes]:
    """The data of the first intact chunk of each name that stands before the pixels."""
    found: dict[bytes, bytes] = {}
    for chunk in chunks(body):
        if chunk.name == b"IDAT":
            break
        if chunk.intact and chunk.name in names:
            found.setdefault(chunk.name, body[chunk.at : chunk.end])
    return found


# --- colours --------------------------------------------------------------------------------------


def space(body: bytes) -> Coded | bytes:
    """What its samples mean: code points, or an ICC profile; b"" for sRGB, which is also what silence means.

    cICP goes before iCCP, that before sRGB, and that before gAMA with cHRM. One that is damaged, or says what
    nobody knows, counts as if it were not there.
    """
    found = first(body, b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
    by_code = _of_cicp(found.get(b"cICP", b""))
    if by_code:
        return b"" if by_code.is_srgb else by_code
    if profile := _of_iccp(found.get(b"iCCP", b"")):
        return profile
    if len(rendering := found.get(b"sRGB", b"")) == 1 and rendering[0] <= 3:
        return b""
    return _of_gamma(found.get(b"gAMA", b""), found.get(b"cHRM", b"")) or b""


def _of_cicp(data: bytes) -> Coded | None:
    """RGB of the full range only: PNG has no other."""
    if len(data) != 4 or data[2:] != b"\0\1":
        return None
    primaries, transfer = coded.PRIMARIES.get(data[0]), coded.OF_PNG.get(data[1])
    return Coded(primaries, transfer) if primaries and transfer else None


def _of_iccp(data: bytes) -> bytes:
    name, parted, packed = data.partition(b"\0")
    if not parted or not 1 <= len(name) <= 79 or packed[:1] != b"\0":
        return b""
    profile = _inflated(packed[1:], PROFILE_BYTES)
    return profile if profile[36:40] == b"acsp" else b""


def _of_gamma(gamma: bytes, chromaticities: bytes) -> Coded | None:
    if len(gamma) != 4 or gamma == bytes(4):
        return None
    exponent = 100_000 / int.from_bytes(gamma, "big")
    if len(chromaticities) == 32:
        white_x, white_y, *rest = (value / 100_000 for value in struct.unpack(">8I", chromaticities))
        primaries = (rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], white_x, white_y)
        return Coded(primaries, coded.power(exponent)) if coded.is_sane(primaries) else None
    if abs(SCREEN / exponent - 1) < SCREEN_SHARE:
        return None
    return Coded(coded.BT709, coded.power(exponent))


def _inflated(packed: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""


# --- how it lies, and what its camera said --------------------------------------------------------


def exif(body: bytes) -> bytes:
    """The Exif block that says how it lies, or b"": of eXIf, before the pixels."""
    return first(body, b"eXIf").get(b"eXIf", b"")


def told(body: bytes) -> bytes:
    """The Exif block with facts: eXIf's, or the one that ImageMagick writes as text in hexadecimal digits."""
    found = exif(body)
    if found:
        return found
    for chunk in chunks(body):
        if chunk.name in (b"tEXt", b"zTXt") and chunk.intact:
            name, _, text = body[chunk.at : chunk.end].partition(b"\0")
            if name == b"Raw profile type exif":
                return _of_digits(text if chunk.name == b"tEXt" else _inflated(text[1:], 2 * TEXT_BYTES))
    return b""


def _of_digits(text: bytes) -> bytes:
    """A line with a name, one with a length, and lines of digits."""
    digits = b"".join(text.split(b"\n")[3:])[: 2 * TEXT_BYTES]
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""


# --- samples --------------------------------------------------------------------------------------


def depth(body: bytes) -> int:
    """Bits of a sample."""
    return body[24]


def colour_type(body: bytes) -> int:
    return body[25]


def is_grey(body: bytes) -> bool:
    """Whether its samples are of grey, be they opaque or not."""
    return colour_type(body) in (GREY, GREY_ALPHA)


def key(body: bytes) -> tuple[int, ...]:
    """The one colour that is clear, in samples of the picture's depth; () if there is none.

    Of fewer than 16 bits the lowest count.
    """
    length = KEY_BYTES.get(colour_type(body))
    data = first(body, b"tRNS").get(b"tRNS", b"")
    if length is None or len(data) != length:
        return ()
    mask = (1 << depth(body)) - 1
    return tuple(value & mask for value in struct.unpack(f">{length // 2}H", data))


def halves(body: bytes) -> Sequence[Image.Image]:
    """A PNG of 16 bits, loaded as pictures that together hold all of them: `samples` puts them together."""
    opened = []
    for way in HALVES[colour_type(body)]:
        image = Image.open(io.BytesIO(body), formats=("PNG",))
        image.tile = [tile._replace(args=way) for tile in image.tile]
        image.load()
        opened.append(image)
    return opened


def samples(parts: Sequence[Image.Image], kind: int) -> npt.NDArray[np.uint16]:
    """What `halves` gave, or the same band of each, as (rows, columns, channels)."""
    high = np.asarray(parts[0]).astype(np.uint16)
    if kind == GREY:
        return high[..., None]
    high, low = (high[..., 0::2], high[..., 1::2]) if kind == GREY_ALPHA else (high, np.asarray(parts[1]))
    return np.asarray(high << 8 | low, np.uint16)
