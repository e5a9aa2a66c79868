import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import flip, pair
from wit_pipeline.dedup import (
    Code,
    DedupConfig,
    Thin,
    Verdict,
    band_keys,
    code_of,
    codes_of,
    crowd_keys,
    equal_bytes,
    equal_codes,
    is_coded,
    judge,
    near_duplicates,
    near_pairs,
    settle,
    thin,
)
from wit_pipeline.neardup import first_shared_band, phash16_words
from wit_pipeline.records import Pair, Reason, Reject
from wit_pipeline.sightings import Sighting

CODE16 = "0" * 64


def code(key: str, pixels: int = 100, phash16: str = CODE16, **fields: Any) -> Code:
    plain = Code(key, "s", "0" * 16, phash16, 0.1, pixels, 1)
    return plain._replace(**fields)


def test_the_largest_stays_then_the_most_queries_then_the_smallest_key() -> None:
    small, large, rich = code("a"), code("c", 200), code("d", 200, queries=3)
    assert equal_bytes([small, large, rich])[0] == rich
    assert equal_bytes([small, large])[0] == large
    assert equal_bytes([code("b"), code("a")])[0].key == "a"


def test_an_image_is_one_code_however_many_texts_it_has() -> None:
    poor, rich = pair(queries=(1,)), pair(caption="a red dog and a cat", queries=(1, 2))
    other = pair("http://b.test/1.jpg")
    assert list(codes_of([poor, rich, other])) == [code_of(rich), code_of(other)]


def test_the_texts_of_an_image_share_its_fate() -> None:
    poor, rich = pair(queries=(1,)), pair(caption="a red dog and a cat", queries=(1, 2))
    verdicts = {rich.key: Verdict(rich.key, Reason.DUPLICATE, "k" * 32, 0)}
    gone = list(judge([poor, rich], verdicts, {}, DedupConfig()))
    assert [(item.reason, item.key) for item in gone if isinstance(item, Reject)] == [
        (Reason.DUPLICATE, rich.key),
        (Reason.DUPLICATE, poor.key),
    ]
    stays = list(judge([poor, rich], {}, {}, DedupConfig()))
    assert {item.key for item in stays if isinstance(item, Pair)} == {poor.key, rich.key}


@pytest.mark.parametrize(
    ("near", "weak", "phash16", "compared"),
    [
        (True, 0.35, CODE16, True),
        (True, 0.36, CODE16, False),  # flat
        (False, 0.1, CODE16, False),
        (True, 0.0, "", False),  # stored undecoded
    ],
)
def test_what_is_compared_by_its_codes(near: bool, weak: float, phash16: str, compared: bool) -> None:
    assert is_coded(code("a", phash16=phash16, weak=weak), DedupConfig(near=near)) == compared


def test_equal_codes_are_near_duplicates() -> None:
    assert equal_codes([code("a"), code("b", 200)])[1] == [Verdict("a", Reason.NEAR_DUPLICATE, "b", 0)]


def test_a_chain_does_not_join_unlike_images() -> None:
    """a – b – c, each step within the distance, the ends not: c is not a copy of a."""
    a, b, c = code("a", 300), code("b", 200, flip(CODE16, 30)), code("c", 100, flip(CODE16, 60))
    verdicts = near_duplicates([(thin(a), thin(b)), (thin(b), thin(c))], DedupConfig(near_distance=32))
    assert verdicts == [Verdict("b", Reason.NEAR_DUPLICATE, "a", 30)]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20), st.randoms())
def test_the_order_of_pairs_does_not_matter(drawn: list[tuple[int, int]], chance: random.Random) -> None:
    codes = [thin(code(f"{i}", 100 + i % 3, flip(CODE16, 7 * i))) for i in range(10)]
    edges = [(codes[i], codes[j]) for i, j in drawn if i != j]
    shuffled = [edge[::-1] if chance.getrandbits(1) else edge for edge in edges]
    chance.shuffle(shuffled)
    config = DedupConfig()
    assert settle(near_duplicates(edges, config)) == settle(near_duplicates(shuffled, config))


