import numpy as np
import pytest

from benchmarks.within import Known, compared, kind_of, least
from tests.dedup_reference import ODD, long_words
from wit_pipeline.copies.self_join import arranged


@pytest.mark.parametrize(
    ("alt", "kind"),
    [
        ("A map of the states", "maps"),
        ("A Chart beside a map", "maps"),
        ("Two graphs.", "charts"),
        ("The logo of a firm", "logos, signs"),
        ("An old engraving", "drawings"),
        ("A portrait", "faces"),
        ("A dog; no mapping, no facet", "photographs"),
        ("", "photographs"),
    ],
)
def test_a_word_tells_what_a_picture_shows(alt: str, kind: str) -> None:
    assert kind_of(alt) == kind


def test_pairs_are_compared_plain_and_mirrored_whole_and_without_borders() -> None:
    whole = [0, 0b111, ODD ^ 0b11, (1 << 256) - 1]
    inside = [*whole[:3], 0b1]
    codes = np.stack([arranged(long_words(side)) for side in (whole, inside)])
    assert least(codes[0], codes[0])[0].tolist() == [0, 3, 2, 128]
    names = np.array([str(i) for i in range(4)])
    given = Known(
        name=names,
        kind=names,
        treatment=names,
        reach=np.full(4, 32),
        phash=np.array([0, 15, 0, 0], np.uint64),
        codes=codes,
    )
    found = compared(given, 32)
    pairs = {(i, j): bits for i, j, bits in zip(found.one, found.other, found.bits, strict=True)}
    assert pairs == {(0, 1): 3, (0, 2): 2, (0, 3): 1, (1, 2): 1, (1, 3): 2, (2, 3): 1}
    assert found.shared.any(axis=1).all()
    assert dict(zip(pairs, found.before.tolist(), strict=True))[(0, 1)]  # four bits of one band, and three
    assert sum(found.before) == 1  # mirrored, or within borders, it saw none
