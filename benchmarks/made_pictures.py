"""Pictures of every format, mode, depth, orientation and colour space, and what a screen must show of each.

What is to be shown is worked out here, in double precision from the standards' formulas, and shares no line
with the decoder that it is held against. The files are small enough to be stored at their size.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

SIZE = (96, 64)  # columns, rows
Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]

# --- colours --------------------------------------------------------------------------------------

XY = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
WHITE = (0.3127, 0.3290)
ADAPTED = (0.9642, 1.0, 0.8249)  # D50, of ICC profiles


@dataclass(frozen=True, slots=True)
class Space:
    """Primaries by their number in H.273, and the light of encoded values."""

    label: str
    primaries: int
    light: Callable[[Floats], Floats]
    exponent: float = 0.0  # where it is a power; 0 for sRGB's curve


def _srgb_light(v: Floats) -> Floats:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _power(exponent: float) -> Callable[[Floats], Floats]:
    return lambda v: v**exponent


SRGB = Space("sRGB", 1, _srgb_light)


def power_space(primaries: int, exponent: float) -> Space:
    return Space(f"{primaries}, {exponent:g}", primaries, _power(exponent), exponent)


def _xyz(primaries: int) -> Floats:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in XY[primaries]]).T
    white = np.array([WHITE[0] / WHITE[1], 1, (1 - WHITE[0] - WHITE[1]) / WHITE[1]])
    return np.asarray(columns * np.linalg.solve(columns, white))


def on_screen(values: Floats, space: Space) -> Floats:
    """Encoded `values` in [0, 1] as levels of sRGB, 0 to 255."""
    light = space.light(values) @ (np.linalg.inv(_xyz(1)) @ _xyz(space.primaries)).T
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


# --- profiles and chunks --------------------------------------------------------------------------


def profile(space: Space, *, grey: bool = False, called: bytes = b"sRGB, or so it says") -> bytes:
    """An ICC profile, version 2 but for sRGB's curve, of matrix and curves, or of grey."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    if space.exponent:
        curve = b"para\0\0\0\0\0\0\0\0" + fixed(space.exponent)
    else:
        curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    name = b"desc\0\0\0\0" + struct.pack(">I", len(called) + 1) + called + bytes(79)
    tags = {b"desc": name, b"wtpt": b"XYZ \0\0\0\0" + fixed(*ADAPTED)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        eye = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
        own = _xyz(space.primaries)
        adapt = np.diag((eye @ np.array(ADAPTED)) / (eye @ own.sum(axis=1)))
        for letter, column in zip(b"rgb", (np.linalg.inv(eye) @ adapt @ eye @ own).T, strict=True):
            tags[bytes([letter]) + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*column)
            tags[bytes([letter]) + b"TRC"] = curve
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4s4s4s4s4s",
        start + len(data),
        b"none",
        b"\4\0\0\0",
        b"mntr",
        b"GRAY" if grey else b"RGB ",
        b"XYZ ",
    )
    head = head + bytes(12) + b"acsp" + bytes(28) + fixed(*ADAPTED)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def exif(orientation: int) -> bytes:
    """A block of nothing but an orientation."""
    return b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)


def xmp(orientation: int) -> bytes:
    """A packet that says how a picture lies, which browsers do not ask."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>'
        b"</rdf:RDF></x:xmpmeta>"
    ) % orientation


# --- pictures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and what is to be seen of it: (rows, columns, 3) levels of sRGB, upright."""

    label: str
    body: bytes
    seen: Levels


@dataclass(frozen=True, slots=True)
class Draft:
    """Samples in [0, 1] on their way into a file, and how they are to be read."""

    label: str
    values: Floats  # (rows, columns, 3)
    opacity: Floats  # (rows, columns)
    space: Space


def made(number: int) -> Made:
    """The same picture for the same number."""
    chance = np.random.default_rng([20261130, number])
    write = (_png, _png, _png, _png, _jpeg, _jpeg, _webp, _gif, _avif, _avif)[number % 10]
    return write(chance)


def _waves(chance: np.random.Generator, channels: int) -> Floats:
    """Smooth, of all levels, and different at each corner."""
    columns, rows = SIZE
    y, x = np.mgrid[0:rows, 0:columns] / max(SIZE)
    planes = []
    for _ in range(channels):
        across, down, shift = chance.uniform(1, 5), chance.uniform(1, 5), chance.uniform(0, 6)
        planes.append(0.5 + 0.5 * np.sin(across * x + down * y + shift) * (0.4 + 0.6 * x))
    return np.stack(planes, axis=-1)


