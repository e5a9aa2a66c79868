"""What it costs to make batches of a shard's samples, beside open_clip's loader: CPU time an image.

    python -m benchmarks.loader [--photos FOLDER] [--count 600] [--rounds 3]

Two shards of the same photographs, as they are and with a shorter side of 256 px, both JPEG of quality 90.
Ours are uint8 batches of 64 at 224 px and token ids; theirs what its trainer's pipeline makes, float32:
webdataset, Pillow, its own training transform, its tokenizer. One thread and no worker processes: what a core
can do.
"""

import argparse
import io
import logging
import statistics
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from PIL import Image

from benchmarks.clock import ratio, say, timed
from benchmarks.openclip import open_clip
from benchmarks.pictures import DATA, opened, photos

SIDE = 224
BATCH = 64
CAPTION = "A photograph of a red dog beside the river, number {} of the evening"


def write(path: Path, images: Sequence[Image.Image], side: int) -> None:
    """A shard of the images, made smaller where `side` is not 0."""
    with tarfile.open(path, "w") as shard:
        for number, image in enumerate(images):
            small = image
            if side:
                scale = side / min(image.size)
                size = (max(side, round(image.width * scale)), max(side, round(image.height * scale)))
                small = image.resize(size, Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=90)
            for suffix, data in (("jpg", buffer.getvalue()), ("txt", CAPTION.format(number).encode())):
                member = tarfile.TarInfo(f"{number:09d}.{suffix}")
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))


def ours(path: Path) -> Callable[[], None]:
    """A pass of our loader over a shard."""
    from training.data.batches import Loader, plan
    from training.data.shards import find, index
    from training.data.tokenizer import Tokenizer

    samples = index(find([str(path)]))
    tokenizer = Tokenizer.train((samples.caption(i) for i in range(len(samples))), 2000)
    loader = Loader(samples=samples, tokenizer=tokenizer, image_size=SIDE, context=77, workers=1)
    steps = len(samples) // BATCH

    def run() -> None:
        batches = plan(len(samples), batch_size=BATCH, seed=0, first=0, last=steps)
        assert sum(len(batch.samples) for batch in loader.batches(batches)) == steps * BATCH

    return run


def theirs(path: Path, count: int) -> Callable[[], None]:
    """The same of open_clip's."""
    peer, wds = open_clip(), import_module("webdataset")
    transform = peer.image_transform(SIDE, is_train=True)
    tokenizer = peer.get_tokenizer("ViT-B-32")

    def run() -> None:
        pipeline = wds.DataPipeline(
            wds.SimpleShardList([str(path)]),
            wds.tarfile_to_samples(),
            wds.decode("pilrgb"),
            wds.rename(image="jpg;png;jpeg;webp", text="txt"),
            wds.map_dict(image=transform, text=lambda text: tokenizer(text)[0]),
            wds.to_tuple("image", "text"),
            wds.batched(BATCH, partial=False),
        )
        assert sum(len(images) for images, _ in pipeline) == count // BATCH * BATCH

    return run


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=DATA / "pairs_openstax_ccby")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(argv)
    images = [opened(photo) for photo in photos(given.photos, whole=True)[: given.count]]
    if not images:
        say(f"no photographs in {given.photos}")
        return 0
    logging.disable(logging.WARNING)
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, side in (("as they are", 0), ("256 px", 256)):
            path = Path(folder) / f"{side:05d}.tar"
            write(path, images, side)
            contestants = {"ours": ours(path), "open_clip": theirs(path, len(images))}
            for run in contestants.values():
                run()  # compiles, and fills caches
            spent = timed(contestants, given.rounds)
            for who, figures in spent.items():
                say(f"{name}: {who} {1000 * statistics.median(figures) / len(images):.2f} ms of CPU an image")
            say(f"{name}: ours is {ratio(spent['open_clip'], spent['ours'])} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
