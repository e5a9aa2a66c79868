"""Train a CLIP: samples, model, checkpoint, loop. To be read from top to bottom.

Shapes: B pairs of a batch, H = W side in pixels, C colours, T tokens, D width of the shared space.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from training import checkpoint, optim
from training.checkpoint import Checkpoint
from training.clip import Clip
from training.config import MODELS, TrainConfig, peak
from training.data import Loader, Tally, plan
from training.image import normalise
from training.loss import contrastive
from training.progress import Journal, Progress, Row
from training.resume import refuse_another_run, set_aside, start_from
from training.shards import Samples, find, index
from training.tokenizer import Tokenizer
from wit_pipeline.config import as_table
from wit_pipeline.errors import RunError, UserError


def train(
    config: TrainConfig, shards: Sequence[str], out: Path, *, resume: str = "auto", console: Console
) -> Path:
    """Train on the shards until the recipe's last step; returns the last checkpoint's file.

    `resume`: "auto" goes on from the newest checkpoint in `out`, "never" sets aside what is there, anything
    else is the checkpoint to go on from. On a CPU the losses of a resumed run are those of an unbroken
    one, bit for bit. Raises `UserError` and `RunError`.
    """
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    device, bf16 = device_of(config)
    folder = out / "checkpoints"

    # Samples. Whatever lacks an image or a caption is known before the first step.
    samples = index(find(shards))
    unusable = Tally(read=len(samples) + sum(samples.unusable.values()), bad=Counter(samples.unusable))
    unusable.check(config.max_bad_share, unusable.read)
    steps = steps_of(config, samples)
    say(f"{len(samples):,} samples in {len(samples.paths):,} shards; {unusable}")

    # The checkpoint, and the tokenizer, which is the checkpoint's once there is one.
    if resume == "never":
        set_aside(out)
    found = start_from(resume, folder, say)
    if found:
        refuse_another_run(found, config, samples, steps)
    tokenizer = Tokenizer.parse(found.tokenizer) if found else make_tokenizer(config, samples)
    tokenizer.save(folder / "tokenizer.json")

    # Model and optimizer. Nothing else draws from torch's chance.
    sizes = MODELS[config.model]
    sizes = replace(sizes, text=replace(sizes.text, vocab_size=tokenizer.vocab_size, context=config.context))
    torch.manual_seed(config.seed)
    model = Clip(sizes).to(device)
    optimizer = optim.optimizer(model, sizes, config.weight_decay)
    tally, done = Tally(), 0
    if found:
        model.load_state_dict(found.model)
        optimizer.load_state_dict(found.optimizer)
        tally, done = Tally(read=found.read, bad=Counter(found.bad)), found.step
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
    picks = plan(len(samples), batch_size=config.batch_size, seed=config.seed, first=done, last=steps)

    def save(step: int) -> Path:
        if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
            raise RunError(f"step {step}: a weight is not finite; lower learning_rate or set gradient_clip")
        state = Checkpoint(
            step=step,
            model=model.state_dict(),
            sizes=as_table(sizes),
            optimizer=optimizer.state_dict(),
            config=as_table(config),
            tokenizer=tokenizer.dump(),
            shards=samples.digest,
            read=tally.read,
            bad=dict(tally.bad),
        )
        return checkpoint.save(folder, state, config.keep_checkpoints)

    # The loop.
    last = folder / f"step-{done:06d}.pt"
    pending: list[dict[str, Any]] = []  # rows whose loss is still on the device
    since = time.monotonic()
    with Journal(out, done) as journal, Progress(console, done=done, total=steps) as progress:
        for step, batch in enumerate(loader.batches(picks), start=done + 1):
            tally.add(batch)
            tally.check(config.max_bad_share, len(samples))
            if len(batch.samples) < 2:
                raise RunError(f"step {step}: fewer than two samples of the batch can be used; {tally}")
            rate = optim.learning_rate(step, peak=peak(config), warmup=config.warmup_steps, steps=steps)
            for group in optimizer.param_groups:
                group["lr"] = rate

            image_BCHW = normalise(batch.image_BHWC.to(device, non_blocking=True))
            text_BT = batch.text_BT.to(device, non_blocking=True)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                image_BD, text_BD, scale = model(image_BCHW, text_BT)
            loss = contrastive(image_BD, text_BD, scale)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if config.gradient_clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
            optimizer.step()
            model.clip_scale()

            pending.append(
                {
                    "step": step,
                    "epoch": (step - 1) // (len(samples) // config.batch_size),
                    "loss": loss.detach(),
                    "learning_rate": rate,
                    "scale": scale.detach(),
                    "samples": len(batch.samples),
                    "bad": tally.bad.total(),
                }
            )
            due = step == steps or step % config.checkpoint_every == 0
            if due or step % config.log_every == 0:
                rows = settle(pending, since)
                pending, since = [], time.monotonic()
                finite = [row for row in rows if math.isfinite(row["loss"])]
                journal.write(finite)
                if len(finite) < len(rows):
                    wrong = rows[len(finite)]["step"]
                    raise RunError(
                        f"step {wrong}: the loss is not finite; lower learning_rate, set gradient_clip"
                    )
                progress.tell(rows[-1])
            if due:
                last = save(step)
    say(f"step {steps:,} of {steps:,} done; {tally}; {last}")
    return last


def device_of(config: TrainConfig) -> tuple[torch.device, bool]:
    """Where to compute, and whether in bf16 where that is safe; `UserError` if there is no such device."""
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise UserError("device is 'cuda', and torch finds no GPU; set it to 'auto' or 'cpu'")
    device = torch.device("cuda" if cuda and config.device != "cpu" else "cpu")
    if config.precision == "bf16" and device.type == "cpu":
        raise UserError("precision 'bf16' wants a GPU; set it to 'auto' or 'fp32'")
    return device, device.type == "cuda" and config.precision != "fp32"


def steps_of(config: TrainConfig, samples: Samples) -> int:
    """How many steps the recipe asks for; `UserError` if the samples do not fill one batch."""
    if len(samples) < config.batch_size:
        raise UserError(
            f"batch_size is {config.batch_size:,}, and the shards hold {len(samples):,} usable samples; "
            f"lower it or give more shards"
        )
    return config.steps or config.epochs * (len(samples) // config.batch_size)


def make_tokenizer(config: TrainConfig, samples: Samples) -> Tokenizer:
    """The recipe's tokenizer, or one trained on the samples' captions."""
    if config.tokenizer:
        return Tokenizer.load(Path(config.tokenizer))
    return Tokenizer.train(samples.captions(), config.vocab_size)


def settle(pending: list[Row], since: float) -> list[Row]:
    """Rows with plain numbers, and the rate `since` that time; waits until the device has computed them."""
    rows = [{**row, "loss": float(row["loss"]), "scale": float(row["scale"])} for row in pending]
    rate = sum(row["samples"] for row in rows) / (time.monotonic() - since)
    return [{**row, "samples_per_second": round(rate, 1)} for row in rows]
