"""Both modes of the balance as a graph, on parts that were signed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.engine import build
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.stages import balance
from beam_jobs.stages.balance import Lowest
from tests.beam_jobs.signed import sign_fetches, sign_pairs
from tests.factories import pair
from wit_pipeline.balance import BalanceConfig, QueryCount, hash_of
from wit_pipeline.frontier import QueryFetch
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.records import Pair

PAIRS = [pair(f"http://a.test/{i}", queries=(0,) if i % 4 else (0, 1)) for i in range(200)]
FETCHES = [  # of the third query no pair came this far
    QueryFetch(query_id=query, candidates=count, limit=SCALE, fetched=count)
    for query, count in ((0, 300), (1, 60), (2, 5))
]


def kept(
    root: Path, mode: str, per_query: int, parts: int, fetches: Sequence[QueryFetch] = FETCHES
) -> list[Pair]:
    sign_pairs(root, "dedup", PAIRS, parts)
    fetches = [replace(item, per_query=item.per_query or per_query) for item in fetches]
    sign_fetches(root, fetches)
    recipe = Recipe(balance=BalanceConfig(mode=mode, per_query=per_query))  # type: ignore[arg-type]
    made = build.run_stage(balance.STAGE, recipe, root, Engine(workers=Workers(1, ())))
    found = [item for file in made.named("part-") for item in rows.read(root / "balance" / file.name, Pair)]
    counts = {item.query_id: item for item in rows.read(root / "balance" / "counts.parquet", QueryCount)}
    assert {query: item.survivors for query, item in counts.items()} == {0: 200, 1: 50, 2: 0}
    assert [(item.candidates, item.fetched) for item in counts.values()] == [
        (item.candidates, item.fetched) for item in fetches
    ]
    after = Counter(query for item in found for query in item.candidate.queries)
    assert {query: item.kept for query, item in counts.items()} == {0: 0, 1: 0, 2: 0} | after
    return found


@pytest.mark.parametrize("mode", ["exact", "expected"])
def test_each_query_has_the_number_that_the_frontier_says(tmp_path: Path, mode: str) -> None:
    """As with one number a language: 10 of the first query, all 50 of the second."""
    fetches = [replace(item, per_query=10 if item.query_id == 0 else 50) for item in FETCHES]
    found = kept(tmp_path, mode, 20, parts=2, fetches=fetches)
    alone = [item for item in found if item.candidate.queries == (0,)]
    assert len(found) - len(alone) == 50
    lowest = sorted(hash_of(item.key, 0, 0) for item in PAIRS)[:10]
    if mode == "exact":
        assert {hash_of(item.key, 0, 0) for item in alone} <= set(lowest)
    else:
        assert 2 <= len(alone) <= 16


def test_exact_keeps_the_lowest_hashes_of_every_query(tmp_path: Path) -> None:
    found = kept(tmp_path, "exact", 20, parts=2)
    lowest = {
        item.key
        for query in (0, 1)
        for item in sorted(
            (item for item in PAIRS if query in item.candidate.queries),
            key=lambda p: hash_of(p.key, query, 0),
        )[:20]
    }
    assert {item.key for item in found} == lowest


def test_expected_is_about_as_many(tmp_path: Path) -> None:
    assert 20 <= len(kept(tmp_path, "expected", 20, parts=1)) <= 60


def test_the_limit_is_reckoned_from_what_drew_below_the_frontiers(tmp_path: Path) -> None:
    fetch_limit = SCALE // 2
    trimmed = [replace(item, limit=fetch_limit) if item.query_id == 0 else item for item in FETCHES]
    found = kept(tmp_path, "expected", 20, 1, trimmed)
    below = sum(hash_of(item.key, 0, 0) < fetch_limit for item in PAIRS)
    row, *_ = rows.read(tmp_path / "balance" / "counts.parquet", QueryCount)
    assert (row.below, row.limit) == (below, 20 * fetch_limit // below)
    single = [item for item in found if item.candidate.queries == (0,)]
    assert {item.key for item in single} == {
        item.key
        for item in PAIRS
        if item.candidate.queries == (0,) and hash_of(item.key, 0, 0) < 20 * fetch_limit // below
    }


@pytest.mark.parametrize("mode", ["exact", "expected"])
def test_the_parts_do_not_matter(tmp_path: Path, mode: str) -> None:
    one, three = (kept(tmp_path / str(parts), mode, 20, parts) for parts in (1, 3))
    assert {item.key for item in one} == {item.key for item in three}


@given(st.lists(st.lists(st.integers(0, 999), max_size=30), max_size=5), st.integers(1, 10))
def test_the_lowest_do_not_depend_on_how_they_are_bundled(bundles: list[list[int]], most: int) -> None:
    lowest = Lowest()
    accumulators = []
    for bundle in bundles:
        accumulator = lowest.create_accumulator()
        for value in bundle:
            accumulator = lowest.add_input(accumulator, (value, most))
        accumulators.append(accumulator)
    found = lowest.extract_output(lowest.merge_accumulators(accumulators))
    assert found == sorted(value for bundle in bundles for value in bundle)[:most]
