"""An exported folder alone gives other libraries the same vectors, and the same tokens."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import open_clip  # type: ignore[import-untyped]
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from training.__main__ import main
from training.checkpoints import checkpoint
from training.checkpoints.checkpoint import Checkpoint
from training.config import MODELS, ClipConfig, TextConfig, VitConfig
from training.data.image import normalise
from training.data.tokenizer import Tokenizer
from training.export.card import SNIPPETS
from training.export.pieces import is_published
from training.model.clip import Clip
from wit_pipeline.vocabulary.config import as_table

TEXTS = ["a red dog", "two cats &amp; a hat, 1999!!!", "naïve café — über", "x" * 400, ""]
SMALL = ClipConfig(
    embed_dim=64,
    vision=VitConfig(image_size=64, patch_size=16, layers=2, width=128),
    text=TextConfig(layers=2, width=128, context=32, vocab_size=600),
)


def published() -> Tokenizer:
    return Tokenizer.load(Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz")


def own() -> Tokenizer:
    return Tokenizer.train(["a red dog runs", "a blue cat sits on a red mat", "dogs and cats"] * 3, 600)


def run_of(folder: Path, sizes: ClipConfig, tokenizer: Tokenizer) -> Path:
    """A checkpoint with weights by chance, none of them where they began."""
    torch.manual_seed(5)
    model = Clip(sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim:
                parameter.add_(0.02 * torch.randn_like(parameter))
    made = Checkpoint(
        step=7,
        model=model.state_dict(),
        sizes=as_table(sizes),
        optimizer={},
        config={"model": "small", "seed": 5},
        tokenizer=tokenizer.dump(),
        shards="d1",
        read=70,
        bad={},
    )
    return checkpoint.save(folder / "checkpoints", made, keep=3)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tokenizer = own()
    sizes = ClipConfig(
        embed_dim=64,
        vision=SMALL.vision,
        text=TextConfig(layers=2, width=128, context=32, vocab_size=tokenizer.vocab_size),
    )
    run_of(folder, sizes, tokenizer)
    return folder


def exported(run: Path, to: str, out: Path, *more: str) -> Path:
    assert main(["export", "--checkpoint", str(run), "--to", to, "--out", str(out), *more]) == 0
    return out


def ours(run: Path) -> tuple[Clip, ClipConfig, Tokenizer]:
    model, sizes, tokenizer = checkpoint.restore(checkpoint.find(run, print))
    return model.float().eval(), sizes, tokenizer


def picture(side: int) -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((4 * side // 3, side), Image.Resampling.BICUBIC)


@torch.no_grad()
def vectors(run: Path, texts: list[str] = TEXTS) -> tuple[Tensor, Tensor]:
    model, sizes, tokenizer = ours(run)
    images = torch.from_numpy(square_of(sizes)[None])
    ids = torch.from_numpy(tokenizer.encode(texts, sizes.text.context))
    return model.encode_image(normalise(images)), model.encode_text(ids)


def square_of(sizes: ClipConfig) -> np.ndarray[Any, Any]:
    side = sizes.vision.image_size
    found = picture(side)
    left = (found.width - side) // 2
    return np.array(found.crop((left, 0, left + side, side)))


def unit(values: Any) -> Tensor:
    found: Tensor = torch.as_tensor(values)
    return torch.nn.functional.normalize(found, dim=-1)


@torch.no_grad()
@pytest.mark.parametrize("name", ["ViT-B/32", "RN50", pytest.param("ViT-L/14", marks=pytest.mark.slow)])
def test_open_clip_gives_the_same_vectors_and_tokens(name: str, tmp_path: Path) -> None:
    sizes = MODELS[name]
    run_of(tmp_path / "run", sizes, published())
    out = exported(tmp_path / "run", "openclip", tmp_path / "out")
    where = f"local-dir:{out}"
    model, _, prepare = open_clip.create_model_and_transforms(where)
    tokens = open_clip.get_tokenizer(where)(TEXTS)
    _, _, tokenizer = ours(tmp_path / "run")
    wanted = torch.zeros_like(tokens)
    ids = torch.from_numpy(tokenizer.encode(TEXTS, 77))
    wanted[:, : ids.shape[1]] = ids
    assert torch.equal(tokens, wanted)
    pixels = prepare(Image.fromarray(square_of(sizes)))[None]
    model.eval()
    images, texts = vectors(tmp_path / "run")
    torch.testing.assert_close(unit(model.encode_image(pixels)), images, rtol=0, atol=1e-5)
    torch.testing.assert_close(unit(model.encode_text(tokens)), texts, rtol=0, atol=1e-5)
    scale = ours(tmp_path / "run")[0].logit_scale
    assert torch.equal(model.logit_scale, scale)


@torch.no_grad()
def test_open_clip_reads_a_tokenizer_of_ones_own(small: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="open_clip reads tokenizers of one's own by it")
    where = f"local-dir:{exported(small, 'openclip', tmp_path / 'out')}"
    model, _, _ = open_clip.create_model_and_transforms(where)
    model.eval()
    tokens = open_clip.get_tokenizer(where)(TEXTS)
    _, texts = vectors(small)
    same_until_the_end(tokens, small)
    torch.testing.assert_close(unit(model.encode_text(tokens)), texts, rtol=0, atol=1e-5)


def same_until_the_end(tokens: Tensor, run: Path, texts: list[str] = TEXTS) -> None:
    """Behind a text's end others pad with the end token again."""
    _, sizes, tokenizer = ours(run)
    for row, text in zip(tokens.tolist(), texts, strict=True):
        (wanted,) = tokenizer.encode([text], sizes.text.context).tolist()
        assert row[: len(wanted)] == wanted
        assert set(row[len(wanted) :]) <= {tokenizer.end, 0}


