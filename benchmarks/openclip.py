"""The trainer's peer: open_clip, whose models and tokenizer are openai/CLIP's."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

KEPT: list[Any] = []


@cache
def open_clip() -> Any:
    """The peer, with a torchvision that is built for this torch or for another one.

    pip may bring a CPU torch and a torchvision with CUDA inside: its library of operators does not load
    then, and its Python asks for two of them by name all the same. Where the library loads it brings them
    itself; to define them beside it would end the process.
    """
    if not brings_operators():
        operators = import_module("torch").library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(operators)  # they go when it does
    return import_module("open_clip")


def brings_operators() -> bool:
    """Whether torchvision's library loads beside this torch; asked without importing torchvision."""
    torch: Any = import_module("torch")
    found = find_spec("torchvision")
    assert found is not None, "open_clip needs torchvision"
    for folder in found.submodule_search_locations or ():
        for library in Path(folder).glob("_C*.so"):
            try:
                torch.ops.load_library(str(library))
            except OSError:  # built for another torch
                return False
            return True
    return False
