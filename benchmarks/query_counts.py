"""Dump to counts: each step by itself, beside gensim and mwparserfromhell, and a corpus that grows tenfold.

    python -m benchmarks.query_counts [--dump FILE.xml.bz2] [--rounds 5] [--grow]

CPU time of one process, children included, in seconds; medians over the rounds, the contestants taking turns.
`--grow` builds lists from corpora of 10 and of 100 copies of the dump with varied words, and watches memory.
"""

import argparse
import bz2
import io
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from benchmarks.clock import cpu, ratio, say, timed
from queries import ngrams
from queries.count import Segment, segments
from queries.dumps.unpack import unpacked
from queries.dumps.wikipedia import Page, article, pages
from queries.dumps.wikitext import plain
from wit_pipeline.text.text import words

SAMPLE = Path(__file__).parents[2] / "shared/data/wiki_dumps/gensim"
ENGLISH_GB = 100  # of XML in the full English dump, about
MIN_COUNT = 100


def count_pairs(segment: Segment) -> int:
    """Pairs of the words that are frequent in this segment: what a full dump's vocabulary comes to."""
    frequent = pc.greater_equal(segment.counts.column("count"), MIN_COUNT).to_numpy()
    numbers = np.full(len(frequent) + 1, -1, np.int64)
    numbers[1:][frequent] = np.arange(frequent.sum())
    return int(ngrams.count_pairs(segment.sequence, numbers).num_rows)


def texts_of(packed: bytes) -> Iterator[str]:
    for page in pages(io.BytesIO(packed), "dump"):
        if isinstance(page, Page) and article(page):
            yield plain(page.text)


def ours(packed: bytes) -> None:
    """Unpack, parse, strip, count words and documents, count pairs."""
    for segment in segments(texts_of(packed)):
        count_pairs(segment)


def with_gensim(path: Path) -> Callable[[], None]:
    """gensim's WikiCorpus: unpack, parse, strip, tokenise, count words and documents; no pairs."""
    from gensim.corpora.wikicorpus import WikiCorpus

    return lambda: WikiCorpus(str(path), processes=1) and None


def with_mwparserfromhell(packed: bytes) -> None:
    """Our reader, mwparserfromhell's strip_code, our words, a Counter; no pairs."""
    import mwparserfromhell

    counts: Counter[str] = Counter()
    for page in pages(io.BytesIO(packed), "dump"):
        if isinstance(page, Page) and article(page):
            counts.update(words(mwparserfromhell.parse(page.text).strip_code()))


def steps(packed: bytes) -> dict[str, Callable[[], Any]]:
    """The steps of `ours`, each on what the one before made."""
    xml = bz2.decompress(packed)
    read = [page for page in pages(io.BytesIO(xml), "dump") if isinstance(page, Page) and article(page)]
    texts = [plain(page.text) for page in read]
    counted = list(segments(texts))
    return {
        "unpack bz2": lambda: sum(1 for _ in unpacked(io.BytesIO(packed))),
        "parse XML": lambda: sum(1 for _ in pages(io.BytesIO(xml), "dump")),
        "strip wikitext": lambda: [plain(page.text) for page in read],
        "count words": lambda: list(segments(texts)),
        "count pairs": lambda: [count_pairs(segment) for segment in counted],
    }


def compare(path: Path, rounds: int) -> None:
    """Print the table of steps, and the ratios to the peers."""
    packed = path.read_bytes()
    megabytes = len(bz2.decompress(packed)) / 1e6
    ours(packed)  # compile
    whole: dict[str, Callable[[], Any]] = {"dump to counts": lambda: ours(packed)}
    peers: dict[str, Callable[[], Any]] = {"mwparserfromhell": lambda: with_mwparserfromhell(packed)}
    try:
        peers["gensim WikiCorpus"] = with_gensim(path)
    except ImportError:
        say("gensim is not installed: pip install gensim")
    spent = timed({**steps(packed), **whole, **peers}, rounds)
    say(f"{path.name}: {megabytes:.2f} MB of XML, medians of {rounds} rounds")
    say("| step | CPU s | MB of XML/s | core-hours for 100 GB |\n|---|---:|---:|---:|")
    for name, figures in spent.items():
        seconds = statistics.median(figures)
        hours = ENGLISH_GB * 1000 * seconds / megabytes / 3600
        say(f"| {name} | {seconds:.3f} | {megabytes / seconds:.1f} | {hours:.2f} |")
    for name in peers:
        say(f"{name} / ours: {ratio(spent[name], spent['dump to counts'])}")


