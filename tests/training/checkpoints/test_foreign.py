"""Weights as others publish them, made from chance: the same features, or told what to do."""

import json
import pickle
import zipfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.openclip import open_clip
from training.checkpoints.foreign import of_hugging_face
from training.checkpoints.start import Weights, activation_of, begin_with, weights_of
from training.config import ClipConfig, TextConfig, TrainConfig, VitConfig
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import UserError

TEXT = TextConfig(layers=2, width=64, context=16, vocab_size=600)
SIZES = ClipConfig(
    embed_dim=32, vision=VitConfig(image_size=32, patch_size=8, layers=2, width=128), text=TEXT
)

pytestmark = pytest.mark.filterwarnings("ignore")


def peer(*, quick: bool) -> Any:
    """open_clip's model of the same sizes, no weight of it at 0."""
    torch.manual_seed(0)
    open_clip()
    CLIP = import_module("open_clip.model").CLIP

    vision = {"layers": 2, "width": 128, "head_width": 64, "patch_size": 8, "image_size": 32}
    text = {"context_length": 16, "vocab_size": 600, "width": 64, "heads": 1, "layers": 2}
    made = CLIP(embed_dim=32, vision_cfg=vision, text_cfg=text, quick_gelu=quick).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    return made


def inputs() -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(1)
    image_BCHW = torch.randn(4, 3, 32, 32, generator=chance)
    text_BT = torch.randint(1, 598, (4, 16), generator=chance)
    text_BT[:, -1] = 599
    return image_BCHW, text_BT


def hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """openai/CLIP's names as Hugging Face's, written apart from the reading; not by its own code."""
    made = {"logit_scale": state["logit_scale"]}
    made["visual_projection.weight"] = state["visual.proj"].T.contiguous()
    made["text_projection.weight"] = state["text_projection"].T.contiguous()
    made["text_model.embeddings.token_embedding.weight"] = state["token_embedding.weight"]
    made["text_model.embeddings.position_embedding.weight"] = state["positional_embedding"]
    made["text_model.embeddings.position_ids"] = torch.arange(16)[None]
    made["vision_model.embeddings.class_embedding"] = state["visual.class_embedding"]
    made["vision_model.embeddings.patch_embedding.weight"] = state["visual.conv1.weight"]
    made["vision_model.embeddings.position_embedding.weight"] = state["visual.positional_embedding"]
    for kind in ("weight", "bias"):
        made[f"text_model.final_layer_norm.{kind}"] = state[f"ln_final.{kind}"]
        made[f"vision_model.pre_layrnorm.{kind}"] = state[f"visual.ln_pre.{kind}"]
        made[f"vision_model.post_layernorm.{kind}"] = state[f"visual.ln_post.{kind}"]
        for tower, prefix in (("text_model", ""), ("vision_model", "visual.")):
            for layer in range(2):
                theirs, ours = f"{tower}.encoder.layers.{layer}", f"{prefix}transformer.resblocks.{layer}"
                for part, value in zip("qkv", state[f"{ours}.attn.in_proj_{kind}"].chunk(3), strict=True):
                    made[f"{theirs}.self_attn.{part}_proj.{kind}"] = value.clone()
                made[f"{theirs}.self_attn.out_proj.{kind}"] = state[f"{ours}.attn.out_proj.{kind}"]
                for one, other in (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2")):
                    made[f"{theirs}.{one}.{kind}"] = state[f"{ours}.{other}.{kind}"]
                for one, other in (("fc1", "c_fc"), ("fc2", "c_proj")):
                    made[f"{theirs}.mlp.{one}.{kind}"] = state[f"{ours}.mlp.{other}.{kind}"]
    return made


def publish(kind: str, folder: Path) -> tuple[Path, Any]:
    """A file as `kind` is published, with what lies beside it, and the model that it is of."""
    model = peer(quick=kind in ("openai", "open_clip quick", "hugging face"))
    config: dict[str, Any] = {}
    if kind == "openai":
        for name, value in (("input_resolution", 32), ("context_length", 16), ("vocab_size", 600)):
            vars(model).pop(name, None)
            model.register_buffer(name, torch.tensor(value))
        image_BCHW, text_BT = inputs()
        traced = torch.jit.trace_module(  # type: ignore[no-untyped-call]
            model, {"encode_image": (image_BCHW,), "encode_text": (text_BT,)}, check_trace=False
        )
        traced.half().save(str(folder / "w.pt"))  # OpenAI's are fp16
        model.float()  # what it shares with its trace: rounded as the file is
        return folder / "w.pt", model
    if kind.startswith("open_clip"):
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
        config = {"model_cfg": {"embed_dim": 32} | ({"quick_gelu": True} if "quick" in kind else {})}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        return folder / "open_clip_model.safetensors", model
    save_file(hugging_face(model.state_dict()), folder / "model.safetensors")
    act = "gelu" if "gelu" in kind else "quick_gelu"
    config = {"text_config": {"hidden_act": act}, "vision_config": {"hidden_act": act}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "model.safetensors", model


@pytest.mark.parametrize(
    "kind", ["openai", "open_clip gelu", "open_clip quick", "hugging face", "hugging face gelu"]
)
def test_features_are_those_of_the_code_that_made_the_weights(kind: str, tmp_path: Path) -> None:
    path, theirs = publish(kind, tmp_path)
    weights = weights_of(path, print)
    activation = activation_of(weights, TrainConfig(init=str(path)))
    assert activation == ("gelu" if kind.endswith(" gelu") else "quick_gelu")
    own = Clip(replace(SIZES, activation=activation)).eval()
    begin_with(own, weights.state, path)
    image_BCHW, text_BT = inputs()
    with torch.no_grad():
        image_BD, text_BD, _ = own(image_BCHW, text_BT)
        expected = (
            theirs.encode_image(image_BCHW, normalize=True),
            theirs.encode_text(text_BT, normalize=True),
        )
    assert (image_BD - expected[0]).abs().max() < 1e-5
    assert (text_BD - expected[1]).abs().max() < 1e-5
    other = Clip(replace(SIZES, activation="quick_gelu" if activation == "gelu" else "gelu")).eval()
    begin_with(other, weights.state, path)
    with torch.no_grad():
        assert (other(image_BCHW, text_BT)[0] - expected[0]).abs().max() > 1e-4  # the wrong one would show


def test_what_is_known_is_not_overruled_and_what_is_not_is_asked_for() -> None:
    config = TrainConfig(init="w.pt")
    with pytest.raises(UserError, match="was trained with gelu, and activation is quick_gelu"):
        activation_of(Weights({}, None, "gelu"), replace(config, activation="quick_gelu"))
    with pytest.raises(UserError, match="set activation: quick_gelu for OpenAI's"):
        activation_of(Weights({}, None, None), config)
    assert activation_of(Weights({}, None, None), replace(config, activation="gelu")) == "gelu"
    assert activation_of(None, TrainConfig()) == "quick_gelu"


@pytest.mark.parametrize(
    ("name", "told", "said"),
    [
        (
            "open_clip_config.json",
            {"model_cfg": {}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5]}},
            "normalised with mean",
        ),
        ("config.json", {"text_config": {"hidden_act": "relu"}}, "wants one of quick_gelu, gelu"),
        ("config.json", [], "is no configuration of a CLIP"),
    ],
)
def test_what_cannot_be_computed_here_is_refused(name: str, told: Any, said: str, tmp_path: Path) -> None:
    torch.save(Clip(SIZES).state_dict(), tmp_path / "w.pt")
    (tmp_path / name).write_text(json.dumps(told))
    with pytest.raises(UserError, match=said):
        weights_of(tmp_path / "w.pt", print)


def test_no_code_of_a_script_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("run",)

    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("w/constants.pkl", pickle.dumps(()))
        archive.writestr("w/data.pkl", pickle.dumps(Evil()))
    with pytest.raises(UserError, match=r"without running code: it names builtins\.print"):
        weights_of(tmp_path / "w.pt", print)


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"ctorch\nUntypedStorage\n.", pickle.dumps({"a": 1}), b"0."]
)
def test_a_script_that_is_none_is_told_in_a_line(content: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("w/constants.pkl", b"")
        archive.writestr("w/data.pkl", content)
    with pytest.raises(UserError, match="holds no weights"):
        weights_of(tmp_path / "w.pt", print)


def test_names_there_and_back() -> None:
    state = Clip(SIZES).state_dict()
    made = of_hugging_face(hugging_face(state))
    assert made.keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in made.items())
