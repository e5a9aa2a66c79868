"""Bytes from a stranger to the facts of one decode and a small JPEG.

What the header declares is checked before a pixel is unpacked; only the formats of the web are opened.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from wit_pipeline.pictures import colour, exif, jpeg, named, shown, structure
from wit_pipeline.pictures.codes import NO_CODES, Codes, codes_of
from wit_pipeline.pictures.grey import entropy, grey
from wit_pipeline.pictures.pdq import pdq_of
from wit_pipeline.pictures.resize import Pixels, resize
from wit_pipeline.pictures.reuse.reserved import NO_SIGNALS, in_file
from wit_pipeline.pictures.shown import BOMBS, DAMAGED, JPEGS, UPRIGHT
from wit_pipeline.pictures.trim import codes_inside
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

JPEG_SIDE = 65_500  # pixels: libjpeg writes no more
BIG_PIXELS = 16_000_000  # above, a decode takes some 100 MB and waits for the one before
KEPT_BYTES_PER_PIXEL = 4  # more is not a picture's; such an original is encoded anew
FRAME_GAP = 1.5  # times the stored sides that a JPEG decoded at a fraction keeps at least: 43 dB; 1.9 has 47

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
    """The bytes to store, and what the decode told. Codes are of the stored picture as its readers see it."""

    stored: bytes  # a JPEG; where `store` is "raw" the body itself, in its own format
    sha256: str  # of the body
    stored_sha256: str
    format: str  # JPEG PNG GIF WEBP AVIF, as sniffed
    original_width: int  # pixels, after EXIF orientation
    original_height: int
    width: int  # pixels as stored
    height: int
    phash: str  # "", as phash16, where nothing was decoded
    phash16: str
    weak: float
    trim_phash: str  # without uniform borders; "", as trim_phash16, where there are none
    trim_phash16: str
    entropy: float  # bits, 0 to 8, of the grey histogram of the stored picture
    exif: str  # JSON object of EXIF tag names to text
    signals: str  # JSON object of what the file says of its reuse, property to raw value
    pdq: str = ""  # 64 hex digits, of the pixels as they were decoded; "" where nobody asked
    pdq_quality: int = -1  # 0 to 100; below 0 where nobody asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """The bytes to store, and their pixels as readers see them."""

    content: bytes
    pixels: Pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """What the header and the metadata of a body told."""

    body: bytes
    format: str | None  # as Pillow names it
    size: tuple[int, int]  # pixels, before EXIF orientation
    orientation: int  # EXIF's, a key of `UPRIGHT`
    exif: str  # JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a stored picture told, all but its size of its grey."""

    size: tuple[int, int]  # pixels
    codes: Codes
    inside: Codes  # without its uniform borders
    entropy: float  # bits


def decode(body: bytes, config: CrawlConfig, pdq: bool = False) -> Decoded:
    """The picture in `body`, its first frame if it moves, and its PDQ if asked. Raises `ImageError` only."""
    refusal, signals = in_file(body, config.opt_outs)
    if refusal:
        raise ImageError(Reason.OPTED_OUT, refusal)
    try:
        _check_size(structure.size(body), config)
        with shown.opened(body, config.formats) as image:
            _check_header(image, body, config)
            decoded = _raw(image, body) if config.store == "raw" else _decoded(image, body, config, pdq)
            return decoded if signals == NO_SIGNALS else replace(decoded, signals=signals)
    except BOMBS as error:
        raise ImageError(Reason.TOO_MANY_PIXELS, _line(error)) from None
    except UnidentifiedImageError:
        raise _unidentified(body, config) from None
    except DAMAGED as error:
        raise ImageError(Reason.DECODE_ERROR, _line(error)) from None


def decode_with_pdq(body: bytes, config: CrawlConfig) -> Decoded:
    """The same with the picture's PDQ, which takes an extra; stored raw, a picture has none."""
    return decode(body, config, pdq=True)


def pdq_of_stored(content: bytes) -> tuple[str, int]:
    """The PDQ of a stored JPEG, for want of that of the picture that it was made of; ("", 0) of none."""
    try:
        return pdq_of(seen(content))
    except DAMAGED:
        return "", 0


def _check_size(size: tuple[int, int], config: CrawlConfig) -> None:
    width, height = size
    if width * height > config.max_pixels:
        raise ImageError(Reason.TOO_MANY_PIXELS, f"{width} × {height}, above {config.max_pixels} pixels")


