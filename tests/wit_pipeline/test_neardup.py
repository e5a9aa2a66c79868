from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import CODES8, CODES16
from wit_pipeline.neardup import (
    BANDS,
    NEAR8,
    PARTS,
    bands,
    bits_apart,
    close_pairs,
    components,
    distance16,
    first_shared,
    first_shared_band,
    parts,
    phash16_words,
    phash_word,
)

KEYS = st.text("abcdef", min_size=1, max_size=2)


@given(CODES8, st.integers(0, 63))
def test_a_bit_touches_one_band(code: str, bit: int) -> None:
    word = phash_word(code)
    assert sum(x != y for x, y in zip(bands(word), bands(word ^ 1 << bit), strict=True)) == 1


@given(CODES8, st.lists(st.integers(0, 63), max_size=3))
def test_codes_within_three_bits_share_a_band(code: str, flips: list[int]) -> None:
    word = other = phash_word(code)
    for bit in flips:
        other ^= 1 << bit
    assert first_shared_band(word, other) < BANDS


@given(CODES8, st.lists(st.integers(0, 63), max_size=NEAR8))
def test_a_crowd_divided_loses_no_pair_that_is_near(code: str, flips: list[int]) -> None:
    word = other = phash_word(code)
    for bit in flips:
        other ^= 1 << bit
    assert all(first_shared(parts(word, band), parts(other, band)) < PARTS for band in range(BANDS))
    assert max(parts(word, 0)) < 1 << 10


def test_bands_are_what_they_were() -> None:
    """Golden: the permutation is part of the method."""
    assert bands(0x0123456789ABCDEF) == (1576, 55487, 50486, 26580)


@given(CODES16, CODES16)
def test_distance_is_the_number_of_bits(one: str, other: str) -> None:
    assert distance16(one, other) == bin(int(one, 16) ^ int(other, 16)).count("1")
    assert bits_apart(bytes.fromhex(one), bytes.fromhex(other)) == distance16(one, other)
    assert [int(word) for word in phash16_words([one])[0]] == [
        int(one[i : i + 16], 16) for i in (0, 16, 32, 48)
    ]


@given(st.lists(st.tuples(CODES8, CODES16), min_size=1, max_size=8), st.integers(0, 64), st.integers(0, 256))
def test_close_pairs_are_exact(codes: list[tuple[str, str]], distance8: int, distance: int) -> None:
    def near(i: int, j: int) -> bool:
        bits = (phash_word(codes[i][0]) ^ phash_word(codes[j][0])).bit_count()
        return bits <= distance8 and distance16(codes[i][1], codes[j][1]) <= distance

    expected = [(i, j) for i in range(len(codes)) for j in range(i + 1, len(codes)) if near(i, j)]
    words, longs = [phash_word(a) for a, _ in codes], [b for _, b in codes]
    assert close_pairs(words, phash16_words(longs), distance8=distance8, distance=distance) == expected


@given(st.lists(st.tuples(KEYS, KEYS), max_size=30))
def test_components_are_those_of_the_graph_whatever_the_order(edges: list[tuple[str, str]]) -> None:
    found = components(edges)
    assert found == components([(b, a) for a, b in reversed(edges)])
    of = {key: i for i, keys in enumerate(found) for key in keys}
    assert set(of) == {key for edge in edges for key in edge}
    assert all(of[a] == of[b] for a, b in edges)
    for keys in found:  # connected: from the first, every other can be reached
        reached = {keys[0]}
        for _ in keys:
            reached |= {b for a, b in edges if a in reached} | {a for a, b in edges if b in reached}
        assert reached == set(keys)
