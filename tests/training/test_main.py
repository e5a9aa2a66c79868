import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.conftest import add, jpeg
from training.__main__ import main

MakeShards = Callable[..., Path]

RECIPE = """
[train]
model = "ViT-Ti/8-64"
batch_size = 16
steps = 50
learning_rate = 1e-3
warmup_steps = 2
vocab_size = 600
context = 16
workers = 2
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> str:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return str(path)


def test_train_eval_and_tokenizer_from_end_to_end(
    recipe_file: str,
    make_shards: MakeShards,
    image_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shards = str(make_shards())
    out = tmp_path / "run"
    assert (
        main(["train", "--recipe", recipe_file, "--shards", shards, "--out", str(out), "--steps", "3"]) == 0
    )
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 3

    command = ["eval", "--checkpoint", str(out / "checkpoints" / "step-000003.pt"), "--out", str(out)]
    command += ["--dataset", f"colours={image_folder}", "--retrieval", f"{shards}/*.tar"]
    assert main(command) == 0
    results = json.loads((out / "results.json").read_text())
    assert (results["model"], results["step"]) == ("ViT-Ti/8-64", 3)
    assert results["datasets"]["colours"]["n"] == 12
    assert results["retrieval"]["n"] == 32
    assert results["retrieval"]["chance"]["r1"] == 1 / 32
    assert set(results["retrieval"]["text_to_image"]) == {"r1", "r5", "r10", "mean_rank", "median_rank"}
    assert "colours" in capsys.readouterr().out

    tokenizer = out / "checkpoints" / "tokenizer.json"
    command = ["tokenizer", "--shards", shards, "--vocab-size", "600", "--out", str(tmp_path / "t.json")]
    assert main(command) == 0
    assert (tmp_path / "t.json").read_text() == tokenizer.read_text()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "required: COMMAND; see wit-clip --help"),
        ("tarin", "no such choice 'tarin'; did you mean 'train'?"),
        ("train --shrads s", "no such option --shrads; did you mean '--shards'?"),
        ("train --shards s --out o", "required: --recipe; see wit-clip train --help"),
        ("train --recipe none.toml --shards s --out o", "none.toml: no such recipe"),
        ("train --recipe {recipe} --shards none/*.tar --out o", "--shards none/*.tar: matches no shard"),
        ("train --recipe {recipe} --shards s --out o --steps 0", "'0' is no whole number from 1"),
        (
            "train --recipe {recipe} --shards s --out o --stpes 4",
            "no such option --stpes; did you mean '--steps'?",
        ),
        ("train --foo", "wit-clip: no such option --foo; "),
        ("train --shards a --foo=3 b --out o --bar", "no such option --foo; "),
        ("eval --foo", "no such option --foo; "),
        ("train --shards a -- --foo", "required: --recipe, --out; see wit-clip train --help"),
        ("eval --checkpoint c --out o", "nothing to evaluate on"),
        ("eval --checkpoint c --out o --dataset cifar10", "'cifar10' is not NAME=PATH"),
        ("eval --checkpoint c --out o --dataset a=none", "--dataset none: no such folder"),
        ("eval --checkpoint c --out o --retrieval none", "--shards none: there is no none"),
        ("eval --checkpoint none.pt --out o --dataset a={images}", "none.pt: no such checkpoint"),
        ("tokenizer --shards s --out o --vocab-size 513", "wants 514 or more"),
        ("train --recipe gs://b/r --shards s --out o", "--recipe: wants a path on this machine, found 'gs:"),
        ("train --recipe {recipe} --shards s --out file:///o", "--out: wants a path on this machine"),
        ("train --recipe {recipe} --shards s --out o --resume s3://b", "--resume: wants a path on this"),
        ("eval --checkpoint s3://b/c --out o --dataset a={images}", "--checkpoint: wants a path on this"),
        ("eval --checkpoint c --out S3://o --dataset a={images}", "--out: wants a path on this machine"),
        ("eval --checkpoint c --out o --dataset a=s3://b", "--dataset: wants a path on this machine"),
        ("eval --checkpoint c --out o --dataset a={images} --templates s3://t", "--templates: wants a path"),
        ("detector --images s3://b --out o", "--images: wants a path on this machine, found 's3://b'"),
        ("detector --images {images} --out s3://b", "--out: wants a path on this machine"),
        ("tokenizer --shards s --out hdfs://o", "--out: wants a path on this machine, found 'hdfs://o'"),
    ],
)
def test_a_users_mistake_is_one_line_and_code_2(
    command: str,
    message: str,
    recipe_file: str,
    image_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = command.format(recipe=recipe_file, images=image_folder).split()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert error.startswith("wit-clip: ")


def test_captions_in_json_are_read_by_every_command(
    recipe_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards, out = str(tmp_path / "0.tar"), str(tmp_path / "run")
    with tarfile.open(shards, "w") as tar:
        for i in range(16):
            add(tar, f"{i}.jpg", jpeg("red", i))
            add(tar, f"{i}.json", json.dumps({"caption": f"A thing, number {i}"}).encode())
    train = ["train", "--recipe", recipe_file, "--shards", shards, "--out", out, "--steps", "1"]
    tokenizer = ["tokenizer", "--shards", shards, "--vocab-size", "600", "--out", str(tmp_path / "t.json")]
    evaluate = ["eval", "--checkpoint", out, "--retrieval", shards, "--out", out]
    key = ["--caption-key", "caption"]
    for command in (train, tokenizer):
        assert main(command) == 2
        assert 'caption_key = "caption"' in capsys.readouterr().err
    Path(recipe_file).write_text(RECIPE + 'caption_key = "caption"\n')
    for command in (train, tokenizer + key, evaluate + key):
        assert main(command) == 0
    assert json.loads((tmp_path / "run" / "results.json").read_text())["retrieval"]["n"] == 16


WITHOUT = """
import sys
sys.modules[{module!r}] = None
from training.__main__ import main
sys.exit(main({command!r}))
"""


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("train --recipe {recipe} --shards s --out {out}", "torch"),
        ("train --recipe {recipe} --shards s --out {out}", "tokenizers"),
        ("train --recipe {recipe} --shards s --out {out}", "tensorboard"),
        ("eval --checkpoint c --out {out} --dataset a=b", "torch"),
        ("detector --images i --out {out}", "onnx"),
    ],
)
def test_a_missing_extra_is_one_line_and_code_2(
    command: str, module: str, recipe_file: str, tmp_path: Path
) -> None:
    arguments = command.format(recipe=recipe_file, out=tmp_path / "out").split()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module=module, command=arguments)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == f"wit-clip: {module} is not installed: pip install 'webimagetext[train]'\n"
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_failing_data_is_one_line_and_code_1(
    recipe_file: str, make_shards: MakeShards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = str(make_shards(broken=range(0, 32, 2)))
    out = str(tmp_path / "out")
    assert main(["train", "--recipe", recipe_file, "--shards", shards, "--out", out]) == 1
    error = capsys.readouterr().err
    assert "image_unreadable" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", [["--help"], ["train", "--help"], ["eval", "--help"]])
def test_help_is_no_error(command: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 0
