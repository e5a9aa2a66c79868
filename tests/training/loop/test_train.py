import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from training.checkpoints import checkpoint
from training.config import TrainConfig
from training.loop.progress import Pace, Progress, line
from training.loop.train import train
from training.optimisation import gradients
from training.optimisation.loss import contrastive
from wit_pipeline.vocabulary.errors import RunError, UserError

MakeShards = Callable[..., Path]
WALL = {"time", "samples_per_second", "loader_wait", "tflops"}  # figures that two equal runs may differ in


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def metrics(out: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in WALL} for row in rows]


def test_a_toy_run_learns(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    config = replace(recipe, steps=24, checkpoint_every=10, keep_checkpoints=2)
    last = train(config, [str(make_shards(count=48))], tmp_path, console=console)
    rows = metrics(tmp_path)
    assert [row["step"] for row in rows] == list(range(1, 25))
    assert [row["epoch"] for row in rows] == [i // 3 for i in range(24)]
    assert rows[0]["loss"] == pytest.approx(math.log(16), abs=1.0)
    assert sum(row["loss"] for row in rows[-4:]) < 0.75 * sum(row["loss"] for row in rows[:4])
    assert last == tmp_path / "checkpoints" / "step-000024.pt"
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-000020.pt", "step-000024.pt", "tokenizer.json"]
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))
    assert "step 24 of 24 done; 0 of 384 samples unusable" in told(console)