def _check_header(image: Image.Image, body: bytes, config: CrawlConfig) -> None:
    width, height = image.size
    _check_size(image.size, config)
    if width * height == 0:
        raise ImageError(Reason.DECODE_ERROR, f"{width} × {height} pixels")
    if max(image.size) > config.max_aspect * min(image.size):
        detail = f"{width} × {height}, one side above {config.max_aspect:g} times the other"
        raise ImageError(Reason.IMAGE_TOO_LONG, detail)
    if flood := structure.flood(body):
        raise ImageError(Reason.DECODE_ERROR, flood)


def _raw(image: Image.Image, body: bytes) -> Decoded:
    """The facts of the header alone."""
    if not structure.is_whole(body):
        raise ImageError(Reason.DECODE_ERROR, f"a {image.format} that ends before its end")
    facts, orientation = exif.read(image, body)
    original = Original(body=body, format=image.format, size=image.size, orientation=orientation, exif=facts)
    nothing = Seen(size=image.size, codes=NO_CODES, inside=NO_CODES, entropy=0.0)
    return _facts(original, body, nothing)


def _decoded(image: Image.Image, body: bytes, config: CrawlConfig, pdq: bool) -> Decoded:
    size = image.size
    with _memory_for(size[0] * size[1]):
        pixels = _fast(image, body, config)
        fast = pixels is not None
        if pixels is None:
            pixels = _by_pillow(image, body, config)
        facts, orientation = exif.read(image, body)
        kept = _kept(image, body, orientation, size, config)
        if kept:
            stored = Stored(content=kept, pixels=pixels if fast else seen(kept))
        else:
            content = _encoded(pixels, _profile(image), orientation, size, config)
            stored = Stored(content=content, pixels=seen(content))
    luma = grey(stored.pixels)
    height, width = luma.shape
    original = Original(body=body, format=image.format, size=size, orientation=orientation, exif=facts)
    told = Seen(size=(width, height), codes=codes_of(luma), inside=codes_inside(luma), entropy=entropy(luma))
    decoded = _facts(original, stored.content, told)
    if not pdq:
        return decoded
    code, quality = pdq_of(pixels)
    return replace(decoded, pdq=code, pdq_quality=quality)


def _facts(original: Original, stored: bytes, told: Seen) -> Decoded:
    turned = UPRIGHT[original.orientation][0]
    width, height = reversed(original.size) if turned else original.size
    digest = sha256(original.body).hexdigest()
    return Decoded(
        stored=stored,
        sha256=digest,
        stored_sha256=digest if stored is original.body else sha256(stored).hexdigest(),
        format="JPEG" if original.format == "MPO" else str(original.format),
        original_width=width,
        original_height=height,
        width=told.size[0],
        height=told.size[1],
        phash=told.codes.phash,
        phash16=told.codes.phash16,
        weak=told.codes.weak,
        trim_phash=told.inside.phash,
        trim_phash16=told.inside.phash16,
        entropy=round(told.entropy, 4),
        exif=original.exif,
        signals="{}",
    )


@contextmanager
def _memory_for(pixels: int) -> Iterator[None]:
    if pixels <= BIG_PIXELS:
        yield
    else:
        with _one_big_at_a_time:
            yield


