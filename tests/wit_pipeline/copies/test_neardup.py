import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import bits_between
from tests.strategies import CODES16
from wit_pipeline.copies.neardup import distances16, phash16_words


@given(CODES16)
def test_words_are_the_codes_digits(code: str) -> None:
    assert [int(word) for word in phash16_words([code])[0]] == [
        int(code[i : i + 16], 16) for i in (0, 16, 32, 48)
    ]


@given(st.lists(CODES16, max_size=4), st.lists(CODES16, max_size=4))
def test_distances_are_numbers_of_bits(one: list[str], other: list[str]) -> None:
    found = distances16(phash16_words(one), phash16_words(other))
    expected = [[bits_between(a, b) for b in other] for a in one]
    assert (found == np.array(expected, np.int64).reshape(len(one), len(other))).all()
