"""The card of an exported model: what it is, what it learnt from, how it is loaded, what it is not for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.export.folder import Trained
from wit_pipeline.vocabulary.errors import UserError

LIBRARY = {"openclip": "open_clip", "hf": "transformers", "openai": "pytorch", "onnx": "onnx"}
SNIPPETS = {
    "openclip": """import open_clip

model, _, preprocess = open_clip.create_model_and_transforms("local-dir:FOLDER")
tokenizer = open_clip.get_tokenizer("local-dir:FOLDER")
""",
    "hf": """from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

model = CLIPModel.from_pretrained("FOLDER")
tokenizer = AutoTokenizer.from_pretrained("FOLDER")
processor = CLIPImageProcessor.from_pretrained("FOLDER")
""",
    "openai": """import torch

state = torch.load("FOLDER/model.pt", weights_only=True)  # openai/CLIP's names: clip.model.build_model(state)
""",
    "onnx": """import onnxruntime

image_tower = onnxruntime.InferenceSession("FOLDER/image.onnx")  # uint8 [B, S, S, 3], upright, in sRGB
text_tower = onnxruntime.InferenceSession("FOLDER/text.onnx")  # int64 ids [B, T]
""",
}
PAGE = """---
library_name: {library}
pipeline_tag: zero-shot-image-classification
tags:
- clip
license: other
---

# {name}

A CLIP model (arXiv 2103.00020) with {parameters:,} parameters: images and texts as unit vectors of {dims}
numbers, alike where they belong together. Trained with WebImageText.

## Use

```python
{snippet}```

Pictures are brought to a shorter side of {size} pixels, bicubic, and their centre is cut out. Texts are
lower-cased, mojibake and entities mended, and cut at {context} tokens.

## Training

Step {step:,}, {read:,} pairs read, of shards whose samples have the digest `{shards}`; the card of that
dataset says what is in them.

| | |
|---|---|
{recipe}
{results}
## Limits

What the pairs of the web say is what it has learnt, their prejudices too. It was not examined for any use in
which people are judged, found or named, nor for languages that its captions have few of. Whether a use is
lawful depends on the licences of the pairs as well.
"""


def write_card(folder: Path, made: Trained, to: str, results: Path | None) -> None:
    """README.md, as the Hub shows it. `results` is the results.json of an evaluation, if there is one."""
    config = made.checkpoint.config
    told = "\n".join(f"| `{name}` | {value} |" for name, value in sorted(config.items()) if value != "")
    page = PAGE.format(
        library=LIBRARY[to],
        name=f"{config.get('model', 'CLIP')}, step {made.checkpoint.step:,}",
        parameters=sum(value.numel() for value in made.model.parameters()),
        dims=made.sizes.embed_dim,
        snippet=SNIPPETS[to],
        size=made.sizes.vision.image_size,
        context=made.sizes.text.context,
        step=made.checkpoint.step,
        read=made.checkpoint.read,
        shards=made.checkpoint.shards,
        recipe=told,
        results=_results(results),
    )
    (folder / "README.md").write_text(page, encoding="utf-8")


def _results(path: Path | None) -> str:
    """A section of what an evaluation found; "" for none. Raises `UserError` where a file is none."""
    if path is None:
        return ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--results {path}: is no results.json of an evaluation: {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"--results {path}: is no results.json of an evaluation")
    rows = "\n".join(f"| {name} | {value} |" for name, value in _flat(found))
    return f"\n## Evaluation\n\n| | |\n|---|---:|\n{rows}\n"


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """The numbers and names of nested tables, by their paths."""
    rows: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{before}{name} ")
        elif isinstance(value, bool | int | str):
            rows.append((before + name, f"{value}"))
        elif isinstance(value, float):
            rows.append((before + name, f"{value:.4f}"))
    return rows
