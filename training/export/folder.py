"""The folder of an export, whole or absent."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from training.checkpoints.checkpoint import Checkpoint, find, restore
from training.config import ClipConfig
from training.data.tokenizer import Tokenizer
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import RunError, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A model that is written for others."""

    model: Clip  # in float32, for use
    sizes: ClipConfig
    tokenizer: Tokenizer
    checkpoint: Checkpoint

    @property
    def weights(self) -> dict[str, Tensor]:
        """The state dict, with openai/CLIP's names, each tensor by itself in memory."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}


def trained(path: Path, warn: Callable[[str], None]) -> Trained:
    """The model of a checkpoint, or of the newest of a run; raises `UserError` where there is none."""
    found = find(path, warn)
    model, sizes, tokenizer = restore(found)
    return Trained(model=model.float().eval(), sizes=sizes, tokenizer=tokenizer, checkpoint=found)


def write(out: Path, made: Trained, writer: Callable[[Path, Trained], None]) -> Path:
    """The folder `out`, filled by `writer`; raises `UserError` where something lies there.

    What fails leaves nothing: the folder has its name once it is whole.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out}: is not empty; name a folder that is not there yet")
    aside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        aside.mkdir(parents=True)
        writer(aside, made)
        if out.exists():
            out.rmdir()
        aside.rename(out)
    except OSError as error:
        raise RunError(f"{out}: cannot be written: {error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def write_json(path: Path, table: Mapping[str, Any]) -> None:
    """A table as JSON for eyes."""
    path.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Weights as safetensors, of the kind that every library reads."""
    save_file({name: value.contiguous() for name, value in weights.items()}, path, {"format": "pt"})
