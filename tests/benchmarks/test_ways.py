from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from benchmarks.transforms import encoded
from benchmarks.ways import (
    NONE,
    Coded,
    Sights,
    between,
    cosines,
    house,
    nearest,
    sights,
    threshold,
    undescribed,
)
from wit_pipeline.copies.sightings import NEAR8


def coded(*codes: tuple[int, int] | None) -> Coded:
    """Codes of 64 and of 256 bits, the latter in their last word."""
    pairs = [code or (0, 0) for code in codes]
    return Coded(
        short=np.array([[short] for short, _ in pairs], np.uint64),
        long=np.array([[0, 0, 0, long] for _, long in pairs], np.uint64),
        there=np.array([code is not None for code in codes]),
    )


def ones(bits: int) -> int:
    return (1 << bits) - 1


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5), st.integers(0, 2**64 - 1))
def test_bits_between_codes(codes: list[int], other: int) -> None:
    found = between(np.array([codes], np.uint64).T, np.array([[other]], np.uint64))
    assert found.tolist() == [[(code ^ other).bit_count()] for code in codes]


@pytest.mark.parametrize(("bits", "expected"), [(NEAR8, 5), (NEAR8 + 1, NONE)])
def test_long_codes_judge_within_the_gate_alone(bits: int, expected: int) -> None:
    assert nearest([coded((0, 0))], [coded((ones(bits), ones(5)))], gate=NEAR8).item() == expected


def test_the_nearest_of_all_sides_counts_and_what_is_not_there_does_not() -> None:
    known = [coded((0, ones(40)), (0, ones(40))), coded(None, (0, ones(7)))]
    crawled = [coded((0, 0)), coded(None)]
    assert nearest(known, crawled).tolist() == [[40], [7]]
    assert nearest(known, crawled, short=True).tolist() == [[0], [0]]
    assert nearest([coded(None)], [coded((0, 0))]).item() == NONE
    assert nearest([coded((0, 0))], [coded(None)]).item() == NONE


def test_the_nearest_view_counts() -> None:
    known = np.array([[[1, 0], [0.6, 0.8]]], np.float32)
    crawled = np.array([[[0, 1]], [[1, 0]]], np.float32)
    assert cosines(known, crawled) == pytest.approx(np.array([[0.2, 0]]), abs=1e-6)


def seen(own: Coded, flat: list[bool]) -> Sights:
    none = coded(*[None] * len(flat))
    return Sights(
        flat=np.array(flat),
        own=own,
        inside=none,
        mirror=none,
        mirror_inside=none,
        pdq=np.zeros((len(flat), 0), np.uint64),
        seen=undescribed(len(flat)),
    )


def test_flat_pictures_are_copies_of_nothing_on_either_side() -> None:
    both = seen(coded((0, 0), (0, 0)), [False, True])
    assert house(both, both)["mirror, trim"].tolist() == [[0, NONE], [NONE, NONE]]


@pytest.fixture(scope="module")
def framed() -> tuple[Sights, Sights]:
    """A picture and, in a wide frame and mirrored, its copy."""
    draws = np.random.default_rng(1)
    small = Image.fromarray(draws.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    image = small.resize((160, 120), Image.Resampling.BICUBIC)
    frame = Image.new("RGB", (200, 150), "white")
    frame.paste(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (20, 15))
    known, crawled = (sights([encoded(each, quality=95)], None, turned=True) for each in (image, frame))
    return known, crawled


def test_a_mirrored_copy_in_a_frame_is_found_by_the_house(framed: tuple[Sights, Sights]) -> None:
    known, crawled = framed
    assert nearest([known.own], [crawled.own]).item() > 64
    assert house(known, crawled)["mirror, trim"].item() <= 32
    assert crawled.inside.there.item()


UNLIKE = np.array([[False, True], [True, True]])


def tables(given: list[Any], dtype: Any) -> dict[str, NDArray[Any]]:
    return {str(number): np.array(table, dtype) for number, table in enumerate(given)}


@pytest.mark.parametrize(("rate", "limit"), [(0, 9), (0.16, 9), (0.17, 19), (0.5, 39), (0.99, 59), (1, 60)])
def test_a_threshold_is_reached_by_the_share_that_is_allowed(rate: float, limit: float) -> None:
    given = tables([[[0, 10], [20, 30]], [[0, 40], [50, 60]]], np.uint16)
    assert threshold(given, UNLIKE, rate) == limit


def test_distances_that_are_equal_count_one_by_one() -> None:
    given = tables([[[0, 10], [10, 10]], [[0, 10], [50, 60]]], np.uint16)
    assert threshold(given, UNLIKE, 0.5) == 9, "four of six reach 10"
    assert threshold(given, UNLIKE, 0.67) == 49


@given(st.lists(st.floats(0, 2, width=32), min_size=4, max_size=4), st.floats(0, 1))
def test_a_learned_threshold_is_the_largest_that_keeps_the_rate(values: list[float], rate: float) -> None:
    table = np.array(values, np.float32).reshape(2, 2)
    limit = threshold({"one": table}, np.ones((2, 2), bool), rate)
    assert np.count_nonzero(table <= limit) <= rate * 4
    beyond = table[table > limit]
    if beyond.size:
        assert np.count_nonzero(table <= beyond.min()) > int(rate * 4)
