"""What a build asks of a store: requests by stage and kind, of the tests' own tiny world on moto's S3.

    python -m benchmarks.store_requests [--most 12]

One process, 30 pictures in four units, and then the same build again, which finds nothing to do. With
`--most` the paths that were asked for most often, of each stage, as `{}` where a name has numbers.
"""

import argparse
import logging
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beam_jobs.engine import build, progress
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import load
from beam_jobs.stages.stages import STAGES
from tests.beam_jobs.world import make
from tests.stores import s3
from wit_pipeline.vocabulary.store import place

LINE = re.compile(r'"(?:\x1b\[[0-9;]*m)*([A-Z]+) (\S+) HTTP')
KINDS = (
    "LIST",
    "HEAD",
    "GET",
    "PUT",
    "POST",
    "DELETE",
)  # as the columns have them; a GET of a bucket is LIST
BEFORE = "before any stage"


class Requests(logging.Handler):
    """Counts what the server's log has, by what was under way."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEFORE
        self.kinds = defaultdict[str, Counter[str]](Counter)
        self.paths = defaultdict[str, Counter[str]](Counter)

    def emit(self, record: logging.LogRecord) -> None:
        found = LINE.search(record.getMessage())
        if found is None:
            return
        kind, path = found[1], found[2]
        if kind == "GET" and "list-type=" in path:
            kind = "LIST"
        self.kinds[self.now][kind] += 1
        name = re.sub(r"uploadId=[^&]*|[0-9a-f]{8,}|[0-9]+", "{}", path)
        self.paths[self.now][f"{kind} {name}"] += 1

    def hear(self, event: Mapping[str, Any]) -> None:
        """What the build says of itself: a stage's own requests begin with its first step."""
        if event["event"] in ("step", "skip"):
            self.now = event["stage"]
        elif event["event"] == "stage":
            self.now = f"after {event['stage']}"


def table(counted: Requests, most: int) -> None:
    """Print a row for each stage."""
    sys.stdout.write(f"{'':>16}" + "".join(f"{kind:>8}" for kind in KINDS) + f"{'all':>8}\n")
    for name, kinds in counted.kinds.items():
        row = "".join(f"{kinds[kind]:>8,}" for kind in KINDS)
        sys.stdout.write(f"{name:>16}{row}{kinds.total():>8,}\n")
        for path, count in counted.paths[name].most_common(most):
            sys.stdout.write(f"{'':>16}{count:>8,}  {path}\n")


def main() -> None:
    """Build twice, and print what each build asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=0)
    most = parser.parse_args().most
    log = logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)
    log.propagate = False
    with tempfile.TemporaryDirectory() as folder, s3() as server:
        world = make(Path(folder) / "world")
        recipe, root = load(world.recipe), place(server.at("root"))
        with world.web:
            for _ in range(2):
                counted = Requests()
                log.handlers[:] = [counted]
                progress.send_to(counted.hear)
                build.run_stages(list(STAGES.values()), recipe, root, Engine(workers=Workers(1, ())))
                table(counted, most)


if __name__ == "__main__":
    main()
