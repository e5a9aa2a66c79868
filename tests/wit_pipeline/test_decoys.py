import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.decoys import TRUSTED, Histogram, added, choose, histogram, within

WIDEST = 90
COUNTS = st.lists(st.integers(0, 300), min_size=WIDEST + 1, max_size=WIDEST + 1).map(tuple)
HISTOGRAMS = st.builds(Histogram, targets=COUNTS, decoys=COUNTS)


def simulated(seed: int, copies: int, chances: int) -> tuple[Histogram, list[int]]:
    """A set with copies at 0 to 80 bits and chance matches, more towards 90; and the latter's distances."""
    generator = np.random.default_rng(seed)
    true = generator.binomial(80, generator.beta(1, 4, copies))
    wrong, decoys = (
        np.minimum(WIDEST - generator.exponential(4.0, generator.poisson(chances)), WIDEST)
        .astype(int)
        .clip(0)
        for _ in range(2)
    )
    return histogram([*true.tolist(), *wrong.tolist()], decoys.tolist(), WIDEST), wrong.tolist()


@pytest.mark.parametrize("fdr", [0.01, 0.05])
@pytest.mark.parametrize(("copies", "chances"), [(3000, 2000), (500, 5000), (40, 300), (0, 500)])
def test_the_true_rate_of_simulated_sets_is_what_was_asked_for(copies: int, chances: int, fdr: float) -> None:
    shares = []
    for seed in range(200):
        found, wrong = simulated(seed, copies, chances)
        chosen = choose(found, fdr)
        shares.append(sum(bits <= chosen.distance for bits in wrong) / max(chosen.targets, 1))
    assert np.mean(shares) <= fdr


@pytest.mark.parametrize(("copies", "least"), [(3000, 0.95), (500, 0.8), (40, 0.7)])
def test_the_copies_of_simulated_sets_are_found(copies: int, least: float) -> None:
    found, wrong = simulated(0, copies, 500)
    chosen = choose(found, 0.01)
    right = chosen.targets - sum(bits <= chosen.distance for bits in wrong)
    assert right >= least * copies


def flat(targets: dict[int, int], decoys: dict[int, int]) -> Histogram:
    sides = (tuple(side.get(bits, 0) for bits in range(WIDEST + 1)) for side in (targets, decoys))
    return Histogram(targets=next(sides), decoys=next(sides))


@pytest.mark.parametrize(
    ("targets", "decoys", "distance"),
    [
        ({}, {}, TRUSTED),  # nothing speaks against the trusted distance, nor for more
        ({0: 99}, {}, TRUSTED),
        ({0: 100}, {}, WIDEST),
        ({0: 199}, {60: 1}, 59),  # a decoy more than there are is counted
        ({0: 200}, {60: 1}, WIDEST),
        ({0: 99}, {20: 1}, 19),
        ({0: 100}, {20: 1}, TRUSTED),
        ({0: 9, 50: 400}, {20: 1}, WIDEST),  # the largest, though smaller ones are not clean
        ({0: 99}, {0: 1}, -1),
    ],
)
def test_both_sides_of_what_is_clean(targets: dict[int, int], decoys: dict[int, int], distance: int) -> None:
    assert choose(flat(targets, decoys), 0.01).distance == distance


@given(HISTOGRAMS, st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_rate_is_never_a_larger_distance(found: Histogram, one: float, other: float) -> None:
    strict, loose = sorted((one, other))
    assert choose(found, strict).distance <= choose(found, loose).distance


@given(HISTOGRAMS, st.floats(0, 1))
def test_the_rate_is_what_was_asked_for_at_most(found: Histogram, fdr: float) -> None:
    chosen = choose(found, fdr)
    assert chosen.decoys <= fdr * chosen.targets or not chosen.decoys
    if chosen.distance >= 0:
        assert chosen == within(found)[chosen.distance]
        assert chosen.targets == sum(found.targets[: chosen.distance + 1])


@given(HISTOGRAMS, HISTOGRAMS)
def test_histograms_of_two_groups_add_up(one: Histogram, other: Histogram) -> None:
    both = added(one, other)
    assert both == added(other, one)
    assert sum(both.targets) + sum(both.decoys) == sum(
        map(sum, (one.targets, one.decoys, other.targets, other.decoys))
    )


def test_sides_that_reach_unequally_far_are_refused() -> None:
    with pytest.raises(ValueError, match="1 distances of targets, 2 of decoys"):
        Histogram(targets=(0,), decoys=(0, 0))
