"""What decoding in processes that may die costs over a call of decode().

    python -m benchmarks.isolated_decode [--rounds 5] [--images 1000] [--decoders 1]

CPU time of all processes, the nursery and its decoders included, the contestants taking turns; the time to
start and end is measured apart and taken off. Once for a decode() that does nothing, which leaves the
transport of 110 kB there and 20 kB back; and once for photographs, where the difference of two long times is
rough.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import cycle, islice
from pathlib import Path

from benchmarks.clock import say, timed
from wit_pipeline.pictures.decoders import Decoders
from wit_pipeline.pictures.image import Decoded, decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

DATA = Path(__file__).parents[2] / "shared/data/pairs_openstax_ccby/images"
BYTES = 110_000  # of an image of the open web
STORED = 20_000  # of its small JPEG
AT_ONCE = 16  # bodies that wait for a decoder, as in a crawl
DECODE = "wit_pipeline.pictures.image:decode"
ANYTHING = {str: "x" * 32, int: 1, float: 0.5, bytes: bytes(STORED)}
NOTHING = Decoded(**{field.name: ANYTHING[field.type] for field in fields(Decoded)})  # type: ignore[index]


def nothing(_body: bytes, _config: CrawlConfig) -> Decoded:
    """A picture whose making cost nothing."""
    return NOTHING


def bodies(count: int) -> list[bytes]:
    """`count` bodies, of 100 photographs."""
    sizes = sorted((abs(path.stat().st_size - BYTES), path) for path in DATA.rglob("*.jpg"))
    photos = [path.read_bytes() for _, path in sizes[:100]]
    return list(islice(cycle(photos), count))


async def isolated(held: Decoders, images: Sequence[bytes]) -> list[Decoded]:
    """What comes of the images, `AT_ONCE` asked for at a time."""
    found: list[Decoded | None] = [None] * len(images)
    numbered = iter(enumerate(images))

    async def ask() -> None:
        for number, body in numbered:
            found[number] = await held.decode(body)

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return [each for each in found if each]


def run(images: Sequence[bytes], config: CrawlConfig, decode: str = DECODE) -> list[Decoded]:
    """Started, asked, ended."""
    with Decoders(config, decode) as held:
        return asyncio.run(isolated(held, images))


def transport(count: int, rounds: int, config: CrawlConfig) -> None:
    """Print the cost of a decode() that does nothing."""
    name, images = "benchmarks.isolated_decode:nothing", [bytes(BYTES)] * count
    contestants = {"all": lambda: run(images, config, name), "one": lambda: run(images[:1], config, name)}
    spent = timed(contestants, rounds)
    each = [1000 * (more - few) / count for more, few in zip(spent["all"], spent["one"], strict=True)]
    low, high = min(each), max(each)
    say(f"{BYTES / 1000:.0f} kB there, {STORED / 1000:.0f} kB back: {count:,} images, {rounds} rounds")
    say(f"transport: {statistics.median(each):.3f} ms of CPU an image ({low:.3f} to {high:.3f})")


def compare(images: Sequence[bytes], rounds: int, config: CrawlConfig) -> None:
    """Print the cost for photographs."""
    start = time.perf_counter()
    with Decoders(config) as held:
        asyncio.run(isolated(held, images[:1]))
        say(f"to the first picture: {time.perf_counter() - start:.2f} s")
        start = time.perf_counter()
    say(f"to end: {time.perf_counter() - start:.3f} s")
    if run(images[:100], config) != [decode(body, config) for body in images[:100]]:
        sys.exit("decoders and decode() differ")
    contestants: dict[str, Callable[[], object]] = {
        "decode()": lambda: [decode(body, config) for body in images],
        "decoders": lambda: run(images, config),
        "decoders, one image": lambda: run(images[:1], config),
    }
    spent = timed(contestants, rounds)
    own, all_of_it, fixed = (spent[name] for name in contestants)
    rest = zip(own, all_of_it, fixed, strict=True)
    extra = [1000 * (more - few - here) / len(images) for here, more, few in rest]
    say(f"{len(images):,} images of {sum(map(len, images)) / len(images) / 1000:.0f} kB, {rounds} rounds")
    say(f"decode(): {1000 * statistics.median(own) / len(images):.3f} ms of CPU an image")
    say(f"to start and end: {statistics.median(fixed):.2f} s of CPU")
    low, high = min(extra), max(extra)
    say(f"decoders: {statistics.median(extra):.3f} ms more an image ({low:.3f} to {high:.3f})")


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--decoders", type=int, default=1)
    arguments = parser.parse_args(argv)
    if not DATA.is_dir():
        say("the sample data does not lie beside this checkout")
        return 2
    config = CrawlConfig(decoders=arguments.decoders)
    transport(10 * arguments.images, arguments.rounds, config)
    compare(bodies(arguments.images), arguments.rounds, config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
