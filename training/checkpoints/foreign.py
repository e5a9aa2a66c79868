"""Weights that others published: their names, what lies beside them, and TorchScript read without running it.

Shapes: W width, D width of the shared space.
"""

import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import Activation
from training.data.image import DEVIATION, MEAN
from wit_pipeline.vocabulary.errors import UserError

State = dict[str, Tensor]

NUMBERS = ("input_resolution", "context_length", "vocab_size")  # that OpenAI's files hold beside the weights
MASK = "attn_mask"  # that a trace holds as if it were learnt; it is the causal one
MERGES = ("bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt", "merges.txt")
CONFIGS = ("open_clip_config.json", "config.json")
ACTIVATIONS: dict[str, Activation] = {"quick_gelu": "quick_gelu", "gelu": "gelu"}
HF_CONFIGS = ("text_config", "vision_config")
CLOSE = 1e-4  # to which published means are CLIP's

# Hugging Face's names of what stands in a tower and of what stands in a block, and openai/CLIP's.
HF_TOWER = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "pre_layrnorm": "ln_pre",
    "post_layernorm": "ln_post",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
}
HF_BLOCK = {
    ".self_attn.": ".attn.",
    ".layer_norm1.": ".ln_1.",
    ".layer_norm2.": ".ln_2.",
    ".mlp.fc1.": ".mlp.c_fc.",
    ".mlp.fc2.": ".mlp.c_proj.",
}


def activation_beside(path: Path, state: State) -> Activation | None:
    """The activation that the weights at `path` were trained with, as far as anything says so.

    OpenAI's files, known by their three numbers, are all QuickGELU. Raises `UserError` for an activation, or
    for colours taken out by other means, than can be computed here.
    """
    if "input_resolution" in state:
        return "quick_gelu"
    found = next((path.parent / name for name in CONFIGS if (path.parent / name).is_file()), None)
    if not found:
        return None
    try:
        told = json.loads(found.read_text(encoding="utf-8"))
        refuse_other_colours(told.get("preprocess_cfg") or {}, found)
        refuse_other_colours(preprocessor(path), found)
        if "model_cfg" in told:
            return "quick_gelu" if told["model_cfg"].get("quick_gelu") else "gelu"
        named = {(told.get(tower) or {}).get("hidden_act", "quick_gelu") for tower in HF_CONFIGS}
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{found}: is no configuration of a CLIP: {error}") from None
    if len(named) != 1 or not named <= ACTIVATIONS.keys():
        raise UserError(f"{found}: wants one of {', '.join(ACTIVATIONS)} in both towers, not {sorted(named)}")
    return ACTIVATIONS[named.pop()]


def preprocessor(path: Path) -> dict[str, Any]:
    """What Hugging Face's preprocessor_config.json beside the weights says; nothing, if there is none."""
    file = path.parent / "preprocessor_config.json"
    if not file.is_file():
        return {}
    told = json.loads(file.read_text(encoding="utf-8"))
    return {"mean": told.get("image_mean", MEAN), "std": told.get("image_std", DEVIATION)}


def refuse_other_colours(told: dict[str, Any], path: Path) -> None:
    """Raise `UserError` if pixels are normalised in another way than openai/CLIP's."""
    for name, own in (("mean", MEAN), ("std", DEVIATION)):
        given = told.get(name) or own
        if len(given) != len(own) or any(
            abs(one - other) > CLOSE for one, other in zip(given, own, strict=True)
        ):
            raise UserError(
                f"{path}: its pixels were normalised with {name} {list(given)}, and here they are "
                f"with CLIP's {list(own)}; begin with weights that were trained with those"
            )


def merges_beside(path: Path) -> Path | None:
    """CLIP's list of merges in the folder of the weights, as Hugging Face's repositories have it."""
    return next((path.parent / name for name in MERGES if (path.parent / name).is_file()), None)


def renamed(state: State) -> State:
    """Weights with openai/CLIP's names, of its own, open_clip's or Hugging Face's; numbers are left out."""
    if "vision_model.embeddings.class_embedding" in state:
        return of_hugging_face(state)
    return {
        name.removeprefix("module."): value
        for name, value in state.items()
        if name not in NUMBERS and name.rpartition(".")[2] != MASK
    }


def of_hugging_face(state: State) -> State:
    """openai/CLIP's weights from those of a `transformers.CLIPModel`."""
    made: State = {}
    for name, value in state.items():
        if name.endswith("position_ids"):
            continue
        if name in ("visual_projection.weight", "text_projection.weight"):  # [D, W] there, [W, D] here
            made["visual.proj" if name[0] == "v" else "text_projection"] = value.T.contiguous()
            continue
        tower, _, rest = name.partition(".")
        if tower not in ("vision_model", "text_model"):
            made[name] = value
            continue
        for theirs, ours in HF_TOWER.items():
            if rest.startswith(theirs):
                rest = ours + rest.removeprefix(theirs)
        for theirs, ours in HF_BLOCK.items():
            rest = rest.replace(theirs, ours)
        made[("visual." if tower == "vision_model" else "") + rest] = value
    for name in [name for name in made if ".attn.q_proj." in name]:
        parts = [made.pop(name.replace("q_proj", f"{part}_proj")) for part in "qkv"]
        made[name.replace("q_proj.", "in_proj_")] = torch.cat(parts)
    return made


# TorchScript.


class _Module:
    """What a script's module holds; its code is not looked at."""

    def __init__(self, *_: Any) -> None:
        self.held: dict[str, Any] = {}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.held = held


class _Unpickler(pickle.Unpickler):
    """Tensors, tables and nothing else: names of any class of a script stand for `_Module`."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(archive.open(f"{root}data.pkl"))
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Module
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return getattr(torch, name).dtype
        if module == "torch.jit._pickle":  # lists with a type: the list itself
            return lambda data, *_: data
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, *_ = pid
        data = bytearray(self.archive.read(f"{self.root}data/{key}"))
        return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _rebuilt(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return torch.as_strided(storage, size, stride, offset).clone()


def script_root(path: Path) -> str | None:
    """The folder in the archive of a TorchScript file; None for any other file."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    roots = [name.removesuffix("constants.pkl") for name in names if name.endswith("/constants.pkl")]
    return roots[0] if roots and f"{roots[0]}data.pkl" in names else None


def of_script(path: Path, root: str) -> State:
    """The tensors of a TorchScript file, as OpenAI publishes its models, by their dotted names.

    Raises `pickle.UnpicklingError` for a file that holds more than modules, tables and tensors.
    """
    with zipfile.ZipFile(path) as archive:
        try:
            top = _Unpickler(archive, root).load()
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise pickle.UnpicklingError(f"it is no TorchScript: {error}") from None
    return dict(_tensors(top, ""))


def _tensors(module: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in getattr(module, "held", {}).items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, _Module):
            yield from _tensors(value, f"{prefix}{name}.")
