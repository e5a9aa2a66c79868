"""For onnxruntime: a file for each tower, what is done to pixels and ids within it."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from training.data.image import normalise
from training.export.folder import Trained, write_json
from training.export.pieces import write_pieces
from training.model.clip import Clip

OPSET = 17


class ImageTower(nn.Module):
    """uint8 [B, S, S, 3], upright, in sRGB, to unit vectors [B, D]."""

    def __init__(self, model: Clip) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_BHWC: Tensor) -> Tensor:
        return self.model.encode_image(normalise(image_BHWC))


class TextTower(nn.Module):
    """int64 ids [B, T], padded behind the end token, to unit vectors [B, D]; unpacked, as a graph must be."""

    def __init__(self, model: Clip) -> None:
        super().__init__()
        self.model = model

    def forward(self, text_BT: Tensor) -> Tensor:
        model = self.model
        x_BTW = model.token_embedding(text_BT) + model.positional_embedding[: text_BT.shape[1]]
        x_BTW = model.ln_final(model.transformer(x_BTW))
        end_B11 = text_BT.argmax(dim=-1)[:, None, None]
        x_BW = x_BTW.gather(1, end_B11.expand(-1, 1, x_BTW.shape[2]))[:, 0]
        return nn.functional.normalize(x_BW @ model.text_projection, dim=-1)


def write_towers(folder: Path, made: Trained) -> None:
    """image.onnx, text.onnx, the tokenizer, and clip.json: the side of an image, the context, the scale."""
    size, context = made.sizes.vision.image_size, made.sizes.text.context
    images = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    texts = torch.zeros(2, context, dtype=torch.int64)
    texts[:, 1] = made.tokenizer.end
    _write(ImageTower(made.model), images, folder / "image.onnx", "pixels", "image_embeds")
    _write(TextTower(made.model), texts, folder / "text.onnx", "input_ids", "text_embeds")
    write_pieces(folder, made.tokenizer, context)
    scale = float(made.model.logit_scale.detach().exp())
    write_json(folder / "clip.json", {"image_size": size, "context": context, "logit_scale": scale})


def _write(tower: nn.Module, example: Tensor, path: Path, given: str, made: str) -> None:
    """A tower for any number of rows."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter is told to be the older one, and says so
        torch.onnx.export(
            tower.eval(),
            (example,),
            str(path),
            input_names=[given],
            output_names=[made],
            dynamic_axes={given: {0: "rows"}, made: {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )
