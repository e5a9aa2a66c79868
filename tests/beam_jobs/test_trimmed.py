"""What the balance promises where the frontier trimmed, through a whole build, whatever share succeeds."""

import io
import json
import tarfile
from functools import cache
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.commands.inspect import signed
from tests.factories import spots
from wit_pipeline.balance import QueryCount, hash_of
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import SCALE, uniform
from wit_pipeline.vocabulary.records import Pair, Query

CANDIDATES = 500  # of each query
T = 60
SUCCESS = {"dog": 0.3, "river": 0.5, "castle": 0.7, "bridge": 0.85, "window": 1.0}
RARE = 40  # pairs of "castle" that contain another query too, which none is spared

DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
<page><title>A</title><ns>0</ns><id>1</id><revision><id>1</id><text>{text}</text></revision></page>
</mediawiki>
"""
RECIPE = """
[queries]
wikipedia = ["{world}/dump.xml"]
min_count = 5
bigram_min_count = 100
[[extract.sources]]
kind = "webdataset"
path = ["{world}/*.tar"]
[frontier]
expected_success = 0.7
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
[filter]
min_side = 32
[balance]
per_query = {t}
mode = "{mode}"
"""


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of the queries and a shard of pictures, of which as many can be read as `SUCCESS` says."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "dump.xml").write_text(DUMP.format(text=" ".join([*SUCCESS, "heron"] * 10)))
    with tarfile.open(folder / "a.tar", "w") as archive:
        for place, (query, success) in enumerate(SUCCESS.items()):
            for i in range(CANDIDATES):
                key = f"{place}{i:05d}"
                good = uniform(key, seed=0, purpose="success") < success
                rare = " and a heron" if query == "castle" and i < RARE else ""
                url = json.dumps({"url": f"http://a.test/{key}.png"}).encode()
                add(archive, f"{key}.png", spots(CANDIDATES * place + i) if good else b"\x89PNG broken")
                add(archive, f"{key}.txt", f"The {query} as seen{rare} by visitor {i}".encode())
                add(archive, f"{key}.json", url)
    return folder


Built = tuple[dict[str, QueryCount], list[Pair]]


@pytest.fixture(scope="module")
def built(world: Path) -> object:
    """What a whole build counts, by query, and keeps; the balance alone differs between modes."""

    @cache
    def build(t: int, mode: str) -> Built:
        root, recipe = world / f"root-{t}", world / f"{t}-{mode}.toml"
        recipe.write_text(RECIPE.format(world=world, t=t, mode=mode))
        assert main(["build", "--recipe", f"{recipe}", "--root", f"{root}", "--workers", "1"]) == 0
        texts = {item.query_id: item.query for item in rows.read(root / "queries" / "queries.parquet", Query)}
        counts = rows.read(root / "balance" / "counts.parquet", QueryCount)
        balance = next(item for item in signed(root) if item.stage == "balance")
        kept = [
            item for file in balance.named("part-") for item in rows.read(root / "balance" / file.name, Pair)
        ]
        return {texts[item.query_id]: item for item in counts}, kept

    return build


@pytest.mark.parametrize("mode", ["expected", "exact"])
def test_each_query_contributes_t_whatever_share_succeeds(built, mode: str) -> None:  # type: ignore[no-untyped-def]
    counts, kept = built(T, mode)
    for query in SUCCESS:
        item = counts[query]
        assert item.candidates == CANDIDATES
        assert item.fetch_limit == SCALE * round(T / 0.7) // CANDIDATES
        contributed = sum(
            hash_of(pair.key, item.query_id, 0) < item.limit
            for pair in kept
            if item.query_id in pair.candidate.queries
        )
        hoped = min(T, item.survivors if mode == "exact" else item.below)
        spread = 0.0 if mode == "exact" else (hoped * (1 - hoped / item.below)) ** 0.5
        assert abs(contributed - hoped) <= 3 * spread, query
        if query != "castle":
            assert item.survivors == item.below
            assert contributed == item.kept
    assert counts["window"].below == counts["window"].fetched > 1.2 * T
    assert counts["dog"].kept == counts["dog"].survivors < T


def test_what_was_fetched_for_another_query_does_not_tighten_the_limit(built) -> None:  # type: ignore[no-untyped-def]
    counts, _ = built(T, "expected")
    castle, heron = counts["castle"], counts["heron"]
    assert castle.fetched > castle.survivors > castle.below
    assert castle.limit == min(SCALE, castle.fetch_limit * T // castle.below)
    assert heron.fetched == heron.candidates == RARE
    assert heron.kept == heron.survivors


@pytest.mark.parametrize("mode", ["expected", "exact"])
def test_what_is_kept_is_nested_in_t(built, mode: str) -> None:  # type: ignore[no-untyped-def]
    (_, fewer), (_, more) = built(T // 2, mode), built(T, mode)
    assert {pair.key for pair in fewer} < {pair.key for pair in more}


@pytest.mark.parametrize("rounds", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_rounds_keep_what_one_round_keeps(rounds: int, built, world: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The limits of early rounds are higher than those of the last, and what they let through is not used."""
    recipe, root = tmp_path / "recipe.toml", tmp_path / "root"
    recipe.write_text(RECIPE.format(world=tmp_path, t=T, mode="expected"))
    (tmp_path / "dump.xml").write_bytes((world / "dump.xml").read_bytes())
    with tarfile.open(world / "a.tar") as whole:
        samples = [(item.name, whole.extractfile(item).read()) for item in whole]  # type: ignore[union-attr]
    for number in range(rounds):
        with tarfile.open(tmp_path / f"{number:02d}.tar", "w") as archive:
            for name, content in samples:
                if int(name.partition(".")[0]) % rounds == number:
                    add(archive, name, content)
        last = "balance" if number == rounds - 1 else "crawl"
        command = ["build", "--recipe", f"{recipe}", "--root", f"{root}", "--workers", "1", "--to", last]
        assert main(command) == 0
    counts, kept = built(T, "expected")
    balance = next(item for item in signed(root) if item.stage == "balance")
    keys = {
        key for file in balance.named("part-") for key in rows.column(root / "balance" / file.name, "key")
    }
    assert keys == {pair.key for pair in kept}
    found = {item.query_id: item for item in rows.read(root / "balance" / "counts.parquet", QueryCount)}
    assert found == {item.query_id: item for item in counts.values()}
    crawled = sum(
        rows.column(root / "crawl" / file.name, "status").count("success")
        for item in signed(root)
        if item.stage == "crawl"
        for file in item.named("unit-", ".parquet")
    )
    assert crawled > balance.counts.read  # of rounds that did not know yet how many there would be
