"""An id is given once, whatever lists follow one another."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries import ids, store
from queries.ids import Given
from tests.factories import query
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Query

LISTS = st.lists(st.lists(st.sampled_from("abcdefghij"), unique=True), max_size=6)


def named(texts: list[str]) -> list[Query]:
    return [query(0, text) for text in texts]


@given(LISTS)
def test_an_id_is_a_querys_for_good(lists: list[list[str]]) -> None:
    """Over any sequence of lists: one id a query and one query an id, new ones numbered on without gaps."""
    known: dict[ids.Key, int] = {}
    for texts in lists:
        made = ids.numbered(named(texts), known)
        assert sorted(item.query for item in made) == sorted(texts)
        assert [item.query_id for item in made] == sorted(item.query_id for item in made)
        assert all(item.query_id == known.get(("", item.query), item.query_id) for item in made)
        new = [text for text in texts if ("", text) not in known]
        numbers = {("", item.query): item.query_id for item in made}
        assert [numbers["", text] for text in new] == list(range(len(known), len(known) + len(new)))
        after = {("", item.query): item.query_id for item in ids.remembered(made, known)}
        assert after == {**known, **numbers}
        assert list(after.values()) == list(range(len(after)))
        known = after


def test_the_first_list_has_positions() -> None:
    assert [item.query for item in ids.numbered(named(["c", "a", "b"]), {})] == ["c", "a", "b"]


def test_what_is_remembered_is_read(tmp_path: Path) -> None:
    made = ids.numbered(named(["b", "new"]), {("", "a"): 0, ("", "b"): 4})
    rows.write(tmp_path / ids.TABLE, Given, ids.remembered(made, {("", "a"): 0, ("", "b"): 4}))
    store.write(tmp_path / "queries.parquet", made)
    assert ids.of(tmp_path) == {("", "a"): 0, ("", "b"): 4, ("", "new"): 5}


def test_a_list_of_a_release_without_the_table_gave_its_ids(tmp_path: Path) -> None:
    assert ids.of(tmp_path) == {}
    store.write(tmp_path / "queries.parquet", [query(0, "a"), query(1, "b")])
    assert ids.of(tmp_path) == {("", "a"): 0, ("", "b"): 1}


@pytest.mark.parametrize("twice", [[(0, "a"), (0, "b")], [(0, "a"), (1, "a")]])
def test_a_table_that_gives_an_id_twice_is_refused(tmp_path: Path, twice: list[tuple[int, str]]) -> None:
    rows.write(tmp_path / ids.TABLE, Given, [Given(query_id=one, query=text) for one, text in twice])
    with pytest.raises(RunError, match=r"ids\.parquet: gives an id twice"):
        ids.of(tmp_path)
