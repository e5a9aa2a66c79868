"""Bytes from a stranger to the facts of one decode and a small JPEG.

What the header declares is checked before a pixel is unpacked; only the four formats of the web are opened.
"""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from PIL import Image, UnidentifiedImageError

from wit_pipeline import exif, jpeg
from wit_pipeline.codes import codes
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.records import Reason
from wit_pipeline.reserved import NO_SIGNALS, in_file

MAX_SCANS = 100  # a progressive JPEG has about 10; each costs a pass over the picture (1,500 took 20 s)
JPEG_SIDE = 65_500  # pixels: libjpeg writes no more
BIG_PIXELS = 16_000_000  # above, a decode takes some 100 MB and waits for the one before
KEPT_BYTES_PER_PIXEL = 4  # more is not a picture's; such an original is encoded anew

# What Pillow's readers of the four formats may raise on damaged files: its own OSError and SyntaxError, and
# whatever a half-read chunk leads to.
DAMAGED = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
           RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error)  # fmt: skip
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

MAGIC = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF8", "WEBP": b"RIFF"}

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow only warns above 89 megapixels; and it warns of much that a damaged picture survives.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_one_big_at_a_time = threading.Lock()


class ImageError(Exception):
    """Bytes that give no picture we take."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail  # one short line


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """The stored JPEG, and what the decode told. Codes are of the stored picture as its readers see it."""

    jpeg: bytes
    sha256: str  # of the body
    stored_sha256: str
    format: str  # JPEG PNG GIF WEBP, as sniffed
    original_width: int  # pixels, after EXIF orientation
    original_height: int
    width: int  # pixels as stored
    height: int
    phash: str
    phash16: str
    weak: float
    entropy: float  # bits, 0 to 8, of the grey histogram of the stored picture
    exif: str  # JSON object of EXIF tag names to text
    signals: str  # JSON object of what the file says of its reuse, property to raw value


def decode(body: bytes, config: CrawlConfig) -> Decoded:
    """The picture in `body`, its first frame if it moves. Raises `ImageError` only."""
    refusal, signals = in_file(body, config.opt_outs)
    if refusal:
        raise ImageError(Reason.OPTED_OUT, refusal)
    try:
        decoded = _decode(body, config)
    except BOMBS as error:
        raise ImageError(Reason.TOO_MANY_PIXELS, _line(error)) from None
    except UnidentifiedImageError:
        raise _unidentified(body, config) from None
    except DAMAGED as error:
        raise ImageError(Reason.DECODE_ERROR, _line(error)) from None
    return decoded if signals == NO_SIGNALS else replace(decoded, signals=signals)


def _decode(body: bytes, config: CrawlConfig) -> Decoded:
    with Image.open(io.BytesIO(body), formats=config.formats) as image:
        _check_header(image, body, config)
        width, height = image.size
        with _memory_for(width * height):
            if config.store == "resized":
                image.draft(None, (2 * config.store_side,) * 2)  # JPEG only: decodes at 1/2, 1/4 or 1/8
            image.load()
            facts, orientation = exif.read(image)
            stored = _kept(image, body, orientation, (width, height), config)
            stored = stored or _encoded(image, orientation, (width, height), config)
    with Image.open(io.BytesIO(stored), formats=("JPEG",)) as small:
        found = codes(small)
        turned = orientation >= 5
        return Decoded(
            jpeg=stored,
            sha256=sha256(body).hexdigest(),
            stored_sha256=sha256(stored).hexdigest(),
            format="JPEG" if image.format == "MPO" else str(image.format),
            original_width=height if turned else width,
            original_height=width if turned else height,
            width=small.width,
            height=small.height,
            phash=found.phash,
            phash16=found.phash16,
            weak=found.weak,
            entropy=round(small.convert("L").entropy(), 4),
            exif=facts,
            signals=NO_SIGNALS,
        )


def _check_header(image: Image.Image, body: bytes, config: CrawlConfig) -> None:
    width, height = image.size
    if width * height > config.max_pixels:
        raise ImageError(Reason.TOO_MANY_PIXELS, f"{width} × {height}, above {config.max_pixels} pixels")
    if width * height == 0:
        raise ImageError(Reason.DECODE_ERROR, f"{width} × {height} pixels")
    if body.startswith(MAGIC["JPEG"]) and jpeg.more_scans_than(MAX_SCANS, body):
        raise ImageError(Reason.DECODE_ERROR, f"above {MAX_SCANS} progressive scans")


@contextmanager
def _memory_for(pixels: int) -> Iterator[None]:
    if pixels <= BIG_PIXELS:
        yield
    else:
        with _one_big_at_a_time:
            yield


def _kept(
    image: Image.Image, body: bytes, orientation: int, size: tuple[int, int], config: CrawlConfig
) -> bytes:
    """The original without its metadata, pixel for pixel, where it is a small plain JPEG; else b""."""
    small = min(size) <= config.store_side or config.store == "original"
    if not (small and orientation == 1 and image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB")):
        return b""
    original = jpeg.bare(body)
    return original if len(original) <= KEPT_BYTES_PER_PIXEL * size[0] * size[1] + 4096 else b""


def _encoded(image: Image.Image, orientation: int, size: tuple[int, int], config: CrawlConfig) -> bytes:
    plain = _on_white(image)
    target = size if config.store == "original" else _shrunk(size, config.store_side)
    if max(target) > JPEG_SIDE:
        raise ImageError(Reason.IMAGE_TOO_LONG, f"{target[0]} × {target[1]} pixels to store")
    if plain.size != target:
        plain = plain.resize(target, Image.Resampling.LANCZOS)
    if orientation in UPRIGHT:
        plain = plain.transpose(UPRIGHT[orientation])
    plain.info = {}  # or a comment would be written again
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=config.jpeg_quality, subsampling="4:2:0")
    return buffer.getvalue()


def _shrunk(size: tuple[int, int], side: int) -> tuple[int, int]:
    """`size` with its shorter side at most `side`; nothing is enlarged."""
    width, height = size
    short = min(size)
    if short <= side:
        return size
    return (width * side + short // 2) // short, (height * side + short // 2) // short


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB, what is transparent laid on white."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow itself would clip to 8 and not scale
        grey = np.asarray(image).astype(np.uint32) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _unidentified(body: bytes, config: CrawlConfig) -> ImageError:
    for name in config.formats:
        if body.startswith(MAGIC[name]):
            return ImageError(Reason.DECODE_ERROR, f"header of a {name}, but no picture")
    return ImageError(Reason.UNSUPPORTED_FORMAT, f"none of {', '.join(config.formats)}")


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
