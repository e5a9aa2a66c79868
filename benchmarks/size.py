"""What a data set of any size takes, from the frontier to its shards: wall time, CPU and peak memory by step.

    python -m benchmarks.size [--rows 100000 1000000] [--to shard] [--keys 8000000]

Made-up candidates under URLs of many hosts, one of which has a tenth of all; crawl tables as if they had been
fetched, with pictures of 200 bytes, every twentieth of them a copy of another. Each step runs in a process of
its own, which does nothing else, so that the peak is its own: beside it stands what a process takes that has
imported all and done nothing. `--keys` is how many keys of a shuffle are held in memory at a time.
"""

import argparse
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from beam_jobs.engine import build, passes
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Shuffle, Task, Unit, Work
from beam_jobs.stages.copies import comparing
from beam_jobs.stages.stages import STAGES, between
from benchmarks.clock import cpu, say
from benchmarks.frontier_job import high_water
from benchmarks.signed import sign
from wit_pipeline.crawl.crawl import Fetched, Headers
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import File, describe
from wit_pipeline.vocabulary.records import SUCCESS, Candidate, Image, pair_key

PART = 50_000  # candidates of a part
QUERIES = 20_000
WORDS = [f"word{number}" for number in range(997)]
PICTURE = 200  # bytes
COPIES = 20  # one picture in so many is a copy of another
FIRST = b"\xff\xd8\xff\xe0"  # of a JPEG


def candidates(first: int, last: int, count: int) -> Iterator[Candidate]:
    """Candidates by number; each has its own URL. Of `count`, a host has some twenty."""
    hosts = max(1, count // 20)
    for i in range(first, last):
        host = "giant" if i % 10 == 0 else f"host{i * 7919 % hosts}"
        url = f"https://{host}.example.org/images/{i:010d}.jpg"
        caption = " ".join(WORDS[(i * step + step) % len(WORDS)] for step in range(1, 9))
        yield Candidate(
            key=pair_key(url, caption),
            url=url,
            caption=caption,
            page_url=f"https://{host}.example.org/pages/{i // 10}.html",
            source="list",
            where=f"list.parquet#{i}",
            queries=tuple(sorted({i % QUERIES, i * 7 % QUERIES, i * 13 % QUERIES})),
        )


def make_extract(root: Path, count: int) -> None:
    """A signed extract of `count` candidates."""
    folder, files = root / "extract", list[File]()
    folder.mkdir(parents=True)
    for number, first in enumerate(range(0, count, PART)):
        path = folder / f"part-{number:05d}.parquet"
        written = rows.write(path, Candidate, candidates(first, min(first + PART, count), count))
        files.append(describe(path, written))
    sign(folder, count, files)


def picture(url: str) -> bytes:
    """The stored bytes at a URL, and with them all that is said of the picture."""
    number = int(url.rpartition("/")[2].removesuffix(".jpg"))
    like = number // COPIES * COPIES if number % COPIES == 1 else number
    seed = blake2b(like.to_bytes(8, "big")).digest()
    return FIRST + (seed * 4)[: PICTURE - len(FIRST)]


def fetched(url: str, unit: int, offset: int) -> Fetched:
    """What the table of a unit says of a picture that lies at an offset of its tar."""
    content = picture(url)
    digest = blake2b(content, digest_size=32).hexdigest()
    image = Image(
        final_url=url,
        sha256=digest,
        stored_sha256=digest,
        bytes_fetched=len(content),
        format="JPEG",
        original_width=640,
        original_height=480,
        width=341,
        height=256,
        phash=digest[16:32],  # other digits than its neighbour begins with: what is shared is dealt by both
        phash16=digest,
        weak=0.1,
        trim_phash="",
        trim_phash16="",
        entropy=7.0,
        exif="{}",
        signals="{}",
        unit=unit,
        offset=offset,
        length=len(content),
    )
    return Fetched(
        url=url, status=SUCCESS, error_message="", attempts=1, http_status=200, headers=Headers(), image=image
    )


def make_crawl(root: Path, count: int) -> None:
    """A signed crawl of the frontier that stands in a root: every URL gave a picture."""
    folder, files = root / "crawl", list[File]()
    folder.mkdir()
    for part in sorted((root / "frontier").glob("part-*.parquet")):
        unit = int(part.stem.removeprefix("part-"))
        urls = list(dict.fromkeys(rows.column(part, "url")))
        tar, table = folder / f"unit-{unit:06d}.tar", folder / f"unit-{unit:06d}.parquet"
        tar.write_bytes(b"".join(map(picture, urls)))
        told = (fetched(url, unit, PICTURE * place) for place, url in enumerate(urls))
        files += [describe(table, rows.write(table, Fetched, told)), describe(tar)]
    sign(folder, count, sorted(files, key=lambda file: file.name), {"crawl": {}})


@dataclass(frozen=True, slots=True)
class Spent:
    """What a step took."""

    step: str
    wall: float  # seconds
    cpu: float  # seconds
    peak: float  # MB


class Apart(Engine):
    """Each step in a process of its own."""

    def shuffle(self, step: Shuffle, task: Task) -> None:
        self._spend(step, task, ())

    def work(self, step: Work, task: Task, units: Sequence[Unit]) -> None:
        self._spend(step, task, units)

    def _spend(self, step: Work | Shuffle, task: Task, units: Sequence[Unit]) -> None:
        """Have a process do it, and note what it took."""
        asked = task.folders.work / "step.pickle"
        asked.write_bytes(pickle.dumps((task, step.name, units, comparing.BUCKET)))
        command = [sys.executable, "-m", "benchmarks.size", "--step", str(asked)]
        wall, start = time.monotonic(), cpu()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        away.append((time.monotonic() - wall, cpu() - start))
        note(Spent(**json.loads(done.stdout.splitlines()[-1])))


spent: list[Spent] = []
away: list[tuple[float, float]] = []  # seconds of other processes, wall and CPU, their start too


def note(item: Spent) -> None:
    """Remember what a step took, and say so at once: a large size lasts for hours."""
    spent.append(item)
    sys.stderr.write(f"{item.step}: {item.wall:.1f} s, {item.cpu:.1f} s of CPU, {item.peak:,.0f} MB\n")


def do_step(asked: Path) -> Spent:
    """Do what was asked for, in this process."""
    task, name, units, comparing.BUCKET = pickle.loads(asked.read_bytes())
    (step,) = [step for step in STAGES[task.folders.stage].steps if step.name == name]
    engine, wall, start = Engine(workers=Workers(1, ())), time.monotonic(), cpu()
    if isinstance(step, Shuffle):
        engine.shuffle(step, task)
    else:
        engine.work(step, task, units)
    told = f"{task.folders.stage} {name}"
    return Spent(told, time.monotonic() - wall, cpu() - start, high_water(os.getpid()))


def measure(
    count: int, folder: Path, to: str = "shard", keys: int = passes.KEYS, kind: type[Engine] = Apart
) -> list[Spent]:
    """What each step takes, passes of one step together; the last is this process, which launches them."""
    spent.clear()
    passes.KEYS = keys
    make_extract(folder, count)
    for stage in between("frontier", to):
        if stage.name == "crawl":
            make_crawl(folder, count)
            continue
        away.clear()
        wall, start = time.monotonic(), cpu()
        build.run_stage(stage, Recipe(), folder, kind(workers=Workers(1, ())))
        others, theirs = (sum(each) for each in zip((0.0, 0.0), *away, strict=True))
        took = (time.monotonic() - wall - others, cpu() - start - theirs)
        note(Spent(f"{stage.name} (launcher)", *took, high_water(os.getpid())))
    found: dict[str, Spent] = {}
    for item in spent:
        one = found.get(item.step, Spent(item.step, 0.0, 0.0, 0.0))
        found[item.step] = Spent(
            item.step, one.wall + item.wall, one.cpu + item.cpu, max(one.peak, item.peak)
        )
    return list(found.values())


def table(found: Mapping[int, Mapping[str, Spent]]) -> Iterator[str]:
    """The lines of a table, a step a line."""
    sizes = list(found)
    yield "| step |" + "".join(f" {size:,}: wall s | CPU s | µs a row | peak MB |" for size in sizes)
    yield "|---|" + "---:|---:|---:|---:|" * len(sizes)
    for step in found[sizes[-1]]:
        cells = [(size, found[size].get(step)) for size in sizes]
        yield f"| {step} |" + "".join(
            f" {item.wall:.1f} | {item.cpu:.1f} | {1e6 * item.cpu / size:.0f} | {item.peak:,.0f} |"
            if item
            else " | | | |"
            for size, item in cells
        )


def main(argv: list[str] | None = None) -> int:
    """Run the measurement; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--to", choices=list(STAGES), default="shard")
    parser.add_argument("--keys", type=int, default=passes.KEYS)
    parser.add_argument("--step", type=Path, help=argparse.SUPPRESS)
    given: Any = parser.parse_args(argv)
    if given.step:
        say(json.dumps(asdict(do_step(given.step))))
        return 0
    found: dict[int, dict[str, Spent]] = {}
    for count in given.rows:
        folder = Path(tempfile.mkdtemp(prefix="wit-size-"))
        try:
            found[count] = {item.step: item for item in measure(count, folder, given.to, given.keys)}
        finally:
            shutil.rmtree(folder)
    for line in table(found):
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
