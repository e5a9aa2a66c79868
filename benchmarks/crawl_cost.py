"""What a thousand images cost: our crawl beside img2dataset, from the same server, to the same sizes.

    python -m benchmarks.crawl_cost --img2dataset BIN [--rounds 3] [--only NAME …] [--photos FOLDER]

BIN is the command of an img2dataset installed elsewhere (it wants another OpenCV). The server is nginx on
loopback, under forty addresses. CPU seconds (user and system) of the whole process tree, start and end
included, for 1,000 images, and images a second; the contestants take turns, medians over the rounds. Both
have two processes to decode with. img2dataset has 64 threads in each, no retries, and writes WebDataset
shards. Ours is `wit crawl --workers 1` with `decoders = 2`: robots.txt, opt-outs, addresses and gates are
checked, EXIF is read, the stored pictures are hashed; two connections a host are sixty-four for this once.

The pictures are mosaics of photographs (see `benchmarks.stored_quality`), 200 of each size: "small" of about
110 kB and 0.19 megapixels, "large" of about 0.2 MB and 1.9 megapixels. A list asks for them again and again
under addresses of their own.
"""

import argparse
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.clock import say
from benchmarks.stored_quality import PHOTOS, mosaic

HOSTS = [f"127.0.0.{number}" for number in range(1, 41)]
PORTS = {"http": 8890, "https": 8891}
PICTURES = 200
SERVER = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin")
SIZES = {"small": ((500, 375), (2, 2), 97), "large": ((1600, 1200), (5, 4), 45)}

# Runs a command and waits for all that it leaves, whoever started it: 36 is PR_SET_CHILD_SUBREAPER.
WATCHER = """
import ctypes, json, os, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
began, spent, largest, wall, code = time.monotonic(), 0.0, 0, 0.0, 0
started = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
while True:
    try:
        pid, status, usage = os.wait4(-1, 0)
    except ChildProcessError:
        break
    spent += usage.ru_utime + usage.ru_stime
    largest = max(largest, usage.ru_maxrss)
    if pid == started.pid:
        wall, code = time.monotonic() - began, os.waitstatus_to_exitcode(status)
        started.returncode = code
print(json.dumps([code, wall, spent, largest]))
"""

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    {listen}
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; root {folder}/www;
  }}
}}
"""
PAGE = "<page><title>A</title><ns>0</ns><revision><text>dog</text></revision></page>"
DUMP = f'<mediawiki version="0.11">{PAGE}</mediawiki>'
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 1
[[extract.sources]]
kind = "list"
path = ["{list}"]
url = "url"
text = "caption"
[frontier]
unit_urls = 1000
expected_success = 1.0
[balance]
per_query = 1000000
[crawl]
user_agent = "wit-benchmark/1.0 (+https://example.org/wit)"
allow_hosts = {hosts}
connections_per_host = 64
decoders = 2
{crawl}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A row of the table."""

    scheme: str
    size: str
    images: int
    wit: str  # lines of [crawl]
    img2dataset: tuple[str, ...]
    target: float  # of our cost over theirs, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one run."""

    cpu: float  # seconds, of all processes
    wall: float  # seconds
    megabytes: float  # of the largest process


WORKS = {
    "raw": Work(
        scheme="http", size="small", images=20_000, wit='store = "raw"', target=0.5,
        img2dataset=("--disable_all_reencoding", "True"),
    ),
    "shorter side 256": Work(
        scheme="http", size="small", images=10_000, wit="", target=0.7,
        img2dataset=("--resize_mode", "keep_ratio", "--image_size", "256"),
    ),
    "longer side 512": Work(
        scheme="http", size="large", images=4000, wit='side = "longer"\nstore_side = 512', target=0.45,
        img2dataset=(
            "--resize_mode", "keep_ratio_largest", "--image_size", "512", "--resize_only_if_bigger", "True",
        ),
    ),
    "https, raw": Work(
        scheme="https", size="small", images=4000, wit='store = "raw"', target=0.08,
        img2dataset=("--disable_all_reencoding", "True"),
    ),
}  # fmt: skip


def write_pictures(photos: Path, www: Path) -> None:
    """The pictures that the server has."""
    www.mkdir()
    files = sorted(photos.rglob("*.jpg"))
    for name, (size, grid, quality) in SIZES.items():
        per = grid[0] * grid[1]
        bodies = []
        for number in range(PICTURES):
            first = number * per % (len(files) - per)
            bodies.append(mosaic(files[first : first + per], size, grid, quality))
            (www / f"{name}{number}.jpg").write_bytes(bodies[-1])
        say(f"{name}: {size[0]} × {size[1]}, {sum(map(len, bodies)) / len(bodies) / 1000:.0f} kB on average")


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """nginx on all addresses."""
    names = ",".join(f"IP:{host}" for host in HOSTS)
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=loopback"
    out = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-addext", f"subjectAltName={names}"]
    subprocess.run(["openssl", *make.split(), *out], check=True, capture_output=True)
    everybody = Path(ssl.get_default_verify_paths().cafile or os.devnull).read_bytes()
    (folder / "trusted.pem").write_bytes(everybody + (folder / "cert.pem").read_bytes())
    listen = [f"listen {host}:{PORTS['http']}; listen {host}:{PORTS['https']} ssl;" for host in HOSTS]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, listen=" ".join(listen)))
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # nginx gives up its rights
    folder.chmod(0o755)
    server = subprocess.Popen([SERVER or "nginx", "-c", f"{folder}/nginx.conf"])
    try:
        time.sleep(1)
        yield
    finally:
        server.terminate()
        server.wait()


