"""The frontier on disk against the plain rule in memory, for any split into parts, runs and workers."""

from functools import partial
from pathlib import Path

import pytest

from beam_jobs.engine import build, passes, progress
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.stages import frontier
from beam_jobs.stages.frontier import UnitRow
from tests.beam_jobs.signed import sign_candidates, sign_counts
from tests.factories import candidate
from wit_pipeline.balance import BalanceConfig
from wit_pipeline.frontier import FrontierConfig, QueryFetch, host_id, host_of, pack, unit_of
from wit_pipeline.vocabulary import rows, slices
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, Manifest
from wit_pipeline.vocabulary.records import Candidate

CONFIG = FrontierConfig(unit_urls=5)
HOSTS = [1, 3, 17, 2, 5, 6, 1, 4]  # URLs of each


def candidates() -> list[Candidate]:
    """Two texts of each URL of hosts of every size, and one pair twice."""
    urls = [f"http://h{host}.test/{i}.jpg" for host, count in enumerate(HOSTS) for i in range(count)]
    found = [candidate(url, text) for url in urls for text in ("a red dog", "a blue river")]
    return [*found, found[5]]


def run(root: Path, recipe: Recipe, workers: int = 1) -> Manifest:
    running = Workers(workers, ())
    try:
        return build.run_stage(frontier.STAGE, recipe, root, Engine(workers=running))
    finally:
        running.close()


def plainly(seed: int) -> dict[int, list[Candidate]]:
    """The units as one process with everything in memory makes them."""
    counts = {host_id(f"http://h{host}.test/"): count for host, count in enumerate(HOSTS)}
    shares = {share.host: share for share in pack(counts, CONFIG, seed)}
    units: dict[int, list[Candidate]] = {}
    for item in {item.key: item for item in candidates()}.values():
        units.setdefault(unit_of(item.url, shares[host_id(item.url)], seed), []).append(item)
    return {unit: sorted(found, key=lambda item: item.key) for unit, found in units.items()}


def texts(items: list[Candidate]) -> list[tuple[str, str]]:
    return [(item.key, item.caption) for item in items]


@pytest.mark.parametrize(
    ("parts", "size", "workers", "seed"), [(1, 100_000, 1, 0), (3, 7, 1, 0), (2, 3, 1, 5), (4, 5, 2, 0)]
)
def test_the_units_are_those_of_the_plain_rule(
    tmp_path: Path, parts: int, size: int, workers: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "Writer", partial(slices.Writer, run=size))
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", min(size, 4096))
    sign_candidates(tmp_path, candidates(), parts)
    made = run(tmp_path, Recipe(seed=seed, frontier=CONFIG), workers)
    wanted = plainly(seed)
    assert [file.name for file in made.named("part-")] == [
        f"part-{unit:06d}.parquet" for unit in sorted(wanted)
    ]
    monkeypatch.undo()
    for unit, items in wanted.items():
        path = tmp_path / "frontier" / f"part-{unit:06d}.parquet"
        assert texts(list(rows.read(path, Candidate))) == texts(items)
        rows.write(tmp_path / "plain.parquet", Candidate, items)
        if size > 4096:  # row groups as they are
            assert path.read_bytes() == (tmp_path / "plain.parquet").read_bytes()
    assert dict(made.counts.rejected) == {"duplicate_pair": 1}


