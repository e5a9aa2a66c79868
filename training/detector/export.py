"""A trained net as one ONNX file that any runtime reads, with what it was calibrated to."""

import json
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from training.detector.net import Net, StandardConv
from wit_pipeline.copies.detector import BATCH, METADATA
from wit_pipeline.vocabulary.manifest import aside


def export(net: Net, size: int, told: dict[str, Any], path: Path) -> None:
    """Write the net, squares [64, size, size, 3] of uint8 to descriptors [64, dims]; whole or absent."""
    plain = folded(net).eval()
    given = torch.zeros(BATCH, size, size, 3, dtype=torch.uint8)
    with aside(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter is told to be the older one, and says so
            torch.onnx.export(
                plain,
                (given,),
                str(temporary),
                input_names=["squares"],
                output_names=["descriptors"],
                opset_version=17,
                dynamo=False,
            )
        model = onnx.load(str(temporary))
        model.metadata_props.add(key=METADATA, value=json.dumps(told))
        onnx.save(model, str(temporary))


def folded(net: Net) -> Net:
    """A copy of the net whose convolutions are plain, their filters made once."""
    copy = Net(net.head.out_features)
    copy.load_state_dict(net.state_dict())
    _fold(copy)
    return copy


def _fold(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, StandardConv):
            setattr(module, name, _plain(child))
        else:
            _fold(child)


def _plain(conv: StandardConv) -> nn.Conv2d:
    size, stride = conv.kernel_size[0], conv.stride[0]
    plain = nn.Conv2d(conv.in_channels, conv.out_channels, size, stride, padding=size // 2)
    with torch.no_grad():
        plain.weight.copy_(conv.filters())
        assert plain.bias is not None
        assert conv.bias is not None
        plain.bias.copy_(conv.bias)
    return plain
