"""Whether a crawl's memory grows with what it crawls: the peak of each process, from 1,000 URLs to 50,000.

    python -m benchmarks.crawl_memory [--workers 2]

Small pictures from nginx on loopback, under forty addresses (see `benchmarks.crawl_cost`), in units of 2,000.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.clock import say
from benchmarks.crawl_cost import PICTURES, SERVER, WORKS, prepare, served, write_list
from benchmarks.stored_quality import PHOTOS, mosaic

COUNTS = (1_000, 10_000, 50_000)
KINDS = {b"decoders.nursery": "nursery and decoders", b"spawn_main": "workers", b"beam_jobs": "main"}


def peaks(process: subprocess.Popen[bytes]) -> dict[str, dict[int, int]]:
    """Peak resident MB of each process of a build while it runs, by kind and pid."""
    found: dict[str, dict[int, int]] = {}
    while process.poll() is None:
        for pid in children(process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            peak = [line for line in status.splitlines() if line.startswith("VmHWM")]
            kind = next((name for part, name in KINDS.items() if part in command), "")
            if peak and kind:
                found.setdefault(kind, {})[pid] = int(peak[0].split()[1]) // 1024
        time.sleep(0.1)
    return found


def children(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args(argv)
    if SERVER is None:
        say("skipped: wants nginx")
        return os.EX_OK
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "www").mkdir()
        photos = sorted(PHOTOS.rglob("*.jpg"))
        for number in range(PICTURES):
            body = mosaic(photos[number : number + 1], (320, 240), (1, 1), 85)
            (folder / "www" / f"tiny{number}.jpg").write_bytes(body)
        with served(folder):
            for count in COUNTS:
                work = replace(WORKS["shorter side 256"], size="tiny", images=count)
                root = folder / f"root{count}"
                write_list(work, root.with_suffix(".parquet"))
                recipe = prepare(work, folder, root)
                text = recipe.read_text().replace("unit_urls = 1000", "unit_urls = 2000")
                recipe.write_text(text.replace("decoders = 2\n", ""))
                build = [
                    sys.executable,
                    "-m",
                    "beam_jobs",
                    "crawl",
                    "--recipe",
                    str(recipe),
                    "--root",
                    str(root),
                ]
                started = time.monotonic()
                process = subprocess.Popen(
                    [*build, "--workers", str(arguments.workers)], stderr=subprocess.DEVNULL
                )
                found = peaks(process)
                told = ", ".join(f"{kind} {sorted(of.values())}" for kind, of in sorted(found.items()))
                seconds = time.monotonic() - started
                say(f"{count:6,} URLs in {seconds:5.1f} s, exit {process.returncode}; peak MB: {told}")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
