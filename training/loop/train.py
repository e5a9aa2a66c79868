"""Train a CLIP: what is set up, then input, update, log and checkpoint. To be read from top to bottom.

Shapes: B pairs of a batch, H = W side in pixels, C colours, T tokens.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from training.checkpoints import checkpoint
from training.checkpoints.checkpoint import Checkpoint
from training.config import TrainConfig, peak
from training.data.batches import Batch, Loader, Pick, Tally, plan
from training.distributed.parallel import clip_gradients, whole
from training.distributed.world import World, added, agreed, joined, mean
from training.loop.progress import Journal, Pace, Progress, Row
from training.loop.set_up import Learner, Seat, seat_of, set_up
from training.loop.stopping import listening
from training.loop.unusable import Unusable
from training.model.flops import flops_of, peak_flops
from training.optimisation import optim
from training.optimisation.gradients import backward
from wit_pipeline.vocabulary.config import as_table
from wit_pipeline.vocabulary.errors import RunError

NAMED = 8  # samples that an error names


def train(
    config: TrainConfig, shards: Sequence[str], out: Path, *, resume: str = "auto", console: Console
) -> Path:
    """Train on the shards until the recipe's last step, or SIGTERM; returns the last checkpoint's file.

    `resume`: "auto" goes on from the newest checkpoint in `out`, "never" sets aside what is there, anything
    else is the checkpoint to go on from. On a CPU the losses of a resumed run are those of an unbroken
    one, bit for bit. Raises `UserError` and `RunError`.
    """
    seat = seat_of(config)
    with joined(seat.world, seat.device):
        # In a frame of its own: the model must be gone when `joined` takes the processes' group apart.
        return run(config, shards, out, seat, resume=resume, console=console)


def run(
    config: TrainConfig, shards: Sequence[str], out: Path, seat: Seat, *, resume: str, console: Console
) -> Path:
    """Train in one process of a world; the one that leads writes and speaks for all."""
    world, device = seat.world, seat.device
    console.quiet = console.quiet or not world.leads
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)

    # Samples, the checkpoint to go on from, tokenizer, model and optimizer.
    learner = set_up(config, shards, out, seat, resume=resume, say=say)
    model, optimizer, samples = learner.model, learner.optimizer, learner.samples
    steps, done, before = learner.steps, learner.done, learner.before
    tally = Tally()  # what this process reads from here on; `before` is what all read until here

    # The loop.
    last = out / "checkpoints" / f"step-{done:06d}.pt"
    pending: list[Row] = []  # rows whose loss is still on the device
    flops, pace = flops_of(learner.sizes), Pace(device, peak_flops(device, config.peak_tflops))
    with (
        Journal(out, done) if world.leads else nullcontext() as journal,
        Unusable(out, world.rank, samples, say) as unusable,
        Progress(console, done=done, total=steps) as progress,
        listening() as stopping,
    ):
        for step, batch in enumerate(pace.waiting(batches_of(learner, seat)), start=done + 1):
            unusable.add(batch.left_out)
            check(batch, step, tally, learner)

            # Update.
            rate = optim.learning_rate(step, peak=peak(config), warmup=config.warmup_steps, steps=steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            loss, scale = backward(
                learner.parallel,
                batch.image_BHWC.to(device, non_blocking=True),
                batch.text_BT,
                micro_batch=config.micro_batch,
                chunk=config.loss_chunk,
                bf16=seat.bf16,
                world=world,
            )
            norm = clip_gradients(model.parameters(), config.gradient_clip)
            optimizer.step()
            model.clip_scale()

            # Log. A loss stays on the device for `log_every` steps, since reading it waits for the device.
            pending.append(
                {
                    "step": step,
                    "epoch": learner.era.epoch_of(step - 1, len(samples) // config.batch_size)[0],
                    "loss": mean(loss, world),
                    "learning_rate": rate,
                    "scale": scale,
                    "gradient_norm": norm,  # before it was clipped
                    "samples": len(batch.samples) * world.size,
                    "flops": flops.of_batch(batch.text_BT),
                    "bad": before.bad.total() + tally.bad.total(),
                    **({"changed": learner.changed} if learner.changed and step == learner.done + 1 else {}),
                }
            )
            stopped = agreed(stopping.asked, world, device)
            due = stopped or step == steps or step % config.checkpoint_every == 0
            if due or step % config.log_every == 0:
                rows, pending = pace.settle(pending), []
                record(rows, journal, learner)
                progress.tell(rows[-1])

            # Checkpoint.
            done = step
            if due:
                last = save(learner, step, tally, world, out / "checkpoints")
            if stopped:
                break
    read, bad = added(tally.read, tally.bad, world)
    say(f"step {done:,} of {steps:,} done; {Tally(before.read + read, before.bad + bad)}; {last}")
    if done < steps:
        say("stopped as asked; the same command goes on from there")
    return last


def check(batch: Batch, step: int, tally: Tally, learner: Learner) -> None:
    """Count a batch; a `RunError` if too much of what was read is unusable, or all but one of the batch."""
    tally.add(batch)
    tally.check(learner.config.max_bad_share, len(learner.samples))
    if len(batch.samples) < 2:
        raise RunError(f"step {step}: fewer than two samples of the batch can be used; {tally}")


def batches_of(learner: Learner, seat: Seat) -> Iterator[Batch]:
    """This process's part of each batch to come, which at any step depends on the seed and the step alone."""
    config, samples = learner.config, learner.samples
    loader = Loader(
        samples=samples,
        tokenizer=learner.tokenizer,
        image_size=learner.sizes.vision.image_size,
        context=config.context,
        workers=config.workers or os.cpu_count() or 1,
        pin=seat.device.type == "cuda",
    )
    batches = planned(learner, first=learner.done, last=learner.steps)
    return loader.batches(batch[seat.world.share(len(batch))] for batch in batches)


