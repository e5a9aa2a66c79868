"""What a run can be taken up again from: one file, whole or absent."""

import os
import pickle
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import Activation, ClipConfig
from training.data.tokenizer import Tokenizer
from training.model.clip import Clip
from wit_pipeline.vocabulary.config import section
from wit_pipeline.vocabulary.errors import RunError, UserError

NAME = re.compile(r"step-(\d{6,})\.pt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Everything after `step` steps. Plain tables and tensors, so that loading runs no code."""

    step: int
    model: dict[str, Tensor]  # openai/CLIP's state dict
    sizes: dict[str, Any]  # the `ClipConfig`
    optimizer: dict[str, Any]
    config: dict[str, Any]  # the `TrainConfig`, but for what only says how
    tokenizer: str  # tokenizer.json
    shards: str  # digest of the samples learnt from; the step is the place in them
    read: int  # samples so far
    bad: dict[str, int]  # those that could not be used, by reason
    names: Sequence[str] = ()  # of the shards
    samples: int = 0  # usable ones in them
    era: dict[str, int] = field(default_factory=dict)  # the `Era` of the samples learnt from
    changes: Sequence[dict[str, Any]] = ()  # what was turned on the way: after which `step`, and `changed`


def save(folder: Path, checkpoint: Checkpoint, keep: int, every: int = 0) -> Path:
    """The file that now holds `checkpoint`; raises `RunError` if it cannot be written.

    The `keep` latest stay, and those of every so many steps. Those of later steps go: they were damaged, or
    of a run that was left.
    """
    path = folder / f"step-{checkpoint.step:06d}.pt"
    aside = path.with_suffix(".tmp")
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            torch.save(fields, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(folder)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as the latter
        aside.unlink(missing_ok=True)
        raise RunError(f"{path}: cannot be written: {error}") from None
    everything = saved(folder)
    latest = everything.index(path) + 1
    older = [other for other in everything[: max(0, latest - keep)] if not every or step_of(other) % every]
    for other in (*older, *everything[latest:]):
        other.unlink()
    return path


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def saved(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    return sorted((path for path in folder.glob("*.pt") if NAME.fullmatch(path.name)), key=step_of)


def step_of(path: Path) -> int:
    """The step of a checkpoint's file."""
    match = NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])


def load(path: Path) -> Checkpoint:
    """The checkpoint at `path`, tensors on the CPU.

    Raises `UserError` if there is none and `RunError` if it is truncated, damaged or of another kind.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself does not look at the checksums
            damaged = archive.testzip()
        if damaged:
            raise RunError(f"{path}: is damaged at {damaged}")
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, EOFError, RuntimeError, TypeError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        reason = str(error).split("\n", 1)[0]
        raise RunError(f"{path}: is no whole checkpoint: {reason}") from None


def newest(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The latest checkpoint in `folder` that can be read; each that cannot is passed over with a warning."""
    for path in reversed(saved(folder)):
        try:
            return load(path)
        except RunError as error:
            warn(f"{error}; passing over it")
    return None


def find(path: Path, warn: Callable[[str], None]) -> Checkpoint:
    """The checkpoint at `path`, a file, or the newest of a folder of them or of a whole run.

    Raises `UserError` if there is none that can be read.
    """
    if not path.is_dir():
        try:
            return load(path)
        except RunError as error:
            raise UserError(f"{error}; give another step-NNNNNN.pt, or a run's folder") from None
    checkpoint = newest(path, warn) or newest(path / "checkpoints", warn)
    if checkpoint is None:
        raise UserError(f"{path}: holds no checkpoint; give a step-NNNNNN.pt")
    return checkpoint


def activation_in(checkpoint: Checkpoint) -> Activation:
    """The activation of a checkpoint's model."""
    return section(ClipConfig, checkpoint.sizes, "checkpoint").activation


def restore(checkpoint: Checkpoint) -> tuple[Clip, ClipConfig, Tokenizer]:
    """The model with its weights, its sizes and its tokenizer."""
    sizes = section(ClipConfig, checkpoint.sizes, "checkpoint")
    model = Clip(sizes)
    model.load_state_dict(checkpoint.model)
    return model, sizes, Tokenizer.parse(checkpoint.tokenizer)
