from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.batches import Loader, Tally, epoch_order, plan
from training.data.shards import Samples, find, index
from training.data.tokenizer import Tokenizer
from wit_pipeline.vocabulary.errors import RunError

MakeShards = Callable[..., Path]


def loader_of(samples: Samples, workers: int = 2) -> Loader:
    tokenizer = Tokenizer.train(samples.captions(), 600)
    return Loader(samples=samples, tokenizer=tokenizer, image_size=16, context=16, workers=workers)


def test_an_epoch_holds_each_sample_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(1_000, seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    for order in orders:
        assert sorted(order) == list(range(1_000))
    assert len({tuple(order) for order in orders}) == 4
    assert abs(np.corrcoef(orders[0], orders[1])[0, 1]) < 0.1


def test_the_order_is_the_same_on_every_machine() -> None:
    assert epoch_order(8, seed=0, epoch=0).tolist() == ORDER_OF_EIGHT


ORDER_OF_EIGHT = [2, 3, 4, 5, 0, 7, 6, 1]


def test_the_plan_depends_on_the_step_alone() -> None:
    whole = list(plan(50, batch_size=8, seed=3, first=0, last=20))
    for first in (1, 5, 6, 7, 13):
        assert list(plan(50, batch_size=8, seed=3, first=first, last=20)) == whole[first:]
    assert list(plan(50, batch_size=8, seed=4, first=0, last=20)) != whole


def test_within_an_epoch_no_sample_comes_twice_and_the_rest_is_left_out() -> None:
    steps = list(plan(50, batch_size=8, seed=0, first=0, last=12))
    for epoch in (steps[:6], steps[6:]):
        chosen = [sample for picks in epoch for sample, _ in picks]
        assert len(chosen) == len(set(chosen)) == 48
    assert all(0 <= place < 1 for picks in steps for _, place in picks)


def test_a_sample_is_cropped_otherwise_in_each_epoch() -> None:
    first, second = (
        dict(next(plan(8, batch_size=8, seed=0, first=epoch, last=epoch + 1))) for epoch in (0, 1)
    )
    assert all(first[sample] != second[sample] for sample in range(8))


def test_batches_are_the_same_for_any_number_of_workers(make_shards: MakeShards) -> None:
    samples = index(find([str(make_shards(count=40))]))
    one, three = (
        list(loader_of(samples, workers).batches(plan(40, batch_size=20, seed=0, first=0, last=4)))
        for workers in (1, 3)
    )
    assert len(one) == 4
    for a, b in zip(one, three, strict=True):
        assert a.samples == b.samples
        assert torch.equal(a.image_BHWC, b.image_BHWC)
        assert torch.equal(a.text_BT, b.text_BT)
    assert one[0].image_BHWC.shape == (20, 16, 16, 3)
    assert one[0].image_BHWC.dtype == torch.uint8


def test_images_and_texts_stay_together(make_shards: MakeShards) -> None:
    samples = index(find([str(make_shards(count=12))]))
    loader = loader_of(samples)
    (batch,) = loader.batches(plan(12, batch_size=12, seed=0, first=0, last=1))
    for image_HWC, text_T in zip(batch.image_BHWC, batch.text_BT, strict=True):
        red, green, blue = image_HWC.float().mean(dim=(0, 1)).tolist()
        says_red = " red " in loader.tokenizer.decode(text_T.tolist())
        assert says_red == (red > 2 * green and red > 2 * blue)


def test_bad_samples_are_left_out_and_counted(make_shards: MakeShards) -> None:
    samples = index(find([str(make_shards(count=20, broken=[1, 11], empty=[5]))]))
    (batch,) = loader_of(samples).batches(plan(20, batch_size=20, seed=0, first=0, last=1))
    assert batch.bad == Counter(image_unreadable=2, caption_empty=1)
    assert sorted(batch.samples) == sorted(set(range(20)) - {1, 11, 5})
    assert len(batch.image_BHWC) == len(batch.text_BT) == 17


def test_a_shard_that_vanishes_is_no_bad_sample(make_shards: MakeShards) -> None:
    folder = make_shards(count=20)
    samples = index(find([str(folder)]))
    loader = loader_of(samples)
    (folder / "00001.tar").unlink()
    with pytest.raises(RunError, match=r"00001\.tar: cannot be read any more"):
        list(loader.batches(plan(20, batch_size=20, seed=0, first=0, last=1)))


def test_a_loader_may_be_left_before_its_end(make_shards: MakeShards) -> None:
    samples = index(find([str(make_shards(count=20))]))
    batches = loader_of(samples).batches(plan(20, batch_size=4, seed=0, first=0, last=1_000_000))
    assert len(list(islice(batches, 3))) == 3


@pytest.mark.parametrize(
    ("read", "bad", "epoch", "stops"),
    [
        (10, 1, 10_000, False),  # a bad first batch is no share yet
        (1_000, 50, 10_000, False),
        (1_000, 51, 10_000, True),
        (10, 1, 20, False),  # of a small set, an epoch decides
        (10, 2, 20, True),
        (10_000, 500, 100, False),
        (10_000, 501, 100, True),
    ],
)
def test_more_than_the_share_stops_the_run(read: int, bad: int, epoch: int, stops: bool) -> None:
    tally = Tally(read=read, bad=Counter(image_unreadable=bad))
    if stops:
        with pytest.raises(RunError, match=rf"{bad} of .*image_unreadable {bad}\).*max_bad_share = 0\.05"):
            tally.check(0.05, epoch)
    else:
        tally.check(0.05, epoch)
