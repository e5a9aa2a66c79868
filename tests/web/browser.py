"""Files that browsers read in ways of their own, and what Chromium 156 makes of each (`tests/golden/chromium.json`).

A slow test asks the browser again where it is installed.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.made_pictures import SRGB, exif, power_space, profile, xmp
from tests.web.pictures import chunk, encoded, png, rows_of, segment, with_chunks, with_segments

ANSWERS = json.loads((Path(__file__).parents[1] / "golden/chromium.json").read_text())

# --- upright --------------------------------------------------------------------------------------

CORNERS = np.full((24, 48, 3), 0, np.uint8)  # red, green, blue and black
CORNERS[:12, :24, 0] = CORNERS[:12, 24:, 1] = CORNERS[12:, :24, 2] = 255
LYING = Image.fromarray(CORNERS)
JPEG = encoded(LYING, "JPEG", quality=95, subsampling=0)
PNG = encoded(LYING, "PNG")


def little(orientation: int, kind: int = 3, count: int = 1, tag: int = 0x0112) -> bytes:
    """An Exif block whose numbers begin with their lowest byte."""
    value = struct.pack("<HH", orientation, 0) if kind != 4 else struct.pack("<I", orientation)
    return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI", tag, kind, count) + value + bytes(4)


def app1(*blocks: bytes, name: bytes = b"Exif\0\0") -> bytes:
    """The JPEG with these blocks behind its start."""
    return with_segments(JPEG, *(segment(0xE1, name + block) for block in blocks))


def digits(block: bytes) -> bytes:
    """Exif as ImageMagick writes it into a text."""
    written = (b"Exif\0\0" + block).hex().encode()
    lines = [written[at : at + 72] for at in range(0, len(written), 72)]
    return b"\nexif\n%8d\n" % (len(written) // 2) + b"\n".join(lines) + b"\n"


def behind(png: bytes, *chunks: bytes) -> bytes:
    """The PNG with more chunks behind its pixels."""
    return png[:-12] + b"".join(chunks) + png[-12:]


def cracked(chunk: bytes) -> bytes:
    """A chunk whose checksum is wrong."""
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
XMP_TEXT = b"XML:com.adobe.xmp\0\0\0\0\0"
RAW = b"Raw profile type exif\0"
SCAN = JPEG.index(b"\xff\xda")

ORIENTED: dict[str, bytes] = {
    "jpeg": JPEG,
    **{f"jpeg_{turn}": app1(exif(turn)) for turn in range(10)},
    "jpeg_little": app1(little(6)),
    "jpeg_long": app1(little(6, kind=4)),
    "jpeg_byte": app1(little(6, kind=1)),
    "jpeg_signed": app1(little(6, kind=8)),
    "jpeg_two_values": app1(little(6, count=2)),
    "jpeg_another_tag": app1(little(6, tag=0x0113)),
    "jpeg_xmp": app1(xmp(6), name=XMP_NAME),
    "jpeg_xmp_behind_exif": with_segments(app1(exif(3)), segment(0xE1, XMP_NAME + xmp(6))),
    "jpeg_xmp_and_exif_without": with_segments(app1(little(1, tag=0x0113)), segment(0xE1, XMP_NAME + xmp(6))),
    "jpeg_two_blocks": app1(exif(6), exif(3)),
    "jpeg_second_block_alone": app1(little(1, tag=0x0113), exif(3)),
    "jpeg_broken_block_first": app1(b"nonsense", exif(6)),
    "jpeg_cut_behind_the_value": app1(little(6)[:-4]),
    "jpeg_cut_in_the_value": app1(little(6)[:-7]),
    "jpeg_odd_name": app1(little(6), name=b"Exif\0\xff"),
    "jpeg_just_before_the_scan": JPEG[:SCAN] + segment(0xE1, b"Exif\0\0" + exif(6)) + JPEG[SCAN:],
    "png_6": with_chunks(PNG, chunk(b"eXIf", exif(6))),
    "png_little": with_chunks(PNG, chunk(b"eXIf", little(8))),
    "png_named_as_in_jpeg": with_chunks(PNG, chunk(b"eXIf", b"Exif\0\0" + exif(6))),
    "png_behind_pixels": behind(PNG, chunk(b"eXIf", exif(6))),
    "png_bad_checksum": with_chunks(PNG, cracked(chunk(b"eXIf", exif(6)))),
    "png_two_blocks": with_chunks(PNG, chunk(b"eXIf", exif(6)), chunk(b"eXIf", exif(3))),
    "png_text": with_chunks(PNG, chunk(b"tEXt", RAW + digits(exif(6)))),
    "png_packed_text": with_chunks(PNG, chunk(b"zTXt", RAW + b"\0" + zlib.compress(digits(exif(6))))),
    "png_xmp": with_chunks(PNG, chunk(b"iTXt", XMP_TEXT + xmp(6))),
    "png_xmp_and_exif": with_chunks(PNG, chunk(b"iTXt", XMP_TEXT + xmp(6)), chunk(b"eXIf", exif(3))),
    "webp_exif": encoded(LYING, "WEBP", lossless=True, exif=exif(6)),
    "webp_exif_named": encoded(LYING, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(6)),
    "webp_xmp": encoded(LYING, "WEBP", lossless=True, xmp=xmp(6)),
    "avif": encoded(LYING, "AVIF", quality=95, subsampling="4:4:4"),
    **{
        f"avif_irot_imir_{turn}": encoded(LYING, "AVIF", quality=95, subsampling="4:4:4", exif=exif(turn))
        for turn in range(2, 9)
    },
    "avif_xmp": encoded(LYING, "AVIF", quality=95, subsampling="4:4:4", xmp=xmp(6)),
}  # fmt: skip


def avif_exif(turned: int, said: int) -> bytes:
    """An AVIF whose boxes say one thing, and whose Exif, which they overrule, another."""
    both = b"MM\0*\0\0\0\x08\0\2"
    both += struct.pack(">HHIHH", 0x0112, 3, 1, turned, 0) + struct.pack(">HHIHH", 0x0113, 3, 1, said, 0)
    made = encoded(LYING, "AVIF", quality=95, subsampling="4:4:4", exif=b"Exif\0\0" + both + bytes(4))
    return made.replace(b"\x01\x13\0\3\0\0\0\1", b"\x01\x12\0\3\0\0\0\1")


ORIENTED |= {"avif_exif_alone": avif_exif(1, 6), "avif_exif_and_boxes": avif_exif(8, 3)}

# --- colours --------------------------------------------------------------------------------------

# A column each: greys from black to white, and colours, full, pale and dark.
COLOURS = np.array(
    [(level,) * 3 for level in (0, 6, 16, 40, 90, 128, 190, 235, 255)]
    + [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 60), (60, 140, 200), (30, 60, 20), (240, 220, 120)],
    np.uint8,
)
CHART = np.repeat(COLOURS[None], 8, axis=0)
CHART_PNG = encoded(Image.fromarray(CHART), "PNG")
GREYS = np.ascontiguousarray(CHART[:, :, 1])


def cicp(*codes: int) -> bytes:
    """Primaries, transfer, matrix and range."""
    return chunk(b"cICP", bytes(codes))


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def chromaticities(*values: float) -> bytes:
    """White, red, green, blue: x and y of each."""
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))


def coloured(*chunks: bytes, of: bytes = CHART_PNG) -> bytes:
    return with_chunks(of, *chunks)


def nclx(primaries: int, transfer: int, **options: object) -> bytes:
    """An AVIF with these code points."""
    made = encoded(Image.fromarray(CHART), "AVIF", quality=100, subsampling="4:4:4", **options)
    at = made.index(b"colrnclx") + 8
    return made[:at] + struct.pack(">HH", primaries, transfer) + made[at + 4 :]


P3_XY = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
LINEAR, P3_LINEAR = profile(power_space(1, 1.0)), profile(power_space(12, 1.0))
GREY_LINEAR = profile(power_space(1, 1.0), grey=True)
DEEP = np.repeat(CHART.astype(">u2") * 257, 1, axis=0)

COLOURED: dict[str, bytes] = {
    "plain": CHART_PNG,
    **{f"cicp_{code}_13": coloured(cicp(code, 13, 0, 1)) for code in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 22)},
    **{f"cicp_1_{code}": coloured(cicp(1, code, 0, 1)) for code in range(20)},
    "cicp_9_16": coloured(cicp(9, 16, 0, 1)),
    "cicp_9_18": coloured(cicp(9, 18, 0, 1)),
    "cicp_12_1": coloured(cicp(12, 1, 0, 1)),
    "cicp_narrow": coloured(cicp(12, 13, 0, 0)),
    "cicp_short": coloured(chunk(b"cICP", b"\x0c\x0d\0")),
    "cicp_behind_pixels": behind(CHART_PNG, cicp(12, 13, 0, 1)),
    "cicp_bad_checksum": coloured(cracked(cicp(12, 13, 0, 1))),
    "cicp_unknown_then_gamma": coloured(cicp(200, 13, 0, 1), gamma(100_000)),
    "cicp_before_srgb": coloured(chunk(b"sRGB", b"\0"), cicp(12, 13, 0, 1)),
    "cicp_before_iccp": coloured(iccp(LINEAR), cicp(12, 13, 0, 1)),
    "iccp_linear": coloured(iccp(LINEAR)),
    "iccp_p3_linear": coloured(iccp(P3_LINEAR)),
    "iccp_before_srgb": coloured(iccp(LINEAR), chunk(b"sRGB", b"\0")),
    "iccp_before_gamma": coloured(gamma(100_000), iccp(profile(SRGB))),
    "iccp_nonsense_then_gamma": coloured(iccp(b"nonsense"), gamma(100_000)),
    "iccp_unpacked_then_gamma": coloured(chunk(b"iCCP", b"x\0\0zzzz"), gamma(100_000)),
    "iccp_of_grey": coloured(iccp(GREY_LINEAR), gamma(100_000)),
    "iccp_two": coloured(iccp(LINEAR), iccp(profile(SRGB))),
    "srgb_before_gamma": coloured(gamma(100_000), chunk(b"sRGB", b"\0")),
    "srgb_of_no_intent_then_gamma": coloured(chunk(b"sRGB", b"\x09"), gamma(100_000)),
    **{f"gamma_{value}": coloured(gamma(value)) for value in (0, 40_000, 45_455, 47_000, 50_000, 55_556, 100_000)},
    "gamma_two": coloured(gamma(100_000), gamma(45_455)),
    "gamma_behind_pixels": behind(CHART_PNG, gamma(100_000)),
    "gamma_bad_checksum": coloured(cracked(gamma(100_000))),
    "chromaticities_alone": coloured(chromaticities(*P3_XY)),
    "chromaticities_p3_linear": coloured(chromaticities(*P3_XY), gamma(100_000)),
    "chromaticities_p3_screen": coloured(chromaticities(*P3_XY), gamma(45_455)),
    "chromaticities_of_srgb": coloured(gamma(45_455), chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)),
    "chromaticities_of_nothing": coloured(chromaticities(*[0.0] * 8), gamma(100_000)),
    "chromaticities_of_a_point": coloured(chromaticities(0.3, 0.3, *[0.1] * 6), gamma(100_000)),
    "grey_gamma": coloured(gamma(100_000), of=encoded(Image.fromarray(GREYS), "PNG")),
    "grey_iccp_of_rgb": coloured(iccp(LINEAR), of=encoded(Image.fromarray(GREYS), "PNG")),
    "grey_iccp_of_grey": coloured(iccp(GREY_LINEAR), of=encoded(Image.fromarray(GREYS), "PNG")),
    "deep": png(16, 8, 16, 2, rows_of(DEEP)),
    "deep_gamma": coloured(gamma(100_000), of=png(16, 8, 16, 2, rows_of(DEEP))),
    "jpeg_linear": encoded(Image.fromarray(CHART), "JPEG", quality=100, subsampling=0, icc_profile=LINEAR),
    "jpeg_of_grey_profile": encoded(Image.fromarray(CHART), "JPEG", quality=100, subsampling=0, icc_profile=GREY_LINEAR),
    "jpeg_grey_of_rgb_profile": encoded(Image.fromarray(GREYS), "JPEG", quality=100, icc_profile=LINEAR),
    "jpeg_profile_in_parts": encoded(
        Image.fromarray(CHART), "JPEG", quality=100, subsampling=0, icc_profile=LINEAR + bytes(140_000)
    ),
    "webp_linear": encoded(Image.fromarray(CHART), "WEBP", lossless=True, icc_profile=LINEAR),
    "webp_of_grey_profile": encoded(Image.fromarray(CHART), "WEBP", lossless=True, icc_profile=GREY_LINEAR),
    **{f"nclx_1_{code}": nclx(1, code) for code in (1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 17)},
    **{f"nclx_{code}_13": nclx(code, 13) for code in (2, 3, 5, 9, 12)},
    "nclx_9_16": nclx(9, 16),
    "nclx_9_18": nclx(9, 18),
    "nclx_behind_profile": nclx(12, 13, icc_profile=LINEAR),
}  # fmt: skip
SIDE = 60  # pixels of a screenshot that hold any of these