def _fast(image: Image.Image, body: bytes, config: CrawlConfig) -> Pixels | None:
    """The pixels of a plain JPEG by libjpeg-turbo itself, at a fraction; None where there is any doubt."""
    if image.format not in JPEGS or image.mode not in ("L", "RGB") or shown.bends(image):
        return None
    width, height = image.size
    fraction = _fraction(image.size, config)
    try:
        rows, columns, space, _ = simplejpeg.decode_jpeg_header(body)
        if (columns, rows) != image.size or space not in ("Gray", "YCbCr"):
            return None
        if jpeg.frame(body) not in (jpeg.BASELINE, jpeg.EXTENDED, jpeg.PROGRESSIVE):
            return None
        pixels: Pixels = simplejpeg.decode_jpeg(
            body,
            "GRAY" if space == "Gray" else "RGB",
            min_width=-(-width // fraction),
            min_height=-(-height // fraction),
        )
        return pixels
    except jpeg.TURBO_REFUSES:  # an error or a warning: Pillow has the word
        return None


def _by_pillow(image: Image.Image, body: bytes, config: CrawlConfig) -> Pixels:
    """All colours right but a JPEG's, which `_profile` makes right once it is small."""
    if image.format not in JPEGS or shown.bends(image):
        return shown.shown(image, body)
    fraction = _fraction(image.size, config)
    if fraction > 1:
        image.draft(None, (image.width // fraction, image.height // fraction))  # JPEG only
    image.load()
    return colour.plain(image)


def _profile(image: Image.Image) -> bytes:
    """The ICC profile of pixels that the decode left in its colours, or b""."""
    if image.format not in JPEGS or shown.bends(image):
        return b""
    return image.info.get("icc_profile") or b""


def _fraction(size: tuple[int, int], config: CrawlConfig) -> int:
    """1, 2, 4 or 8: by how much a JPEG's sides may be divided while it is decoded."""
    target = _target(size, config)
    return next(
        part
        for part in (8, 4, 2, 1)
        if part == 1
        or all(side >= FRAME_GAP * part * small for side, small in zip(size, target, strict=True))
    )


def _kept(
    image: Image.Image, body: bytes, orientation: int, size: tuple[int, int], config: CrawlConfig
) -> bytes:
    """The original without its metadata, pixel for pixel, where it is a small plain JPEG; else b""."""
    plain = image.format in JPEGS and image.mode in ("L", "RGB") and orientation == 1
    if not plain or _target(size, config) != size:
        return b""
    if colour.srgb_transform(image.info.get("icc_profile") or b"", image.mode):
        return b""
    original = jpeg.bare(body)
    if not jpeg.is_plain(original):  # a reader by libjpeg-turbo's own interface would fail
        return b""
    return original if len(original) <= KEPT_BYTES_PER_PIXEL * size[0] * size[1] + 4096 else b""


def _encoded(
    pixels: Pixels, profile: bytes, orientation: int, size: tuple[int, int], config: CrawlConfig
) -> bytes:
    width, height = _target(size, config)
    if max(width, height) > JPEG_SIDE:
        raise ImageError(Reason.IMAGE_TOO_LONG, f"{width} × {height} pixels to store")
    covered = _covered(pixels, size, _fraction(size, config))
    small = colour.to_srgb(resize(pixels, width, height, covered=covered), profile)
    upright = np.ascontiguousarray(shown.turned(small, orientation))
    space, sampling = ("GRAY", "Gray") if upright.shape[2] == 1 else ("RGB", "420")
    return bytes(simplejpeg.encode_jpeg(upright, config.jpeg_quality, space, sampling))


def _covered(pixels: Pixels, size: tuple[int, int], fraction: int) -> tuple[float, float]:
    """How many columns and rows of what was decoded the picture covers.

    Of 1,601 pixels at half their size it is 800.5, and the 801st is half of what the encoder filled up with:
    a picture stretched over all of it would be off by up to half a pixel.
    """
    rows, columns = pixels.shape[:2]
    if [columns, rows] != [-(-side // fraction) for side in size]:  # decoded whole
        return columns, rows
    return size[0] / fraction, size[1] / fraction


def seen(content: bytes) -> Pixels:
    """The pixels of a stored JPEG, as Pillow decodes it: (rows, columns, 1 or 3)."""
    try:
        grey_only = simplejpeg.decode_jpeg_header(content)[2] == "Gray"
        pixels: Pixels = simplejpeg.decode_jpeg(content, "GRAY" if grey_only else "RGB")
        return pixels
    except jpeg.TURBO_REFUSES:  # an original that is kept although libjpeg warns of it
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            return colour.plain(image)


def _target(size: tuple[int, int], config: CrawlConfig) -> tuple[int, int]:
    """The size to store, upright or not: nothing is enlarged."""
    if config.store == "original":
        return size
    width, height = size
    judged = min(size) if config.side == "shorter" else max(size)
    side = config.store_side
    if judged <= side:
        return size
    return max(1, (width * side + judged // 2) // judged), max(1, (height * side + judged // 2) // judged)


def _unidentified(body: bytes, config: CrawlConfig) -> ImageError:
    kind = named.name(body)
    if kind in config.formats:
        return ImageError(Reason.DECODE_ERROR, f"header of a {kind}, but no picture")
    return ImageError(Reason.UNSUPPORTED_FORMAT, f"{kind}, which is not among {', '.join(config.formats)}")


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
