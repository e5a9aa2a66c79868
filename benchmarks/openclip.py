"""The trainer's peer: open_clip, whose models and tokenizer are openai/CLIP's."""

from functools import cache
from importlib import import_module
from typing import Any

KEPT: list[Any] = []


@cache
def open_clip() -> Any:
    """The peer. Its torchvision is built for another torch: two operators it only has to know by name."""
    library: Any = import_module("torch").library
    operators = library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    KEPT.append(operators)  # they go when it does
    return import_module("open_clip")
