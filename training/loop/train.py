"""Train a CLIP: samples, model, checkpoint, loop. To be read from top to bottom.

Shapes: B pairs of a batch, H = W side in pixels, C colours, T tokens, D width of the shared space.
"""

import math
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from training.checkpoints import checkpoint
from training.checkpoints.checkpoint import Checkpoint
from training.checkpoints.resume import refuse_another_run, set_aside, start_from
from training.checkpoints.start import begin_with, weights_of
from training.config import MODELS, TrainConfig, peak
from training.data.batches import Loader, Tally, plan
from training.data.shards import Samples, find, index
from training.data.tokenizer import Tokenizer
from training.distributed.parallel import clip_gradients, in_parallel, parted, whole
from training.distributed.world import World, added, agreed, joined, mean, world_of
from training.loop.progress import Journal, Pace, Progress
from training.loop.stopping import listening
from training.model.clip import Clip
from training.model.flops import flops_of, peak_flops
from training.optimisation import optim
from training.optimisation.gradients import backward
from wit_pipeline.config import as_table
from wit_pipeline.errors import RunError, UserError

NAMED = 8  # samples that an error names


def train(
    config: TrainConfig, shards: Sequence[str], out: Path, *, resume: str = "auto", console: Console
) -> Path:
    """Train on the shards until the recipe's last step, or SIGTERM; returns the last checkpoint's file.

    `resume`: "auto" goes on from the newest checkpoint in `out`, "never" sets aside what is there, anything
    else is the checkpoint to go on from. On a CPU the losses of a resumed run are those of an unbroken
    one, bit for bit. Raises `UserError` and `RunError`.
    """
    world = world_of()
    device, bf16 = device_of(config, world)
    with joined(world, device):
        return run(config, shards, out, world, device, bf16=bf16, resume=resume, console=console)


def run(
    config: TrainConfig,
    shards: Sequence[str],
    out: Path,
    world: World,
    device: torch.device,
    *,
    bf16: bool,
    resume: str,
    console: Console,
) -> Path:
    """Train in one process of a `world`; the one that leads writes and speaks for all."""
    console.quiet = console.quiet or not world.leads
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    folder = out / "checkpoints"

    # Samples. Whatever lacks an image or a caption is known before the first step.
    samples = index(find(shards, Path(config.cache or out / "shards")), config.max_bad_share)
    for wrong in samples.broken:
        say(f"{wrong}; its whole samples are used")
    unusable = Tally(read=len(samples) + sum(samples.unusable.values()), bad=Counter(samples.unusable))
    unusable.check(config.max_bad_share, unusable.read)
    steps = steps_of(config, samples, world)
    say(f"{len(samples):,} samples in {len(samples.paths):,} shards; {unusable}")

    # The checkpoint, and the tokenizer, which is the checkpoint's once there is one.
    if resume == "never" and world.leads:
        set_aside(out)
    found = start_from(resume, folder, say)
    if found:
        refuse_another_run(found, config, samples, steps)
    weights, of_weights = weights_of(Path(config.init), say) if config.init and not found else ({}, None)
    tokenizer = Tokenizer.parse(found.tokenizer) if found else make_tokenizer(config, samples, of_weights)
    if world.leads:
        tokenizer.save(folder / "tokenizer.json")

    # Model and optimizer. Nothing else draws from torch's chance.
    sizes = MODELS[config.model]
    sizes = replace(sizes, text=replace(sizes.text, vocab_size=tokenizer.vocab_size, context=config.context))
    torch.manual_seed(config.seed)
    model = Clip(sizes)
    if weights:
        begin_with(model, weights, Path(config.init))
        say(f"beginning with the weights of {config.init}")
    if config.half_text:
        model.halve()
    if found:
        model.load_state_dict(found.model)
    model.to(device)
    if config.channels_last:
        model.visual.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.recompute:
        model.recompute_blocks()
    if config.compile:
        model.compile_blocks()
    parallel = in_parallel(model, world, device, parts=config.fsdp)
    optimizer = optim.optimizer(model, sizes, config)
    tally, before, done = Tally(), Tally(), 0  # what this process reads, and what all read before
    if found:
        optimizer.load_state_dict(parted(found.optimizer, optim.parameters(optimizer)))
        before, done = Tally(read=found.read, bad=Counter(found.bad)), found.step
        say(f"going on from step {done:,} of {steps:,}")

    # Input, which at any step depends on the seed and the step alone.
    loader = Loader(
        samples=samples,
        tokenizer=tokenizer,
        image_size=sizes.vision.image_size,
        context=config.context,
        workers=config.workers or os.cpu_count() or 1,
        pin=device.type == "cuda",
    )
    batches = plan(len(samples), batch_size=config.batch_size, seed=config.seed, first=done, last=steps)
    picks = (batch[world.share(len(batch))] for batch in batches)

    def save(step: int) -> Path:
        path, read, bad = folder / f"step-{step:06d}.pt", *added(tally.read, tally.bad, world)
        weights = whole(model.state_dict(), kept=world.leads)
        statistics = whole(optimizer.state_dict(), kept=world.leads)
        if not world.leads:
            return path
        if not all(torch.isfinite(weight).all() for weight in weights.values()):
            raise RunError(f"step {step}: a weight is not finite; lower learning_rate or set gradient_clip")
        state = Checkpoint(
            step=step,
            model=weights,
            sizes=as_table(sizes),
            optimizer=statistics,
            config=as_table(config),
            tokenizer=tokenizer.dump(),
            shards=samples.digest,
            read=before.read + read,
            bad=dict(before.bad + bad),
        )
        return checkpoint.save(folder, state, config.keep_checkpoints, config.keep_every)

    # The loop.
    last = folder / f"step-{done:06d}.pt"
    pending: list[dict[str, Any]] = []  # rows whose loss is still on the device
    flops, pace = flops_of(sizes), Pace(device, peak_flops(device, config.peak_tflops))
    with (
        Journal(out, done) if world.leads else nullcontext() as journal,
        Progress(console, done=done, total=steps) as progress,
        listening() as stopping,
    ):
        for step, batch in enumerate(pace.waiting(loader.batches(picks)), start=done + 1):
            tally.add(batch)
            tally.check(config.max_bad_share, len(samples))
            if len(batch.samples) < 2:
                raise RunError(f"step {step}: fewer than two samples of the batch can be used; {tally}")
            rate = optim.learning_rate(step, peak=peak(config), warmup=config.warmup_steps, steps=steps)
            for group in optimizer.param_groups:
                group["lr"] = rate

            optimizer.zero_grad()
            loss, scale = backward(
                parallel,
                batch.image_BHWC.to(device, non_blocking=True),
                batch.text_BT,
                micro_batch=config.micro_batch,
                chunk=config.loss_chunk,
                bf16=bf16,
                world=world,
            )
            if config.gradient_clip:
                clip_gradients(model.parameters(), config.gradient_clip)
            optimizer.step()
            model.clip_scale()

            pending.append(
                {
                    "step": step,
                    "epoch": (step - 1) // (len(samples) // config.batch_size),
                    "loss": mean(loss, world),
                    "learning_rate": rate,
                    "scale": scale,
                    "samples": len(batch.samples) * world.size,
                    "flops": flops.of_batch(batch.text_BT),
                    "bad": before.bad.total() + tally.bad.total(),
                }
            )
            stopped = agreed(stopping.asked, world, device)
            due = stopped or step == steps or step % config.checkpoint_every == 0
            if due or step % config.log_every == 0:
                rows, pending = pace.settle(pending), []
                finite = [row for row in rows if math.isfinite(row["loss"])]
                if journal:
                    journal.write(finite)
                if len(finite) < len(rows):
                    wrong = rows[len(finite)]["step"]
                    raise RunError(
                        f"step {wrong}: the loss is not finite; lower learning_rate, set gradient_clip; "
                        f"{learnt_from(samples, config, wrong)}"
                    )
                progress.tell(rows[-1])
            done = step
            if due:
                last = save(step)
            if stopped:
                break
    read, bad = added(tally.read, tally.bad, world)
    say(f"step {done:,} of {steps:,} done; {Tally(before.read + read, before.bad + bad)}; {last}")
    if done < steps:
        say("stopped as asked; the same command goes on from there")
    return last


