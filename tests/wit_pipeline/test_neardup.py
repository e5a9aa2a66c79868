from hypothesis import given

from tests.strategies import CODES16
from wit_pipeline.neardup import distance16, phash16_words


@given(CODES16, CODES16)
def test_distance_is_the_number_of_bits(one: str, other: str) -> None:
    assert distance16(one, other) == bin(int(one, 16) ^ int(other, 16)).count("1")
    assert [int(word) for word in phash16_words([one])[0]] == [
        int(one[i : i + 16], 16) for i in (0, 16, 32, 48)
    ]
