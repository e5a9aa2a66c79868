"""Which bytes of a file are its packets and its manifest store: containers written here, byte by byte."""

import struct
import zlib

import pytest

from wit_pipeline.pictures.reuse.metadata import INFLATED_BYTES, PARTS, Metadata, metadata

NOTHING = Metadata()
XMP = b"http://ns.adobe.com/xap/1.0/\0"
MORE = b"http://ns.adobe.com/xmp/extension/\0"


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def extended(place: int, part: bytes) -> bytes:
    """A part of a long packet: behind a digest and the whole's length, where in it the part begins."""
    return segment(0xE1, MORE + b"D" * 32 + struct.pack(">II", 99, place) + part)


def boxes(number: int, part: bytes) -> bytes:
    """A part of a JUMBF box (ISO/IEC 19566-5, D.2): every part but the first repeats the box's header."""
    header = b"HHHHHHHH" if number > 1 else b""
    return segment(0xEB, b"JP" + struct.pack(">HI", 1, number) + header + part)


def jpeg(*parts: bytes) -> bytes:
    return b"".join((b"\xff\xd8", *parts, segment(0xDA, b"scan"), b"pixels", segment(0xE1, XMP + b"late")))


def test_a_jpegs_packets_and_boxes() -> None:
    body = jpeg(
        segment(0xE0, b"JFIF\0"),
        segment(0xE1, XMP + b"<x/>"),
        segment(0xE1, b"Exif\0\0II*\0"),
        segment(0xE2, XMP + b"of another marker"),
        segment(0xED, MORE + b"D" * 40 + b"of another marker"),
        segment(0xEC, b"JP\0\1\0\0\0\1of another marker"),
        segment(0xEB, b"HDR of another kind"),
        extended(4, b"second"),
        boxes(1, b"box "),
        extended(0, b"first "),
        boxes(2, b"goes on"),
        segment(0xE1, XMP + b"<y/>"),
    )
    assert metadata(body) == Metadata(xmp=(b"<x/>", b"<y/>", b"first second"), c2pa=b"box goes on")


@pytest.mark.parametrize(
    "filling", [b"\xff", b"\xff" * 3, b"\xff\x01", b"\xff\xd0", b"\xff\xd7", b"\xff\xd8", b"\xff\0", b"no"]
)
def test_what_lies_between_segments_hides_none(filling: bytes) -> None:
    """Fill bytes, markers without a segment and strays."""
    body = jpeg(filling, segment(0xE1, XMP + b"a"), filling, segment(0xE1, XMP + b"b"))
    assert metadata(body).xmp == (b"a", b"b")


@pytest.mark.parametrize("marker", [0xCF, 0xDB, 0xDC, 0xE0])
def test_markers_beside_those_without_a_segment_have_one(marker: int) -> None:
    hidden = segment(0xE1, XMP + b"within")
    assert metadata(jpeg(segment(marker, hidden), segment(0xE1, XMP + b"a"))).xmp == (b"a",)


def test_parts_of_a_long_packet_stand_by_their_place() -> None:
    places = (0x1_00_00_00, 0x01_00, 0xFF, 0x1_00_00, 0, 0x02_01)
    body = jpeg(*(extended(place, b"%d." % place) for place in places))
    assert metadata(body).xmp == (b"".join(b"%d." % place for place in sorted(places)),)


def test_where_a_jpegs_segments_end() -> None:
    long = segment(0xE1, XMP + b"l" * 60_000)
    assert metadata(b"\xff\xd8" + long + segment(0xE1, XMP + b"a")).xmp == (b"l" * 60_000, b"a")
    after_end = b"\xff\xd8\xff\xd9\0\2" + segment(0xE1, XMP + b"a")
    assert metadata(after_end) == NOTHING
    packet = segment(0xE1, XMP + b"a")
    assert metadata(b"\xff\xd8" + packet).xmp == (b"a",)
    assert metadata(b"\xff\xd8" + packet[:-1]).xmp == (b"",)  # what is there of it
    assert metadata(b"\xff\xd8\xff\xd9" + packet) == NOTHING
    assert metadata(b"\xff\xd8\xff\xe1\0\0" + packet).xmp == (b"a",)  # a length below its own two bytes
    assert metadata(b"\xff\xd8\xff\xe1\0\3x" + packet).xmp == (b"a",)
    assert metadata(b"\xff\xd8" + segment(0xEB, b"")) == NOTHING
    assert metadata(b"\xff\xd8\xff\xe1\0") == NOTHING


def test_a_jpeg_of_too_many_parts_is_looked_at_as_it_is() -> None:
    for count, whole in ((PARTS - 2, False), (PARTS - 1, True), (PARTS, True)):
        body = jpeg(segment(0xE1, XMP + b"a"), segment(0xE0, b"") * count)
        assert metadata(body) == (Metadata(xmp=(body,), c2pa=body) if whole else Metadata(xmp=(b"a",)))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + b"SUM!"


