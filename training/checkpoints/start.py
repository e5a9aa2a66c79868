"""Weights to begin with, of a checkpoint of ours or of any CLIP with openai/CLIP's names."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import interpolate

from training.checkpoints import checkpoint
from training.checkpoints.foreign import (
    activation_beside,
    merges_beside,
    of_script,
    renamed,
    script_root,
)
from training.config import Activation, TrainConfig
from training.data.tokenizer import Tokenizer
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import UserError

PLACES = "visual.positional_embedding"
UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    SafetensorError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    KeyError,
)

State = dict[str, Tensor]


class Weights(NamedTuple):
    """What a run may begin with, and what is known of it."""

    state: State  # with openai/CLIP's names
    tokenizer: Tokenizer | None
    activation: Activation | None  # None: nothing says which


def weights_of(path: Path, warn: Callable[[str], None]) -> Weights:
    """A model's state dict, and its tokenizer and activation where they lie beside it.

    `path` is a run's folder or a checkpoint of ours, or a file with openai/CLIP's names or Hugging Face's:
    safetensors, OpenAI's TorchScript, or what torch loads without running code. Raises `UserError` for
    anything else.
    """
    if path.is_dir() or checkpoint.NAME.fullmatch(path.name):
        found = checkpoint.find(path, warn)
        return Weights(found.model, Tokenizer.parse(found.tokenizer), checkpoint.activation_in(found))
    state = tensors_of(path)
    weights = renamed(state)
    if PLACES not in weights and "visual.conv1.weight" not in weights:
        raise UserError(
            f"init {path}: holds no weights with the names of openai/CLIP or of Hugging Face's CLIPModel"
        )
    merges = merges_beside(path)
    tokenizer = Tokenizer.load(merges) if merges else None
    return Weights(weights, tokenizer, activation_beside(path, state))


def tensors_of(path: Path) -> State:
    """The tensors in a file of others, by its names for them."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if root := script_root(path):
            return of_script(path, root)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"init {path}: there is no such file") from None
    except UNREADABLE as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise UserError(
            f"init {path}: holds no weights that can be read without running code: {reason}"
        ) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def activation_of(weights: Weights | None, config: TrainConfig) -> Activation:
    """The recipe's activation, that of the weights to begin with, or CLIP's; `UserError` if they differ."""
    told = config.activation
    if weights is None:
        return told or "quick_gelu"
    if told and weights.activation and told != weights.activation:
        raise UserError(
            f"init {config.init}: was trained with {weights.activation}, and activation is {told}; "
            f"leave it out"
        )
    known = told or weights.activation
    if not known:
        raise UserError(
            f"init {config.init}: nothing beside it says its activation; set activation: quick_gelu for "
            f"OpenAI's models and names that end in -quickgelu, gelu for open_clip's others"
        )
    return known


def begin_with(model: Clip, weights: State, path: Path) -> None:
    """Load weights; a vision transformer's places are interpolated to the model's grid.

    Raises `UserError` where a name or another shape differs.
    """
    own = model.state_dict()
    given = {name: value.float() for name, value in weights.items()}
    if PLACES in given and PLACES in own and given[PLACES].shape[1:] == own[PLACES].shape[1:]:
        given[PLACES] = resized(given[PLACES], len(own[PLACES]))
    wrong = [name for name in own if name not in given or given[name].shape != own[name].shape]
    wrong += [name for name in given if name not in own]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(
            f"init {path}: is another model's: {wrong[0]}{more} is missing, not known or of another shape"
        )
    model.load_state_dict(given)


def resized(places_TW: Tensor, tokens: int) -> Tensor:
    """Learned positions of a class token and a square grid, for another grid of `tokens` - 1; bicubic."""
    if len(places_TW) == tokens:
        return places_TW
    old, new = (round((count - 1) ** 0.5) for count in (len(places_TW), tokens))
    grid_1WHH = places_TW[1:].T.reshape(1, -1, old, old)
    made_1WHH = interpolate(grid_1WHH, (new, new), mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([places_TW[:1], made_1WHH[0].flatten(1).T])
