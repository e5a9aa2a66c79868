"""The whole road on real data: one English dump, 1,519 textbook photographs, 96 dishes in WebP, WARC samples,
CIFAR-10.

    python -m benchmarks.openstax_road [--train]

serves the photographs on loopback, builds with one worker and with two, kills a build in `crawl` and in
`shard` and goes on, and says whether all shards are equal. With --train it trains on all shards but the
last, and ranks the captions of the last. The data lies beside the checkout, in ../shared/data; what is made
goes to data/openstax.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

PORT = 8077  # as in the recipe
PHOTOGRAPHS = Path("../shared/data/pairs_openstax_ccby")
DISHES = Path("../shared/data/pairs_recipes_webp")
EVALUATION = Path("../shared/data/eval_cifar10/test")
RECIPE = Path("beam_jobs/recipes/openstax.toml")
OUT = Path("data/openstax")
STAGES = ("queries", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard", "audit")
CONSOLE = Console(highlight=False)


def write_list(path: Path) -> int:
    """A Parquet list of every photograph's texts; returns its rows."""
    rows = []
    for folder, texts, license in (
        (PHOTOGRAPHS, ("alt", "caption"), "CC BY 4.0"),
        (DISHES, ("alt", "title"), ""),
    ):
        for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
            pair = json.loads(line)
            url = f"http://127.0.0.1:{PORT}/{folder.name}/{pair['file']}"
            credit = pair.get("credit") or ""
            rows += [{"URL": url, "TEXT": pair[text], "LICENSE": license, "CREDIT": credit} for text in texts]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return len(rows)


class Quiet(SimpleHTTPRequestHandler):
    """A file server that keeps its log to itself."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """The folder on loopback, while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", PORT), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def command(root: Path, workers: int) -> list[str]:
    """`wit build` of the recipe."""
    arguments = ["--recipe", str(RECIPE), "--root", str(root), "--workers", str(workers)]
    return [sys.executable, "-m", "beam_jobs", "build", *arguments]


def build(root: Path, workers: int) -> float:
    """Build; returns the seconds it took."""
    began = time.monotonic()
    subprocess.run(command(root, workers), check=True)
    return time.monotonic() - began


def kill_in(stage: str, root: Path) -> int:
    """Kill a build when the first unit of a stage is whole; returns how many units were."""
    process = subprocess.Popen(command(root, 2), stderr=subprocess.DEVNULL)
    out = root / stage if stage == "crawl" else root / ".work" / stage / "out"
    while process.poll() is None and not list(out.glob("*.receipt.json")):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return len(list(out.glob("*.receipt.json")))


def manifest(root: Path, stage: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / stage / "manifest.json").read_text())
    return found


def show(roots: Sequence[Path]) -> bool:
    """Print the funnel and the digests; returns whether all shards are equal."""
    table = Table("stage", "read", "kept", "rejected")
    for stage in STAGES:
        counts = manifest(roots[0], stage)["counts"]
        assert isinstance(counts, dict)
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts["rejected"].items())
        table.add_row(stage, str(counts["read"]), str(counts["kept"]), reasons)
    CONSOLE.print(table)
    digests = {root.name: manifest(root, "shard")["digest"] for root in roots}
    for name, digest in digests.items():
        CONSOLE.print(f"shards of {name}: {digest}")
    return len(set(digests.values())) == 1


def train(root: Path) -> None:
    """Train on all shards but the last; rank the captions of the last."""
    shards = sorted((root / "shard").glob("*.tar"))
    last = int(shards[-2].stem)
    pattern = f"{root}/shard/{{00000..{last:05d}}}.tar"
    recipe = "training/recipes/openstax.toml"
    wit_clip = [sys.executable, "-m", "training"]
    run = OUT / "train"
    subprocess.run(
        [*wit_clip, "train", "--recipe", recipe, "--shards", pattern, "--out", str(run)], check=True
    )
    held_out = ["--retrieval", str(shards[-1]), "--dataset", f"cifar10={EVALUATION}"]
    subprocess.run(
        [*wit_clip, "eval", "--checkpoint", str(run), *held_out, "--out", str(OUT / "eval")], check=True
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run it all; returns 0 if every build gave the same shards."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", action="store_true")
    arguments = parser.parse_args(argv)
    if not PHOTOGRAPHS.is_dir():
        CONSOLE.print(f"{PHOTOGRAPHS} is absent: nothing to measure")
        return 0
    one, two, killed = (OUT / name for name in ("one", "two", "killed"))
    CONSOLE.print(f"{write_list(OUT / 'openstax.parquet')} rows")
    subprocess.run(["rm", "-rf", str(one), str(two), str(killed)], check=True)
    with served(PHOTOGRAPHS.parent):
        CONSOLE.print(f"one worker: {build(one, 1):.1f} s")
        CONSOLE.print(f"two workers: {build(two, 2):.1f} s")
        CONSOLE.print(f"killed in crawl with {kill_in('crawl', killed)} units whole")
        CONSOLE.print(f"killed in shard with {kill_in('shard', killed)} shards whole")
        CONSOLE.print(f"the rest: {build(killed, 2):.1f} s")
    equal = show([one, two, killed])
    CONSOLE.print("all shards are equal" if equal else "THE SHARDS DIFFER")
    if arguments.train:
        train(one)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
