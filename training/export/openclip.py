"""For open_clip 2.24 and later: `open_clip.create_model_and_transforms("local-dir:FOLDER")`."""

from pathlib import Path
from typing import Any

from training.config import HEAD_WIDTH, ClipConfig, ResNetConfig
from training.data.image import DEVIATION, MEAN
from training.export.folder import Trained, write_json, write_weights
from training.export.pieces import is_published, write_pieces

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"


def write_openclip(folder: Path, made: Trained) -> None:
    """Weights with openai/CLIP's names, which are open_clip's too, and the configuration."""
    published = is_published(made.tokenizer)
    write_weights(folder / WEIGHTS, made.weights)
    table = {"model_cfg": model_config(made.sizes, own_tokenizer=not published), "preprocess_cfg": PREPARED}
    write_json(folder / CONFIG, table)
    if not published:  # which needs transformers there
        write_pieces(folder, made.tokenizer, made.sizes.text.context)


PREPARED = {
    "mean": list(MEAN), "std": list(DEVIATION), "interpolation": "bicubic", "resize_mode": "shortest",
}  # fmt: skip


def model_config(sizes: ClipConfig, *, own_tokenizer: bool) -> dict[str, Any]:
    """The sizes in open_clip's words."""
    vision, text = sizes.vision, sizes.text
    resnet = isinstance(vision, ResNetConfig)
    written: dict[str, Any] = {
        "embed_dim": sizes.embed_dim,
        "quick_gelu": sizes.activation == "quick_gelu",
        "vision_cfg": {
            "image_size": vision.image_size,
            "layers": list(vision.layers) if isinstance(vision, ResNetConfig) else vision.layers,
            "width": vision.width,
            "patch_size": None if isinstance(vision, ResNetConfig) else vision.patch_size,
            **({"head_width": HEAD_WIDTH} if not resnet else {}),
        },
        "text_cfg": {
            "context_length": text.context,
            "vocab_size": text.vocab_size,
            "width": text.width,
            "heads": text.width // HEAD_WIDTH,
            "layers": text.layers,
        },
    }
    if own_tokenizer:
        written["text_cfg"]["hf_tokenizer_name"] = "."  # of a folder its own files are read
        written["text_cfg"]["tokenizer_kwargs"] = {"clean": "lower"}
    return written
