"""The torture sets of image libraries, through decoders: one outcome a file, the same as in this process."""

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[4]
RESIDENT = 1_000_000_000  # bytes that no decoder may exceed
KIB = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts in

# In a process of its own, whose children's largest size is then the decoders'.
DRIVER = """
    import asyncio, json, pathlib, resource, sys
    from wit_pipeline.pictures.decoders import Decoders
    from wit_pipeline.vocabulary.crawl_config import CrawlConfig
    from wit_pipeline.pictures.image import ImageError

    async def status(held, path):
        try:
            await held.decode(pathlib.Path(path).read_bytes())
            return "success", ""
        except ImageError as error:
            return error.reason, error.detail

    async def main(paths):
        with Decoders(CrawlConfig(decoders=2)) as held:
            return await asyncio.gather(*(status(held, path) for path in paths))

    paths = json.load(sys.stdin)
    found = asyncio.run(main(paths))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    json.dump({"peak": peak, "found": found}, sys.stdout)
"""


def test_every_file_of_the_torture_sets_has_its_outcome(real_data: Path) -> None:
    paths = sorted(str(path) for path in (real_data / "images_malformed").rglob("*") if path.is_file())
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRIVER)],
        input=json.dumps(paths),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    statuses = Counter(reason for reason, _ in told["found"])
    assert statuses.total() == len(paths)
    assert 0.4 < statuses["success"] / len(paths) < 0.8
    assert all(detail for reason, detail in told["found"] if reason != "success")
    assert told["peak"] * KIB < RESIDENT