@torch.no_grad()
@pytest.mark.parametrize("name", ["small", "ViT-B/32", pytest.param("ViT-L/14", marks=pytest.mark.slow)])
def test_transformers_gives_the_same_vectors_and_tokens(name: str, small: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="its own library is not here")
    run = small
    if name != "small":
        run = tmp_path / "run"
        run_of(run, MODELS[name], published())
    out = exported(run, "hf", tmp_path / "out")
    model = transformers.CLIPModel.from_pretrained(out).eval()
    plain = ["a red dog", "two cats and a hat, 1999!!!", "x" * 400, ""]  # which need no mending
    tokens = transformers.AutoTokenizer.from_pretrained(out)(
        plain, padding="max_length", truncation=True, return_tensors="pt"
    )
    same_until_the_end(tokens.input_ids, run, plain)
    processor = transformers.CLIPImageProcessor.from_pretrained(out)
    pixels = processor(Image.fromarray(square_of(ours(run)[1])), return_tensors="pt").pixel_values
    images, texts = vectors(run, plain)
    found = model(pixel_values=pixels, **tokens)
    torch.testing.assert_close(unit(found.image_embeds), images, rtol=0, atol=1e-5)
    torch.testing.assert_close(unit(found.text_embeds), texts, rtol=0, atol=1e-5)
    logits = ours(run)[0].logit_scale.exp() * images @ texts.T
    torch.testing.assert_close(found.logits_per_image, logits, rtol=1e-5, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", ["small", "RN50"])
def test_onnxruntime_gives_the_same_vectors(name: str, small: Path, tmp_path: Path) -> None:
    run = small
    if name != "small":
        run = tmp_path / "run"
        run_of(run, MODELS[name], published())
    out = exported(run, "onnx", tmp_path / "out")
    _, sizes, tokenizer = ours(run)
    image, text = (
        onnxruntime.InferenceSession(str(out / f"{tower}.onnx"), providers=["CPUExecutionProvider"])
        for tower in ("image", "text")
    )
    images, texts = vectors(run)
    (found,) = image.run(None, {"pixels": square_of(sizes)[None]})
    torch.testing.assert_close(torch.from_numpy(found), images, rtol=0, atol=1e-5)
    ids = np.zeros((len(TEXTS), sizes.text.context), np.int64)
    made = tokenizer.encode(TEXTS, sizes.text.context)
    ids[:, : made.shape[1]] = made
    (found,) = text.run(None, {"input_ids": ids})
    torch.testing.assert_close(torch.from_numpy(found), texts, rtol=0, atol=1e-5)
    told = json.loads((out / "clip.json").read_text())
    assert told["image_size"] == sizes.vision.image_size


def test_a_plain_state_dict_begins_a_run_of_ours_again(small: Path, tmp_path: Path) -> None:
    out = exported(small, "openai", tmp_path / "out")
    state = torch.load(out / "model.pt", weights_only=True)
    own_state = ours(small)[0].state_dict()
    assert state.keys() == own_state.keys()
    assert all(torch.equal(state[name], value) for name, value in own_state.items())


def test_the_card_says_what_it_is_and_how_it_is_loaded(small: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"zero_shot": {"birds": {"top1": 0.5, "images": 4}}}))
    page = (exported(small, "hf", tmp_path / "out", "--results", str(results)) / "README.md").read_text()
    assert page.startswith("---\nlibrary_name: transformers\npipeline_tag: zero-shot-image-classification\n")
    for said in ("CLIPModel.from_pretrained", "`d1`", "| `seed` | 5 |", "| zero_shot birds top1 | 0.5000 |"):
        assert said in page


