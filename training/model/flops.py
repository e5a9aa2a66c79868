"""How many floating-point operations a model asks for, counted exactly, and how many a GPU could do.

One multiplication and addition are two. Counted is what the gradients of one pair need: forward and backward
of both towers, each text at its own length; not what is computed twice to save memory, nor the loss, whose
share is 0.2 % at the paper's batch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from training.config import ClipConfig
from training.model.clip import Clip
from training.model.packing import Packed, pack

# Dense bf16 (fp16 where there is none), 10^12 a second, from the makers' data sheets. The first name that a
# device's name contains is its.
PEAKS: Mapping[str, float] = MappingProxyType(
    {
        "B200": 2250.0,
        "GH200": 989.0,
        "H200": 989.0,
        "H100 PCIe": 756.0,
        "H100 NVL": 835.0,
        "H100": 989.0,
        "A100": 312.0,
        "A10G": 70.0,
        "A10": 125.0,
        "L40S": 362.0,
        "L40": 181.0,
        "L4": 121.0,
        "V100": 125.0,
        "T4": 65.0,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flops:
    """What one pair costs: an image, and a text of T tokens as c0 + c1 T + c2 T^2."""

    image: int
    text: tuple[int, int, int]

    def of_batch(self, text_BT: Tensor) -> int:
        """The cost of as many pairs as there are texts, ids whose end token is the largest of each row."""
        tokens_B = text_BT.argmax(dim=-1) + 1
        c0, c1, c2 = self.text
        return len(text_BT) * (self.image + c0) + int((c1 * tokens_B + c2 * tokens_B.square()).sum())


def flops_of(sizes: ClipConfig) -> Flops:
    """The counts of a model, taken from torch's own on a model without data."""
    with torch.device("meta"):
        model = Clip(sizes)
        side = sizes.vision.image_size
        image_1CHW = torch.empty(1, 3, side, side)
        image = _counted(partial(model.encode_image, image_1CHW))
        at = [_counted(partial(model.embed_packed, one_text(tokens))) for tokens in (1, 2, 3)]
    # Three places of a parabola.
    c2 = (at[2] - 2 * at[1] + at[0]) // 2
    c1 = at[1] - at[0] - 3 * c2
    return Flops(image=image, text=(at[0] - c1 - c2, c1, c2))


def one_text(tokens: int) -> Packed:
    """A text of so many tokens, without data."""
    with torch.device("cpu"):
        text_1T = torch.zeros(1, tokens, dtype=torch.int64)
        text_1T[0, -1] = 1
        return pack(text_1T, step=1).to(torch.device("meta"))


def _counted(forward: Callable[[], Tensor]) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        forward().sum().backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops())


def peak_flops(device: torch.device, told: float) -> float:
    """Operations a second that the device could do; `told` is a figure in 10^12, 0 if there is none.

    0 for a CPU, and for a GPU whose name is not known.
    """
    if told or device.type != "cuda":
        return told * 1e12
    name = torch.cuda.get_device_name(device)
    return next((peak for known, peak in PEAKS.items() if known in name), 0.0) * 1e12
