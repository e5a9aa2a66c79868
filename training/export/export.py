"""A checkpoint written for another library."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from training.export.card import write_card
from training.export.folder import Trained, trained, write
from training.export.hub import write_hub
from training.export.openclip import write_openclip
from training.export.towers import write_towers
from wit_pipeline.vocabulary.errors import UserError


def write_openai(folder: Path, made: Trained) -> None:
    """The plain state dict; raises `UserError` for an activation that openai/CLIP's own code has not."""
    if made.sizes.activation != "quick_gelu":
        raise UserError(
            f"--to openai: its code knows quick_gelu alone, and this model has {made.sizes.activation}; "
            f"take --to openclip"
        )
    torch.save(made.weights, folder / "model.pt")


WRITERS: Mapping[str, Callable[[Path, Trained], None]] = MappingProxyType(
    {"openclip": write_openclip, "hf": write_hub, "openai": write_openai, "onnx": write_towers}
)


def export(
    checkpoint: Path, to: str, out: Path, warn: Callable[[str], None], results: Path | None = None
) -> Path:
    """Write the model of a checkpoint, or of the newest of a run, to the folder `out`, for one of `WRITERS`.

    `results` is the results.json of an evaluation, for the card. Raises `UserError` where there is no
    checkpoint, `out` is not empty, or the library has no such model.
    """
    return write(out, trained(checkpoint, warn), partial(_all, to=to, results=results))


def _all(folder: Path, made: Trained, to: str, results: Path | None) -> None:
    WRITERS[to](folder, made)
    write_card(folder, made, to, results)