@pytest.mark.parametrize("to", sorted(SNIPPETS))
def test_what_the_card_says_runs(to: str, small: Path, tmp_path: Path) -> None:
    out = exported(small, to, tmp_path / "out")
    page = (out / "README.md").read_text()
    _, _, snippet = page.partition("```python\n")
    made: dict[str, Any] = {}
    exec(snippet.partition("```")[0].replace("FOLDER", str(out)), made)
    assert made.keys() & {"model", "state", "image_tower"}


def test_published_pieces_are_known() -> None:
    assert is_published(published())
    assert not is_published(own())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--checkpoint", "nothing", "--to", "hf"], "no such checkpoint"),
        (["--to", "hf", "--results", "nothing.json"], "--results"),
        (["--to", "coreml"], "no such choice"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    given = arguments if "--checkpoint" in arguments else ["--checkpoint", str(small), *arguments]
    assert main(["export", *given, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_a_resnet_is_none_of_transformers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_of(tmp_path / "run", MODELS["RN50"], published())
    out = tmp_path / "out"
    assert main(["export", "--checkpoint", str(tmp_path / "run"), "--to", "hf", "--out", str(out)]) == 2
    assert "take --to openclip" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_with_something_in_it_is_left_alone(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("x")
    assert main(["export", "--checkpoint", str(small), "--to", "openai", "--out", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_half_the_bits_are_written_as_whole_ones(tmp_path: Path) -> None:
    """A run with `half_text` keeps matrices in bf16."""
    path = run_of(tmp_path / "run", SMALL, own())
    found = checkpoint.load(path)
    model = Clip(SMALL)
    model.load_state_dict(found.model)
    model.halve()
    half = {name: getattr(found, name) for name in Checkpoint.__slots__} | {"model": model.state_dict()}
    checkpoint.save(path.parent, Checkpoint(**half), keep=1)
    out = exported(tmp_path / "run", "openclip", tmp_path / "out")
    assert {value.dtype for value in load_file(out / "open_clip_model.safetensors").values()} == {
        torch.float32
    }


@torch.no_grad()
def test_the_activation_goes_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transformers = pytest.importorskip("transformers", reason="its own library is not here")
    run = tmp_path / "run"
    run_of(run, replace(MODELS["ViT-B/32"], activation="gelu"), published())
    images, texts = vectors(run)
    where = f"local-dir:{exported(run, 'openclip', tmp_path / 'openclip')}"
    model, _, _ = open_clip.create_model_and_transforms(where)
    model.eval()
    tokens = open_clip.get_tokenizer(where)(TEXTS)
    torch.testing.assert_close(unit(model.encode_text(tokens)), texts, rtol=0, atol=1e-5)
    there = transformers.CLIPModel.from_pretrained(exported(run, "hf", tmp_path / "hf")).eval()
    pixels = normalise(torch.from_numpy(square_of(MODELS["ViT-B/32"])[None]))
    found = there.get_image_features(pixel_values=pixels)
    found = found if isinstance(found, Tensor) else found.pooler_output
    torch.testing.assert_close(unit(found), images, rtol=0, atol=1e-5)
    capsys.readouterr()
    out = ["--to", "openai", "--out", str(tmp_path / "openai")]
    assert main(["export", "--checkpoint", str(run), *out]) == 2
    assert "knows quick_gelu alone" in capsys.readouterr().err
