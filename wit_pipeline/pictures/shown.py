"""Files opened, and their pixels as screens show them: in grey or sRGB, what is clear on white.

For whatever a JPEG's fast ways leave; the pipeline's decoder and the trainer's both come here.
"""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, ImageFile

from wit_pipeline.pictures import avif, coded, colour, exif, jpeg, png, structure
from wit_pipeline.pictures.coded import Coded, Samples
from wit_pipeline.pictures.resize import Pixels
from wit_pipeline.vocabulary.crawl_config import PILLOW_PIXELS

Box = tuple[int, int, int, int]  # left, upper, right and lower end, in pixels

JPEGS = ("JPEG", "MPO")
BAND = 1_000_000  # pixels whose colours are worked out at once: some 50 bytes each

# What each EXIF orientation does to (rows, columns): turned about the diagonal, then the rows', the columns'
# order reversed.
UPRIGHT = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}

# What Pillow's readers may raise on damaged files: its own OSError and SyntaxError, and whatever a half-read
# chunk leads to.
DAMAGED = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
           RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error)  # fmt: skip
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # decoders, and a trainer's loaders, are already as many as cores


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Colours (rows, columns, 1 or 3) in 8 or 16 bits, and how opaque they are, 0 to 255, if not all are."""

    samples: Samples
    opacity: npt.NDArray[np.uint8] | None


def opened(body: bytes, formats: tuple[str, ...] | None = None) -> Image.Image:
    """`body` opened by Pillow, for one of `formats` or any: of its header is read what pixels need.

    Raises one of `DAMAGED`, as `UnidentifiedImageError`, and `BOMBS`.
    """
    content = png.bare(body) if body.startswith(png.START) else body
    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except DAMAGED:
        other = _without_metadata(body)
        if not other:
            raise
    return Image.open(io.BytesIO(other), formats=formats)


def _without_metadata(body: bytes) -> bytes:
    """The same picture without what may have kept a reader from it, or b""."""
    if body.startswith(b"\xff\xd8"):
        return jpeg.bare(body)
    return avif.without_exif(body) if avif.is_avif(body) else b""


def upright(body: bytes, least: int) -> Pixels:
    """The pixels of any file that Pillow reads as screens show them: (rows, columns, 1 or 3).

    A JPEG may come smaller, though no side below `least`. Raises one of `DAMAGED` and `BOMBS`.
    """
    _check_size(structure.size(body))
    with opened(body) as image:
        _check_size(image.size)
        orientation = exif.orientation(image, body)
        if image.format in JPEGS and not bends(image):
            image.draft(None, (least, least))
            image.load()
            pixels = colour.to_srgb(colour.plain(image), image.info.get("icc_profile") or b"")
        else:
            pixels = shown(image, body)
    return turned(pixels, orientation)


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > PILLOW_PIXELS:
        raise Image.DecompressionBombError(f"{size[0]} × {size[1]}, above {PILLOW_PIXELS} pixels")


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """A view of `pixels` the right way up."""
    about, rows, columns = UPRIGHT[orientation]
    lying = pixels.swapaxes(0, 1) if about else pixels
    return lying[:: -1 if rows else 1, :: -1 if columns else 1]


def bends(image: Image.Image) -> bool:
    """Whether its profile moves greys so far that its colours must be right before it is made small.

    Averages of linear light are others than those of what screens are told.
    """
    return colour.bends(image.info.get("icc_profile") or b"", image.mode)


def space(image: Image.Image, body: bytes) -> Coded | bytes:
    """What the colours of an opened file mean: code points, an ICC profile, or b"" for sRGB."""
    if image.format == "PNG":
        return png.space(body)
    profile: bytes = image.info.get("icc_profile") or b""
    return avif.space(body) if image.format == "AVIF" and not profile else profile


def shown(image: Image.Image, body: bytes) -> Pixels:
    """All pixels of an opened picture in grey or sRGB, on white: (rows, columns, 1 or 3). Not yet upright."""
    if image.format != "PNG":
        return _shown(image, body, b"")
    content = png.bare(body)
    try:
        return _shown(image, body, content)
    except OSError:
        mended = png.with_right_sum(content)
        if not mended:
            raise
    with Image.open(io.BytesIO(mended), formats=("PNG",)) as again:
        return _shown(again, body, mended)


def _shown(image: Image.Image, body: bytes, content: bytes) -> Pixels:
    """`content` is what of a PNG its pixels need; b"" of other formats."""
    meaning = space(image, body)
    key = png.key(content) if content else ()
    if content and png.depth(content) == 16 and (key or isinstance(meaning, Coded)):
        deep = png.halves(content)
        return _in_bands(image.size, lambda box: _deep_layers(deep, content, key, box), meaning)
    frame = _first_frame(image, body)
    image.load()
    if key:
        image.info["transparency"] = _scaled(key, png.depth(content))
    canvas = _laid(image, frame)
    if not meaning and canvas.mode != "CMYK":
        return colour.plain(canvas)
    # Grey with alpha in 16 bits is RGBA to Pillow.
    grey = png.is_grey(content) if content else canvas.mode in ("1", "L", "LA")
    return _in_bands(canvas.size, lambda box: _layers(canvas.crop(box), grey=grey), meaning)


def _in_bands(size: tuple[int, int], layers: Callable[[Box], Layers], meaning: Coded | bytes) -> Pixels:
    width, height = size
    step = max(1, BAND // width)
    boxes = ((0, top, width, min(top + step, height)) for top in range(0, height, step))
    return np.concatenate([_on_white(layers(box), meaning) for box in boxes])


def _first_frame(image: Image.Image, body: bytes) -> Box:
    """Where the first frame lies in a picture that is not loaded yet; mostly all over it."""
    whole = (0, 0, *image.size)
    if image.format == "GIF" and isinstance(image, ImageFile.ImageFile) and image.tile:
        return image.tile[0].extents or whole
    if image.format == "WEBP" and image.mode == "RGB":  # else the rest is clear as it comes
        return structure.webp_frame(body) or whole
    return whole


def _laid(image: Image.Image, frame: Box) -> Image.Image:
    """A loaded picture that is clear outside its first frame, as browsers have it; Pillow has some colour."""
    if frame == (0, 0, *image.size):
        return image
    canvas = Image.new("RGBA", image.size, (255, 255, 255, 0))
    canvas.paste(image.crop(frame).convert("RGBA"), frame)
    return canvas


def _scaled(key: tuple[int, ...], depth: int) -> int | tuple[int, ...]:
    """A clear colour in the 8 bits that Pillow makes of samples of fewer."""
    scaled = tuple(value * 255 // ((1 << depth) - 1) for value in key)
    return scaled[0] if len(scaled) == 1 else scaled


def _layers(image: Image.Image, *, grey: bool) -> Layers:
    if image.mode == "CMYK":
        return Layers(np.asarray(image), None)
    if colour.is_clear(image):
        pixels = np.asarray(image.convert("RGBA"))
        return Layers(pixels[..., : 1 if grey else 3], pixels[..., 3])
    pixels = colour.plain(image)
    return Layers(pixels, None)


def _deep_layers(parts: Sequence[Image.Image], content: bytes, key: tuple[int, ...], box: Box) -> Layers:
    """A band of 16 bits, the opacity taken from a channel of its own, or from the colour that is clear."""
    samples = png.samples([part.crop(box) for part in parts], png.colour_type(content))
    if samples.shape[2] in (2, 4):
        return Layers(samples[..., :-1], (samples[..., -1] >> 8).astype(np.uint8))
    if not key:
        return Layers(samples, None)
    clear = (samples == np.array(key, np.uint16)).all(axis=-1)
    return Layers(samples, np.where(clear, 0, 255).astype(np.uint8))


def _on_white(layers: Layers, meaning: Coded | bytes) -> Pixels:
    if isinstance(meaning, Coded):
        pixels = coded.to_srgb(layers.samples, meaning)
    else:
        levels = layers.samples if layers.samples.dtype == np.uint8 else layers.samples >> 8
        pixels = colour.to_srgb(np.ascontiguousarray(levels.astype(np.uint8)), meaning)
    if layers.opacity is None:
        return pixels
    opaque = layers.opacity[..., None].astype(np.uint32)
    mixed = (pixels * opaque + 255 * (255 - opaque) + 127) // 255
    return np.asarray(mixed, np.uint8)
