"""What copies in the training set did to a score: CLIP's own tests (section 5), and those that it lacks.

An evaluation image is one row. Overlap are those with a copy, Clean those without. CLIP tests Overlap's
accuracy against Clean's; where copies sit in easy classes that finds an effect of nothing, and so
Mantel-Haenszel compares within each class.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import Any

CONFIDENCE = 0.995  # of every interval, as in the paper
ALPHA = 0.05  # of the family: shared out among the sets that were scored
POWER = 0.8  # with which the smallest detectable gain would be seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a model made of one evaluation image."""

    correct: bool
    overlap: bool  # a training image is a copy of it
    group: str  # its class


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Right answers among all."""

    right: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.total:
            raise ValueError(f"right is 0 to total, found {self.right} of {self.total}")

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(right=self.right + other.right, total=self.total + other.total)

    @property
    def share(self) -> float:
        """0 to 1; of nothing it is 0."""
        return self.right / self.total if self.total else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stratified:
    """Overlap against Clean within each class, over all classes."""

    odds_ratio: float | None  # common to the classes; None where it is infinite or nothing tells it
    difference: float  # of accuracies, -1 to 1, classes weighted by Mantel and Haenszel
    p: float  # one-sided: is Overlap better?
    classes: int  # that have both overlapping and clean images; the others say nothing


def tally(correct: Iterable[bool]) -> Tally:
    """How many are right."""
    known = list(correct)
    return Tally(right=sum(known), total=len(known))


def interval(found: Tally, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Clopper and Pearson's exact bounds of a share; 0 to 1 for no observation."""
    missed, tail = found.total - found.right, (1 - confidence) / 2
    low = float(_stats().beta.ppf(tail, found.right, missed + 1)) if found.right else 0.0
    high = float(_stats().beta.ppf(1 - tail, found.right + 1, missed)) if missed else 1.0
    return low, high


def binomial_p(overlap: Tally, clean: Tally) -> float:
    """The paper's p: that Overlap does so well by luck at Clean's accuracy, which is taken as known."""
    return float(_stats().binom.sf(overlap.right - 1, overlap.total, clean.share))


def fisher_p(overlap: Tally, clean: Tally) -> float:
    """The same question with Clean's accuracy as the estimate that it is: Fisher's exact test, one-sided."""
    both = overlap + clean
    return float(_stats().hypergeom.sf(overlap.right - 1, both.total, both.right, overlap.total))


def mantel_haenszel(strata: Iterable[tuple[Tally, Tally]]) -> Stratified:
    """Overlap against Clean over strata of (overlap, clean): no continuity correction, one-sided."""
    told = [(overlap, clean) for overlap, clean in strata if overlap.total and clean.total]
    weight = sum(a.total * b.total / (a + b).total for a, b in told)
    better = sum(a.right * (b.total - b.right) / (a + b).total for a, b in told)
    worse = sum(b.right * (a.total - a.right) / (a + b).total for a, b in told)
    # better - worse is both the excess of right answers over what each class leads one to expect and
    # the weighted difference's numerator
    variance = sum(_variance(a, b) for a, b in told)
    return Stratified(
        odds_ratio=better / worse if worse else None,
        difference=(better - worse) / weight if weight else 0.0,
        p=float(_stats().norm.sf((better - worse) / sqrt(variance))) if variance else 1.0,
        classes=len(told),
    )


