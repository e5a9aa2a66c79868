"""What it takes to index shards: `python -m benchmarks.shard_index [--samples N] [--folder DIR]`.

Makes sparse tars of KEY.jpg, KEY.txt and KEY.json, whose headers are there and whose images are holes, and
indexes them twice, each time in a process of its own: the first reads headers, which are in the page cache by
then, the second what was kept.
"""

import argparse
import resource
import subprocess
import sys
import tarfile
import time
from pathlib import Path

IMAGE = 20_000  # bytes of an image, which are a hole
A_SHARD = 10_000  # samples
OWN = 20  # shards that are files of their own, for want of disk: the others are links to them


def main() -> None:
    """Make the shards, and tell seconds and memory of two starts."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("index-benchmark"))
    parser.add_argument("--only", action="store_true", help="index what is there")
    given = parser.parse_args()
    if given.only:
        tell(given.folder)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    for shard in range(given.samples // A_SHARD):
        path = given.folder / f"{shard:05d}.tar"
        if shard < OWN:
            write(path, shard * A_SHARD)
        elif not path.exists():
            path.hardlink_to(given.folder / f"{shard % OWN:05d}.tar")
    for start in ("first", "second"):
        command = [sys.executable, "-m", "benchmarks.shard_index", "--only", "--folder", str(given.folder)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        sys.stdout.write(f"{start} start: {said}")


def write(path: Path, first: int) -> None:
    """A sparse shard."""
    if path.exists():
        return
    aside = path.with_suffix(".tmp")
    with aside.open("wb") as file:
        for key in range(first, first + A_SHARD):
            for kind, size in (("jpg", IMAGE), ("txt", 60), ("json", 300)):
                member = tarfile.TarInfo(f"{key:09d}.{kind}")
                member.size = size
                file.write(member.tobuf(tarfile.USTAR_FORMAT))
                file.seek(-(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, 1)
        file.truncate(file.tell() + 2 * tarfile.BLOCKSIZE)
    aside.replace(path)


def tell(folder: Path) -> None:
    """Index a folder and say what it took."""
    from training.data.shards import find, index

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    samples = index(find([str(folder)]), kept=folder / "index")
    seconds = time.monotonic() - begun
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(
        f"{len(samples):,} samples in {seconds:.1f} s, {held / 1024:,.0f} MiB more at its peak, "
        f"{samples.rows.nbytes / len(samples):.0f} bytes a sample kept\n"
    )


if __name__ == "__main__":
    main()
