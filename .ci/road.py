"""A small road with what is installed: `python road.py WIT ROOT` builds the demo's world with a command.

Run by wheel.py, with the Python of an environment that has the wheel and nothing else of the house.
"""

import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

import beam_jobs
from beam_jobs.demo import truth
from beam_jobs.demo.__main__ import write_recipe
from beam_jobs.demo.server import Server
from beam_jobs.demo.world import make_world
from wit_pipeline.vocabulary import manifest

IMAGES = 200  # sound pictures: in a smaller world no query has a surplus


def main(wit: Path, root: Path) -> None:
    """Every check is an assertion, and says what was found."""
    assert Path(beam_jobs.__file__).is_relative_to(sys.prefix), beam_jobs.__file__
    assert importlib.util.find_spec("torch") is None, "the wheel alone brings torch"
    with Server() as server:
        world = make_world(root / "world", images=IMAGES, base_url=server.base_url)
        server.serve(world.site)
        recipe = write_recipe(world, root, server.authority, IMAGES)
        subprocess.run([wit, "build", "--recipe", recipe, "--root", root], check=True)
        asked = dict(server.asked)
    off = [line for line in truth.compare(world, root, asked) if not line.good]
    assert not off, off
    signed = manifest.load(root / "shard")
    assert signed is not None
    captions = 0
    for file in signed.named("", ".tar"):
        with tarfile.open(root / "shard" / file.name) as archive:
            captions += sum(name.endswith(".txt") for name in archive.getnames())
    assert captions == signed.counts.kept > IMAGES // 2, (captions, signed.counts)


if __name__ == "__main__":  # the world's pictures are drawn in processes that import this file
    main(Path(sys.argv[1]), Path(sys.argv[2]))