def _variance(overlap: Tally, clean: Tally) -> float:
    """Of the overlapping right answers, were they drawn from the class without looking: hypergeometric."""
    both = overlap + clean
    return (
        overlap.total
        * clean.total
        * both.right
        * (both.total - both.right)
        / (both.total**2 * (both.total - 1))
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p of each of a family's tests: valid whenever Bonferroni's is, and never larger."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    stepped = accumulate((min(1.0, (len(ps) - rank) * ps[i]) for rank, i in enumerate(order)), max)
    adjusted = dict(zip(order, stepped, strict=True))
    return [adjusted[i] for i in range(len(ps))]


def bonferroni(ps: Sequence[float]) -> list[float]:
    """Bonferroni's adjusted p of each of a family's tests."""
    return [min(1.0, len(ps) * p) for p in ps]


def detectable(overlap: int, clean_share: float, alpha: float, power: float = POWER) -> float | None:
    """The smallest gain of Overlap over Clean (0 to 1) that the binomial test at `alpha` sees with `power`.

    Exact: the fewest right answers that are significant, then the accuracy that reaches them with
    `power`. None where not even a faultless Overlap would be significant.
    """
    needed = int(_stats().binom.isf(alpha, overlap, clean_share)) + 1
    if needed > overlap:
        return None
    return max(0.0, float(_stats().beta.ppf(power, needed, overlap - needed + 1)) - clean_share)


def scores(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """One set's accuracies and tests, before the family of sets is known. All is Overlap and Clean."""
    overlap = tally(item.correct for item in outcomes if item.overlap)
    clean = tally(item.correct for item in outcomes if not item.overlap)
    whole = overlap + clean
    found: dict[str, Any] = {
        "all": stated(whole),
        "overlap": stated(overlap),
        "clean": stated(clean),
        "overlap_share": round(overlap.total / whole.total, 6) if whole.total else 0.0,
    }
    if not overlap.total or not clean.total:
        return {**found, "tests": None}  # there is nothing to compare
    low, high = interval(overlap)
    within = mantel_haenszel(_strata(outcomes))
    return {
        **found,
        "tests": {
            "all_minus_clean": round(whole.share - clean.share, 6),
            "overlap_minus_clean": round(overlap.share - clean.share, 6),
            "overlap_minus_clean_interval": [round(low - clean.share, 6), round(high - clean.share, 6)],
            "binomial_p": binomial_p(overlap, clean),
            "fisher_p": fisher_p(overlap, clean),
            "within_classes": {
                "odds_ratio": None if within.odds_ratio is None else round(within.odds_ratio, 6),
                "difference": round(within.difference, 6),
                "p": within.p,
                "classes": within.classes,
            },
        },
    }


def stated(found: Tally) -> dict[str, Any]:
    """A tally with its accuracy and interval; both None where it is empty."""
    bounds = [round(bound, 6) for bound in interval(found)] if found.total else None
    accuracy = round(found.share, 6) if found.total else None
    return {"images": found.total, "correct": found.right, "accuracy": accuracy, "interval": bounds}


def _strata(outcomes: Sequence[Outcome]) -> list[tuple[Tally, Tally]]:
    groups: dict[str, list[Outcome]] = {}
    for item in outcomes:
        groups.setdefault(item.group, []).append(item)
    return [
        (
            tally(item.correct for item in members if item.overlap),
            tally(item.correct for item in members if not item.overlap),
        )
        for _, members in sorted(groups.items())
    ]


def judged(family: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The scores of each set with p adjusted for the family, and what could have been seen in it at all.

    The three tests are three families: a set is `significant` by a test where Holm's p of that is below
    `ALPHA`.
    """
    tested = [name for name, found in family.items() if found["tests"]]
    result = {name: dict(found) for name, found in family.items()}
    for name in tested:
        found = family[name]
        alpha = ALPHA / len(tested)
        gain = detectable(found["overlap"]["images"], found["clean"]["accuracy"], alpha)
        result[name]["tests"] = {
            **found["tests"],
            "detectable": {
                "gain": None if gain is None else round(gain, 6),
                "all_minus_clean": None if gain is None else round(gain * found["overlap_share"], 6),
                "power": POWER,
                "alpha": alpha,
                "method": "exact one-sided binomial at alpha = 0.05 / sets tested",
            },
        }
    for test in ("binomial", "fisher", "within_classes"):
        ps = [_p(family[name]["tests"], test) for name in tested]
        for name, by_holm, by_bonferroni in zip(tested, holm(ps), bonferroni(ps), strict=True):
            result[name]["tests"].setdefault("adjusted", {})[test] = {
                "holm_p": by_holm,
                "bonferroni_p": by_bonferroni,
                "significant": by_holm < ALPHA,
            }
    return result


def _p(tests: Mapping[str, Any], test: str) -> float:
    found: float = tests["within_classes"]["p"] if test == "within_classes" else tests[f"{test}_p"]
    return found


def _stats() -> Any:
    from scipy import stats  # takes a second to load: only where something is tested

    return stats