def itxt(text: bytes, compressed: bool = False, keyword: bytes = b"XML:com.adobe.xmp") -> bytes:
    return chunk(b"iTXt", keyword + b"\0" + bytes([compressed]) + b"\0en\0key\0" + text)


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join((chunk(b"IHDR", b"x" * 13), *chunks))


def test_a_pngs_packets_and_boxes() -> None:
    long = b"x" * (INFLATED_BYTES + 1)
    body = png(
        itxt(b"plain\0 with a zero"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0bare"),
        itxt(zlib.compress(b"packed"), compressed=True),
        itxt(b"no stream", compressed=True),
        itxt(zlib.compress(long), compressed=True),
        itxt(b"a comment", keyword=b"Comment"),
        chunk(b"tEXt", b"XML:com.adobe.xmp\0of another kind"),
        chunk(b"caBX", b"box "),
        chunk(b"caBx", b"of another kind"),
        chunk(b"caBX", b"goes on"),
    )
    packets = (b"plain\0 with a zero", b"bare", b"packed", b"", long[:-1])
    assert metadata(body) == Metadata(xmp=packets, c2pa=b"box goes on")


def test_where_a_pngs_chunks_end() -> None:
    assert metadata(png(chunk(b"caBX", b"box")[:-4])).c2pa == b"box"
    assert metadata(png(chunk(b"caBX", b"box")[:-5])).c2pa == b"bo"
    assert metadata(png(chunk(b"iTXt", b"XML:com.adobe.xmp\0"))).xmp == (b"",)
    empty = chunk(b"iTXt", b"")[:8]  # a header that ends where the file does
    assert metadata(png(empty)) == NOTHING
    last = png()[:8] + struct.pack(">I", 0) + b"iTXt"
    assert metadata(last) == NOTHING
    assert metadata(last[:-1]) == NOTHING


def test_a_png_of_too_many_chunks_is_looked_at_as_it_is() -> None:
    for count, whole in ((PARTS - 4, False), (PARTS - 3, True), (PARTS - 2, True)):
        body = png(itxt(b"a"), chunk(b"tEXt", b"") * count, chunk(b"caBX", b"last"))
        seen = Metadata(xmp=(b"a",), c2pa=b"last")
        assert metadata(body) == (Metadata(xmp=(body,), c2pa=body) if whole else seen)


def riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks: bytes) -> bytes:
    return b"RIFF\xff\xff\xff\xffWEBP" + b"".join(chunks)


def test_a_webps_packets_and_boxes() -> None:
    body = webp(
        riff(b"VP8X", b"x" * 11),
        riff(b"XMP ", b"odd"),
        riff(b"XMP\0", b"even"),
        riff(b"C2PA", b"box"),
        riff(b"EXIF", b"of another kind"),
        riff(b"C2PA", b" goes on"),
        riff(b"XMP ", b"l" * 70_000),
    )
    assert metadata(body) == Metadata(xmp=(b"odd", b"even", b"l" * 70_000), c2pa=b"box goes on")
    assert metadata(webp(riff(b"C2PA", b"bo"))[:-1]).c2pa == b"b"
    assert metadata(webp(b"XMP \0\0\0\0")).xmp == (b"",)
    assert metadata(webp(b"XMP \0\0\0")) == NOTHING


def test_a_webp_of_too_many_chunks_is_looked_at_as_it_is() -> None:
    for count, whole in ((PARTS - 2, False), (PARTS - 1, True), (PARTS, True)):
        body = webp(riff(b"XMP ", b"a"), riff(b"ANMF", b"") * count)
        assert metadata(body) == (Metadata(xmp=(body,), c2pa=body) if whole else Metadata(xmp=(b"a",)))


def test_a_gifs_packet_and_boxes() -> None:
    xmp = b"\x21\xff\x0bXMP DataXMP<x/>"
    c2pa = b"\x21\xff\x0bC2PA_GIF\1\0\0\3box\4 2nd\0"
    body = b"GIF89a" + c2pa + xmp
    assert metadata(body) == Metadata(xmp=(b"<x/>",), c2pa=b"box 2nd")
    assert metadata(b"GIF89a" + c2pa) == Metadata(c2pa=b"box 2nd")
    assert metadata(b"GIF89a" + xmp) == Metadata(xmp=(b"<x/>",))
    assert metadata(b"GIF89a" + xmp[:-4]) == NOTHING
    assert metadata(b"GIF89a" + c2pa[:-6]).c2pa == b"box"
    assert metadata(b"GIF89a" + xmp + b"y" * INFLATED_BYTES).xmp == (b"<x/>" + b"y" * (INFLATED_BYTES - 4),)
    assert metadata(b"GIF89b" + xmp) == Metadata(xmp=(b"<x/>",))  # no version is a reason not to look


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"\x89PNG", b"GIF7" + b"\x21\xff\x0bXMP DataXMP<x/>", b"BM" + XMP]
)
def test_what_is_no_picture_has_nothing(body: bytes) -> None:
    assert metadata(body) == NOTHING
