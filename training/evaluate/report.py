"""Everything that `wit-clip eval` measures of one checkpoint, as one table of results and on a terminal."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from training.checkpoints import checkpoint
from training.data.shards import find
from training.evaluate.retrieval import retrieval
from training.evaluate.zero_shot import TEMPLATES, find_images, read_templates, zero_shot
from wit_pipeline.vocabulary.errors import RunError

Results = dict[str, Any]


def evaluate(
    path: Path,
    *,
    datasets: Mapping[str, Path],
    held_out: Sequence[str],
    templates: Path | None,
    out: Path,
    warn: Callable[[str], None],
    caption_key: str = "",
) -> Results:
    """The results, also written to `out`/results.json. Every input is looked at before the first is used."""
    prompts = read_templates(templates) if templates else TEMPLATES
    for folder in datasets.values():
        find_images(folder)
    held_out_shards = find(held_out, out / "shards")
    found = checkpoint.find(path, warn)
    model, sizes, tokenizer = checkpoint.restore(found)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    seen = {"image_size": sizes.vision.image_size, "context": sizes.text.context}
    results: Results = {
        "checkpoint": str(path),
        "model": found.config["model"],
        "step": found.step,
        "datasets": {
            name: zero_shot(model, tokenizer, folder, templates=prompts, **seen)
            for name, folder in datasets.items()
        },
    }
    if held_out:
        results["retrieval"] = retrieval(model, tokenizer, held_out_shards, caption_key=caption_key, **seen)
    write(out / "results.json", results)
    return results


def write(path: Path, results: Results) -> None:
    """Write `results` as JSON, whole or not at all."""
    aside = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error}") from None


def tables(results: Results) -> Iterator[Table]:
    """The results as tables for people; shares in percent."""
    if results["datasets"]:
        table = Table(title=f"Zero-shot, {results['model']}, step {results['step']:,}", title_justify="left")
        for heading in ("set", "images", "bad", "classes", "top 1", "top 5", "per class", "chance"):
            table.add_column(heading, justify="left" if heading == "set" else "right")
        for name, row in results["datasets"].items():
            counts = (f"{row[key]:,}" for key in ("n", "unreadable", "classes"))
            shares = (f"{row[key]:.1%}" for key in ("top1", "top5", "mean_per_class", "chance"))
            table.add_row(name, *counts, *shares)
        yield table
    if "retrieval" in results:
        found = results["retrieval"]
        table = Table(title=f"Retrieval among {found['n']:,} pairs", title_justify="left")
        for heading in ("from", "R@1", "R@5", "R@10", "mean rank", "median rank"):
            table.add_column(heading, justify="left" if heading == "from" else "right")
        for way in ("image_to_text", "text_to_image", "chance"):
            row = found[way]
            shares = (f"{row[key]:.1%}" for key in ("r1", "r5", "r10"))
            table.add_row(
                way.replace("_", " "), *shares, f"{row['mean_rank']:.1f}", f"{row['median_rank']:.1f}"
            )
        yield table
