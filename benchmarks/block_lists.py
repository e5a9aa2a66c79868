"""What long block lists cost: memory, time to read them, time an image, and whether all planted is found.

    python -m benchmarks.block_lists [--sums 5000000] [--codes 100000] [--images 20000] [--planted 1000]

A list of md5 sums and one of PDQs, both drawn, none of any picture. Images are facts as a crawl has them: a
URL, its sums and its code, drawn too. Every other planted one has an md5 of the list, the others a PDQ of the
list with 0 to 31 of its bits turned. Time is of the lookups, and of the sums that lists ask for; what a PDQ
takes to make is measured on photographs, where there are any.
"""

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.clock import say
from benchmarks.pictures import DATA, photos
from wit_pipeline.crawl.crawl import open_local
from wit_pipeline.listed.entries import QUALITY
from wit_pipeline.listed.lists import BlockList
from wit_pipeline.listed.marks import Marks, of_fetched
from wit_pipeline.pictures.image import decode, decode_with_pdq, pdq_of_stored
from wit_pipeline.pictures.pdq import SIDE, pdq_of
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

BODY = 100_000  # bytes of an image of the web, about
NEAR = 31  # bits


@dataclass(frozen=True)
class Facts:
    """A picture as a crawl knows it."""

    url: str
    marks: Marks
    sha256: str = "0" * 64
    stored_sha256: str = "1" * 64
    phash: str = "2" * 16
    weak: float = 0.1


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def write_lists(folder: Path, sums: int, codes: int, drawn: "Drawn") -> tuple[Path, Path]:
    """A list of so many sums, and one of so many codes."""
    names = folder / "sums.txt", folder / "codes.txt"
    with names[0].open("w") as file:
        for _ in range(0, sums, 100_000):
            file.writelines(f"{row.tobytes().hex()}\n" for row in drawn.bytes_of(16, min(sums, 100_000)))
    with names[1].open("w") as file:
        file.writelines(f"{row.tobytes().hex()},100\n" for row in drawn.bytes_of(32, codes))
    return names


class Drawn:
    """Drawn bytes, the same each time."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)

    def bytes_of(self, size: int, count: int) -> NDArray[np.uint8]:
        return self._draw.integers(0, 256, (count, size), np.uint8)

    def hex(self, size: int) -> str:
        return self.bytes_of(size, 1)[0].tobytes().hex()

    def place(self, among: int) -> int:
        return int(self._draw.integers(among))

    def turned(self, code: str) -> str:
        bits = self._draw.choice(256, int(self._draw.integers(NEAR + 1)), replace=False)
        return f"{int(code, 16) ^ sum(1 << int(bit) for bit in bits):064x}"


def facts(number: int, drawn: Drawn) -> Facts:
    marks = Marks(md5=drawn.hex(16), stored_md5=drawn.hex(16), pdq=drawn.hex(32), pdq_quality=100)
    return Facts(url=f"https://host{number % 997}.example/{number}.jpg", marks=marks)


def planted(number: int, drawn: Drawn, sums: Path, codes: Path, counts: tuple[int, int]) -> Facts:
    """One that a list names, by either."""
    plain = facts(number, drawn)
    with (sums if number % 2 else codes).open("rb") as file:
        width = 33 if number % 2 else 69
        file.seek(drawn.place(counts[0] if number % 2 else counts[1]) * width)
        entry = file.read(width).decode().partition(",")[0].strip()
    if number % 2:
        return Facts(url=plain.url, marks=Marks(md5=entry, pdq=plain.marks.pdq, pdq_quality=100))
    return Facts(url=plain.url, marks=Marks(md5=plain.marks.md5, pdq=drawn.turned(entry), pdq_quality=100))


def found(listed: BlockList, images: Sequence[Facts]) -> tuple[int, float]:
    """How many a list names, and the seconds that it took an image."""
    began = time.process_time()
    hits = sum(bool(listed.found_url(item.url) or listed.found_image(item, item.marks)) for item in images)
    return hits, (time.process_time() - began) / len(images)


def of_photographs(folder: Path) -> str:
    """What a PDQ adds to a decode."""
    bodies = [photo.path.read_bytes() for photo in photos(folder, whole=True)][:300]
    config, spent = CrawlConfig(), {}
    if not bodies:
        return "no photographs"
    for make in (decode, decode_with_pdq, decode, decode_with_pdq):
        times = []
        for body in bodies:
            began = time.process_time()
            make(body, config)
            times.append(time.process_time() - began)
        spent[make.__name__] = 1e3 * statistics.mean(times)
    both = " ms, with its PDQ ".join(f"{each:.2f}" for each in spent.values())
    return f"decode of {len(bodies)} photographs: {both} ms each"


def apart(folder: Path) -> Iterator[str]:
    """By how many bits a PDQ differs from that of the original at 512 pixels, as lists have it."""
    bits: dict[str, list[int]] = {"decoded": [], "stored": []}
    for photo in photos(folder, whole=True)[:400]:
        body = photo.path.read_bytes()
        with Image.open(io.BytesIO(body)) as image:
            whole = image.convert("RGB")
        whole.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
        code, quality = pdq_of(np.array(whole))
        made = decode_with_pdq(body, CrawlConfig())
        if quality >= QUALITY:
            for name, other in (("decoded", made.pdq), ("stored", pdq_of_stored(made.stored)[0])):
                bits[name].append((int(code, 16) ^ int(other, 16)).bit_count())
    for name, found in bits.items():
        far = sum(one > NEAR for one in found)
        told = f"median {statistics.median(found):.0f}, at most {max(found)}, {far} beyond {NEAR}"
        yield f"PDQ of {len(found)} pictures as {name}: {told}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sums", type=int, default=5_000_000)
    parser.add_argument("--codes", type=int, default=100_000)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--planted", type=int, default=1_000)
    parser.add_argument("--photos", type=Path, default=DATA / "pairs_openstax_ccby")
    given = parser.parse_args(argv)
    drawn = Drawn(0)
    with tempfile.TemporaryDirectory() as folder:
        sums, codes = write_lists(Path(folder), given.sums, given.codes, drawn)
        BlockList.of(["a.test", "0" * 16]).found_image(facts(0, drawn), Marks())  # compiles
        before, began = resident(), time.monotonic()
        listed = BlockList.read([str(sums), str(codes)], open_local)
        seconds = time.monotonic() - began
        for one in listed.lists:
            say(f"{len(one):,} entries: {one.nbytes:,} bytes, {one.nbytes / len(one):.1f} an entry")
        say(f"read in {seconds:.1f} s; the process has {(resident() - before) / 1e6:.0f} MB more")
        named = [planted(i, drawn, sums, codes, (given.sums, given.codes)) for i in range(given.planted)]
    hits, _ = found(listed, named)
    say(f"planted: {hits:,} of {len(named):,} found")
    hits, each = found(listed, [facts(i, drawn) for i in range(given.images)])
    say(f"not planted: {hits} of {given.images:,} found; {1e3 * each:.3f} ms an image, both lists")
    body, began = os.urandom(BODY), time.process_time()
    for _ in range(1000):
        of_fetched(body, {"md5"})
    say(f"md5 of {BODY:,} bytes: {time.process_time() - began:.3f} ms")
    say(of_photographs(given.photos))
    for line in apart(given.photos):
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
