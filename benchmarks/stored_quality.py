"""What is stored of a photograph: how near to an exact reduction, at what price, beside img2dataset's way.

    python -m benchmarks.stored_quality [--photos FOLDER] [--count 60] [--rounds 5]

PSNR in dB, of luma and of both colours, against the exact reduction: the whole picture decoded and shrunk to
a shorter side of 256 by Pillow's LANCZOS, before it is encoded. CPU time in ms an image, from the file's
bytes to the stored bytes, the contestants taking turns; medians over the rounds. The photographs have at most
352 pixels a side, so the sources are mosaics of them, whose seams are harder than anything in a photograph:
"small" is 500 × 375, of 4 photographs, quality 95; "large" 1600 × 1200, of 20 as they are, quality 85; "odd"
the same at 1607 × 1203, which no fraction divides. At last, luma by how many times the stored sides a picture
is decoded at: `FRAME_GAP` is the least.
"""

import argparse
import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from benchmarks.clock import ratio, say, timed
from wit_pipeline.pictures import image as stage
from wit_pipeline.pictures.resize import Pixels, resize
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

PHOTOS = Path(__file__).parents[2] / "shared/data/pairs_openstax_ccby/images"
CONFIG = CrawlConfig()
SIDE, QUALITY = CONFIG.store_side, CONFIG.jpeg_quality
PHOTO = 352  # pixels of the photographs' longer side
SOURCES = {
    "small": ((500, 375), (2, 2), 95),
    "large": ((1600, 1200), (5, 4), 85),
    "odd": ((1607, 1203), (5, 4), 85),
}  # size, photographs, quality
GAPS = (1.5, 1.7, 1.9, 2.2, 2.5)

Reduce = Callable[[bytes], Pixels]


def mosaic(photos: Sequence[Path], size: tuple[int, int], grid: tuple[int, int], quality: int) -> bytes:
    """A JPEG of `size` of columns and rows of photographs."""
    width, height = size[0] / grid[0], size[1] / grid[1]
    whole = Image.new("RGB", size)
    for number, path in enumerate(photos):
        column, row = number % grid[0], number // grid[0]
        left, top = round(column * width), round(row * height)
        cell = (round((column + 1) * width) - left, round((row + 1) * height) - top)
        with Image.open(path) as photo:
            part = cover(photo.convert("RGB"), cell)
        whole.paste(part, (left, top))
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def cover(photo: Image.Image, cell: tuple[int, int]) -> Image.Image:
    """A photograph shrunk, where it can be, to cover a cell, and cut to it."""
    scale = max(cell[0] / photo.width, cell[1] / photo.height)
    size = max(cell[0], round(photo.width * scale)), max(cell[1], round(photo.height * scale))
    return photo.resize(size, Image.Resampling.LANCZOS).crop((0, 0, *cell))


def stored_size(size: tuple[int, int]) -> tuple[int, int]:
    return stage._target(size, CONFIG)


def by_wit(body: bytes) -> Pixels:
    """Decoded at a fraction, shrunk by our kernel."""
    with Image.open(io.BytesIO(body)) as image:
        pixels = stage._fast(image, body, CONFIG)
        assert pixels is not None
        covered = stage._covered(pixels, image.size, stage._fraction(image.size, CONFIG))
        return resize(pixels, *stored_size(image.size), covered=covered)


def by_pillow(method: Image.Resampling, body: bytes) -> Pixels:
    """Decoded whole, shrunk by Pillow."""
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image.convert("RGB").resize(stored_size(image.size), method))


def by_draft(method: Image.Resampling, body: bytes) -> Pixels:
    """Decoded at a fraction that leaves twice the side, shrunk by Pillow."""
    with Image.open(io.BytesIO(body)) as image:
        size = stored_size(image.size)
        image.draft(None, (2 * SIDE, 2 * SIDE))
        return np.asarray(image.convert("RGB").resize(size, method))


def by_cv2(body: bytes) -> Pixels:
    """What img2dataset does: cv2's decoder, INTER_AREA."""
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, stored_size((width, height)), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[:, :, ::-1])