def planned(learner: Learner, *, first: int, last: int) -> Iterator[list[Pick]]:
    """What a run's steps after `first` learn from, up to `last`."""
    config = learner.config
    return plan(
        len(learner.samples),
        batch_size=config.batch_size,
        seed=config.seed,
        first=first,
        last=last,
        era=learner.era,
    )


def record(rows: Sequence[Row], journal: Journal | None, learner: Learner) -> None:
    """Write rows; a `RunError` at the first whose loss is not finite, which is not written."""
    finite = [row for row in rows if math.isfinite(row["loss"])]
    if journal:
        journal.write(finite)
    if len(finite) < len(rows):
        wrong = rows[len(finite)]["step"]
        raise RunError(
            f"step {wrong}: the loss is not finite; lower learning_rate, set gradient_clip; "
            f"{learnt_from(learner, wrong)}"
        )


def learnt_from(learner: Learner, step: int) -> str:
    """The samples of a step, by name: what a run that went wrong there saw last."""
    (picks,) = planned(learner, first=step - 1, last=step)
    names = [learner.samples.name(sample) for sample, _ in picks]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"its samples: {', '.join(names[:NAMED])}{more}"


def save(learner: Learner, step: int, tally: Tally, world: World, folder: Path) -> Path:
    """The checkpoint's file after `step`. All processes take part, and the one that leads writes."""
    read, bad = added(tally.read, tally.bad, world)
    weights = whole(learner.model.state_dict(), kept=world.leads)
    statistics = whole(learner.optimizer.state_dict(), kept=world.leads)
    if not world.leads:
        return folder / f"step-{step:06d}.pt"
    if not all(torch.isfinite(weight).all() for weight in weights.values()):
        raise RunError(f"step {step}: a weight is not finite; lower learning_rate or set gradient_clip")
    state = Checkpoint(
        step=step,
        model=weights,
        sizes=as_table(learner.sizes),
        optimizer=statistics,
        config=as_table(learner.config),
        tokenizer=learner.tokenizer.dump(),
        shards=learner.samples.digest,
        names=[path.name for path in learner.samples.paths],
        samples=len(learner.samples),
        era=as_table(learner.era),
        changes=list(learner.changes),
        read=learner.before.read + read,
        bad=dict(learner.before.bad + bad),
    )
    return checkpoint.save(folder, state, learner.config.keep_checkpoints, learner.config.keep_every)
