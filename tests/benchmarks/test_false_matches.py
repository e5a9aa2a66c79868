import numpy as np
import pytest

import benchmarks.false_matches as rates
from benchmarks.false_matches import counted, distinct
from benchmarks.ways import Coded, Sights, undescribed


def sights_of(ends: list[int], flat: list[bool]) -> Sights:
    """Pictures whose long codes end in these bits; their short ones are all the same."""
    count = len(ends)
    own = Coded(
        short=np.zeros((count, 1), np.uint64),
        long=np.array([[0, 0, 0, end] for end in ends], np.uint64),
        there=np.ones(count, bool),
    )
    none = Coded(short=own.short, long=own.long, there=np.zeros(count, bool))
    sides = {"own": own, "inside": none, "mirror": none, "mirror_inside": none}
    pdq = np.zeros((count, 0), np.uint64)
    return Sights(flat=np.array(flat), **sides, pdq=pdq, seen=undescribed(count))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 500])
def test_each_pair_is_counted_once_whatever_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "BLOCK", block)
    ends = [0, 0b1, 0b11, (1 << 40) - 1, (1 << 63) - 1, 0b111, 0]
    seen = sights_of(ends, [False, True, False, False, False, False, False])
    different = ~np.eye(len(ends), dtype=bool)
    different[0, 6] = different[6, 0] = False  # one picture
    counts, drawn = counted(seen, different, {"phash16": [2, 64], "phash8": [4], "pdq": [31]})
    near = [
        (i, j)
        for i in range(len(ends))
        for j in range(i + 1, len(ends))
        if different[i, j] and (ends[i] ^ ends[j]).bit_count() <= 2
    ]
    lively = [pair for pair in near if 1 not in pair]
    assert counts["phash16", 2].tolist() == [len(near), len(lively)] == [7, 3]
    assert counts["phash16", 64].tolist() == counts["phash8", 4].tolist() == [20, 14]
    assert ("pdq", 31) not in counts, "nothing was seen by pdq"
    assert set(lively) <= set(drawn)
    assert (0, 4) not in drawn, "above 48 bits"


def test_equal_files_are_one_picture() -> None:
    kind = distinct([b"a", b"b", b"a"])
    assert kind.bodies == [b"a", b"b"]
    assert kind.different().tolist() == [[False, True], [True, False]]
