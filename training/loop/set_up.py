"""What is there before the first step: samples, a checkpoint to go on from, tokenizer, model, optimizer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from training.checkpoints.checkpoint import Checkpoint, activation_in
from training.checkpoints.resume import changes_of, era_of, refuse_the_past, set_aside, start_from
from training.checkpoints.start import activation_of, begin_with, weights_of
from training.config import MODELS, ClipConfig, TrainConfig
from training.data.batches import BEGINNING, Era, Tally
from training.data.shards import Samples, find, index
from training.data.tokenizer import Tokenizer
from training.distributed.parallel import in_parallel, parted
from training.distributed.world import World, world_of
from training.model.clip import Clip
from training.optimisation import optim
from wit_pipeline.vocabulary.errors import UserError

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """Which process of a run this is, where it computes, and whether in bf16."""

    world: World
    device: torch.device
    bf16: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Learner:
    """What one process trains, on what, and where it begins; of it only model and optimizer change later."""

    config: TrainConfig
    samples: Samples
    tokenizer: Tokenizer
    sizes: ClipConfig
    model: Clip
    parallel: nn.Module  # the same model, as all processes train it together
    optimizer: Optimizer
    steps: int  # the number of the last step
    done: int  # that of the step it goes on from; 0: none
    before: Tally  # what all processes read until there
    era: Era  # since when it learns from these samples
    changed: dict[str, list[Any]]  # what was turned there: by name, was and is
    changes: Sequence[dict[str, Any]]  # the same of the whole run until now, each with its `step`


def set_up(
    config: TrainConfig, shards: Sequence[str], out: Path, seat: Seat, *, resume: str, say: Say
) -> Learner:
    """All that a run needs before its first step; `UserError` for what it cannot begin with."""
    world, device, folder = seat.world, seat.device, out / "checkpoints"

    refuse_a_closed(out)

    # Samples. Whatever lacks an image or a caption is known before the first step.
    found_shards = find(shards, Path(config.cache or out / "shards"))
    samples = index(found_shards, config.max_bad_share, out / "index", config.caption_key)
    for note in samples.notes():
        say(note)
    unusable = Tally(read=len(samples) + sum(samples.unusable.values()), bad=Counter(samples.unusable))
    unusable.check(config.max_bad_share, unusable.read)
    check_batch(config, samples, world)
    say(f"{len(samples):,} samples in {len(samples.paths):,} shards; {unusable}")

    # The checkpoint, and the tokenizer, which is the checkpoint's once there is one.
    if resume == "never" and world.leads:
        set_aside(out)
    found = start_from(resume, folder, say)
    era, changed, changes = BEGINNING, {}, list[dict[str, Any]]()
    if found:
        changed, era = changes_of(found, config, samples), era_of(found, config, samples)
        changes = [*found.changes, *([{"step": found.step, "changed": changed}] if changed else [])]
    steps = config.steps or era.last(config.epochs, len(samples) // config.batch_size)
    if found:
        refuse_the_past(found, steps)
    if config.warmup_steps >= steps:
        say(f"warmup_steps is {config.warmup_steps:,} of {steps:,} steps: the rate only climbs; lower it")
    weights = weights_of(Path(config.init), say) if config.init and not found else None
    activation = activation_in(found) if found else activation_of(weights, config)
    of_weights = weights.tokenizer if weights else None
    tokenizer = Tokenizer.parse(found.tokenizer) if found else make_tokenizer(config, samples, of_weights)
    if world.leads:
        tokenizer.save(folder / "tokenizer.json")

    # Model and optimizer. Nothing else draws from torch's chance.
    sizes = MODELS[config.model]
    text = replace(sizes.text, vocab_size=tokenizer.vocab_size, context=config.context)
    sizes = replace(sizes, text=text, activation=activation)
    torch.manual_seed(config.seed)
    model = Clip(sizes)
    if weights:
        begin_with(model, weights.state, Path(config.init))
        say(f"beginning with the weights of {config.init}")
    if config.half_text:
        model.halve()
    if found:
        model.load_state_dict(found.model)
    laid_out(model, config, device)
    parallel = in_parallel(model, world, device, parts=config.fsdp)
    optimizer = optim.optimizer(model, sizes, config)
    before, done = Tally(), 0
    if found:
        take_up(optimizer, found)
        before, done = Tally(read=found.read, bad=Counter(found.bad)), found.step
        say(f"going on from step {done:,} of {steps:,}")
        for name, (was, now) in changed.items():
            say(f"from there on {name} is {now!r}; it was {was!r}")
    return Learner(
        config=config,
        samples=samples,
        tokenizer=tokenizer,
        sizes=sizes,
        model=model,
        parallel=parallel,
        optimizer=optimizer,
        steps=steps,
        done=done,
        before=before,
        era=era,
        changed=changed,
        changes=changes,
    )


def refuse_a_closed(out: Path) -> None:
    """Raise `UserError` if nothing can be written in `out`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written in: {error.strerror}") from None


def take_up(optimizer: Optimizer, found: Checkpoint) -> None:
    """Take up an optimizer's averages; its decay stays the recipe's."""
    decay = [group["weight_decay"] for group in optimizer.param_groups]
    optimizer.load_state_dict(parted(found.optimizer, optim.parameters(optimizer)))
    for group, one in zip(optimizer.param_groups, decay, strict=True):
        group["weight_decay"] = one


def laid_out(model: Clip, config: TrainConfig, device: torch.device) -> None:
    """Send a model to its device, and choose how it is computed there, none of which changes what it says."""
    model.to(device)
    if config.channels_last:
        model.visual.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.recompute:
        model.recompute_blocks()
    if config.compile:
        model.compile_blocks()


def seat_of(config: TrainConfig) -> Seat:
    """This process's seat; `UserError` if there is no such device, or half of a world.

    A CPU computes in bf16 if it is told to: slowly, unless it has instructions for it.
    """
    world = world_of()
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise UserError("device is 'cuda', and torch finds no GPU; set it to 'auto' or 'cpu'")
    use = cuda and config.device != "cpu"
    if use:
        torch.cuda.set_device(world.local_rank)
    device = torch.device("cuda", world.local_rank) if use else torch.device("cpu")
    bf16 = config.precision == "bf16" or (
        use and config.precision == "auto" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return Seat(world=world, device=device, bf16=bf16)


def check_batch(config: TrainConfig, samples: Samples, world: World) -> None:
    """Raise `UserError` if one batch is too large, or too small to share."""
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


def make_tokenizer(config: TrainConfig, samples: Samples, of_weights: Tokenizer | None) -> Tokenizer:
    """The recipe's tokenizer, that of the weights to begin with, or one trained on the samples' captions."""
    if config.tokenizer:
        return Tokenizer.load(Path(config.tokenizer))
    if config.init and of_weights is None:
        raise UserError(
            f"init {config.init}: has no tokenizer beside it; name its list of merges as `tokenizer`"
        )
    return of_weights or Tokenizer.train(samples.captions(), config.vocab_size)
