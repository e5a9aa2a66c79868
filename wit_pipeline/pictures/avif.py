"""The boxes of an AVIF file, without decoding a pixel: its size, its colours, whether it is whole.

Boxes: ISO/IEC 14496-12 and 23008-12 (HEIF); what lies in them: the AV1 specification, 5.3 to 5.5. A damaged
file tells what it can: its reader has the last word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from wit_pipeline.pictures import coded
from wit_pipeline.pictures.coded import Coded

# An item's entry: version, three bytes of flags, number in two or four bytes, protection, type.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
BRANDS = (b"avif", b"avis")
HOLDERS = {b"meta": 4, b"iinf": 6, b"iprp": 0, b"ipco": 0}  # boxes of boxes, and what precedes these in bytes
MAX_PARTS = (
    2_000  # boxes, and parts of items, that are looked at: `structure` refuses files with half of that
)
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # the uuid box of a manifest store: C2PA 2.1, A.5
MAX_OBUS = 64  # of an item that are looked at for a header of a sequence
SEQUENCE_HEADER = 1
IN_FILE, IN_IDAT = 0, 1  # ways of iloc: offsets from the start of the file, and of the box of small data


@dataclass(frozen=True, slots=True)
class Box:
    """A box, and where in the file its content lies."""

    name: bytes
    at: int
    end: int


def is_avif(body: bytes) -> bool:
    """By the brands of its first box."""
    if body[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(body[:4], "big"), 1024)
    brands = [body[8:12], *(body[at : at + 4] for at in range(16, end, 4))]
    return any(brand in BRANDS for brand in brands)


def boxes(body: bytes, at: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow one another there, the last one perhaps beyond the end."""
    stop = len(body) if end is None else min(end, len(body))
    while at + 8 <= stop:
        length, name, start = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8], at + 8
        if length == 1:
            length, start = int.from_bytes(body[at + 8 : at + 16], "big"), at + 16
        elif length == 0:
            length = stop - at
        if length < start - at:
            return
        yield Box(name, start, at + length)
        at += length


def inside(body: bytes) -> Iterator[Box]:
    """All boxes beside the pixels, of files that are no flood: those of the file, of meta, and in these."""
    return islice(_inside(body), MAX_PARTS)


def _inside(body: bytes) -> Iterator[Box]:
    waiting = [boxes(body)]
    while waiting:
        box = next(waiting[-1], None)
        if box is None:
            waiting.pop()
            continue
        yield box
        if box.name in HOLDERS:
            before = HOLDERS[box.name]
            if box.name == b"iinf" and body[box.at : box.at + 1] != b"\0":  # counts in four bytes, not in two
                before += 2
            waiting.append(boxes(body, box.at + before, box.end))


def size(body: bytes) -> tuple[int, int]:
    """The largest width and height that it declares anywhere, (0, 0) of other bytes.

    The sequence headers of AV1 inside count too: a reader makes room for what they say, and only then makes
    it as small as the box outside says.
    """
    if not is_avif(body):
        return 0, 0
    sizes = [(0, 0)]
    for box in inside(body):
        if box.name == b"ispe" and box.end - box.at >= 12:
            sizes.append(_pair(body, box.at + 4, 4))
        elif box.name == b"av1C":
            sizes.extend(_sequences(body, box.at + 4, box.end))
    for at, end in extents(body):
        sizes.extend(_sequences(body, at, end))
    return max(sizes, key=lambda pair: pair[0] * pair[1])


def is_whole(body: bytes) -> bool:
    """Whether its boxes end where the file does, or before, and what its items name lies in it."""
    outer = list(islice(boxes(body), MAX_PARTS))
    named = {box.name for box in outer}
    if b"meta" not in named or not named & {b"mdat", b"idat"}:
        return any(box.name == b"idat" for box in inside(body)) and outer[-1].end <= len(body)
    return outer[-1].end <= len(body) and all(end <= len(body) for _, end in extents(body))


def space(body: bytes) -> Coded | bytes:
    """What its colours mean by an nclx box: code points, or b"" for sRGB.

    A profile, which goes before, is the reader's to give.
    """
    for box in inside(body):
        if box.name == b"colr" and body[box.at : box.at + 4] == b"nclx" and box.end - box.at >= 8:
            number, curve = _pair(body, box.at + 4, 2)
            found = Coded(coded.PRIMARIES.get(number, coded.BT709), coded.OF_AVIF.get(curve, coded.SRGB))
            return b"" if found.is_srgb else found
    return b""


def without_exif(body: bytes) -> bytes:
    """The same file whose Exif items bear another name, so that no reader minds them."""
    return _EXIF_ITEM.sub(rb"\1skip", body)