def learnt_from(samples: Samples, config: TrainConfig, step: int) -> str:
    """The samples of a step, by name: what a run that went wrong there saw last."""
    (picks,) = plan(len(samples), batch_size=config.batch_size, seed=config.seed, first=step - 1, last=step)
    names = [samples.name(sample) for sample, _ in picks]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"its samples: {', '.join(names[:NAMED])}{more}"


def device_of(config: TrainConfig, world: World) -> tuple[torch.device, bool]:
    """Where to compute, and whether in bf16 where that is safe; `UserError` if there is no such device.

    A CPU computes in bf16 if it is told to: slowly, unless it has instructions for it.
    """
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise UserError("device is 'cuda', and torch finds no GPU; set it to 'auto' or 'cpu'")
    use = cuda and config.device != "cpu"
    if use:
        torch.cuda.set_device(world.local_rank)
    device = torch.device("cuda", world.local_rank) if use else torch.device("cpu")
    return device, config.precision == "bf16" or (use and config.precision == "auto")


def steps_of(config: TrainConfig, samples: Samples, world: World) -> int:
    """How many steps the recipe asks for; `UserError` if one batch is too large, or too small to share."""
    if config.batch_size % world.size or config.batch_size < 2 * world.size:
        raise UserError(
            f"batch_size is {config.batch_size:,}, and {world.size} processes share it; give each as many, "
            f"and two or more"
        )
    if len(samples) < config.batch_size:
        raise UserError(
            f"batch_size is {config.batch_size:,}, and the shards hold {len(samples):,} usable samples; "
            f"lower it or give more shards"
        )
    return config.steps or config.epochs * (len(samples) // config.batch_size)


def make_tokenizer(config: TrainConfig, samples: Samples, of_weights: Tokenizer | None) -> Tokenizer:
    """The recipe's tokenizer, that of the weights to begin with, or one trained on the samples' captions."""
    if config.tokenizer:
        return Tokenizer.load(Path(config.tokenizer))
    if config.init and of_weights is None:
        raise UserError(
            f"init {config.init}: has no tokenizer beside it; name its list of merges as `tokenizer`"
        )
    return of_weights or Tokenizer.train(samples.captions(), config.vocab_size)
