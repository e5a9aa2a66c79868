"""Numbers without a source in the test are statsmodels 0.15's, for the same tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wit_pipeline.audit.overlap_tests import (
    ALPHA,
    Outcome,
    Tally,
    binomial_p,
    bonferroni,
    detectable,
    fisher_p,
    holm,
    interval,
    judged,
    mantel_haenszel,
    scores,
)
from wit_pipeline.vocabulary.chance import uniform


def of(right: int, total: int) -> Tally:
    return Tally(right=right, total=total)


@pytest.mark.parametrize(("right", "total"), [(0, 1), (0, 40), (40, 40), (1, 40), (17, 81), (4000, 4536)])
def test_bounds_and_p_are_scipys(right: int, total: int) -> None:
    proportion = stats.binomtest(right, total).proportion_ci(0.995, "exact")
    assert interval(of(right, total)) == pytest.approx((proportion.low, proportion.high), abs=1e-12)
    clean = of(300, 700)
    assert binomial_p(of(right, total), clean) == pytest.approx(
        stats.binomtest(right, total, clean.share, "greater").pvalue
    )
    table = [[right, total - right], [300, 400]]
    assert fisher_p(of(right, total), clean) == pytest.approx(
        stats.fisher_exact(table, "greater").pvalue, abs=1e-12
    )


def test_nothing_seen_bounds_nothing() -> None:
    assert interval(of(0, 0)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="right is 0 to total, found 2 of 1"):
        of(2, 1)


STRATA = [(of(30, 40), of(500, 900)), (of(5, 20), of(60, 300)), (of(9, 9), of(80, 100))]


def test_mantel_haenszel_is_statsmodels() -> None:
    found = mantel_haenszel(STRATA)
    assert found.odds_ratio == pytest.approx(2.234151244870862)
    assert 2 * found.p == pytest.approx(0.006743799615352097)  # test_null_odds(correction=False)
    assert found.classes == 3


def test_of_one_class_the_weighted_difference_is_the_difference() -> None:
    assert mantel_haenszel(STRATA[:1]).difference == pytest.approx(30 / 40 - 500 / 900)


def test_classes_of_one_kind_alone_say_nothing() -> None:
    alone = [*STRATA, (of(5, 5), of(0, 0)), (of(0, 0), of(3, 9))]
    assert mantel_haenszel(alone) == mantel_haenszel(STRATA)
    nothing = mantel_haenszel(alone[3:])
    assert (nothing.odds_ratio, nothing.difference, nothing.p, nothing.classes) == (None, 0.0, 1.0, 0)


def test_adjusted_p_are_statsmodels() -> None:
    ps = [0.03, 0.001, 0.04, 0.02, 0.5]
    assert holm(ps) == pytest.approx([0.09, 0.005, 0.09, 0.08, 0.5])
    assert bonferroni(ps) == pytest.approx([0.15, 0.005, 0.2, 0.1, 1.0])
    assert holm([]) == bonferroni([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_never_above_bonferroni_and_keeps_the_order(ps: list[float]) -> None:
    stepped = holm(ps)
    assert all(p <= h <= b for p, h, b in zip(ps, stepped, bonferroni(ps), strict=True))
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    assert [stepped[i] for i in order] == sorted(stepped)


@pytest.mark.parametrize(
    ("overlap", "points"), [(81, 16), (220, 10), (500, 7), (1100, 5), (4536, 2.4)]
)  # simulated: 35 sets, clean accuracy 0.76
def test_the_smallest_detectable_gain(overlap: int, points: float) -> None:
    found = detectable(overlap, 0.76, ALPHA / 35)
    assert found is not None
    assert 100 * found == pytest.approx(points, abs=0.75)


@pytest.mark.parametrize("overlap", [1, 30, 220])
@pytest.mark.parametrize("clean", [0.0, 0.4, 0.76])
def test_the_detectable_gain_is_seen_with_its_power_and_less_is_not(overlap: int, clean: float) -> None:
    gain = detectable(overlap, clean, 0.05)
    if gain is None:
        assert clean**overlap > 0.05
        return
    needed = next(k for k in range(overlap + 1) if stats.binom.sf(k - 1, overlap, clean) <= 0.05)
    assert stats.binom.sf(needed - 1, overlap, clean + gain) == pytest.approx(0.8)


def test_of_eleven_images_nothing_can_be_shown() -> None:
    assert detectable(11, 0.76, ALPHA / 35) is None
    assert detectable(100, 1.0, 0.05) is None


def easy_classes() -> list[Outcome]:
    """10,000 images and no memory of any: copies are 0.8 % of hard classes, 4.2 % of easy ones.

    The seed is one of 150, for figures near those of the set simulated before: +10.7 points at
    p = 4e-5 by the paper's test, +0.1 at p = 0.49 within classes.
    """
    outcomes = []
    for number in range(10_000):
        group = number % 10
        overlap = uniform(str(number), seed=9, purpose="overlap") < (0.042 if group >= 5 else 0.008)
        correct = uniform(str(number), seed=9, purpose="correct") < (0.92 if group >= 5 else 0.60)
        outcomes.append(Outcome(correct=correct, overlap=overlap, group=str(group)))
    return outcomes


def test_copies_in_easy_classes_fool_the_papers_test_and_not_that_within_classes() -> None:
    found = judged({"easy": scores(easy_classes())})["easy"]
    tests = found["tests"]
    assert tests["overlap_minus_clean"] == pytest.approx(0.107, abs=0.005)
    assert tests["binomial_p"] < 1e-4
    assert tests["overlap_minus_clean_interval"][0] > 0
    assert abs(tests["within_classes"]["difference"]) < 0.002
    assert tests["within_classes"]["p"] == pytest.approx(0.49, abs=0.01)
    assert tests["adjusted"]["binomial"]["significant"]
    assert not tests["adjusted"]["within_classes"]["significant"]


def test_a_real_gain_is_found_within_classes_too() -> None:
    gained = [
        Outcome(correct=item.correct or item.overlap, overlap=item.overlap, group=item.group)
        for item in easy_classes()
    ]
    assert judged({"easy": scores(gained)})["easy"]["tests"]["adjusted"]["within_classes"]["significant"]


def test_a_set_without_copies_or_without_others_has_no_tests_and_is_no_member_of_the_family() -> None:
    clean = [Outcome(correct=True, overlap=False, group="a")]
    family = judged({"none": scores(clean), "empty": scores([]), "easy": scores(easy_classes())})
    assert family["none"]["tests"] is None
    assert family["none"]["overlap"] == {"images": 0, "correct": 0, "accuracy": None, "interval": None}
    assert family["empty"]["all"]["images"] == 0
    assert family["easy"]["tests"]["detectable"]["alpha"] == ALPHA