def xmp(body: bytes) -> tuple[bytes, ...]:
    """The data of its items that have a MIME type: XMP packets, and what else is text."""
    typed = set()
    for box in inside(body):
        if box.name == b"infe":
            wide = body[box.at] == 3 if box.at < len(body) else False
            number, kind = box.at + 4, box.at + (10 if wide else 8)
            if body[kind : kind + 4] == b"mime":
                typed.add(int.from_bytes(body[number : kind - 2], "big"))
    return tuple(body[at:end] for number, at, end in _located(body) if number in typed)


def c2pa(body: bytes) -> bytes:
    """The JUMBF boxes of a manifest store; version and flags, a purpose and an offset stand before them."""
    held = (body[box.at : box.end] for box in inside(body) if box.name == b"uuid")
    return b"".join(content[20:].partition(b"\0")[2][8:] for content in held if content.startswith(C2PA))


def extents(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the data of its items lies, as far as that is in the file itself, from iloc."""
    return ((at, end) for _, at, end in _located(body))


def _located(body: bytes) -> Iterator[tuple[int, int, int]]:
    return islice(_parts_of_items(body), MAX_PARTS)


def _parts_of_items(body: bytes) -> Iterator[tuple[int, int, int]]:
    """An item's number, and where a part of its data begins and ends, of all parts of all items."""
    box = next((box for box in inside(body) if box.name == b"iloc"), None)
    if box is None:
        return
    idat = next((box.at for box in inside(body) if box.name == b"idat"), 0)
    reader = _Bytes(body, box.at, min(box.end, len(body)))
    version = reader.number(4) >> 24
    widths = reader.number(2)
    offset_bytes, length_bytes, base_bytes = widths >> 12, widths >> 8 & 15, widths >> 4 & 15
    index_bytes = widths & 15 if version in (1, 2) else 0
    for _ in range(reader.number(2 if version < 2 else 4)):
        if reader.at >= reader.end:
            return
        item = reader.number(2 if version < 2 else 4)
        how = reader.number(2) & 15 if version in (1, 2) else 0
        reader.number(2)
        base = reader.number(base_bytes)
        for _ in range(reader.number(2)):
            if reader.at >= reader.end:
                return
            reader.number(index_bytes)
            at = base + reader.number(offset_bytes)
            length = reader.number(length_bytes)
            if how == IN_IDAT:
                at += idat
            if how in (IN_FILE, IN_IDAT):
                yield item, at, at + length if length else len(body)


# --- AV1 ------------------------------------------------------------------------------------------


def _sequences(body: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """The largest frames that the sequence headers there allow."""
    end = min(end, len(body))
    for _ in range(MAX_OBUS):
        if at >= end:
            return
        head = body[at]
        at += 2 if head & 4 else 1
        if not head & 2:  # no length: to the end
            length = end - at
        else:
            length, shift = 0, 0
            while at < end and shift < 56:
                byte, at = body[at], at + 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        if head >> 3 & 15 == SEQUENCE_HEADER:
            yield _largest_frame(body[at : min(at + min(length, 512), end)])
        at += length


def _largest_frame(header: bytes) -> tuple[int, int]:
    """AV1's sequence_header_obu as far as max_frame_height_minus_1."""
    bits = _Bits(header)
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced
        bits.take(5)
    else:
        delay_bits = _timing(bits) if bits.take(1) else 0
        delays = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delay_bits and bits.take(1):
                bits.take(2 * delay_bits + 1)
            if delays and bits.take(1):
                bits.take(4)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _timing(bits: "_Bits") -> int:
    """Past timing_info and decoder_model_info; how many bits its delays have, 0 without."""
    bits.take(64)
    if bits.take(1):
        zeros = 0
        while zeros < 32 and not bits.take(1):
            zeros += 1
        bits.take(zeros)
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(42)
    return delay_bits


class _Bits:
    """Bits from the highest on; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << count) - 1)


class _Bytes:
    """Whole numbers from a place on, the highest byte first; zeros behind the end."""

    def __init__(self, body: bytes, at: int, end: int) -> None:
        self._body = body
        self.at = at
        self.end = end

    def number(self, count: int) -> int:
        self.at += count
        return int.from_bytes(self._body[self.at - count : min(self.at, self.end)], "big") if count else 0


def _pair(body: bytes, at: int, width: int) -> tuple[int, int]:
    return (
        int.from_bytes(body[at : at + width], "big"),
        int.from_bytes(body[at + width : at + 2 * width], "big"),
    )
