"""What a run starts from, and what it must not start from."""

from collections.abc import Callable
from pathlib import Path

from training.checkpoints import checkpoint
from training.checkpoints.checkpoint import Checkpoint
from training.config import TrainConfig
from training.data.shards import Samples
from wit_pipeline.vocabulary.config import as_table
from wit_pipeline.vocabulary.errors import UserError

EXTENDABLE = {"steps", "epochs"}  # a run may be made longer or shorter; its schedule is then the new one's
OF_A_RUN = ("checkpoints", "metrics.jsonl", "tensorboard")


def start_from(resume: str, folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The checkpoint that `resume` means: the newest in `folder` for "auto", none for "never", or a path."""
    if resume == "never":
        return None
    if resume == "auto":
        return checkpoint.newest(folder, warn)
    return checkpoint.find(Path(resume), warn)


def refuse_another_run(found: Checkpoint, config: TrainConfig, samples: Samples, steps: int) -> None:
    """Raise `UserError` if the checkpoint is of another recipe or of other shards, or past the last step."""
    recipe = as_table(config)
    differing = [
        f"{name} was {found.config.get(name)!r} and is {value!r}"
        for name, value in recipe.items()
        if name not in EXTENDABLE and value != found.config.get(name)
    ]
    if found.shards != samples.digest:
        differing.append("the shards are others")
    if found.step > steps:
        differing.append(f"it is past the last step, {steps:,}")
    if differing:
        raise UserError(
            f"the checkpoint of step {found.step:,} is another run's: {'; '.join(differing)}; "
            f"give another --out, or --resume never"
        )


def set_aside(out: Path) -> None:
    """Move what an earlier run left in `out` to `out`/before-N; nothing is deleted."""
    left = [out / name for name in OF_A_RUN if (out / name).exists()]
    if not left:
        return
    taken = {path.name for path in out.glob("before-*")}
    number = next(i for i in range(1, len(taken) + 2) if f"before-{i}" not in taken)
    aside = out / f"before-{number}"
    aside.mkdir()
    for path in left:
        path.rename(aside / path.name)