REDUCERS: Mapping[str, Reduce] = {
    "wit": by_wit,
    "pillow LANCZOS": partial(by_pillow, Image.Resampling.LANCZOS),
    "pillow BICUBIC": partial(by_pillow, Image.Resampling.BICUBIC),
    "pillow draft BICUBIC": partial(by_draft, Image.Resampling.BICUBIC),
    "cv2 AREA (img2dataset)": by_cv2,
}


def planes(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Y, Cb and Cr of ITU-R BT.601, (3, rows, columns)."""
    red, green, blue = pixels.astype(np.float64).transpose(2, 0, 1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([luma, (blue - luma) / 1.772, (red - luma) / 1.402])


def psnr(pixels: Pixels, exact: Pixels) -> tuple[float, float]:
    """Of luma, and of both colours, in dB; 99 where nothing differs."""
    errors = np.square(planes(pixels) - planes(exact)).mean(axis=(1, 2))
    luma, colour = (
        99.0 if error == 0 else 10 * np.log10(255**2 / error) for error in (errors[0], errors[1:].mean())
    )
    return luma, colour


def qualities(found: Sequence[tuple[float, float]]) -> str:
    """Means and 5th percentiles, for a line."""
    return ", ".join(
        f"{name} {np.mean(each):5.1f}, 5th percentile {np.percentile(each, 5):5.1f}"
        for name, each in zip(("luma", "colour"), zip(*found, strict=True), strict=True)
    )


def encode_all(reduce: Reduce, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        simplejpeg.encode_jpeg(reduce(body), QUALITY, "RGB", "420")


def decode_all(bodies: Sequence[bytes]) -> None:
    for body in bodies:
        simplejpeg.decode_jpeg(body)


def everything(bodies: Sequence[bytes]) -> None:
    for body in bodies:
        stage.decode(body, CONFIG)


def compare(name: str, bodies: Sequence[bytes], rounds: int) -> None:
    """Print the quality and the price of every path."""
    say(f"{name}: {len(bodies)} mosaics of {statistics.mean(map(len, bodies)) / 1000:.0f} kB")
    exact = [by_pillow(Image.Resampling.LANCZOS, body) for body in bodies]
    contestants = {path: partial(encode_all, reduce, bodies) for path, reduce in REDUCERS.items()}
    contestants |= {
        "wit, all facts": partial(everything, bodies),
        "whole decode alone": partial(decode_all, bodies),
    }
    everything(bodies[:1])  # compiles
    spent = timed(contestants, rounds)
    for path, seconds in spent.items():
        line = f"  {path:24} {1000 * statistics.median(seconds) / len(bodies):6.2f} ms"
        if path in REDUCERS:
            found = [psnr(REDUCERS[path](body), whole) for body, whole in zip(bodies, exact, strict=True)]
            line += f"  {qualities(found)}"
        say(line)
    say(f"  all facts / whole decode: {ratio(spent['wit, all facts'], spent['whole decode alone'])}")
    say(f"  cv2 AREA / wit, the same work: {ratio(spent['cv2 AREA (img2dataset)'], spent['wit'])}")


def by_gaps(bodies: Sequence[bytes], size: tuple[int, int]) -> None:
    """Print the quality of pictures that are decoded at half their size, by how far they are then shrunk."""
    half = size[0] // 2, size[1] // 2
    for gap in GAPS:
        to = round(half[0] / gap), round(half[1] / gap)
        found = []
        for body in bodies:
            pixels = simplejpeg.decode_jpeg(body, "RGB", min_width=half[0], min_height=half[1])
            with Image.open(io.BytesIO(body)) as image:
                exact = np.asarray(image.convert("RGB").resize(to, Image.Resampling.LANCZOS))
            found.append(psnr(resize(pixels, *to), exact))
        say(f"  decoded at {gap} times the stored sides  {qualities(found)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    photos = sorted(arguments.photos.rglob("*.jpg"))
    if not photos:
        say(f"no photographs in {arguments.photos}")
        return 1
    for name, (size, grid, quality) in SOURCES.items():
        each = grid[0] * grid[1]
        bodies = [
            mosaic(
                [photos[(7 * (number * each + i)) % len(photos)] for i in range(each)], size, grid, quality
            )
            for number in range(arguments.count)
        ]
        compare(name, bodies, arguments.rounds)
        if name == "large":
            by_gaps(bodies, size)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
