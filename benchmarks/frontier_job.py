"""The frontier over a million candidates: memory and CPU time of its graph and of its work on disk.

    python -m benchmarks.frontier_job [--rows 1000000] [--parts 8]

Candidates of the sample data's captions, under URLs of 50,000 hosts, one of which has a tenth of all. The
graph (duplicates, limits, URLs by host: thin keys) runs in this process, all else in two workers beside it,
so that the peak of each is its own.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from beam_jobs.engine import build
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Shuffle, Task
from beam_jobs.stages import frontier
from benchmarks.clock import cpu, say
from benchmarks.matching import captions
from benchmarks.signed import sign
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import describe
from wit_pipeline.vocabulary.records import Candidate, pair_key

HOSTS = 50_000
QUERIES = 20_000


def candidates(first: int, last: int, texts: Sequence[str]) -> Iterator[Candidate]:
    """Candidates by number; each has its own URL."""
    for i in range(first, last):
        host = "giant" if i % 10 == 0 else f"host{i % HOSTS}"
        url, caption = f"https://{host}.example.org/images/{i:08d}.jpg", texts[i % len(texts)]
        queries = tuple(sorted({i % QUERIES, i * 7 % QUERIES, i * 13 % QUERIES}))
        page = f"https://{host}.example.org/pages/{i // 10}.html"
        yield Candidate(
            key=pair_key(url, caption),
            url=url,
            caption=caption,
            page_url=page,
            source="list",
            where=f"list.parquet#{i}",
            queries=queries,
        )


def sign_extract(root: Path, count: int, parts: int) -> None:
    """A signed extract of `count` candidates."""
    folder, texts = root / "extract", captions()
    folder.mkdir(parents=True)
    bounds = [count * i // parts for i in range(parts + 1)]
    files = []
    for number in range(parts):
        path = folder / f"part-{number:05d}.parquet"
        written = rows.write(path, Candidate, candidates(bounds[number], bounds[number + 1], texts))
        files.append(describe(path, written))
    sign(folder, count, files)


class Timed(Engine):
    """Says what the graph cost."""

    def shuffle(self, step: Shuffle, task: Task) -> None:
        start = cpu()
        super().shuffle(step, task)
        say(f"{step.name}: {cpu() - start:,.1f} s of CPU, peak {high_water(os.getpid()):,.0f} MB")


def high_water(pid: int) -> float:
    """Peak resident memory of a running process in MB; `ru_maxrss` of a child begins at its parent's."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(argv: list[str] | None = None) -> int:
    """Run the measurement; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=8)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sign_extract(root, arguments.rows, arguments.parts)
        say(f"to begin with: peak {high_water(os.getpid()):,.0f} MB")
        workers = Workers(2, ())
        start = cpu()
        made = build.run_stage(frontier.STAGE, Recipe(), root, Timed(workers=workers))
        peaks = [
            f"{high_water(pid):,.0f} MB" for pid in (process.pid for process in workers._context.started)
        ]
        workers.close()
        say(f"{len(made.named('part-')):,} units, {made.counts}")
        say(f"all: {cpu() - start:,.1f} s of CPU; the workers' peaks {', '.join(peaks)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
