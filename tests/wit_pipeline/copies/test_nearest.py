from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wit_pipeline.copies import nearest
from wit_pipeline.copies.nearest import Nearest, Words, band_radii, bit_order, is_banded, probes, shuffled


def crowded(seed: int, count: int, words: int) -> Words:
    """Codes of which half lie a few bits, up to 24, from another."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 2**64, (count, words), dtype=np.uint64)
    for row in range(count // 2, count):
        codes[row] = codes[generator.integers(0, count // 2)]
        for bit in generator.integers(0, 64 * words, generator.integers(0, 25)):
            codes[row, bit // 64] ^= np.uint64(1 << int(bit % 64))
    return codes


def distances(one: Words, other: Words) -> NDArray[np.int64]:
    apart: NDArray[np.int64] = np.bitwise_count(one[:, None] ^ other[None]).sum(axis=2, dtype=np.int64)
    return apart


def expected(apart: NDArray[np.int64], near: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    return [
        sorted((int(apart[q, row]), int(row)) for row in np.flatnonzero(near[q])) for q in range(len(near))
    ]


@pytest.fixture(params=[True, False], ids=["bands", "scan"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "is_banded", lambda *_: request.param)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("words", "radius"),
    [*product([1], [0, 1, 3, 4, 7, 8, 10, 12]), *product([4], [0, 5, 15, 16, 20, 33])],
)
def test_every_code_within_the_radius_is_found_once_nearest_first(words: int, radius: int) -> None:
    codes = crowded(words, 400, words)
    found = Nearest(codes).within(codes, radius)
    apart = distances(codes, codes)
    assert [found.of(query) for query in range(len(codes))] == expected(apart, apart <= radius)
    assert not found.cut.any()


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("radius", "second_radius"), [(10, 48), (4, 12), (12, 20)])
def test_second_codes_judge_what_the_first_find(radius: int, second_radius: int) -> None:
    one, two = crowded(5, 300, 1), crowded(6, 300, 4)
    found = Nearest(one, two).within(one, radius, second=two, second_radius=second_radius)
    apart = distances(two, two)
    near = (distances(one, one) <= radius) & (apart <= second_radius)
    assert [found.of(query) for query in range(len(one))] == expected(apart, near)


@pytest.mark.usefixtures("either")
def test_the_farthest_beyond_the_cap_are_counted() -> None:
    codes = np.zeros((3000, 1), np.uint64)
    codes[:100, 0] = [(1 << row % 5) - 1 for row in range(100)]  # 20 codes each of 0, 1, 2, 3 and 4 bits
    found = Nearest(codes[:100]).within(codes[:1], 3, cap=45)
    assert found.of(0) == sorted((row % 5, row) for row in range(100))[:45]
    assert found.cut.tolist() == [80 - 45]
    every = Nearest(codes).within(codes[:2], 4)  # more than the space there is at first
    assert (np.diff(every.starts).tolist(), every.cut.tolist()) == ([3000, 3000], [0, 0])
    assert not Nearest(codes).within(codes[:2], 4, cap=0).rows.size


@pytest.mark.usefixtures("either")
@given(st.lists(st.integers(0, 2**64 - 1), max_size=6), st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_any_codes_few_or_none(codes: list[int], queries: list[int]) -> None:
    index, asked = (np.array(values, np.uint64).reshape(-1, 1) for values in (codes, queries))
    found = Nearest(index).within(asked, 6)
    apart = distances(asked, index)
    assert [found.of(query) for query in range(len(asked))] == expected(apart, apart <= 6)


@pytest.mark.parametrize(
    ("bands", "radius", "radii"),
    [
        (4, 0, [0, -1, -1, -1]),
        (4, 3, [0, 0, 0, 0]),
        (4, 4, [1, 0, 0, 0]),
        (4, 8, [2, 1, 1, 1]),
        (4, 10, [2, 2, 2, 1]),
        (4, 11, [2, 2, 2, 2]),
    ],
)
def test_how_near_each_band_is_looked_up(bands: int, radius: int, radii: list[int]) -> None:
    assert band_radii(bands, radius) == radii
    assert sum(most + 1 for most in radii) == radius + 1  # on no band means at least this many bits


def test_what_is_turned_over_in_a_band() -> None:
    masks, _, ends = probes(4, 8)
    assert ends.tolist() == [1 + 16 + 120, 17, 17, 17]
    assert len(set(masks.tolist())) == len(masks) == 137
    assert [int(mask).bit_count() for mask in masks] == [0] + [1] * 16 + [2] * 120


@pytest.mark.parametrize(
    ("codes", "words", "radius", "banded"),
    [(1_000_000, 1, 8, True), (2_200_000, 1, 10, True), (1_000_000, 1, 24, False), (1000, 1, 8, False)],
)
def test_when_bands_are_worth_it(codes: int, words: int, radius: int, banded: bool) -> None:
    assert is_banded(codes, words, radius) == banded


def test_a_shuffle_keeps_distances_and_spreads_neighbours() -> None:
    codes = crowded(7, 50, 4)
    assert (distances(shuffled(codes), shuffled(codes)) == distances(codes, codes)).all()
    assert sorted(bit_order(256)) == list(range(256))
    assert bit_order(64)[:6] == (38, 59, 41, 37, 1, 36)  # golden: bands of dedup are made by it


def test_second_codes_are_given_to_both_or_to_neither() -> None:
    codes = crowded(8, 4, 1)
    with pytest.raises(AssertionError, match="both have second codes"):
        Nearest(codes).within(codes, 0, second=codes)
    with pytest.raises(AssertionError, match="a second code for each"):
        Nearest(codes, codes[:3])