def test_a_resumed_run_is_the_unbroken_run_bit_for_bit(
    recipe: TrainConfig,
    make_shards: MakeShards,
    tmp_path: Path,
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed in mid-epoch, after metrics past the checkpoint were written and a line was cut short."""
    shards = [str(make_shards(count=40, broken=[7]))]
    unbroken = train(recipe, shards, tmp_path / "unbroken", console=console)

    with monkeypatch.context() as patch:
        patch.setattr(gradients, "contrastive", dies_at(5))
        with pytest.raises(KeyboardInterrupt):
            train(recipe, shards, tmp_path / "killed", console=console)
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    assert [path.name for path in checkpoint.saved(tmp_path / "killed" / "checkpoints")] == ["step-000003.pt"]
    resumed = train(recipe, shards, tmp_path / "killed", console=console)

    assert "going on from step 3 of 6" in told(console)
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "unbroken")
    one, other = checkpoint.load(unbroken), checkpoint.load(resumed)
    assert (one.read, one.bad) == (other.read, other.bad)
    assert one.bad.keys() == {"image_unreadable"}
    for name, value in one.model.items():
        assert torch.equal(value, other.model[name]), name


def dies_at(step: int) -> Callable[..., torch.Tensor]:
    calls = iter(range(1, step))

    def loss(*arguments: torch.Tensor, **how: Any) -> torch.Tensor:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return contrastive(*arguments, **how)

    return loss


def test_a_finished_run_is_left_as_it_is_and_may_be_made_longer(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards())]
    short = replace(recipe, steps=2)
    for _ in range(2):
        assert train(short, shards, tmp_path, console=console).name == "step-000002.pt"
        assert len(metrics(tmp_path)) == 2
    train(replace(recipe, steps=3), shards, tmp_path, console=console)
    assert [row["step"] for row in metrics(tmp_path)] == [1, 2, 3]
    with pytest.raises(UserError, match="step 3 is past the last step, 2"):
        train(short, shards, tmp_path, console=console)


def test_another_run_is_not_resumed_but_set_aside_if_told(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards())]
    config = replace(recipe, steps=1)
    train(config, shards, tmp_path, console=console)
    with pytest.raises(UserError, match="seed was 0 and is 1; give another --out, or --resume never"):
        train(replace(config, seed=1), shards, tmp_path, console=console)
    with pytest.raises(UserError, match=r"of its shards 00001\.tar is not among these"):
        train(config, [str(make_shards("fewer", shards=1))], tmp_path, console=console)
    train(replace(config, workers=1), shards, tmp_path, console=console)  # how, not what
    train(replace(config, seed=1), shards, tmp_path, resume="never", console=console)
    assert (tmp_path / "before-1" / "metrics.jsonl").exists()
    assert len(metrics(tmp_path)) == 1


def test_a_run_may_start_from_a_named_checkpoint(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards())]
    config = replace(recipe, steps=2, checkpoint_every=1)
    train(config, shards, tmp_path / "one", console=console)
    first = tmp_path / "one" / "checkpoints" / "step-000001.pt"
    train(config, shards, tmp_path / "two", resume=str(first), console=console)
    assert metrics(tmp_path / "two") == metrics(tmp_path / "one")[1:]
    with pytest.raises(UserError, match="no such checkpoint"):
        train(config, shards, tmp_path / "three", resume=str(tmp_path / "none.pt"), console=console)


def test_another_seed_is_another_run(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards())]
    config = replace(recipe, steps=1)
    for seed in (0, 1):
        train(replace(config, seed=seed), shards, tmp_path / str(seed), console=console)
    assert metrics(tmp_path / "0")[0]["loss"] != metrics(tmp_path / "1")[0]["loss"]


def test_too_many_bad_samples_stop_the_run(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    broken = str(make_shards("broken", count=32, broken=range(0, 32, 4)))
    with pytest.raises(RunError, match=r"image_unreadable .*more than max_bad_share = 0\.05"):
        train(recipe, [broken], tmp_path / "out", console=console)
    mute = str(make_shards("mute", count=32, mute=[1, 2]))
    with pytest.raises(RunError, match=r"2 of 32 samples unusable \(no_caption 2\)"):
        train(recipe, [mute], tmp_path / "out", console=console)
    train(replace(recipe, max_bad_share=0.5, steps=1), [mute], tmp_path / "out", console=console)


def test_a_shard_that_breaks_off_is_passed_over_and_counted(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = make_shards(count=64)
    path = shards / "00001.tar"
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(RunError, match=r"00001\.tar: is no whole tar: .*1 of 2 shards, more than 0\.05"):
        train(recipe, [str(shards)], tmp_path, console=console)
    train(replace(recipe, steps=1, max_bad_share=0.5), [str(shards)], tmp_path, console=console)
    assert "00001.tar: is no whole tar" in told(console)
    assert "(no_caption 1, shard_broken 1)" in told(console) or "(shard_broken 1)" in told(console)


@pytest.mark.parametrize("log_every", [1, 3])
def test_a_loss_that_is_not_finite_stops_the_run(
    recipe: TrainConfig,
    make_shards: MakeShards,
    tmp_path: Path,
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    log_every: int,
) -> None:
    calls = iter(range(1, 100))
    monkeypatch.setattr(
        gradients, "contrastive", lambda *a, **k: contrastive(*a, **k) * (math.nan if next(calls) == 2 else 1)
    )
    config = replace(recipe, log_every=log_every)
    with pytest.raises(
        RunError, match=r"step 2: the loss is not finite.*: 0000\d\.tar/0000000\d\d\.jpg, .* and 8 more"
    ):
        train(config, [str(make_shards())], tmp_path, console=console)
    assert [row["step"] for row in metrics(tmp_path)] == [1]
    assert not checkpoint.saved(tmp_path / "checkpoints")


def test_weights_that_are_not_finite_are_not_saved(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    config = replace(recipe, steps=1, learning_rate=math.inf)
    with pytest.raises(RunError, match="a weight is not finite"):
        train(config, [str(make_shards())], tmp_path, console=console)
    assert not checkpoint.saved(tmp_path / "checkpoints")


def test_what_cannot_be_trained_is_said_at_once(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards(count=15))]
    with pytest.raises(UserError, match="batch_size is 16, and the shards hold 15 usable samples"):
        train(recipe, shards, tmp_path, console=console)
    with pytest.raises(UserError, match=r"no such tokenizer"):
        train(replace(recipe, batch_size=8, tokenizer="none.json"), shards, tmp_path / "out", console=console)


def test_without_a_terminal_a_line_is_told_every_ten_seconds(console: Console) -> None:
    times = iter([0.0, 9.9, 10.0, 12.0, 20.1])
    bar = Progress(console, done=0, total=4, clock=lambda: next(times))
    for step in range(1, 5):
        bar.tell({**ROW, "step": step})
    lines = told(console).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["step 2 of 4", "step 4 of 4"]


ROW = {
    "loss": 1.23456,
    "learning_rate": 5e-4,
    "scale": 14.2857,
    "samples_per_second": 1234.5,
    "loader_wait": 0.031,
    "tflops": 41.23,
}


@pytest.mark.parametrize("width", [50, 60, 80, 100, 200])
@pytest.mark.parametrize("total", [9, 12_500, 12_500_000])
def test_on_a_terminal_the_line_has_step_bar_and_time_left_in_its_width(width: int, total: int) -> None:
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    bar = Progress(screen, done=0, total=total)
    for row in (ROW, {**ROW, "loss": 123456.0, "samples_per_second": 1e6, "mfu": 0.4, "gpu_gib": 130.2}):
        bar.tell({**row, "step": total // 2})
        with screen.capture() as shown:
            screen.print(bar.bar.get_renderable())
        (text,) = shown.get().splitlines()
        assert len(text.rstrip()) <= width
        assert text.startswith(f"step {total // 2:>{len(str(total))}}/{total} ━")
        assert text.rstrip().endswith("-:--:--")
        assert "…" not in text
        if width >= 80:
            assert f"loss {row['loss']:.4f}  " in text
            assert f"  {row['samples_per_second']:,.0f} samples/s  " in text
    if width == 200:
        assert line(row) in text


@pytest.mark.parametrize("kind", ["file", "below a file"])
def test_an_out_that_cannot_be_written_is_told_before_the_shards_are_read(
    recipe: TrainConfig, tmp_path: Path, console: Console, kind: str
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / ("x" if kind == "below a file" else "")
    with pytest.raises(UserError, match=r"--out .*: cannot be written in: "):
        train(recipe, ["no such shard"], out, console=console)


def test_a_warm_up_longer_than_the_run_is_said_and_the_norm_is_told(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    shards = [str(make_shards())]
    train(replace(recipe, steps=2, warmup_steps=2), shards, tmp_path / "a", console=console)
    assert "warmup_steps is 2 of 2 steps: the rate only climbs; lower it" in told(console)
    assert all(row["gradient_norm"] > 0 for row in metrics(tmp_path / "a"))
    clipped = replace(recipe, steps=2, warmup_steps=2, gradient_clip=0.001)
    train(clipped, shards, tmp_path / "b", console=console)
    norms = [metrics(tmp_path / name)[0]["gradient_norm"] for name in "ab"]
    assert norms[0] == norms[1]  # it is told as it was before it was clipped


def test_a_line_has_what_is_known() -> None:
    told = "loss 1.2346  lr 0.0005  scale 14.3  1,234 samples/s  loader 3%  41.2 TFLOP/s"
    assert line(ROW) == told
    assert line({**ROW, "mfu": 0.417, "gpu_gib": 63.25}) == f"{told} (42% MFU)  63.2 GiB"


def test_the_pace_is_that_since_the_last_reading() -> None:
    times = iter([0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 8.0])
    pace = Pace(torch.device("cpu"), 1e12, clock=lambda: next(times), wall=lambda: 7.0)
    row = {"loss": torch.tensor(2.0), "scale": torch.tensor(3.0), "samples": 16, "flops": 10**12}
    pending = [row for _ in pace.waiting([1, 2])]  # three times half a second: two batches and the end
    first = pace.settle(pending)
    assert (
        first
        == [
            {
                "loss": 2.0,
                "scale": 3.0,
                "samples": 16,
                "time": 7.0,
                "samples_per_second": 8.0,
                "loader_wait": 0.375,
                "tflops": 0.5,
                "mfu": 0.5,
            }
        ]
        * 2
    )
    assert pace.settle([row])[0]["samples_per_second"] == 4.0
    assert "mfu" not in Pace(torch.device("cpu"), 0.0).settle([row])[0]