@pytest.mark.parametrize(("count", "parts"), [(3, 2), (7, 5)])
def test_any_number_of_passes_plans_the_same(
    tmp_path: Path, count: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Duplicates, limits, what is fetched of each query, and the hosts: a share of the keys at a time."""
    recipe = Recipe(frontier=CONFIG, balance=BalanceConfig(per_query=20))
    given = [*candidates(), *candidates()[::3]]
    sign_candidates(tmp_path / "one", given, 1)
    sign_candidates(tmp_path / "many", given, 1)
    wanted = run(tmp_path / "one", recipe)
    monkeypatch.setattr(passes, "KEYS", -(-len(given) // count))
    monkeypatch.setattr(frontier, "BUCKET", 10)
    told = list[str]()
    with monkeypatch.context() as patched:
        patched.setattr(progress, "tell", lambda event, **facts: told.append(str(facts.get("step"))))
        made = run(tmp_path / "many", recipe)
    assert made.digest == wanted.digest
    assert {f"Pairs {number + 1} of {count}" for number in range(count)} <= set(told)
    assert dict(made.counts.rejected).keys() == {"duplicate_pair", "over_sampled"}


def units(root: Path) -> list[UnitRow]:
    return list(rows.read(root / "frontier" / "units.parquet", UnitRow))


def test_the_units_of_a_large_host_name_it_and_no_others_do(tmp_path: Path) -> None:
    sign_candidates(tmp_path, candidates(), 2)
    run(tmp_path, Recipe(frontier=CONFIG))
    large = {host_id(f"http://h{host}.test/") for host, count in enumerate(HOSTS) if count > CONFIG.unit_urls}
    assert {row.lane for row in units(tmp_path)} == {*large, ""}
    for row in units(tmp_path):
        path = tmp_path / "frontier" / f"part-{row.unit:06d}.parquet"
        urls = rows.column(path, "url")
        hosts = {host_id(url) for url in urls}
        assert hosts & large == ({row.lane} if row.lane else set())
        assert (row.urls, row.candidates, row.hosts) == (
            len(set(urls)),
            len(urls),
            len({host_of(url) for url in urls}),
        )


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The units that were begun; the sixth, in the second bucket, stops the build once."""
    done: list[int] = []
    write = frontier.write_unit

    def stop(*arguments: object) -> UnitRow | None:
        done.append(int(str(arguments[1])))
        if len(done) == 6:
            raise OSError(28, "No space left on device")
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(frontier, "write_unit", stop)
    return done


def test_what_was_routed_is_not_routed_again(tmp_path: Path, killed: list[int]) -> None:
    sign_candidates(tmp_path, candidates(), 2)
    with pytest.raises(Exception, match="No space left"):
        run(tmp_path, Recipe(frontier=CONFIG))
    made = run(tmp_path, Recipe(frontier=CONFIG))
    assert killed == [*range(6), *range(4, killed[-1] + 1)]  # the first bucket holds four
    assert killed[-1] >= max(plainly(0))
    sign_candidates(tmp_path / "whole", candidates(), 2)
    assert made.digest == run(tmp_path / "whole", Recipe(frontier=CONFIG)).digest


@pytest.mark.parametrize(("units", "width"), [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (100_000, 317)])
def test_buckets_are_as_many_as_the_units_in_one(units: int, width: int) -> None:
    assert slices.span(units) == width


def test_earlier_crawls_say_how_much_is_lost(tmp_path: Path) -> None:
    """Of 85 pairs of a query, 20 are wanted; half of the URLs of two earlier rounds gave an image."""
    sign_counts(tmp_path / "old", "crawl", Counts(read=10, kept=9, rejected={"timeout": 1}))
    sign_counts(tmp_path / "older", "crawl", Counts(read=10, kept=1, rejected={"timeout": 9}))
    sign_candidates(tmp_path, candidates(), 2)
    balance = BalanceConfig(per_query=20)
    expected: dict[tuple[str, ...], int] = {}
    for measured in ((), (str(tmp_path / "old"), str(tmp_path / "older"))):
        recipe = Recipe(balance=balance, frontier=FrontierConfig(expected_success=0.25, measured=measured))
        made = run(tmp_path, recipe)
        expected[measured] = made.counts.kept
    assert expected[()] == len(candidates()) - 1  # 80 of 78 are wanted
    assert 25 < expected[recipe.frontier.measured] < 55
    assert made.inputs["measured 0"] == "9 of 10 gave an image"
    sign_counts(tmp_path / "older2", "crawl", Counts(read=10, kept=1, rejected={"timeout": 9}))
    (tmp_path / "older2" / "crawl" / "manifest.json").rename(tmp_path / "older" / "crawl" / "manifest.json")
    assert run(tmp_path, recipe) == made  # the same counts


def test_a_root_that_was_not_crawled_measures_nothing(tmp_path: Path) -> None:
    sign_candidates(tmp_path, candidates(), 1)
    recipe = Recipe(frontier=FrontierConfig(measured=(str(tmp_path),)))
    with pytest.raises(UserError, match="holds no signed crawl; name a root that was crawled"):
        run(tmp_path, recipe)


def test_the_counts_tell_what_is_fetched_of_each_querys_candidates(tmp_path: Path) -> None:
    found = [candidate(f"http://a.test/{i}", queries=(0,) if i % 5 else (0, 1)) for i in range(100)]
    sign_candidates(tmp_path, [*found, found[0]], 3)
    recipe = Recipe(frontier=FrontierConfig(expected_success=0.5), balance=BalanceConfig(per_query=10))
    made = run(tmp_path, recipe)
    kept = [
        item
        for file in made.named("part-")
        for item in rows.read(tmp_path / "frontier" / file.name, Candidate)
    ]
    assert 20 < len(kept) < 60  # 20 for the sake of the rare query
    assert list(rows.read(tmp_path / "frontier" / "counts.parquet", QueryFetch)) == [
        QueryFetch(query_id=0, candidates=100, limit=SCALE * 20 // 100, fetched=len(kept), per_query=10),
        QueryFetch(query_id=1, candidates=20, limit=SCALE, fetched=20, per_query=10),
    ]
