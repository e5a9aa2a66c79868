"""How well a small model, trained on a CPU for minutes, names photographs that it has not seen.

    python -m benchmarks.labels [--data ../shared/data] [--recipe FILE] [--seed 0] [--out DIR]

Learnt from: CIFAR-10's training images and three quarters of EuroSAT's, each with a caption that names its
class in one of several sentences, and the textbook photographs with captions of their own. Asked: zero-shot,
the classes of CIFAR-10's test images and of the held-out quarter of EuroSAT's. One guess in ten is right.
"""

import argparse
import io
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.clock import cpu, say
from training.__main__ import main as wit_clip
from wit_pipeline.vocabulary.chance import draw, uniform

HELD_OUT = 0.25  # of EuroSAT's, which has no test set of its own
SHARD = 1_000  # pairs
SENTENCES = {
    "cifar10": ("a photo of a {}.", "a small picture of a {}", "{}", "A blurry photo of the {}", "one {}"),
    "eurosat": ("a satellite photo of {}.", "{} seen from above", "{}", "aerial picture of the {}", "a {}"),
}
CLASSES = {  # EuroSAT's folders, in words
    "AnnualCrop": "annual_crop_land",
    "HerbaceousVegetation": "brushland",
    "PermanentCrop": "permanent_crop_land",
    "SeaLake": "sea_or_lake",
}
RECIPE = """
[train]
model = "ViT-Ti/8-64"
batch_size = 64
steps = 900
learning_rate = 7e-4
warmup_steps = 50
vocab_size = 4096
context = 32
checkpoint_every = 900
seed = {seed}
"""


def named(data: Path) -> Iterator[tuple[str, str, Path, bool]]:
    """Set, class, file and whether it is held out, of every labelled photograph."""
    for part in ("train", "test"):
        for path in sorted((data / "eval_cifar10" / part).glob("*/*.jpg")):
            yield "cifar10", path.parent.name, path, part == "test"
    for path in sorted((data / "eval_eurosat").glob("*/*.jpg")):
        out = uniform(path.name, seed=0, purpose="benchmarks:labels") < HELD_OUT
        yield "eurosat", CLASSES.get(path.parent.name, path.parent.name.lower()), path, out


def pairs(data: Path) -> Iterator[tuple[Path, str]]:
    """What is learnt from."""
    for name, label, path, out in named(data):
        if not out:
            sentences = SENTENCES[name]
            sentence = sentences[draw(path.name, seed=0, purpose="benchmarks:sentence") % len(sentences)]
            yield path, sentence.format(label.replace("_", " "))
    folder = data / "pairs_openstax_ccby"
    for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield folder / row["file"], row["caption"] or row["alt"]


def write_shards(data: Path, out: Path) -> int:
    """Shards of the pairs in an order by chance, as img2dataset lays them out; returns how many pairs."""
    found = sorted(pairs(data), key=lambda pair: draw(pair[0].name, seed=0, purpose="benchmarks:order"))
    out.mkdir(parents=True)
    for first in range(0, len(found), SHARD):
        with tarfile.open(out / f"{first // SHARD:05d}.tar", "w") as tar:
            for number, (path, caption) in enumerate(found[first : first + SHARD], start=first):
                for kind, content in (("jpg", path.read_bytes()), ("txt", caption.encode())):
                    member = tarfile.TarInfo(f"{number:09d}.{kind}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return len(found)


def lay_out(data: Path, out: Path) -> None:
    """Folders of the held-out photographs by class."""
    for name, label, path, held_out in named(data):
        if held_out:
            folder = out / name / label
            folder.mkdir(parents=True, exist_ok=True)
            (folder / path.name).symlink_to(path.resolve())


def main(argv: Sequence[str] | None = None) -> int:
    """Train and ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "labels")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as aside:
        shards, asked, recipe = Path(aside, "shards"), Path(aside, "asked"), Path(aside, "recipe.toml")
        say(f"{write_shards(given.data, shards):,} pairs")
        lay_out(given.data, asked)
        recipe.write_text(given.recipe.read_text() if given.recipe else RECIPE.format(seed=given.seed))
        since, spent = time.monotonic(), cpu()
        train = ["train", "--recipe", str(recipe), "--shards", str(shards), "--out", str(given.out)]
        if code := wit_clip([*train, "--resume", "never"]):
            return code
        say(f"trained in {time.monotonic() - since:,.0f} s, {cpu() - spent:,.0f} s of CPU")
        sets = [f"{path.name}={path}" for path in sorted(asked.iterdir())]
        if code := wit_clip(
            ["eval", "--checkpoint", str(given.out), "--dataset", *sets, "--out", str(given.out)]
        ):
            return code
    for name, row in json.loads((given.out / "results.json").read_text())["datasets"].items():
        say(f"{name}: {row['top1']:.1%} of {row['n']:,} right; a guess {row['chance']:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