def write_list(work: Work, path: Path) -> None:
    """A list of as many addresses as are asked for."""
    port = PORTS[work.scheme]
    urls = [
        f"{work.scheme}://{HOSTS[i % len(HOSTS)]}:{port}/{work.size}{i % PICTURES}.jpg?{i}"
        for i in range(work.images)
    ]
    pq.write_table(
        pa.table({"url": urls, "caption": [f"a dog of the number {i}" for i in range(len(urls))]}), path
    )


def measured(command: Sequence[str], folder: Path) -> Cost:
    """What a command costs, with all the processes that it starts and leaves."""
    environment = {**os.environ, "SSL_CERT_FILE": str(folder / "trusted.pem")}
    with (folder / "log.txt").open("ab") as log:
        watcher = [sys.executable, "-c", WATCHER, *command]
        told = subprocess.run(watcher, stdout=subprocess.PIPE, stderr=log, env=environment, check=True)
    code, wall, spent, largest = json.loads(told.stdout.splitlines()[-1])
    if code:
        raise SystemExit(f"{' '.join(command[:4])} ended with {code}; see {folder}/log.txt")
    return Cost(cpu=spent, wall=wall, megabytes=largest / 1000)


def prepare(work: Work, folder: Path, root: Path) -> Path:
    """A root with everything before the crawl; returns the recipe."""
    (folder / "dump.xml").write_text(DUMP)
    recipe = root.with_suffix(".toml")
    hosts = json.dumps([f"{host}:{PORTS[work.scheme]}" for host in HOSTS])
    text = RECIPE.format(folder=folder, list=root.with_suffix(".parquet"), hosts=hosts, crawl=work.wit)
    recipe.write_text(text)
    build = [sys.executable, "-m", "beam_jobs", "build", "--recipe", str(recipe), "--root", str(root)]
    subprocess.run([*build, "--to", "frontier"], check=True, capture_output=True)
    return recipe


def by_wit(work: Work, folder: Path, recipe: Path, root: Path) -> Cost:
    """Our crawl of the list."""
    shutil.rmtree(root / "crawl", ignore_errors=True)
    command = [sys.executable, "-m", "beam_jobs", "crawl", "--recipe", str(recipe), "--root", str(root)]
    cost = measured([*command, "--workers", "1"], folder)
    kept = json.loads((root / "crawl" / "manifest.json").read_text())["counts"]["kept"]
    if kept != work.images:
        raise SystemExit(f"wit stored {kept} of {work.images}")
    return cost


def by_img2dataset(work: Work, folder: Path, command: str, pairs: Path) -> Cost:
    """Theirs."""
    out = folder / "img2dataset"
    shutil.rmtree(out, ignore_errors=True)
    options = {
        "url_list": pairs, "input_format": "parquet", "url_col": "url", "caption_col": "caption",
        "output_format": "webdataset", "output_folder": out, "processes_count": 2, "thread_count": 64,
        "number_sample_per_shard": 1000, "enable_wandb": False,
    }  # fmt: skip
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    cost = measured([command, *given, *work.img2dataset], folder)
    stored = sum(json.loads(path.read_text())["successes"] for path in out.glob("*_stats.json"))
    if stored != work.images:
        raise SystemExit(f"img2dataset stored {stored} of {work.images}")
    return cost


def compare(name: str, work: Work, folder: Path, command: str, rounds: int) -> None:
    """Print one row."""
    root = folder / name.replace(" ", "-").replace(",", "")
    write_list(work, root.with_suffix(".parquet"))
    recipe = prepare(work, folder, root)
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(by_img2dataset(work, folder, command, root.with_suffix(".parquet")))
        ours.append(by_wit(work, folder, recipe, root))
    for who, costs in (("img2dataset", theirs), ("wit", ours)):
        cpu = statistics.median(cost.cpu for cost in costs) * 1000 / work.images
        speed = statistics.median(work.images / cost.wall for cost in costs)
        memory = max(cost.megabytes for cost in costs)
        say(f"{name:18} {who:12} {cpu:6.2f} CPU s / 1,000  {speed:6,.0f} images/s  {memory:5.0f} MB")
    ratios = [own.cpu / their.cpu for own, their in zip(ours, theirs, strict=True)]
    middle = statistics.median(ratios)
    span = f"{min(ratios):.2f} to {max(ratios):.2f}"
    say(f"{name:18} ours is {middle:.2f} of theirs ({span}), target {work.target}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--img2dataset", default=shutil.which("img2dataset"), metavar="BIN")
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=WORKS, default=list(WORKS))
    arguments = parser.parse_args(argv)
    if not (arguments.img2dataset and SERVER):
        say("skipped: wants nginx, and --img2dataset names the command of the peer")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(arguments.photos, folder / "www")
        with served(folder):
            for row in arguments.only:
                compare(row, WORKS[row], folder, arguments.img2dataset, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
