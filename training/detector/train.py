"""Train a copy detector: two treatments of one picture close together, all other pictures apart.

InfoNCE at a fixed temperature of 0.07 (CLIP, appendix C) and a term that spreads descriptors over the sphere
(KoLeo, as SSCD has it). A picture's mirror image is another picture: it is the decoy that chance is told by.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from training.detector.augment import Draws, planes, strong, weak
from training.detector.calibrate import calibrated
from training.detector.collect import Collected, collect, stacked
from training.detector.drawn import FAMILY, families
from training.detector.export import export
from training.detector.hard import Company, company
from training.detector.net import Net
from wit_pipeline.vocabulary.manifest import aside

TEMPERATURE = 0.07
SPREAD = 0.3  # weight of the term that spreads descriptors
DRAWN = 0.2  # share of a batch that is drawn texts and signs
MIRRORED = 0.125  # share that is mirror images of others in it
HARD = 0.6  # share of the other pictures that stand beside one that the net thinks near
SOUGHT = 300  # steps between two searches for such pictures
KEPT = 0.998  # of the weights' moving average, at each step
SAVED = 1000  # steps between two exports
LINE_EVERY = 50  # steps
OVERLAY_EVERY = 10  # of the drawn pictures, one of so many is laid over others


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorConfig:
    """How a detector is trained."""

    size: int = 64  # pixels a side of what it sees
    dims: int = 128  # of a descriptor
    batch: int = 256  # pictures a step, each twice
    steps: int = 4000
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 200  # steps
    pool: int = 1000  # families of drawn pictures
    most: int = 100_000  # pictures learnt from
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size % 32 or not 32 <= self.size <= 256:
            raise ValueError(f"size is a multiple of 32 from 32 to 256, found {self.size}")
        if self.batch < 32:
            raise ValueError(
                f"batch is 32 or more, as each picture is told from the others; found {self.batch}"
            )


def train(images: Sequence[str], out: Path, config: DetectorConfig, console: Console) -> Path:
    """The path of the trained detector, OUT/detector.onnx, whole or absent at any moment."""
    out.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    scratch = out / ".squares"
    try:
        found = collect(images, 2 * config.size, config.most, scratch)
        pool = stacked(families(config.pool, draws), 2 * config.size)
        told = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items()) or "none"
        say(console, f"{len(found.learnt):,} pictures, {len(found.held_out):,} held out; left out: {told}")
        return _train(found, pool, out, config, draws, console)
    finally:
        scratch.unlink(missing_ok=True)


def _train(
    found: Collected,
    pool: NDArray[np.uint8],
    out: Path,
    config: DetectorConfig,
    draws: Draws,
    console: Console,
) -> Path:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = Net(config.dims).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Net(config.dims).to(device)
    average.load_state_dict(net.state_dict())
    optimizer = torch.optim.AdamW(net.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    overlays = planes(pool[::OVERLAY_EVERY])
    near: Company | None = None
    rows, began, path = [], time.monotonic(), out / "detector.onnx"
    for step in range(1, config.steps + 1):
        if step % SOUGHT == 0:
            near = company(average, found.learnt, found.codes, config.size, draws)
        source = batch(found.learnt, pool, config.batch, near, draws)
        views = [weak(source, config.size, draws), strong(source, config.size, overlays, draws)]
        squares = torch.cat(views).permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8).to(device)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate(step, config)
        with torch.autocast(device.type, torch.bfloat16):
            described = net(squares)
        loss = contrastive(described.float())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        follow(average, net, min(KEPT, step / (step + 10)))
        rows.append({"step": step, "loss": round(float(loss.detach()), 4)})
        if step % LINE_EVERY == 0:
            speed = step * 2 * config.batch / (time.monotonic() - began)
            mean = sum(row["loss"] for row in rows[-LINE_EVERY:]) / LINE_EVERY
            say(console, f"step {step:>6}  loss {mean:.3f}  {speed:,.0f} views/s")
        if step % SAVED == 0 or step == config.steps:
            told = calibrated(average, found.held_out, overlays, config.size)
            stated = {"size": config.size, "dims": config.dims, "pictures": len(found.learnt), "steps": step}
            export(average.cpu(), config.size, {**stated, "seed": config.seed, **told}, path)
            average.to(device)
            say(console, f"step {step:>6}  calibrated: {json.dumps(told)}")
            with aside(out / "metrics.jsonl") as temporary:
                temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def batch(
    learnt: NDArray[np.uint8], pool: NDArray[np.uint8], size: int, near: Company | None, draws: Draws
) -> NDArray[np.uint8]:
    """Pictures [size, side, side, 3], no two alike: of the crawl, mirror images of some, drawn families."""
    drawn, mirrored = int(size * DRAWN) // FAMILY, int(size * MIRRORED)
    some = learnt[chosen(len(learnt), size - drawn * FAMILY - mirrored, near, draws)]
    first = draws.choice(len(pool) // FAMILY, drawn, replace=False) * FAMILY
    families_ = pool[(first[:, None] + np.arange(FAMILY)).ravel()]
    both = np.concatenate([some, families_])
    if draws.random() < 0.5:
        both = both[:, :, ::-1]  # any picture may be met mirrored: only which of the two it is must show
    turned = both[draws.choice(len(both), mirrored, replace=False)][:, :, ::-1]
    return np.ascontiguousarray(np.concatenate([both, turned]))


def chosen(count: int, wanted: int, near: Company | None, draws: Draws) -> NDArray[np.int64]:
    """Which of `count` pictures, in order: those that are near to one another, and others by chance."""
    if count < wanted:
        return np.sort(draws.choice(count, wanted))
    pairs = near.pick(int(wanted * HARD / 2), draws) if near else np.zeros(0, np.int64)
    known = np.unique(pairs)
    others = np.setdiff1d(draws.choice(count, wanted, replace=False), known)
    draws.shuffle(others)
    return np.sort(np.concatenate([known, others[: wanted - len(known)]]))


def contrastive(described_2BD: Tensor) -> Tensor:
    """InfoNCE of two views of each picture, the second half's in the order of the first, and the spread."""
    count = len(described_2BD) // 2
    cosines = described_2BD @ described_2BD.T
    itself = torch.eye(2 * count, dtype=torch.bool, device=cosines.device)
    other = torch.arange(2 * count, device=cosines.device).roll(count)
    logits = (cosines / TEMPERATURE).masked_fill(itself, -torch.inf)
    nearest = cosines.masked_fill(itself, -1).scatter(1, other[:, None], -1.0).amax(1)
    spread = -torch.log((2 - 2 * nearest).clamp(min=1e-4).sqrt()).mean()
    return F.cross_entropy(logits, other) + SPREAD * spread


def rate(step: int, config: DetectorConfig) -> float:
    """The learning rate's share at a step: a straight rise, then a cosine to nothing."""
    if step < config.warm_up:
        return step / config.warm_up
    done = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


@torch.no_grad()
def follow(average: Net, net: Net, kept: float) -> None:
    """Move an average of weights towards the net's."""
    for mean, now in zip(average.parameters(), net.parameters(), strict=True):
        mean.lerp_(now.detach(), 1 - kept)


def say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
