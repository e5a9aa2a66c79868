"""Image files that a crawl must store: every format, mode and oddity of the web, made on the spot."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

MAX_BYTES = 2_000_000  # of a body, in the crawls of this web


def picture(width: int = 400, height: int = 300, mode: str = "RGB") -> Image.Image:
    """The same colourful picture for the same arguments: a gradient, two waves and a dark corner."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / width, 127 + 127 * np.sin(x / 23 + y / 41)
    blue = 255 * y / height
    pixels = np.stack([red, green, blue], axis=2).astype(np.uint8)
    pixels[: height // 4, : width // 4] //= 4  # so that no turn or mirror image looks the same
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """`image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


# --- JPEG -----------------------------------------------------------------------------------------


def exif_of(orientation: int) -> Image.Exif:
    """What a camera says that knows where it is."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8298] = "© Ada".encode()  # Copyright
    exif[0x010F] = "Maker\0"
    exif[0x8825] = {1: "N", 2: (51.0, 30.0, 0.0)}  # GPS
    return exif


def oriented(orientation: int) -> bytes:
    """A 400 × 300 JPEG whose EXIF orientation says how to turn it, taken by a camera that says where."""
    return encoded(picture(), "JPEG", exif=exif_of(orientation))


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with more segments behind its first marker."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def of_size(jpeg: bytes, size: int) -> bytes:
    """A JPEG padded with comments to exactly so many bytes."""
    full, rest = divmod(size - len(jpeg), 65_000)
    first = segment(0xFE, bytes(rest + 60_996 if rest < 4 else rest - 4))
    comments = [segment(0xFE, bytes(64_996))] * (full - 1 if rest < 4 else full)
    return with_segments(jpeg, first, *comments)


# --- PNG ------------------------------------------------------------------------------------------

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(
    width: int, height: int, depth: int, kind: int, rows: bytes, interlaced: int = 0, spoilt: int = 0
) -> bytes:
    """A PNG of rows that each begin with their filter; the sum of its pixels is spoilt by so much."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    packed = zlib.compress(rows)
    packed = packed[:-1] + bytes([packed[-1] ^ spoilt])
    parts = chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def rows_of(pixels: np.ndarray) -> bytes:  # of any depth
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def interlaced_png() -> bytes:
    """Seven passes, each a coarser or finer grid of the picture."""
    pixels = np.asarray(picture())
    passes = [pixels[top::down, left::right] for left, top, right, down in ADAM7]
    return png(400, 300, 8, 2, b"".join(map(rows_of, passes)), interlaced=1)


def deep_png(mode: str, kind: int) -> bytes:
    """16 bits a channel, in network order."""
    return png(400, 300, 16, kind, rows_of(np.asarray(picture(mode=mode)).astype(">u2") * 257))


# --- GIF ------------------------------------------------------------------------------------------


def moving_gif(frames: int) -> bytes:
    """A GIF that repeats its one small frame."""
    one = encoded(picture(8, 8), "GIF")
    return one[:-1] + one[one.index(b",") : -1] * (frames - 1) + b";"


# --- what must be stored --------------------------------------------------------------------------

JPEG = encoded(picture(), "JPEG", quality=90)
PROGRESSIVE = encoded(picture(), "JPEG", quality=90, progressive=True)
PNG = encoded(picture(), "PNG")
GIF = encoded(picture(), "GIF")
WEBP = encoded(picture(), "WEBP")
AVIF = encoded(picture(), "AVIF", speed=10)
BLACK_50_MB = zlib.compress(bytes(50_000_000), 9)
FRAMES = [picture(), picture().rotate(180), picture().rotate(90)]
CLEAR = picture(mode="RGBA")
CLEAR.putalpha(picture(mode="L"))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def moving(format: str, **options: object) -> bytes:
    return encoded(FRAMES[0], format, save_all=True, append_images=FRAMES[1:], **options)


PICTURES: dict[str, bytes] = {
    "jpeg": JPEG,
    "progressive": PROGRESSIVE,
    "grey": encoded(picture(mode="L"), "JPEG"),
    "grey_progressive": encoded(picture(mode="L"), "JPEG", progressive=True),
    "cmyk": encoded(picture(mode="CMYK"), "JPEG"),
    "cmyk_progressive": encoded(picture(mode="CMYK"), "JPEG", progressive=True),
    "jpeg_rgb": encoded(picture(), "JPEG", keep_rgb=True),
    "jpeg_444": encoded(picture(), "JPEG", subsampling=0),
    "jpeg_422": encoded(picture(), "JPEG", subsampling=1),
    "jpeg_optimised": encoded(picture(), "JPEG", optimize=True),
    "jpeg_quality_1": encoded(picture(), "JPEG", quality=1),
    "jpeg_quality_100": encoded(picture(), "JPEG", quality=100),
    "jpeg_restarts": encoded(picture(), "JPEG", restart_marker_blocks=3),
    "jpeg_odd_sides": encoded(picture(333, 257), "JPEG"),
    "jpeg_dpi": encoded(picture(), "JPEG", dpi=(1, 65535)),
    "jpeg_profile": encoded(picture(), "JPEG", icc_profile=SRGB),
    "jpeg_broken_profile": encoded(picture(), "JPEG", icc_profile=b"no profile" * 100),
    "jpeg_thumbnail": encoded(picture(), "JPEG", exif=b"Exif\0\0" + encoded(picture(32, 24), "JPEG")),
    "jpeg_fill_bytes": JPEG[:2] + b"\xff" * 9 + JPEG[2:],
    "jpeg_unknown_segments": with_segments(JPEG, *(segment(marker, b"?") for marker in range(0xE3, 0xEB))),
    "jpeg_then_junk": JPEG + bytes(5000),
    "jpeg_then_page": JPEG + b"<script>alert(1)</script>",
    "jpeg_as_large_as_may_be": of_size(JPEG, MAX_BYTES),
    "two_comments": encoded(picture(), "JPEG", comment=b"x" * 60_000),
    "small": encoded(picture(64, 48), "JPEG"),
    "narrow": encoded(picture(4, 200), "PNG"),
    "wide": encoded(picture(200, 4), "JPEG"),
    "pixel": encoded(picture(1, 1), "GIF"),
    **{f"orientation{turn}": oriented(turn) for turn in range(1, 10)},  # 9 is none
    "png": PNG,
    "png_interlaced": interlaced_png(),
    "png_alpha": encoded(CLEAR, "PNG"),
    "png_grey": encoded(picture(mode="L"), "PNG"),
    "png_grey_alpha": encoded(CLEAR.convert("LA"), "PNG"),
    "png_palette": encoded(picture().quantize(64), "PNG"),
    "png_palette_2_bits": encoded(picture().quantize(4), "PNG", bits=2),
    "png_palette_alpha": encoded(picture().quantize(64), "PNG", transparency=3),
    "png_bit": encoded(picture(mode="1"), "PNG"),
    "png_16_bit": encoded(Image.fromarray(np.asarray(picture(mode="L")).astype(np.uint16) * 257), "PNG"),
    "png_16_bit_colour": deep_png("RGB", 2),
    "png_16_bit_alpha": deep_png("RGBA", 6),
    "png_transparent_colour": with_chunks(PNG, chunk(b"tRNS", bytes(6))),
    "png_profile": encoded(picture(), "PNG", icc_profile=SRGB),
    "png_broken_profile": with_chunks(PNG, chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"))),
    "png_gamma": with_chunks(PNG, chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"sRGB", b"\0")),
    "png_text": with_chunks(PNG, chunk(b"tEXt", b"Comment\0hello"), chunk(b"zTXt", b"k\0\0" + zlib.compress(b"v"))),
    "png_orientation": encoded(picture(), "PNG", exif=exif_of(6)),
    "png_moving": moving("PNG"),
    "png_bad_checksum": with_chunks(PNG, chunk(b"pHYs", bytes(9))[:-1] + b"?"),
    "png_short_chunk": with_chunks(PNG, chunk(b"pHYs", b"\0")),
    "png_bad_sum_of_pixels": png(400, 300, 8, 2, rows_of(np.asarray(picture())), spoilt=1),
    "png_odd_name": with_chunks(PNG, chunk(b"te\1t", b"?")),
    "png_text_bomb": with_chunks(PNG, chunk(b"zTXt", b"k\0\0" + BLACK_50_MB)),
    "png_unicode_bomb": with_chunks(PNG, chunk(b"iTXt", b"k\0\1\0\0\0" + BLACK_50_MB)),
    "png_profile_bomb": with_chunks(PNG, chunk(b"iCCP", b"x\0\0" + BLACK_50_MB)),
    "gif": GIF,
    "gif_grey": encoded(picture(mode="L"), "GIF"),
    "gif_in_rows": encoded(picture(), "GIF", interlace=0),
    "gif_transparent": encoded(picture().quantize(64), "GIF", transparency=3),
    "gif_comment": encoded(picture(), "GIF", comment=b"hello"),
    "gif_moving": moving("GIF"),
    "gif_of_20000_frames": moving_gif(20_000),
    "webp": WEBP,
    "webp_quality_1": encoded(picture(), "WEBP", quality=1),
    "webp_alpha": encoded(CLEAR, "WEBP"),
    "webp_lossless": encoded(CLEAR, "WEBP", lossless=True),
    "webp_profile": encoded(picture(), "WEBP", icc_profile=SRGB),
    "webp_orientation": encoded(picture(), "WEBP", exif=exif_of(6)),
    "webp_moving": moving("WEBP"),
    "avif": AVIF,
    "avif_alpha": encoded(CLEAR, "AVIF", speed=10),
    "avif_grey": encoded(picture(mode="L"), "AVIF", speed=10),
    "avif_orientation": encoded(picture(), "AVIF", speed=10, exif=exif_of(6)),
    "avif_profile": encoded(picture(), "AVIF", speed=10, icc_profile=SRGB),
    "avif_moving": moving("AVIF", speed=10),
    "avif_broken_exif": encoded(picture(), "AVIF", speed=10, exif=exif_of(1)).replace(b"MM\0*", b"M?\0*"),
    "mpo": moving("MPO"),
}  # fmt: skip
