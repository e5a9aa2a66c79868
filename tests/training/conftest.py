"""Small shards and image folders: squares of colour, said in a few words."""

import io
import os
import tarfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from training.config import TrainConfig

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 50),
    "blue": (40, 70, 220),
    "yellow": (235, 215, 40),
    "white": (240, 240, 240),
    "black": (15, 15, 15),
}
NAMES = list(COLOURS)

# As the command does, before torch is loaded. The number of threads is what users have: the default.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

MakeShards = Callable[..., Path]

# Some 0.1 s a step, by the command.
TOY = """
[train]
model = "ViT-Ti/8-64"
batch_size = 16
learning_rate = 1e-3
warmup_steps = 2
vocab_size = 600
context = 16
workers = 2
"""


def jpeg(colour: str, seed: int, size: tuple[int, int] = (72, 64)) -> bytes:
    """A JPEG of one colour with a little noise."""
    width, height = size
    noise = np.random.default_rng(seed).integers(-15, 15, (height, width, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def write_shards(
    folder: Path,
    *,
    count: int = 32,
    shards: int = 2,
    broken: Collection[int] = (),
    mute: Collection[int] = (),
    blind: Collection[int] = (),
    empty: Collection[int] = (),
) -> Path:
    """Write shards of `count` pairs; those in `broken` lack their end, `mute` a caption, `blind` an image."""
    folder.mkdir()
    for shard in range(shards):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for i in range(shard * count // shards, (shard + 1) * count // shards):
                colour = NAMES[i % len(NAMES)]
                image = jpeg(colour, i)
                if i not in blind:
                    add(tar, f"{i:09d}.jpg", image[: len(image) // 3] if i in broken else image)
                if i not in mute:
                    caption = "  " if i in empty else f"A {colour} thing, number {i}"
                    add(tar, f"{i:09d}.txt", caption.encode())
                add(tar, f"{i:09d}.json", b'{"alt": "A thing"}')
    return folder


@pytest.fixture
def make_shards(tmp_path: Path) -> MakeShards:
    """`write_shards` into a folder of that name, "shards" if none is given."""

    def make(name: str = "shards", **how: Any) -> Path:
        return write_shards(tmp_path / name, **how)

    return make


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Four images of each of three colours, `dark_blue` standing for one of two words."""
    for name, colour in (("red", "red"), ("dark_blue", "blue"), ("white", "white")):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for i in range(4):
            (folder / f"{i}.jpg").write_bytes(jpeg(colour, 100 + i))
    return tmp_path / "images"


@pytest.fixture
def recipe() -> TrainConfig:
    """Six steps of sixteen pairs, some 0.1 s each."""
    return TrainConfig(
        model="ViT-Ti/8-64",
        batch_size=16,
        steps=6,
        learning_rate=1e-3,
        warmup_steps=2,
        vocab_size=600,
        context=16,
        workers=2,
        checkpoint_every=3,
    )


@pytest.fixture
def console() -> Console:
    """A console that keeps what it is told: `console.file.getvalue()`."""
    return Console(file=io.StringIO(), width=200)
