import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wit_pipeline.copies.decoys import NOTHING, Histogram, choose, compete, within

WIDEST, TRUSTED = 90, 32
COUNTS = st.lists(st.integers(0, 300), min_size=WIDEST + 1, max_size=WIDEST + 1).map(tuple)
HISTOGRAMS = st.builds(Histogram, targets=COUNTS, decoys=COUNTS)


IMAGES = 10_000  # of a simulated set


def simulated(seed: int, copies: int, chances: int) -> tuple[Histogram, list[int], list[int]]:
    """A set with copies at 0 to 80 bits and chance matches, more towards 90; and each image's of both."""
    generator = np.random.default_rng(seed)

    def by_chance() -> NDArray[np.int64]:
        near = np.clip(WIDEST - generator.exponential(4.0, IMAGES), 0, WIDEST).astype(np.int64)
        return np.where(generator.random(IMAGES) < chances / IMAGES, near, NOTHING)

    true = np.full(IMAGES, NOTHING)
    true[:copies] = generator.binomial(80, generator.beta(1, 4, copies))
    wrong, decoys = by_chance(), by_chance()
    nearest = zip(np.minimum(true, wrong).tolist(), decoys.tolist(), strict=True)
    return compete(nearest, WIDEST, ring=18), true.tolist(), wrong.tolist()


@pytest.mark.parametrize("fdr", [0.01, 0.05])
@pytest.mark.parametrize(("copies", "chances"), [(3000, 2000), (500, 5000), (40, 300), (0, 500)])
def test_the_true_rate_of_simulated_sets_is_what_was_asked_for(copies: int, chances: int, fdr: float) -> None:
    shares = []
    for seed in range(100):
        found, true, wrong = simulated(seed, copies, chances)
        within_it = choose([found], fdr, TRUSTED)
        right = sum(bits <= within_it for bits in true)
        false = sum(a > within_it >= b for a, b in zip(true, wrong, strict=True))
        shares.append(false / max(right + false, 1))
    assert np.mean(shares) <= fdr


@pytest.mark.parametrize(("copies", "least"), [(3000, 0.95), (500, 0.8), (40, 0.7)])
def test_the_copies_of_simulated_sets_are_found(copies: int, least: float) -> None:
    found, true, _ = simulated(0, copies, 500)
    distance = choose([found], 0.01, TRUSTED)
    assert sum(bits <= distance for bits in true) >= least * copies


def test_the_nearer_of_an_image_and_its_mirror_image_counts() -> None:
    found = compete([(3, 5), (5, 3), (4, 4), (NOTHING, 6), (NOTHING, NOTHING), (6, NOTHING), (7, 8)], 6)
    assert found == Histogram(targets=(0, 0, 0, 1, 0, 0, 1), decoys=(0, 0, 0, 1, 0, 0, 1))


def flat(targets: dict[int, int], decoys: dict[int, int]) -> Histogram:
    sides = (tuple(side.get(bits, 0) for bits in range(WIDEST + 1)) for side in (targets, decoys))
    return Histogram(targets=next(sides), decoys=next(sides), ring=18)


@pytest.mark.parametrize(
    ("targets", "decoys", "distance"),
    [
        ({}, {}, TRUSTED),  # nothing speaks against the trusted distance, nor for more
        ({0: 199}, {}, TRUSTED),
        ({0: 200}, {}, WIDEST),
        ({0: 399}, {60: 1}, 72),  # chance does not explain it up to there; and one more is counted
        ({0: 400}, {60: 1}, WIDEST),
        ({0: 199}, {20: 1}, TRUSTED),  # a mirrored copy: nothing lies around it
        ({0: 99}, {20: 1, 36: 8, 54: 64, 72: 500}, 19),  # chance, as it grows
        ({0: 200}, {20: 1}, 72),
        ({0: 9, 50: 400}, {20: 1}, WIDEST),  # the largest, though smaller ones are not clean
        ({0: 99}, {0: 1, 18: 16, 36: 256, 54: 4000}, -1),
    ],
)
def test_both_sides_of_what_is_clean(targets: dict[int, int], decoys: dict[int, int], distance: int) -> None:
    assert choose([flat(targets, decoys)], 0.01, TRUSTED) == distance


@given(HISTOGRAMS, st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_rate_is_never_a_larger_distance(found: Histogram, one: float, other: float) -> None:
    strict, loose = sorted((one, other))
    assert choose([found], strict, TRUSTED) <= choose([found], loose, TRUSTED)


@given(HISTOGRAMS, st.floats(0, 1))
def test_the_rate_is_what_was_asked_for_at_most(found: Histogram, fdr: float) -> None:
    distance = choose([found], fdr, TRUSTED)
    if distance >= 0:
        chosen = within(found)[distance]
        assert chosen.fdr <= fdr or not chosen.decoys
        assert chosen.targets == sum(found.targets[: distance + 1])


def test_sides_that_reach_unequally_far_are_refused() -> None:
    with pytest.raises(ValueError, match="1 distances of targets, 2 of decoys"):
        Histogram(targets=(0,), decoys=(0, 0))


def growing(start: int) -> dict[int, int]:
    """Decoys as chance has them: from some distance on, twice as many every fourth."""
    return {bits: 2 ** ((bits - start) // 4) for bits in range(start, WIDEST + 1)}


def test_each_decoy_stands_for_two_false_ones() -> None:
    """The mirror image's matches are matches in the end, and by chance as often."""
    row = within(flat({0: 500}, {30: 2, **growing(31)}))[30]
    assert (row.decoys, row.fdr) == (4, 0.008)


def test_images_and_pairs_both_keep_to_the_rate() -> None:
    images, pairs = flat({0: 500}, {}), flat({0: 900}, growing(40))
    assert choose([images], 0.01, TRUSTED) == WIDEST
    assert choose([images, pairs], 0.01, TRUSTED) == choose([pairs], 0.01, TRUSTED) == 42
    assert choose([flat({0: 9}, {}), pairs], 0.01, TRUSTED) == TRUSTED
