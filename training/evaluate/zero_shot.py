"""Zero-shot classification: an image's class is the one whose description is nearest.

Source: arXiv 2103.00020, section 3.1. Shapes: B images of a batch, C classes, N images, T tokens,
D width of the shared space.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from training.data.image import UNREADABLE, normalise, square
from training.data.tokenizer import Tokenizer
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import RunError, UserError

IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".avif", ".tif", ".tiff"}
BATCH = 256  # images or texts embedded at a time
CENTRE = 0.5
# General ones; what helps a certain data set is for its user to say.
TEMPLATES = (
    "a photo of a {}.",
    "a picture of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "a photo of one {}.",
    "an image of a {}.",
    "{}",
)


def read_templates(path: Path) -> tuple[str, ...]:
    """The templates in a file, one a line, `{}` for the class; `UserError` for a line without it."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--templates {path}: cannot be read: {error}") from None
    templates = tuple(line for line in lines if line)
    wrong = next((line for line in templates if line.count("{}") != 1), None)
    if wrong is not None or not templates:
        raise UserError(f"--templates {path}: wants a line with one {{}} each, found {wrong or 'no line'!r}")
    return templates


def find_images(folder: Path) -> tuple[list[str], list[tuple[Path, int]]]:
    """Class names of an image folder, and each image with its class's number.

    Each sub-folder is a class; underscores in its name are blanks. Raises `UserError` if there is none.
    """
    if not folder.is_dir():
        raise UserError(f"--dataset {folder}: no such folder")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    images = [
        (path, label)
        for label, sub in enumerate(classes)
        for path in sorted(sub.iterdir())
        if path.suffix.lower() in IMAGES
    ]
    if not images:
        raise UserError(f"--dataset {folder}: holds no image; wants {folder}/<class name>/*.jpg")
    return [path.name.replace("_", " ") for path in classes], images


@torch.inference_mode()
def classifier(
    model: Clip, tokenizer: Tokenizer, context: int, names: Sequence[str], templates: Sequence[str]
) -> Tensor:
    """One unit vector a class, float [C, D]: the mean over templates of unit vectors, made one again."""
    rows = []
    for name in names:
        texts = [template.replace("{}", name) for template in templates]
        text_TD = embed_texts(model, tokenizer, context, texts)
        rows.append(normalize(text_TD.mean(dim=0), dim=-1))
    return torch.stack(rows)


@torch.inference_mode()
def embed_texts(model: Clip, tokenizer: Tokenizer, context: int, texts: Sequence[str]) -> Tensor:
    """Unit vectors of any number of texts, float32 [len(texts), D], on the model's device."""
    device = model.logit_scale.device
    parts = (texts[i : i + BATCH] for i in range(0, len(texts), BATCH))
    encoded = (torch.from_numpy(tokenizer.encode(part, context)).to(device) for part in parts)
    return torch.cat([model.encode_text(text_BT) for text_BT in encoded])


@torch.inference_mode()
def zero_shot(
    model: Clip,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    image_size: int,
    context: int,
    templates: Sequence[str] = TEMPLATES,
) -> dict[str, Any]:
    """How often the right class is the nearest: the table of results for one image folder.

    `top1`, `top5`, `mean_per_class` and `chance` are shares of the `n` readable images; `mean_per_class`
    is over the classes that have any. With fewer than five classes `top5` is 1. Raises `UserError` if
    `folder` holds no images and `RunError` if none of them can be read.
    """
    names, images = find_images(folder)
    class_CD = classifier(model, tokenizer, context, names, templates)
    ranks: list[NDArray[np.int64]] = []
    labels: list[int] = []

    def read(image: tuple[Path, int]) -> NDArray[np.uint8] | None:
        try:
            return square(image[0].read_bytes(), image_size, CENTRE)
        except UNREADABLE:
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            loaded = list(pool.map(read, part))
            pixels = [image for image in loaded if image is not None]
            if not pixels:
                continue
            kept = [label for (_, label), image in zip(part, loaded, strict=True) if image is not None]
            image_BHWC = torch.from_numpy(np.stack(pixels)).to(class_CD.device)
            scores_BC = model.encode_image(normalise(image_BHWC)) @ class_CD.T
            own_B1 = torch.tensor(kept, device=class_CD.device)[:, None]
            above_BC = scores_BC > scores_BC.gather(1, own_B1)
            ranks.append(above_BC.sum(dim=1).cpu().numpy())
            labels += kept
    if not labels:
        raise RunError(f"{folder}: none of its {len(images)} images can be read")
    rank_N, label_N = np.concatenate(ranks), np.array(labels)
    return {
        "n": len(label_N),
        "unreadable": len(images) - len(label_N),
        "classes": len(names),
        "top1": float((rank_N < 1).mean()),
        "top5": float((rank_N < 5).mean()),
        "mean_per_class": float(np.mean([(rank_N[label_N == label] < 1).mean() for label in set(labels)])),
        "chance": 1 / len(names),
        "templates": len(templates),
    }
