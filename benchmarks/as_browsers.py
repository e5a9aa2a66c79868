"""Made pictures as the house stores and sees them, beside what they must show, and beside Chromium.

    python -m benchmarks.as_browsers [--count 1000] [--shown 100]

`--count` pictures of all formats, modes, depths, orientations and colour spaces (`made_pictures`), of which
the first `--shown` are opened by Chromium, headless, in one page of which a screenshot is taken. Mean
difference in levels of 255, over all pixels and channels: "stored" of the stored JPEG, "seen" of the pixels
before that, which are the trainer's too. The browser is Debian's package `chromium`; without it that part is
left out.
"""

import argparse
import io
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.clock import say
from benchmarks.made_pictures import Levels, made
from wit_pipeline.pictures import shown
from wit_pipeline.pictures.image import decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

BOUND = 3.0  # levels, on the mean, above which a picture is another
ACROSS = 10  # pictures in a row of the page
SECONDS = 300.0  # for the browser
# Without a profile of the screen's own, and without a call to anywhere.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-color-profile=srgb",
)  # fmt: skip


def browser() -> str:
    """The path of Chromium, or ""."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def screenshots(bodies: Sequence[bytes], cell: int) -> list[Levels]:
    """What Chromium shows of each body on white: the (cell, cell, 3) levels from the upper left corner on."""
    rows = -(-len(bodies) // ACROSS)
    with TemporaryDirectory() as folder:
        page = ['<body style="margin:0;background:white">']
        for number, body in enumerate(bodies):
            (Path(folder) / f"{number}").write_bytes(body)
            left, top = number % ACROSS * cell, number // ACROSS * cell
            page.append(f'<img src="{number}" style="position:absolute;left:{left}px;top:{top}px">')
        (Path(folder) / "page.html").write_text("".join(page))
        window = f"--window-size={ACROSS * cell},{rows * cell}"
        command = [
            browser(),
            *FLAGS,
            f"--user-data-dir={folder}/user",
            window,
            f"--screenshot={folder}/shot.png",
        ]
        subprocess.run(
            [*command, f"file://{folder}/page.html"], check=True, capture_output=True, timeout=SECONDS
        )
        with Image.open(f"{folder}/shot.png") as shot:
            pixels = np.asarray(shot.convert("RGB")).astype(np.int64)
    grid = [(number // ACROSS * cell, number % ACROSS * cell) for number in range(len(bodies))]
    return [pixels[top : top + cell, left : left + cell] for top, left in grid]


def stored(body: bytes) -> Levels:
    """What is to be seen of the stored picture."""
    with Image.open(io.BytesIO(decode(body, CrawlConfig()).stored)) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def seen(body: bytes) -> Levels:
    """The pixels before they are stored."""
    pixels = shown.upright(body, 1 << 16).astype(np.int64)
    return pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)


def apart(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    """Mean difference in levels; of other sizes 255."""
    return float(np.abs(one - other).mean()) if one.shape == other.shape else 255.0


def main(argv: list[str] | None = None) -> int:
    """Print both tables; 1 where a picture is apart from what it must show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--shown", type=int, default=100)
    options = parser.parse_args(argv)
    pictures = [made(number) for number in range(options.count)]
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for picture in pictures:
        pair = apart(stored(picture.body), picture.seen), apart(seen(picture.body), picture.seen)
        found[picture.label.split()[0].strip(",")].append(pair)
        if max(pair) > BOUND:
            say(f"apart: {picture.label}: stored {pair[0]:.2f}, seen {pair[1]:.2f}")
    say("| format | pictures | stored: mean | worst | seen: mean | worst |\n|---|---:|---:|---:|---:|---:|")
    for kind, pairs in sorted(found.items()):
        columns = np.array(pairs)
        (mean, mean_seen), (worst, worst_seen) = columns.mean(axis=0), columns.max(axis=0)
        say(f"| {kind} | {len(pairs)} | {mean:.2f} | {worst:.2f} | {mean_seen:.2f} | {worst_seen:.2f} |")
    if browser() and options.shown:
        _beside_chromium(
            [(picture.label, picture.body, picture.seen) for picture in pictures[: options.shown]]
        )
    return int(max(max(pair) for pairs in found.values() for pair in pairs) > BOUND)


def _beside_chromium(pictures: Sequence[tuple[str, bytes, Levels]]) -> None:
    cell = max(max(right.shape[:2]) for _, _, right in pictures)
    shots = screenshots([body for _, body, _ in pictures], cell)
    ours, formula = [], []
    for (label, body, right), shot in zip(pictures, shots, strict=True):
        rows, columns = right.shape[:2]
        ours.append(apart(seen(body), shot[:rows, :columns]))
        formula.append(apart(right, shot[:rows, :columns]))
        if ours[-1] > 1:
            say(f"Chromium's is {ours[-1]:.2f} from ours, {formula[-1]:.2f} from the formula: {label}")
    say(f"{len(pictures)} beside Chromium: apart by {np.mean(ours):.2f} on the mean, {max(ours):.2f} at most")


if __name__ == "__main__":
    raise SystemExit(main())