def crowd(count: int) -> list[Thin]:
    """Codes of which two thirds lie near another: 0 to 6 bits of 64 and 0 to 40 of 256 away."""
    generator = np.random.default_rng(3)
    codes: list[Thin] = []
    for i in range(count):
        word, long = (int.from_bytes(generator.bytes(size)) for size in (8, 32))
        if i > count // 3:
            like = codes[generator.integers(0, count // 3)]
            word, long = like.word, int.from_bytes(like.phash16)
            for _ in range(generator.integers(0, 7)):
                word ^= 1 << int(generator.integers(0, 64))
            for _ in range(generator.integers(0, 41)):
                long ^= 1 << int(generator.integers(0, 256))
        codes.append(Thin(f"{i:032x}", word.to_bytes(8), long.to_bytes(32), 100 + i % 7, i % 3))
    return codes


def met(codes: list[Thin], crowded: bool) -> list[tuple[Thin, Thin]]:
    groups: dict[int, list[Thin]] = {}
    for item in codes:
        for key in band_keys(item):
            for finer in crowd_keys(item, key) if crowded else (key,):
                groups.setdefault(finer, []).append(item)
    return [pair for key, group in groups.items() for pair in near_pairs(key, group, DedupConfig())]


def test_bands_find_what_comparing_all_pairs_finds_each_once() -> None:
    """All of 5,000 codes' pairs; within 4 bits of 64 they share a band too, 98.7 times of 100."""
    codes = crowd(5000)
    words = np.array([item.word for item in codes], np.uint64)
    longs = phash16_words([item.phash16.hex() for item in codes])
    expected = []
    for i in range(len(codes)):
        near = np.bitwise_count(words[i + 1 :] ^ words[i]) <= 4
        near &= np.bitwise_count(longs[i + 1 :] ^ longs[i]).sum(axis=1) <= 32
        expected += [(codes[i], codes[i + 1 + int(j)]) for j in np.flatnonzero(near)]
    shared = sorted(pair for pair in expected if first_shared_band(pair[0].word, pair[1].word) < 4)
    assert len(expected) > len(shared) > 0.95 * len(expected) > 1000
    assert sorted(met(codes, crowded=False)) == shared
    assert sorted(met(codes[::-1], crowded=True)) == shared


def test_a_verdict_names_a_pair_that_stays() -> None:
    chain = [Verdict(key, "duplicate", kept, 0) for key, kept in ("ab", "bc", "cd")]
    assert [(verdict.key, verdict.kept) for verdict in settle(chain)] == [("a", "d"), ("b", "d"), ("c", "d")]


def sighting(key: str, bits: int = 0, apart: int = 1000, method: str = "exact") -> Sighting:
    return Sighting(set="eval", image="cat/1.png", key=key, distance=bits, apart=apart, method=method)


@pytest.mark.parametrize(
    ("mode", "dropped", "flags"),
    [("drop", True, ()), ("flag", False, ("eval/cat/1.png 0 exact",)), ("keep", False, ())],
)
def test_copies_of_evaluation_images(mode: str, dropped: bool, flags: tuple[str, ...]) -> None:
    copy = pair()
    (found,) = judge([copy], {}, {copy.key: [sighting(copy.key)]}, DedupConfig(evaluation=mode))  # type: ignore[arg-type]
    assert isinstance(found, Reject) == dropped
    if isinstance(found, Pair):
        assert found.evaluation == flags
    else:
        assert (found.reason, found.detail) == (Reason.EVALUATION_COPY, "eval/cat/1.png 0 exact")


def test_a_flag_names_distance_cosine_and_way() -> None:
    assert str(sighting("k", 12, 1000, "trim")) == "eval/cat/1.png 12 trim"
    assert str(sighting("k", 101, 127, "learned")) == "eval/cat/1.png 101 0.873 learned"


def test_a_duplicate_names_what_stays() -> None:
    copy = pair()
    verdict = Verdict(copy.key, Reason.NEAR_DUPLICATE, "k" * 32, 12)
    (found,) = judge([copy], {copy.key: verdict}, {}, DedupConfig())
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == (Reason.NEAR_DUPLICATE, f"kept {'k' * 32}, 12 of 256 bits away")


def test_a_code_is_thin() -> None:
    assert code_of(pair(queries=(1, 2))).queries == 2
    assert code_of(pair()).pixels == 400 * 300


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="near_distance is 0 to 64 bits"):
        DedupConfig(near_distance=65)
