"""For transformers: `CLIPModel.from_pretrained(FOLDER)`."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from training.config import HEAD_WIDTH, ClipConfig, ResNetConfig, VitConfig
from training.data.image import DEVIATION, MEAN
from training.export.folder import Trained, write_json, write_weights
from training.export.pieces import write_pieces
from training.model.clip import INITIAL_SCALE
from wit_pipeline.vocabulary.errors import UserError

# openai/CLIP's names, and transformers'; what ends in a dot is a beginning.
NAMES = {
    "logit_scale": "logit_scale",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.": "vision_model.embeddings.patch_embedding.",
    "visual.ln_pre.": "vision_model.pre_layrnorm.",
    "visual.ln_post.": "vision_model.post_layernorm.",
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "token_embedding.": "text_model.embeddings.token_embedding.",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "transformer.resblocks.": "text_model.encoder.layers.",
    "ln_final.": "text_model.final_layer_norm.",
}
TURNED = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}
OF_BLOCKS = {
    "ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.", "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2.",
    "attn.out_proj.": "self_attn.out_proj.",
}  # fmt: skip
BLOCK = re.compile(r"(.*layers\.\d+\.)(.*)")
PARTS = re.compile(r"attn\.in_proj_(weight|bias)")


def write_hub(folder: Path, made: Trained) -> None:
    """Weights by transformers' names, the configuration, the tokenizer and the image processor.

    Raises `UserError` for a ResNet, which its CLIPModel is none.
    """
    sizes = made.sizes
    if isinstance(sizes.vision, ResNetConfig):
        raise UserError("--to hf: transformers' CLIPModel has no ResNet; take --to openclip")
    weights = {name: part for pair in made.weights.items() for name, part in renamed(*pair)}
    write_weights(folder / "model.safetensors", weights)
    write_json(folder / "config.json", config_of(made, sizes.vision))
    write_json(folder / "preprocessor_config.json", prepared(sizes.vision.image_size))
    write_pieces(folder, made.tokenizer, sizes.text.context)


def renamed(name: str, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    """A parameter by transformers' name, turned where a matrix is multiplied from the other side there.

    Queries, keys and values are one matrix here and three there.
    """
    if name in TURNED:
        yield TURNED[name], value.T
        return
    start = next(own for own in NAMES if name == own or (own.endswith(".") and name.startswith(own)))
    there = NAMES[start] + name[len(start) :]
    block = BLOCK.fullmatch(there)
    if block is None:
        yield there, value
    elif (parts := PARTS.fullmatch(block[2])) is not None:
        for letter, part in zip("qkv", value.chunk(3), strict=True):
            yield f"{block[1]}self_attn.{letter}_proj.{parts[1]}", part
    else:
        inside = next(own for own in OF_BLOCKS if block[2].startswith(own))
        yield block[1] + OF_BLOCKS[inside] + block[2][len(inside) :], value


def config_of(made: Trained, vision: VitConfig) -> dict[str, Any]:
    """transformers' config.json."""
    sizes, text = made.sizes, made.sizes.text
    ids = {"bos_token_id": made.tokenizer.start, "eos_token_id": made.tokenizer.end}
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": sizes.embed_dim,
        "logit_scale_init_value": math.log(INITIAL_SCALE),
        "torch_dtype": "float32",
        "text_config": {
            "model_type": "clip_text_model",
            **tower(text.width, text.layers, sizes),
            "max_position_embeddings": text.context,
            "vocab_size": text.vocab_size,
            **ids,
            "pad_token_id": made.tokenizer.end,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            **tower(vision.width, vision.layers, sizes),
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
        },
    }


def tower(width: int, layers: int, sizes: ClipConfig) -> dict[str, Any]:
    """What both towers are."""
    return {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD_WIDTH,
        "hidden_act": sizes.activation,
        "projection_dim": sizes.embed_dim,
        "layer_norm_eps": 1e-5,
    }


def prepared(size: int) -> dict[str, Any]:
    """transformers' preprocessor_config.json: the shorter side to `size`, the centre of it, normalised."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "CLIPProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": size},
        "resample": 3,  # bicubic
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(MEAN),
        "image_std": list(DEVIATION),
    }
