import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from training.config import MODELS
from training.model.clip import Clip
from training.model.flops import flops_of, one_text, peak_flops

# 10^9 operations for the gradients of one pair with 77 tokens: openai/CLIP's code, counted by torch.
PUBLISHED = {"RN50": 52.6, "RN50x64": 1631, "ViT-B/32": 44.1, "ViT-B/16": 123.0, "ViT-L/14@336px": 1185}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_pair_costs_what_openais_code_costs(name: str) -> None:
    ids_1T = torch.zeros(1, 77, dtype=torch.int64)
    ids_1T[0, -1] = 1
    assert flops_of(MODELS[name]).of_batch(ids_1T) / 1e9 == pytest.approx(PUBLISHED[name], rel=1e-3)


def test_a_batch_costs_what_each_text_costs_at_its_length() -> None:
    sizes = MODELS["ViT-Ti/8-64"]
    with torch.device("meta"):
        model = Clip(sizes)
    ids_BT = torch.zeros(3, 30, dtype=torch.int64)
    ends = (4, 17, 29)
    counted = 0
    for row, end in enumerate(ends):
        ids_BT[row, end] = 9
        with FlopCounterMode(display=False) as counter, torch.device("meta"):
            out = model.embed_packed(one_text(end + 1)).sum()
            out = out + model.encode_image(torch.empty(1, 3, 64, 64)).sum()
            out.backward()  # type: ignore[no-untyped-call]
        counted += counter.get_total_flops()
    assert flops_of(sizes).of_batch(ids_BT) == counted


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H200", 989e12), ("NVIDIA H100 PCIe", 756e12), ("NVIDIA A100-SXM4-80GB", 312e12), ("Other", 0)],
)
def test_a_gpu_is_known_by_its_name(name: str, peak: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(torch.device("cuda"), 0) == peak
    assert peak_flops(torch.device("cuda"), 100) == 100e12
    assert peak_flops(torch.device("cpu"), 0) == 0
