from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from training.config import MODELS
from training.data.tokenizer import Tokenizer
from training.evaluate.zero_shot import TEMPLATES, classifier, find_images, read_templates, zero_shot
from training.model.clip import Clip
from wit_pipeline.vocabulary.errors import RunError, UserError


class Painter(Clip):
    """A CLIP that knows colours: an image is its mean colour, a text the colour it names."""

    def encode_image(self, image_BCHW: Tensor) -> Tensor:
        return normalize(image_BCHW.mean(dim=(2, 3)) + 1e-3, dim=-1)

    def encode_text(self, text_BT: Tensor) -> Tensor:
        named = [self.tokenizer.decode(text_T.tolist()) for text_T in text_BT]
        colours = {"red": [1.5, -1.5, -1.5], "blue": [-1.5, -1.5, 1.5], "white": [1.0, 1.0, 1.0]}
        return normalize(torch.tensor([colours[text.split()[-1]] for text in named]), dim=-1)

    tokenizer: Tokenizer


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["a photo of dark blue red white"] * 2, 600)


@pytest.fixture
def painter(tokenizer: Tokenizer) -> Clip:
    tiny = MODELS["ViT-Ti/8-64"]
    model = Painter(replace(tiny, text=replace(tiny.text, vocab_size=tokenizer.vocab_size)))
    model.tokenizer = tokenizer
    return model


def test_classes_are_folders_and_underscores_blanks(image_folder: Path) -> None:
    (image_folder / "notes.txt").write_text("not a class")
    (image_folder / "red" / "notes.txt").write_text("not an image")
    names, images = find_images(image_folder)
    assert names == ["dark blue", "red", "white"]
    assert [label for _, label in images] == [0] * 4 + [1] * 4 + [2] * 4


def test_right_answers_are_counted(painter: Clip, tokenizer: Tokenizer, image_folder: Path) -> None:
    (image_folder / "red" / "broken.jpg").write_bytes(b"no image")
    misplaced = image_folder / "white" / "0.jpg"
    misplaced.write_bytes((image_folder / "red" / "0.jpg").read_bytes())
    (image_folder / "white" / "1.jpg").unlink()
    results = zero_shot(
        painter, tokenizer, image_folder, image_size=16, context=16, templates=["a photo of {}"]
    )
    assert results == {
        "n": 11,
        "unreadable": 1,
        "classes": 3,
        "top1": pytest.approx(10 / 11),
        "top5": 1.0,
        "mean_per_class": pytest.approx((1 + 1 + 2 / 3) / 3),
        "chance": pytest.approx(1 / 3),
        "templates": 1,
    }


def test_a_class_is_the_normalised_mean_of_its_unit_vectors(tokenizer: Tokenizer) -> None:
    tiny = MODELS["ViT-Ti/8-64"]
    torch.manual_seed(0)
    model = Clip(replace(tiny, text=replace(tiny.text, vocab_size=tokenizer.vocab_size)))
    templates = ["a photo of {}", "{}", "red {} white"]
    class_CD = classifier(model, tokenizer, 16, ["red", "blue"], templates)
    with torch.inference_mode():
        texts = [template.replace("{}", "blue") for template in templates]
        text_TD = model.encode_text(torch.from_numpy(tokenizer.encode(texts, 16)))
    expected_D = text_TD.sum(dim=0) / text_TD.sum(dim=0).square().sum().sqrt()
    torch.testing.assert_close(class_CD[1], expected_D)
    torch.testing.assert_close(class_CD.norm(dim=-1), torch.ones(2))


def test_every_general_template_has_one_place_for_the_class() -> None:
    assert all(template.count("{}") == 1 for template in TEMPLATES)


def test_templates_are_read_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "templates.txt"
    path.write_text("a photo of a {}.\n\n a {} \n")
    assert read_templates(path) == ("a photo of a {}.", "a {}")
    for text, found in (("a photo\n", "'a photo'"), ("{} and {}", "'{} and {}'"), ("\n", "'no line'")):
        path.write_text(text)
        with pytest.raises(UserError, match=found):
            read_templates(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_templates(tmp_path / "none.txt")


def test_a_missing_or_empty_set_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        find_images(tmp_path / "none")
    with pytest.raises(UserError, match="holds no image"):
        find_images(tmp_path)


def test_a_set_without_one_readable_image_fails(painter: Clip, tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(RunError, match="none of its 1 images can be read"):
        zero_shot(painter, tokenizer, tmp_path, image_size=16, context=16, templates=["{}"])
