"""What dedup's self-join costs, from 100,000 images to a million: CPU time, peak memory, bytes shuffled.

    python -m benchmarks.self_join [--images 100000 300000 1000000]

The graphs in which dedup compares images, as `wit dedup` runs them, on made-up codes: half of them crowd
round one code in a hundred, up to 24 bits from it in each word; every fifth image is a copy of another, up to
30 bits away; one in four has borders. The parts that they read have 10,000 images each. Each size is a
process of its own. The projection takes the last two sizes' cost an image, and the bytes of an image's rows
as they are; the pairs that share a band, which grow with the square, are not in it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.engine.engine import run_shuffle
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Task
from beam_jobs.stages import dedup
from beam_jobs.stages.copies import comparing
from benchmarks.clock import cpu, say
from benchmarks.nearest import turned_over
from benchmarks.signed import sign
from wit_pipeline.copies.nearest import Words
from wit_pipeline.copies.self_join import CODE, THIN
from wit_pipeline.dedup import COLUMNS, DedupConfig
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import describe
from wit_pipeline.vocabulary.records import Pair

PART = 10_000
BORDERED = 0.25  # share of images that have borders
WEB = 400_000_000  # images of CLIP's own set


def crowded(count: int, draws: np.random.Generator) -> Words:
    """Codes of 256 bits, half of which crowd round one in a hundred."""
    made = draws.integers(0, 2**64, (count, 4), dtype=np.uint64)
    near = made[draws.integers(0, count // 100, count - count // 2)]
    for word in range(4):
        made[count // 2 :, word] = turned_over(near[:, word, None], 24, draws)[:, 0]
    return made


def write(root: Path, count: int) -> None:
    """Sign a folder of filter's with the columns that dedup reads."""
    draws = np.random.default_rng(1)
    longs, insides = (crowded(count, draws) for _ in range(2))
    copies = slice(0, count // 5)
    like = draws.integers(count // 5, count, count // 5)
    longs[copies] = turned_over(longs[like], 30, draws)
    bordered = draws.random(count) < BORDERED
    keys = draws.integers(0, 2**64, (count, 2), dtype=np.uint64)
    shas = draws.integers(0, 2**64, (count, 4), dtype=np.uint64)
    folder = root / "filter"
    folder.mkdir(parents=True)
    files = []
    for number, first in enumerate(range(0, count, PART)):
        some = slice(first, first + PART)
        length = len(longs[some])
        columns = {
            "key": hexed(keys[some]),
            "url": [f"http://h.test/{i}" for i in range(first, first + length)],
            "queries": [[1, 2]] * length,
            "sha256": hexed(shas[some]),
            "phash16": hexed(longs[some]),
            "trim_phash16": np.where(bordered[some], hexed(insides[some]), "").tolist(),
            "weak": np.zeros(length),
            "entropy": np.full(length, 7.0),
            "original_width": draws.integers(100, 2000, length),
            "original_height": draws.integers(100, 2000, length),
        }
        schema = pa.schema([rows.schema_of(Pair).field(name) for name in COLUMNS])
        path = folder / f"part-{number:05d}.parquet"
        pq.write_table(pa.table(columns, schema=schema), path)
        files.append(describe(path, length))
    sign(folder, count, files)


def hexed(words: np.ndarray) -> list[str]:
    """Codes [n, words] in hex."""
    digits = words.astype(">u8").tobytes().hex()
    size = 16 * words.shape[1]
    return [digits[i : i + size] for i in range(0, len(digits), size)]


def measure(root: Path) -> None:
    """Run the step, and say what it took: CPU seconds, peak MB, verdicts."""
    task = Task(folders=dedup.STAGE.folders(root), recipe=Recipe())
    task.folders.scratch.mkdir(parents=True)
    start = cpu()
    for step in comparing.STEPS:
        run_shuffle(step, task, ())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found = sum(pq.read_metadata(path).num_rows for path in task.folders.scratch.glob("verdicts-*"))
    say(f"{cpu() - start} {peak} {found}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each size, and project."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="*", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.root:
        measure(given.root)
        return 0
    spent: list[tuple[int, float]] = []
    say("| images | CPU s | µs an image | peak MB | copies |\n|---:|---:|---:|---:|---:|")
    for count in given.images:
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), count)
            command = [sys.executable, "-m", "benchmarks.self_join", "--root", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, peak, found = done.stdout.split()
        spent.append((count, float(seconds)))
        micro = 1e6 * float(seconds) / count
        say(f"| {count:,} | {float(seconds):.1f} | {micro:.1f} | {int(peak):,} | {int(found):,} |")
    if len(spent) > 1:
        (few, less), (many, more) = spent[-2:]
        hours = (more - less) / (many - few) * WEB / 3600
        moved = round(2 * CODE.itemsize + (1 + BORDERED) * DedupConfig().bands * THIN.itemsize)
        say(
            f"{WEB:,} images: {hours:.1f} core-hours, "
            f"{moved} bytes each through shuffles, {moved * WEB / 1e9:.0f} GB"
        )
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
