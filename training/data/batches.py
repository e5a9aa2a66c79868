"""Batches of decoded images and token ids, in an order that only seed, epoch and step decide.

Shapes: B samples of a batch (the unusable ones left out), H = W side in pixels, C = 3 colours, T tokens.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.image import UNREADABLE, fast_square
from training.data.shards import Samples
from training.data.tokenizer import Tokenizer
from wit_pipeline.vocabulary.chance import draw, uniform
from wit_pipeline.vocabulary.errors import RunError

CHUNK = 16  # samples that one thread loads at a time
AHEAD = 2  # batches loaded while one is used; a batch of 1,024 at 224 px is 154 MB
JUDGED_AT = 1_000  # samples after which the share of bad ones is judged, if an epoch has as many

LeftOut = tuple[int, str, str]  # a sample, the reason, and what a decoder said
Pick = tuple[int, float]  # a sample, and where along its longer side the square is cut


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step learns from. Samples that could not be used are counted and left out."""

    image_BHWC: Tensor  # uint8
    text_BT: Tensor  # int64, as long as the longest text
    samples: Sequence[int]  # those in the batch, as rows of the index
    bad: Counter[str]  # those left out, by reason
    left_out: Sequence[LeftOut] = ()  # the same, each


@dataclass(slots=True)
class Loaded:
    """What one thread has made of its picks."""

    images: list[NDArray[np.uint8]] = field(default_factory=list)
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    samples: list[int] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loader:
    """How a sample of `samples` becomes pixels and tokens."""

    samples: Samples
    tokenizer: Tokenizer
    image_size: int  # pixels a side
    context: int  # tokens
    workers: int  # threads; decoders, resizing and the tokenizer let go of the GIL
    pin: bool = False  # in page-locked memory, from which a GPU copies while it computes

    def batches(self, plan: Iterable[Sequence[Pick]]) -> Iterator[Batch]:
        """One batch for each entry of `plan`, loaded ahead by threads, in the plan's order."""
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="loader")
        waiting: deque[list[Future[Loaded]]] = deque()
        try:
            for picks in plan:
                chunks = (picks[i : i + CHUNK] for i in range(0, len(picks), CHUNK))
                waiting.append([pool.submit(self.load, chunk) for chunk in chunks])
                if len(waiting) > AHEAD:
                    yield self.collate([future.result() for future in waiting.popleft()])
            while waiting:
                yield self.collate([future.result() for future in waiting.popleft()])
        finally:
            pool.shutdown(cancel_futures=True)

    def load(self, picks: Sequence[Pick]) -> Loaded:
        """The samples that `picks` name, read, decoded and tokenised."""
        loaded = Loaded()
        captions = []
        for sample, place in picks:
            caption = self.samples.caption(sample)
            if not caption.strip():
                loaded.left_out.append((sample, "caption_empty", ""))
                continue
            data = self.samples.image(sample)
            try:
                loaded.images.append(fast_square(data, self.image_size, place))
            except UNREADABLE as error:
                loaded.left_out.append((sample, "image_unreadable", str(error) or type(error).__name__))
                continue
            loaded.samples.append(sample)
            captions.append(caption)
        loaded.ids = self.tokenizer.encode(captions, self.context)
        return loaded

    def collate(self, parts: Sequence[Loaded]) -> Batch:
        """The parts of a batch as one, texts padded with 0 to the longest."""
        images = [image for part in parts for image in part.images]
        shape = (len(images), self.image_size, self.image_size, 3)
        image_BHWC = torch.empty(shape, dtype=torch.uint8, pin_memory=self.pin)
        if images:
            np.stack(images, out=image_BHWC.numpy())
        longest = max(part.ids.shape[1] for part in parts)
        ids = [np.pad(part.ids, ((0, 0), (0, longest - part.ids.shape[1]))) for part in parts]
        left_out = [one for part in parts for one in part.left_out]
        return Batch(
            image_BHWC=image_BHWC,
            text_BT=torch.from_numpy(np.concatenate(ids)),
            samples=[sample for part in parts for sample in part.samples],
            bad=Counter(reason for _, reason, _ in left_out),
            left_out=left_out,
        )


@dataclass(slots=True)
class Tally:
    """Samples read so far, and those among them that could not be used, by reason."""

    read: int = 0
    bad: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Batch) -> None:
        self.read += len(batch.samples) + batch.bad.total()
        self.bad += batch.bad

    def check(self, max_share: float, epoch: int) -> None:
        """Raise `RunError` if more than `max_share` is bad of what was read, or of an `epoch`'s samples
        if that is more, or of `JUDGED_AT` if an epoch has more: one bad sample at the start is no share.
        """
        judged = max(self.read, min(epoch, JUDGED_AT))
        if self.bad.total() > max_share * judged:
            raise RunError(f"{self}: more than max_bad_share = {max_share:g}")

    def __str__(self) -> str:
        """As `12 of 3,000 samples unusable (image_unreadable 12)`."""
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(self.bad.items()))
        listed = f" ({reasons})" if reasons else ""
        return f"{self.bad.total():,} of {self.read:,} samples unusable{listed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Era:
    """From where on a run learns from the samples that it has now; it may be given others on the way."""

    step: int = 0  # steps done before
    epoch: int = 0  # the number of its first epoch

    def epoch_of(self, step: int, steps: int) -> tuple[int, int]:
        """The epoch of a step counted from 0, and the step's place in it, if an epoch has so many `steps`."""
        epochs, place = divmod(step - self.step, steps)
        return self.epoch + epochs, place

    def last(self, epochs: int, steps: int) -> int:
        """How many steps there are until all `epochs` are done."""
        return self.step + max(0, epochs - self.epoch) * steps


BEGINNING = Era()


def plan(
    samples: int, *, batch_size: int, seed: int, first: int, last: int, era: Era = BEGINNING
) -> Iterator[list[Pick]]:
    """What the steps `first` to `last` - 1, counted from 0 over all epochs, learn from.

    A step's picks depend on nothing but the other arguments, so a run can go on at any step. Each epoch
    has an order of its own; its last samples, too few for a batch, are left out of it.
    """
    steps = samples // batch_size
    order, ordered = np.zeros(0, dtype=np.int64), -1
    for step in range(first, last):
        epoch, place = era.epoch_of(step, steps)
        if epoch != ordered:
            order, ordered = epoch_order(samples, seed=seed, epoch=epoch), epoch
        chosen = order[place * batch_size : (place + 1) * batch_size].tolist()
        yield [(i, uniform(f"{epoch}/{i}", seed=seed, purpose="crop")) for i in chosen]


def epoch_order(samples: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of 0 to `samples` - 1: by the hash (splitmix64) of each number.

    Holds 16 bytes a sample, and reads the shards at random: lay them on a disk that has no head.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    x = np.arange(1, samples + 1, dtype=np.uint64) * golden
    x += np.uint64(draw(str(epoch), seed=seed, purpose="order"))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(x ^ (x >> np.uint64(31)), kind="stable")
