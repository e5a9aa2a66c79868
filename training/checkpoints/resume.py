"""What a run starts from, and what it must not start from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.checkpoints import checkpoint
from training.checkpoints.checkpoint import Checkpoint
from training.config import TURNED, TrainConfig
from training.data.batches import Era
from training.data.shards import Samples
from wit_pipeline.vocabulary.config import as_table
from wit_pipeline.vocabulary.errors import UserError

OF_A_RUN = ("checkpoints", "metrics.jsonl", "tensorboard", "unusable*.tsv")  # patterns


def start_from(resume: str, folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The checkpoint that `resume` means: the newest in `folder` for "auto", none for "never", or a path."""
    if resume == "never":
        return None
    if resume == "auto":
        return checkpoint.newest(folder, warn)
    return checkpoint.find(Path(resume), warn)


def era_of(found: Checkpoint, config: TrainConfig, samples: Samples) -> Era:
    """The era that a run goes on in: that of the checkpoint, or a new one if its shards have changed.

    The epoch under way then counts as done, and the next has an order of all samples that there are now.
    """
    before = Era(**found.era)
    if found.shards == samples.digest:
        return before
    steps = max(1, (found.samples or len(samples)) // config.batch_size)  # earlier releases told none
    epoch, place = before.epoch_of(found.step, steps)
    return Era(step=found.step, epoch=epoch + bool(place))


def changes_of(found: Checkpoint, config: TrainConfig, samples: Samples) -> dict[str, list[Any]]:
    """What is other than it was in the checkpoint, of what may change on the way: by name, was and is.

    Raises `UserError` if what makes a run that run is other: `training.config.turned` marks what does not.
    """
    recipe, before = (
        as_table(config),
        {**as_table(TrainConfig()), **found.config},
    )  # a new key has its default
    differing = {
        name: [before.get(name), value] for name, value in recipe.items() if value != before.get(name)
    }
    wrong = [
        f"{name} was {was!r} and is {now!r}" for name, (was, now) in differing.items() if name not in TURNED
    ]
    gone = sorted({*found.names} - {path.name for path in samples.paths})
    if gone:
        more = f" and {len(gone) - 1:,} more" if len(gone) > 1 else ""
        wrong.append(f"of its shards {gone[0]}{more} is not among these")
    if wrong:
        raise UserError(
            f"the checkpoint of step {found.step:,} is another run's: {'; '.join(wrong)}; "
            f"give another --out, or --resume never; "
            f"on the way may change: {', '.join(sorted(TURNED))}, and shards may be added"
        )
    if found.shards != samples.digest:
        differing["shards"] = [len(found.names), len(samples.paths)]
        differing["samples"] = [found.samples, len(samples)]
    return differing


def refuse_the_past(found: Checkpoint, steps: int) -> None:
    """Raise `UserError` if the checkpoint is past the last step."""
    if found.step > steps:
        raise UserError(
            f"the checkpoint of step {found.step:,} is past the last step, {steps:,}; "
            f"raise steps or epochs, give another --out, or --resume never"
        )


def set_aside(out: Path) -> None:
    """Move what an earlier run left in `out` to `out`/before-N; nothing is deleted."""
    left = [path for pattern in OF_A_RUN for path in sorted(out.glob(pattern))]
    if not left:
        return
    taken = {path.name for path in out.glob("before-*")}
    number = next(i for i in range(1, len(taken) + 2) if f"before-{i}" not in taken)
    aside = out / f"before-{number}"
    aside.mkdir()
    for path in left:
        path.rename(aside / path.name)
