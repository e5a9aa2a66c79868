"""The knobs of the trainer: the models by name, and the recipe's [train] table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from wit_pipeline.vocabulary.config import did_you_mean, how, read_toml, section
from wit_pipeline.vocabulary.errors import UserError

Activation = Literal["quick_gelu", "gelu"]

HEAD_WIDTH = 64  # of every attention head of every published CLIP


@dataclass(frozen=True, kw_only=True, slots=True)
class VitConfig:
    """A vision transformer's sizes."""

    kind: Literal["vit"] = "vit"
    image_size: int  # pixels a side
    patch_size: int  # pixels a side
    layers: int
    width: int

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} is no multiple of patch_size {self.patch_size}")
        if self.width % HEAD_WIDTH:
            raise ValueError(f"width {self.width} is no multiple of {HEAD_WIDTH}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetConfig:
    """A residual net's sizes."""

    kind: Literal["resnet"] = "resnet"
    image_size: int  # pixels a side
    layers: tuple[int, int, int, int]  # blocks of each stage
    width: int  # channels after the stem; the last stage has 32 times as many

    def __post_init__(self) -> None:
        if self.image_size % 32:
            raise ValueError(f"image_size {self.image_size} is no multiple of 32")
        if 32 * self.width % HEAD_WIDTH:
            raise ValueError(f"width {self.width} is no multiple of {HEAD_WIDTH // 32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextConfig:
    """A text transformer's sizes."""

    layers: int
    width: int
    context: int = 77  # tokens, start and end included
    vocab_size: int = 49_408

    def __post_init__(self) -> None:
        if self.width % HEAD_WIDTH:
            raise ValueError(f"width {self.width} is no multiple of {HEAD_WIDTH}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipConfig:
    """Two towers and the width of the space they share."""

    embed_dim: int
    vision: VitConfig | ResNetConfig
    text: TextConfig
    activation: Activation = "quick_gelu"  # of the transformers; a ResNet's own is ReLU


def _resnet(
    embed_dim: int, image_size: int, layers: tuple[int, int, int, int], width: int, text: int
) -> ClipConfig:
    vision = ResNetConfig(image_size=image_size, layers=layers, width=width)
    return ClipConfig(embed_dim=embed_dim, vision=vision, text=TextConfig(layers=12, width=text))


def _vit(embed_dim: int, image_size: int, patch: int, layers: int, width: int, text: int) -> ClipConfig:
    vision = VitConfig(image_size=image_size, patch_size=patch, layers=layers, width=width)
    return ClipConfig(embed_dim=embed_dim, vision=vision, text=TextConfig(layers=12, width=text))


# arXiv 2103.00020, tables 19 and 20; the last two are ours, for CPUs.
MODELS: Mapping[str, ClipConfig] = MappingProxyType(
    {
        "RN50": _resnet(1024, 224, (3, 4, 6, 3), 64, 512),
        "RN101": _resnet(512, 224, (3, 4, 23, 3), 64, 512),
        "RN50x4": _resnet(640, 288, (4, 6, 10, 6), 80, 640),
        "RN50x16": _resnet(768, 384, (6, 8, 18, 8), 96, 768),
        "RN50x64": _resnet(1024, 448, (3, 15, 36, 10), 128, 1024),
        "ViT-B/32": _vit(512, 224, 32, 12, 768, 512),
        "ViT-B/16": _vit(512, 224, 16, 12, 768, 512),
        "ViT-L/14": _vit(768, 224, 14, 24, 1024, 768),
        "ViT-L/14@336px": _vit(768, 336, 14, 24, 1024, 768),
        "ViT-Ti/16": _vit(256, 224, 16, 12, 192, 256),
        "ViT-Ti/8-64": ClipConfig(
            embed_dim=128,
            vision=VitConfig(image_size=64, patch_size=8, layers=4, width=128),
            text=TextConfig(layers=3, width=128),
        ),
    }
)

# The peaks of the paper's schedules (table 19 and 20), at its batch of 32,768.
LEARNING_RATES: Mapping[str, float] = MappingProxyType(
    {"RN50x16": 4e-4, "RN50x64": 3.6e-4, "ViT-L/14": 4e-4, "ViT-L/14@336px": 2e-5}
)
LEARNING_RATE = 5e-4  # of all others


def turned(default: Any) -> Any:
    """A knob that may be turned while a run goes on: how it learns from there, and not which run it is.

    The others but those of `how` make a run: its samples' order, its model, its tokenizer, its batch.
    """
    return field(default=default, metadata={"turned": True})


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """The recipe's [train] table. The defaults are the paper's, but for the batch."""

    model: str = "ViT-B/32"
    batch_size: int = 256  # pairs a step; the paper's 32,768 wants many GPUs
    epochs: int = turned(32)  # passes over the shards, if `steps` is 0
    steps: int = turned(0)
    learning_rate: float = turned(0.0)  # the peak, reached after the warm-up; 0: the paper's for the model
    warmup_steps: int = turned(2_000)
    weight_decay: float = turned(0.2)
    gradient_clip: float = turned(0.0)  # largest norm of all gradients together; 0 is off
    seed: int = 0
    init: str = ""  # weights to begin with: a run, a checkpoint, or a file with openai/CLIP's names
    activation: Literal["", "quick_gelu", "gelu"] = ""  # empty: that of `init`, or CLIP's quick_gelu
    tokenizer: str = ""  # a tokenizer.json or CLIP's merges; else that of `init`, or trained on captions
    caption_key: str = ""  # of the JSON that captions are in; empty: KEY.txt, .caption or .text
    vocab_size: int = 49_408  # of a tokenizer trained here, specials included
    context: int = 77  # tokens of a text, start and end included
    micro_batch: int = turned(0)  # pairs a process holds activations of at a time; 0: its part of the batch
    loss_chunk: int = turned(0)  # rows of logits held at a time; 0: all
    recompute: bool = turned(False)  # of each block only the input is held, and the rest computed twice
    precision: Literal["auto", "fp32", "bf16"] = turned("auto")  # auto: bf16 on a GPU that has it, else fp32
    half_adam: bool = False  # Adam's two averages in fp16, with a factor for each tensor
    half_text: bool = False  # the text tower's matrices in bf16, each step rounded up or down by chance
    max_bad_share: float = turned(0.05)  # of samples that cannot be used, or of shards, before the run stops
    device: Literal["auto", "cpu", "cuda"] = how("auto")
    fsdp: bool = how(False)  # of several processes, each holds a part of the model; else the whole of it
    compile: bool = how(False)  # blocks by torch.compile, which takes minutes at the start
    channels_last: bool = how(False)  # the layout that a GPU's convolutions like
    peak_tflops: float = how(0.0)  # of the GPU in bf16, for the share used; 0: known by the GPU's name
    cache: str = how("")  # folder for copies of shards that are elsewhere; empty: `shards` in --out
    workers: int = how(0)  # threads that decode images; 0: one a core
    log_every: int = how(1)  # steps between two readings of the losses, which wait for the device
    checkpoint_every: int = how(500)  # steps
    keep_checkpoints: int = how(3)
    keep_every: int = how(0)  # steps: checkpoints of its multiples stay; 0: none but the last

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"no such model {self.model!r}{did_you_mean(self.model, MODELS)}")
        least = {
            "batch_size": 2,  # one pair has nothing to be told from
            "epochs": 1,
            "steps": 0,
            "warmup_steps": 0,
            "vocab_size": 514,  # 256 bytes, each also as a word's end, start and end of text
            "context": 3,
            "micro_batch": 0,
            "loss_chunk": 0,
            "workers": 0,
            "log_every": 1,
            "checkpoint_every": 1,
            "keep_checkpoints": 1,
            "keep_every": 0,
            "weight_decay": 0,
            "gradient_clip": 0,
            "peak_tflops": 0,
        }
        for name, bound in least.items():
            if not getattr(self, name) >= bound:  # what is no number is in no order
                raise ValueError(f"{name} is {getattr(self, name)}, wants {bound} or more")
        if not self.learning_rate >= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, wants 0 for the paper's, or more")
        if not 0 <= self.max_bad_share <= 1:
            raise ValueError(f"max_bad_share is {self.max_bad_share}, wants 0 to 1")


TURNED = frozenset(one.name for one in fields(TrainConfig) if one.metadata.get("turned"))


def peak(config: TrainConfig) -> float:
    """The largest learning rate of a run."""
    return config.learning_rate or LEARNING_RATES.get(config.model, LEARNING_RATE)


def read_recipe(path: Path) -> TrainConfig:
    """The [train] table of the recipe at `path`; the other tables are the pipeline's and stay unread.

    Raises `UserError` if the file, the table or a key of it cannot be used.
    """
    table = read_toml(path).get("train")
    if not isinstance(table, dict):
        raise UserError(f"{path}: has no [train] table; an empty one takes every default")
    return section(TrainConfig, table, f"{path} [train]")
