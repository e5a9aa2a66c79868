from pathlib import Path

import pytest
import torch

from training.checkpoints import checkpoint
from training.checkpoints.checkpoint import Checkpoint
from wit_pipeline.vocabulary.errors import RunError, UserError


def at(step: int) -> Checkpoint:
    return Checkpoint(
        step=step,
        model={"weight": torch.full((64,), float(step))},
        sizes={},
        optimizer={"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"betas": (0.9, 0.98)}]},
        config={"model": "ViT-B/32"},
        tokenizer="{}",
        shards="",
        read=step * 16,
        bad={"image_unreadable": 1},
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "new", at(7), keep=3)
    assert path.name == "step-000007.pt"
    loaded = checkpoint.load(path)
    assert (loaded.step, loaded.read, loaded.bad) == (7, 112, {"image_unreadable": 1})
    assert loaded.optimizer["param_groups"] == [{"betas": (0.9, 0.98)}]
    assert torch.equal(loaded.model["weight"], at(7).model["weight"])


def test_the_last_few_are_kept_and_nothing_else_is_left(tmp_path: Path) -> None:
    for step in (1, 2, 10, 999_999, 1_000_000):
        checkpoint.save(tmp_path, at(step), keep=2)
    assert names(tmp_path) == ["step-1000000.pt", "step-999999.pt"]
    assert [path.name for path in checkpoint.saved(tmp_path)] == ["step-999999.pt", "step-1000000.pt"]


def test_those_of_every_so_many_steps_stay(tmp_path: Path) -> None:
    for step in range(5, 45, 5):
        checkpoint.save(tmp_path, at(step), keep=2, every=15)
    assert [checkpoint.step_of(path) for path in checkpoint.saved(tmp_path)] == [15, 30, 35, 40]


def test_those_of_later_steps_go_when_a_run_goes_on_before_them(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        checkpoint.save(tmp_path, at(step), keep=3)
    checkpoint.save(tmp_path, at(15), keep=1)
    assert names(tmp_path) == ["step-000015.pt"]


@pytest.mark.parametrize("length", [0, 10, 500, -1])
def test_a_truncated_one_is_passed_over_with_a_warning(tmp_path: Path, length: int) -> None:
    for step in (1, 2):
        last = checkpoint.save(tmp_path, at(step), keep=3)
    last.write_bytes(last.read_bytes()[:length])
    warnings: list[str] = []
    found = checkpoint.newest(tmp_path, warnings.append)
    assert found is not None
    assert found.step == 1
    assert len(warnings) == 1
    assert "step-000002.pt: is no whole checkpoint" in warnings[0]
    assert "\n" not in warnings[0]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, at(1), keep=1)
    data = bytearray(path.read_bytes())
    place = data.index(torch.full((64,), 1.0).numpy().tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match="is damaged at"):
        checkpoint.load(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"step": Path("/")}, tmp_path / "step-000001.pt")
    with pytest.raises(RunError, match="no whole checkpoint"):
        checkpoint.load(tmp_path / "step-000001.pt")


def test_an_interrupted_save_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, at(1), keep=1)

    def full(*_: object) -> None:
        raise RuntimeError("no space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match=r"step-000002\.pt: cannot be written: no space left"):
        checkpoint.save(tmp_path, at(2), keep=1)
    assert names(tmp_path) == ["step-000001.pt"]


def test_a_folder_means_its_newest(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "checkpoints", at(3), keep=1)
    for path in (tmp_path, tmp_path / "checkpoints", tmp_path / "checkpoints" / "step-000003.pt"):
        assert checkpoint.find(path, pytest.fail).step == 3
    with pytest.raises(UserError, match="no such checkpoint"):
        checkpoint.find(tmp_path / "step-000004.pt", pytest.fail)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no checkpoint"):
        checkpoint.find(tmp_path / "empty", pytest.fail)


def test_a_named_file_that_is_no_checkpoint_is_the_users_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "notes.pt"
    path.write_text("no checkpoint")
    with pytest.raises(UserError, match=r"notes\.pt: is no whole checkpoint: .*; give another"):
        checkpoint.find(path, print)
