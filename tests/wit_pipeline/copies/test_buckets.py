"""What crosses a shuffle: every row arrives once, where those that are equal are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dedup_reference import crowd, rows_of
from wit_pipeline.copies.buckets import (
    Values,
    by_part,
    deal,
    fewer,
    gathered,
    of_bytes,
    of_codes,
    of_image,
    united,
)
from wit_pipeline.copies.self_join import CODE, LINK, VERDICT, Rows, rooted


@pytest.mark.parametrize("values", [of_bytes, of_codes, of_image])
@pytest.mark.parametrize("count", [1, 7])
def test_rows_meet_where_they_are_equal_and_none_is_lost(values: Values, count: int) -> None:
    rows = rows_of(crowd(300))
    blobs = dict(deal(rows, values, count))
    assert set(blobs) <= set(range(count))
    found = [gathered([CODE], bucket, {0: [blob]})[0] for bucket, blob in blobs.items()]
    assert sorted(row.tobytes() for some in found for row in some) == sorted(row.tobytes() for row in rows)
    homes = [set(values(some).tolist()) for some in found]
    assert sum(map(len, homes)) == len(set(values(rows).tolist()))


def test_a_side_that_sent_nothing_is_an_empty_array() -> None:
    rows = rows_of(crowd(3))
    code, link = gathered([CODE, LINK], 0, {0: [rows[:1].tobytes(), rows[1:].tobytes()], 1: []})
    assert (code == rows).all()
    assert (link.dtype, len(link)) == (LINK, 0)


def test_verdicts_go_to_the_part_of_their_image() -> None:
    verdicts = np.zeros(6, VERDICT)
    verdicts["part"], verdicts["bits"] = [2, 0, 2, 2, 0, 9], range(6)
    found = {part: np.frombuffer(blob, VERDICT)["bits"].tolist() for part, blob in by_part(verdicts)}
    assert found == {0: [1, 4], 2: [0, 2, 3], 9: [5]}
    assert not list(by_part(verdicts[:0]))


def linked(pairs: list[tuple[int, int]]) -> Rows:
    made = np.zeros(len(pairs), LINK)
    made["node"]["low"] = [node for node, _ in pairs]
    made["root"]["low"] = [root for _, root in pairs]
    return made


PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20).map(linked)


@given(st.lists(PAIRS, min_size=1, max_size=6), st.integers(0, 40))
def test_links_made_fewer_are_an_equal_graph(held: list[Rows], most: int) -> None:
    assert (united(fewer(held, most)) == rooted(np.concatenate(held))).all()


@pytest.mark.parametrize(
    ("lengths", "most", "arrays"),
    [((5, 3), 3, 2), ((5, 6), 5, 1), ((5, 5), 4, 2), ((0, 4), 3, 1), ((9,), 0, 1)],
)
def test_links_wait_until_those_that_came_are_many(lengths: tuple[int, ...], most: int, arrays: int) -> None:
    held = [linked([(1, 2)] * length) for length in lengths]
    assert len(fewer(held, most)) == arrays