def _gradient(chance: np.random.Generator, length: int, channels: int) -> Levels:
    """Colours that change slowly from one to the next, as a JPEG must be able to show them."""
    ends = chance.uniform(60, 195, (3, channels))
    along = np.linspace(0, 2, length)
    columns = [np.interp(along, [0, 1, 2], ends[:, channel]) for channel in range(channels)]
    return np.round(np.stack(columns, axis=-1)).astype(np.int64)


def _finished(draft: Draft, body: bytes, orientation: int = 1) -> Made:
    opaque = draft.opacity[..., None]
    levels = np.round(on_screen(draft.values, draft.space))
    seen = np.round(levels * opaque + 255 * (1 - opaque)).astype(np.int64)
    match orientation:  # TIFF 6.0: where the rows and the columns of the picture begin
        case 2:
            seen = seen[:, ::-1]
        case 3:
            seen = seen[::-1, ::-1]
        case 4:
            seen = seen[::-1]
        case 5:
            seen = seen.transpose(1, 0, 2)
        case 6:
            seen = np.rot90(seen, -1)
        case 7:
            seen = seen[::-1, ::-1].transpose(1, 0, 2)
        case 8:
            seen = np.rot90(seen)
    return Made(f"{draft.label}, {draft.space.label}, turned {orientation}", body, seen)


def _space(chance: np.random.Generator) -> Space:
    primaries = int(chance.choice([1, 9, 12]))
    exponent = float(chance.choice([0.0, 1.0, 1.8, 2.2]))
    return (
        power_space(primaries, exponent)
        if exponent
        else Space(f"{primaries}, sRGB's curve", primaries, _srgb_light)
    )


def _png(chance: np.random.Generator) -> Made:
    kind = int(chance.choice([0, 2, 3, 4, 6]))
    depth = int(chance.choice({0: [1, 2, 4, 8, 16], 3: [1, 2, 4, 8]}.get(kind, [8, 16])))
    most = (1 << depth) - 1
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    samples = np.round(_waves(chance, channels) * most).astype(np.int64)
    clear = bool(chance.integers(2)) and kind in (0, 2, 3)
    chunks, opacity = b"", np.ones(samples.shape[:2])
    if kind == 3:
        palette = _gradient(chance, most + 1, 3)
        values = palette[samples[..., 0]] / 255
        chunks += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
        if clear:
            alphas = _gradient(chance, most + 1, 1)[:, 0]
            chunks += chunk(b"tRNS", alphas.astype(np.uint8).tobytes())
            opacity = alphas[samples[..., 0]] / 255
    else:
        colours = samples[..., : 1 if kind in (0, 4) else 3]
        values = np.broadcast_to(colours / most, (*colours.shape[:2], 3))
        if kind in (4, 6):
            opacity = samples[..., -1] / most
        if clear:
            colours[10:30, 20:60] = key = colours[len(colours) // 2, 0].copy()
            chunks += chunk(b"tRNS", key.astype(">u2").tobytes())
            opacity = np.where((colours == key).all(axis=-1), 0.0, 1.0)
            values = np.broadcast_to(colours / most, (*colours.shape[:2], 3))
    space, before = _png_space(chance, grey=kind in (0, 4))
    orientation = int(chance.integers(1, 9))
    before += chunk(b"eXIf", exif(orientation)) + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6))
    draft = Draft(f"PNG {kind}/{depth}{' keyed' if clear else ''}", values, opacity, space)
    rows = b"".join(b"\0" + _packed(row, depth) for row in samples)
    header = struct.pack(">IIBBBBB", *SIZE, depth, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header), before, chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return _finished(draft, b"\x89PNG\r\n\x1a\n" + b"".join(parts), orientation)