def grown(path: Path, copies: int, out: Path) -> float:
    """Write a multistream dump of copies, a sixth of their longer words varied; returns its MB of XML."""
    xml = bz2.decompress(path.read_bytes()).decode()
    head, _, rest = xml.partition("<page>")
    body = "<page>" + rest.rpartition("</mediawiki>")[0]
    size, offset = 0, 0
    index = []
    with out.open("wb") as file:
        file.write(bz2.compress(head.encode(), 1))
        for copy in range(copies):
            offset = file.tell()
            varied = vary(body, copy).encode()
            index.append(f"{offset}:{copy + 1}:Copy {copy}")
            file.write(bz2.compress(varied, 1))
            size += len(varied)
        file.write(bz2.compress(b"</mediawiki>\n", 1))
    name = out.name.replace("multistream.xml", "multistream-index.txt")
    out.with_name(name).write_bytes(bz2.compress("\n".join(index).encode()))
    return size / 1e6


def vary(text: str, copy: int) -> str:
    """Another spelling of a sixth of the longer words of article texts, by copy and word."""
    ending = "".join(chr(97 + int(digit)) for digit in str(copy))

    def varied(match: re.Match[str]) -> str:
        return match[0] + ending if zlib.crc32(match[0].encode()) % 6 == 0 else match[0]

    return re.sub(r"(?<=[a-z] )[a-z]{6,}(?= [a-z])", varied, text)


def memory_of(process: int) -> int:
    """Bytes that a process and its descendants hold, pages they share counted once."""
    found = 0
    for pid in descendants(process):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        found += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return found


def descendants(process: int) -> Iterator[int]:
    yield process
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from descendants(int(child))


def watched(recipe: Path, root: Path, workers: int) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the peak of memory in MB of `wit queries`."""
    command = [sys.executable, "-m", "beam_jobs", "queries", "--recipe", str(recipe), "--root", str(root)]
    start, before, peak = time.monotonic(), cpu(), 0
    running = subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL)
    while running.poll() is None:
        peak = max(peak, memory_of(running.pid))
        time.sleep(0.2)
    if running.returncode:
        sys.exit(f"wit queries ended with {running.returncode}")
    return time.monotonic() - start, cpu() - before, peak / 1e6


def grow(path: Path) -> None:
    """Print what a corpus ten times as large costs."""
    say("| copies | workers | MB of XML | wall s | CPU s | CPU/wall | MB/s of CPU | peak memory, MB |")
    say("|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for copies in (10, 100):
            dump = Path(folder) / f"grown{copies}-pages-articles-multistream.xml.bz2"
            size = grown(path, copies, dump)
            recipe = Path(folder) / "recipe.toml"
            recipe.write_text(f'[queries]\nwikipedia = ["{folder}/grown{copies}-*"]\n')
            for workers in (1, 2):
                wall, spent, peak = watched(recipe, Path(folder) / f"root{copies}-{workers}", workers)
                say(
                    f"| {copies} | {workers} | {size:.0f} | {wall:.1f} | {spent:.1f} | {spent / wall:.2f} | "
                    f"{size / spent:.1f} | {peak:.0f} |"
                )


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dump", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--grow", action="store_true")
    arguments = parser.parse_args(argv)
    dump = arguments.dump or next(iter(SAMPLE.glob("enwiki-latest-pages-articles1*.bz2")), None)
    if dump is None:
        say("no dump: give --dump FILE.xml.bz2")
        return 2
    compare(dump, arguments.rounds)
    if arguments.grow:
        grow(dump)
    return 0


if __name__ == "__main__":
    sys.exit(main())
