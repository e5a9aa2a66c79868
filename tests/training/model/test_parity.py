"""The nine published models beside open_clip's, which are openai/CLIP's to the last bit of a float."""

import gc
from collections.abc import Iterator

import pytest
import torch

from benchmarks.openclip import open_clip
from training.config import MODELS, ClipConfig
from training.model.clip import Clip

NAMES = {
    "RN50": "RN50",
    "RN101": "RN101",
    "RN50x4": "RN50x4",
    "RN50x16": "RN50x16",
    "RN50x64": "RN50x64",
    "ViT-B/32": "ViT-B-32",
    "ViT-B/16": "ViT-B-16",
    "ViT-L/14": "ViT-L-14",
    "ViT-L/14@336px": "ViT-L-14-336",
}
LARGE = ("RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-L/14", "ViT-L/14@336px")  # up to a minute each


@pytest.fixture
def tidy() -> Iterator[None]:
    """Gigabytes go before the next test."""
    yield
    gc.collect()


def perturbed(config: ClipConfig) -> Clip:
    """A model in which no branch is zero and no statistic is at its start: a swap would show."""
    torch.manual_seed(0)
    model = Clip(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif value.ndim == 1 and value.is_floating_point():
                value.add_(0.2 * torch.randn(value.shape, generator=generator))
    return model


@pytest.mark.usefixtures("tidy")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in NAMES]
)
def test_features_and_logits_are_the_peers(name: str) -> None:
    config = MODELS[name]
    own = perturbed(config)
    peer = open_clip().create_model(NAMES[name], pretrained=None, force_quick_gelu=True).eval()
    peer.load_state_dict(own.state_dict(), strict=True)
    side = config.vision.image_size
    generator = torch.Generator().manual_seed(2)
    image_BCHW = torch.randn(2, 3, side, side, generator=generator)
    text_BT = torch.randint(1, 49_406, (2, config.text.context), generator=generator)
    text_BT[:, 0], text_BT[0, 20], text_BT[1, 76] = 49_406, 49_407, 49_407
    text_BT[0, 21:] = 0
    with torch.no_grad():
        image_BD, text_BD, scale = own(image_BCHW, text_BT)
        theirs = peer.encode_image(image_BCHW, normalize=True), peer.encode_text(text_BT, normalize=True)
        logits = peer.get_logits(image_BCHW, text_BT)[0]
    torch.testing.assert_close(image_BD, theirs[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(text_BD, theirs[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(scale * image_BD @ text_BD.T, logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "tensors"), [("RN50", 489), ("RN50x64", 1353), ("ViT-L/14", 446)])
def test_a_state_dict_has_as_many_tensors_as_the_published(name: str, tensors: int) -> None:
    with torch.device("meta"):
        assert len(Clip(MODELS[name]).state_dict()) == tensors