def _packed(row: npt.NDArray[np.int64], depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def _png_space(chance: np.random.Generator, *, grey: bool) -> tuple[Space, bytes]:
    """A space, and the chunks that declare it, sometimes with others that must lose."""
    space, loser = _space(chance), chunk(b"gAMA", struct.pack(">I", 30_000))
    white_and_primaries = (*WHITE, *(value for xy in XY[space.primaries] for value in xy))
    match int(chance.integers(6)):
        case 0:
            return SRGB, b""
        case 1:
            return SRGB, chunk(b"sRGB", b"\0") + loser
        case 2:
            packed = zlib.compress(profile(space, grey=grey and bool(chance.integers(2))))
            return space, loser + chunk(b"iCCP", b"sRGB\0\0" + packed)
        case 3 if space.exponent:
            gamma = chunk(b"gAMA", struct.pack(">I", round(100_000 / space.exponent)))
            chromaticities = struct.pack(">8I", *(round(value * 100_000) for value in white_and_primaries))
            return space, gamma + chunk(b"cHRM", chromaticities)
        case 4 if space.exponent not in (0.0, 2.2):
            alone = power_space(1, space.exponent)
            return alone, chunk(b"gAMA", struct.pack(">I", round(100_000 / space.exponent)))
    number = {0.0: 13, 1.0: 8, 1.8: 5, 2.2: 4}[space.exponent]
    by_code = power_space(space.primaries, 2.8) if number == 5 else space
    loser += chunk(b"iCCP", b"x\0\0" + zlib.compress(profile(power_space(9, 1.0))))
    return by_code, loser + chunk(b"cICP", bytes((space.primaries, number, 0, 1)))


def _image(values: Floats, opacity: Floats | None = None) -> tuple[Image.Image, Floats, Floats]:
    """A picture of 8 bits, and what its samples then are."""
    levels = np.round(values * 255).astype(np.uint8)
    if opacity is None:
        return Image.fromarray(levels), levels / 255, np.ones(levels.shape[:2])
    alphas = np.round(opacity * 255).astype(np.uint8)
    return Image.fromarray(np.dstack([levels, alphas])), levels / 255, alphas / 255


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _jpeg(chance: np.random.Generator) -> Made:
    grey = bool(chance.integers(2))
    image, values, opacity = _image(_waves(chance, 3))
    if grey:
        image = Image.fromarray(np.asarray(image)[..., 0].copy())
        values = np.repeat(values[..., :1], 3, axis=2)
    space = _space(chance) if chance.integers(3) else SRGB
    options: dict[str, object] = {
        "subsampling": int(chance.integers(3)),
        "progressive": bool(chance.integers(2)),
    }
    if space is not SRGB:
        options["icc_profile"] = profile(space, grey=grey and bool(chance.integers(2)))
    orientation = int(chance.integers(1, 9))
    body = _saved(image, "JPEG", quality=97, exif=b"Exif\0\0" + exif(orientation), **options)
    packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp(3)
    body = body[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + body[2:]
    return _finished(Draft(f"JPEG {image.mode}", values, opacity, space), body, orientation)


def _webp(chance: np.random.Generator) -> Made:
    image, values, opacity = _image(
        _waves(chance, 3), _waves(chance, 1)[..., 0] if chance.integers(2) else None
    )
    space = _space(chance) if chance.integers(3) else SRGB
    options = {} if space is SRGB else {"icc_profile": profile(space)}
    body = _saved(image, "WEBP", lossless=True, exact=True, exif=exif(6), xmp=xmp(3), **options)
    return _finished(Draft(f"WebP {image.mode}", values, opacity, space), body)


def _gif(chance: np.random.Generator) -> Made:
    palette = _gradient(chance, 64, 3)
    indices = np.round(_waves(chance, 1)[..., 0] * 63).astype(np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    clear = bool(chance.integers(2))
    body = _saved(image, "GIF", optimize=False, **({"transparency": 9} if clear else {}))
    opacity = np.where((indices == 9) & clear, 0.0, 1.0)
    return _finished(Draft("GIF", palette[indices] / 255, opacity, SRGB), body)


def _avif(chance: np.random.Generator) -> Made:
    image, values, opacity = _image(
        _waves(chance, 3), _waves(chance, 1)[..., 0] if chance.integers(2) else None
    )
    orientation = int(chance.integers(1, 9))
    options: dict[str, object] = {"exif": b"Exif\0\0" + exif(orientation), "xmp": xmp(3)}
    space = _space(chance) if chance.integers(4) else SRGB
    by_profile = bool(chance.integers(2)) and space is not SRGB
    if by_profile:
        options["icc_profile"] = profile(space)
    body = _saved(image, "AVIF", quality=100, subsampling="4:4:4", speed=10, **options)
    at = body.index(b"colrnclx") + 8
    if by_profile:  # which goes before
        codes = (9, 8)
    elif space is SRGB:
        codes = (1, int(chance.choice([1, 2, 6, 13])))
    else:
        number = {0.0: int(chance.choice([1, 6, 13])), 1.0: 8, 1.8: 5, 2.2: 4}[space.exponent]
        space = power_space(space.primaries, 2.8) if number == 5 else space
        codes = (space.primaries, number)
    body = body[:at] + struct.pack(">HH", *codes) + body[at + 4 :]
    return _finished(Draft(f"AVIF {image.mode}", values, opacity, space), body, orientation)
