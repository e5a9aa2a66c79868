"""Shards of rounds: what stands keeps its bytes, what left is told, and what is new comes after it."""

import itertools
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from beam_jobs.engine import build
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Leave
from beam_jobs.stages import shard
from beam_jobs.stages.shards import order
from beam_jobs.stages.shards import rounds as shard_rounds
from tests.beam_jobs.signed import sign_files, sign_pairs, sign_rejects
from tests.factories import encoded, pair, photograph
from tests.stores import Server, s3
from wit_pipeline import shard as rules
from wit_pipeline.shard import CHANGED, REMOVED, ROUNDS, Row, ShardConfig, position, present, tables_of
from wit_pipeline.takedown import displaced
from wit_pipeline.takedown.takedown import FOLDER, Removed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.records import Candidate, Pair, Reason, reject
from wit_pipeline.vocabulary.store import place

SAMPLES = 4  # a shard
IMAGES = 12


@cache
def stored() -> list[bytes]:
    return [encoded(photograph(number, (48, 40))) for number in range(IMAGES + 4)]


def pair_of(number: int, picture: int | None = None, **fields: Any) -> Pair:
    """The pair of a number, whose picture is that of its number."""
    at = number if picture is None else picture
    content = stored()[at]
    made = pair(
        f"http://a.test/{number}.jpg",
        f"a dog, no. {number}",
        sha256=sha256(content + b"as it came").hexdigest(),
        stored_sha256=sha256(content).hexdigest(),
        offset=sum(map(len, stored()[:at])),
        length=len(content),
    )
    return replace(made, candidate=replace(made.candidate, **fields))


PAIRS = [pair_of(number) for number in range(IMAGES)]


def in_order(pairs: Sequence[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda item: position(item.key, 0))


def crawl(root: Path) -> Path:
    """A root that has nothing but pictures, and a list of extract's rejects as empty as can be."""
    (root / "crawl").mkdir(parents=True)
    (root / "crawl" / "unit-000000.tar").write_bytes(b"".join(stored()))
    sign_files(root, "crawl", IMAGES, {"crawl": {}})
    return root


def shards(
    root: Path, pairs: Sequence[Pair], parts: int = 2, *, samples: int = SAMPLES, reshard: bool = False
) -> Manifest:
    """The shards of a balance that keeps some pairs."""
    shutil.rmtree(root / "balance", ignore_errors=True)
    sign_pairs(root, "balance", pairs, parts)
    recipe = Recipe(shard=ShardConfig(samples=samples))
    return build.run_stage(shard.STAGE, recipe, root, Engine(workers=Workers(1, ())), Leave(reshard=reshard))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != manifest.MANIFEST
    }


def samples_of(root: Path) -> dict[str, Row]:
    """The samples by key, each as its tar and its table say it."""
    found = {}
    signed = manifest.load(root / "shard")
    assert signed is not None
    for table in tables_of(signed.files):
        listed = list(rows.read(root / "shard" / table.name, Row))
        with tarfile.open(root / "shard" / table.name.replace(".parquet", ".tar")) as archive:
            names = archive.getnames()
            assert names == [f"{row.key}.{end}" for row in listed for end in ("jpg", "txt", "json")]
            for row in listed:
                image, said = (archive.extractfile(f"{row.key}.{end}") for end in ("jpg", "json"))
                assert image is not None
                assert said is not None
                assert sha256(image.read()).hexdigest() == row.stored_sha256
                assert json.loads(said.read())["pair_key"] == row.pair_key
        found.update({row.key: row for row in listed})
    return found


def left(root: Path) -> dict[str, Reason]:
    path = root / "shard" / REMOVED
    return {item.key: item.reason for item in rows.read(path, Removed)} if path.exists() else {}


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with s3() as server:
        yield server


@pytest.fixture
def s3_root(store: Server, tmp_path: Path) -> Callable[[], Path]:
    return lambda: place(store.at(tmp_path.name))


def test_what_is_new_comes_after_what_stands_which_keeps_its_files(tmp_path: Path) -> None:
    root = crawl(tmp_path)
    shards(root, PAIRS[:6])
    assert not (root / "shard" / ROUNDS).exists()
    before, kept = samples_of(root), tree(root / "shard")
    inodes = {path.name: path.stat().st_ino for path in (root / "shard").glob("0000*")}
    assert len(inodes) == 6
    made = shards(root, PAIRS)
    assert (made.counts.read, made.counts.kept) == (12, 12)
    after = samples_of(root)
    assert {key: after[key] for key in before} == before
    assert all((root / "shard" / name).stat().st_ino == inode for name, inode in inodes.items())
    assert all(tree(root / "shard")[name] == kept[name] for name in inodes)
    added = [after[key].pair_key for key in sorted(set(after) - set(before))]
    assert added == [item.key for item in in_order(PAIRS[6:])]
    assert sorted(set(after) - set(before)) == [f"0000{2 + i // 4}000{i % 4}" for i in range(6)]
    rounds = manifest.read_json(root / "shard" / ROUNDS)
    assert rounds == {"rounds": [{"first": 0, "shards": 2}, {"first": 2, "shards": 2}]}
    assert [entry["url"] for entry in manifest.read_json(root / "shard" / "shards.json")["shardlist"]] == [
        f"0000{i}.tar" for i in range(4)
    ]


def test_what_left_is_taken_out_and_the_rest_of_its_shard_stays(tmp_path: Path) -> None:
    root = crawl(tmp_path)
    shards(root, PAIRS)
    before = samples_of(root)
    gone = PAIRS[3]
    reasons = [reject(gone.candidate, "dedup", Reason.NEAR_DUPLICATE, "of another")]
    sign_rejects(root, "dedup", reasons)
    shards(root, [item for item in PAIRS if item is not gone])
    after = samples_of(root)
    (key,) = set(before) - set(after)
    assert before[key].pair_key == gone.key
    assert after == {name: row for name, row in before.items() if name != key}
    assert left(root) == {key: Reason.NEAR_DUPLICATE}
    card = (root / "shard" / "README.md").read_text()
    assert "1 samples left their shards in later rounds (1 near_duplicate)" in card
    shards(root, PAIRS)  # and it comes back: as a new sample
    again = samples_of(root)
    assert {row.pair_key: name for name, row in again.items()}[gone.key] == "000030000"
    assert left(root) == {key: Reason.NEAR_DUPLICATE}


def rejected(root: Path, item: Pair, reason: Reason) -> None:
    """A round whose stages say one thing of a pair, and of another that a duplicate of it was dropped."""
    stage = {
        Reason.BALANCED_OUT: "balance", Reason.OTHER_TEXT: "balance", Reason.DUPLICATE: "dedup",
        Reason.IMAGE_TOO_SMALL: "filter", Reason.OVER_SAMPLED: "frontier", Reason.DUPLICATE_PAIR: "frontier",
    }[reason]  # fmt: skip
    sign_rejects(root, stage, [reject(item.candidate, stage, reason)])


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Reason.OTHER_TEXT, Reason.OTHER_TEXT),
        (Reason.BALANCED_OUT, Reason.BALANCED_OUT),
        (Reason.DUPLICATE, Reason.DUPLICATE),
        (Reason.IMAGE_TOO_SMALL, Reason.IMAGE_TOO_SMALL),
        (Reason.OVER_SAMPLED, Reason.OVER_SAMPLED),
        (Reason.DUPLICATE_PAIR, Reason.NO_LONGER_KEPT),  # of two that are one pair it is the other's
    ],
)
def test_each_stage_is_asked_why(tmp_path: Path, reason: Reason, told: Reason) -> None:
    root = crawl(tmp_path)
    shards(root, PAIRS)
    shutil.rmtree(root / "balance")
    item = PAIRS[5]
    sign_pairs(root, "balance", [one for one in PAIRS if one is not item], 1)
    rejected(root, item, reason)
    recipe = Recipe(shard=ShardConfig(samples=SAMPLES))
    build.run_stage(shard.STAGE, recipe, root, Engine(workers=Workers(1, ())))
    assert list(left(root).values()) == [told]


def test_the_crawl_is_asked_why(tmp_path: Path) -> None:
    """It is the no that took a picture away, whatever was heard before and after it."""
    root = crawl(tmp_path)
    shards(root, PAIRS)
    said = [("success", 200), ("http_not_found", 404), ("opted_out", 200), ("http_not_found", 404)]
    for chance, (status, code) in zip(("", ".2", ".3", ".10"), said, strict=True):
        answer = displaced.Answer(PAIRS[1].candidate.url, status, code)
        rows.write(root / "crawl" / f"unit-000000{chance}.parquet", displaced.Answer, [answer])
    (root / "crawl" / manifest.MANIFEST).unlink()
    sign_files(root, "crawl", IMAGES, {"crawl": {}})
    (root / "frontier").mkdir()
    rows.write(root / "frontier" / "part-000000.parquet", Candidate, [PAIRS[1].candidate])
    sign_files(root, "frontier", 1)
    shards(root, [item for item in PAIRS if item is not PAIRS[1]])
    assert list(left(root).values()) == [Reason.OPTED_OUT]


def test_another_picture_of_a_pair_is_another_sample(tmp_path: Path) -> None:
    root = crawl(tmp_path)
    shards(root, PAIRS)
    before = samples_of(root)
    now = [pair_of(number, IMAGES if number == 2 else number) for number in range(IMAGES)]
    shards(root, now)
    after = samples_of(root)
    old, new = set(before) - set(after), set(after) - set(before)
    assert {before[key].pair_key for key in old} == {after[key].pair_key for key in new} == {now[2].key}
    assert left(root) == {old.pop(): Reason.REPLACED}
    assert new == {"000030000"}


def test_what_is_other_than_a_shard_says_is_told_beside_it(tmp_path: Path) -> None:
    root = crawl(tmp_path)
    shards(root, PAIRS)
    before = tree(root / "shard")
    now = [
        replace(item, evaluation=("eval/1.png 3 plain",), texts=("more",)) if number == 7 else item
        for number, item in enumerate(PAIRS)
    ]
    now[8] = pair_of(8, page_url="http://b.test/", queries=(0, 5))
    shards(root, now)
    after = tree(root / "shard")
    assert {name: after[name] for name in before if name[0] == "0"} == {
        name: content for name, content in before.items() if name[0] == "0"
    }
    told = {row.pair_key: row for row in rows.read(root / "shard" / CHANGED, Row)}
    assert set(told) == {now[7].key, now[8].key}
    assert told[now[7].key].evaluation == "eval/1.png 3 plain"
    assert told[now[8].key].queries == (0, 5)
    signed = manifest.load(root / "shard")
    assert signed is not None
    today = [row for table in tables_of(signed.files) for row in present(root / "shard", table.name, True)]
    assert {row.pair_key: row.texts for row in today}[now[7].key] == "more"
    assert [row.key for row in today] == sorted(samples_of(root))
    shards(root, PAIRS)
    assert not (root / "shard" / CHANGED).exists()


def test_a_round_that_changes_nothing_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    root = crawl(tmp_path)
    first = shards(root, PAIRS, 2)
    assert shards(root, PAIRS, 3).digest == first.digest


@pytest.mark.parametrize("samples", [SAMPLES, SAMPLES + 1])
def test_another_recipe_makes_all_shards_anew(tmp_path: Path, samples: int) -> None:
    root, whole = crawl(tmp_path / "root"), crawl(tmp_path / "whole")
    shards(root, PAIRS[:6])
    made = shards(root, PAIRS, samples=samples)
    wanted = shards(whole, PAIRS, samples=samples)
    assert (made.digest == wanted.digest) is (samples != SAMPLES)


ALL, EVEN = set(range(IMAGES)), set(range(0, IMAGES, 2))


@pytest.mark.parametrize(
    "rounds", [[set(range(5)), ALL], [ALL, EVEN, ALL], [set(range(8)), set(range(4, IMAGES)), {0, 1, 9}]]
)
def test_any_rounds_hold_the_pairs_of_the_last_and_lose_no_key(
    tmp_path: Path, rounds: list[set[int]]
) -> None:
    """Also: the same rounds give the same bytes however their parts are cut, and --reshard those of one."""
    parts = len(rounds)
    root, other, whole = (crawl(tmp_path / name) for name in ("root", "other", "whole"))
    keys: dict[str, str] = {}
    for chosen in rounds:
        pairs = [PAIRS[number] for number in sorted(chosen)]
        made = shards(root, pairs, parts)
        assert shards(other, pairs).digest == made.digest
        found = {key: row.pair_key for key, row in samples_of(root).items()}
        assert sorted(found.values()) == sorted(item.key for item in pairs)
        assert all(keys.get(key, pair_key) == pair_key for key, pair_key in found.items())
        assert set(keys) - set(found) == set(left(root)) & set(keys)
        keys |= found
    fresh = shards(whole, pairs).digest
    again = shards(root, pairs, parts, reshard=True)
    assert again.digest == fresh
    assert tree(root / "shard") == tree(whole / "shard")
    assert shards(root, pairs, parts, reshard=True) == again  # there is nothing to do


@pytest.mark.parametrize(("parts", "run", "together"), [(1, 1, 1), (5, 2, 1), (4, 3, 2), (7, 5, 1024)])
def test_no_split_into_parts_and_runs_changes_a_byte(
    tmp_path: Path, parts: int, run: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a first round and of one after it: whatever is held at a time, and however many files it takes."""
    root, whole = crawl(tmp_path / "root"), crawl(tmp_path / "whole")
    wanted = [shards(whole, pairs, 2).digest for pairs in (PAIRS[:7], PAIRS[2:])]
    monkeypatch.setattr(order, "RUN", run)
    monkeypatch.setattr(order, "PARTS", together)
    assert [shards(root, pairs, parts).digest for pairs in (PAIRS[:7], PAIRS[2:])] == wanted


def test_pairs_that_draw_alike_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of the order may be as uneven as can be: all pairs in one, in the order of their keys."""
    monkeypatch.setattr(order, "position", lambda key, seed: (7, key))
    monkeypatch.setattr(rules, "position", lambda key, seed: (7, key))
    root = crawl(tmp_path)
    assert shards(root, PAIRS).counts.kept == IMAGES
    assert [row.pair_key for row in samples_of(root).values()] == sorted(item.key for item in PAIRS)


def test_what_was_taken_down_stays_so_in_later_rounds(tmp_path: Path) -> None:
    root = crawl(tmp_path)
    (root / FOLDER).mkdir()
    (root / FOLDER / "20260101T000000Z-0.txt").write_text("http://a.test/3.jpg\n")
    first = shards(root, PAIRS[:6])
    assert dict(first.counts.rejected) == {"taken_down": 1}
    (key,) = left(root)
    made = shards(root, PAIRS)
    assert (made.counts.read, made.counts.kept, dict(made.counts.rejected)) == (12, 11, {"taken_down": 1})
    assert left(root) == {key: Reason.TAKEN_DOWN}
    assert PAIRS[3].key not in {row.pair_key for row in samples_of(root).values()}


def test_tables_of_earlier_releases_are_gone_on_with(tmp_path: Path) -> None:
    """They have no sum of the stored picture: the sum of what was fetched tells whether it is the same."""
    root = crawl(tmp_path)
    shards(root, PAIRS)
    signed = manifest.load(root / "shard")
    assert signed is not None
    for table in tables_of(signed.files):
        path = root / "shard" / table.name
        found = [{**rows.to_row(row)} for row in rows.read(path, Row)]
        schema = rows.schema_of(Row)
        kept = schema.remove(schema.get_field_index("stored_sha256"))
        rows.write(path, kept, [{name: row[name] for name in kept.names} for row in found])
    files = tuple(manifest.describe(root / "shard" / file.name, file.rows) for file in signed.files)
    manifest.sign(root / "shard", replace(signed, files=files))
    now = [pair_of(number, IMAGES if number == 2 else number) for number in range(IMAGES)]
    shards(root, now)
    assert list(left(root).values()) == [Reason.REPLACED]
    assert not (root / "shard" / CHANGED).exists()


class Killed(RuntimeError):  # as Beam makes one of what it does not know
    """The process is no more."""


def killing(real: Callable[..., object], last: int, calls: "itertools.count[int]") -> Callable[..., object]:
    def stopped(*arguments: object, **named: object) -> object:
        if next(calls) == last:
            raise Killed("Killed")
        return real(*arguments, **named)

    return stopped


PLACES: Mapping[str, tuple[object, str]] = {
    "files": (manifest, "_to_disk"),
    "links": (shard_rounds, "link"),
    "renames": (Path, "rename"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_round_that_is_killed_anywhere_gives_the_same_bytes(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = crawl(tmp_path / "base")
    shards(base, PAIRS[:7])
    second = [replace(PAIRS[0], texts=("more",)), *PAIRS[2:]]
    shutil.copytree(base, tmp_path / "whole")
    wanted = shards(tmp_path / "whole", second)
    contents, kills = tree(tmp_path / "whole" / "shard"), 0
    for last in range(0, 400, 1 if place != "files" else 5):
        root = tmp_path / "killed"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(base, root)
        with monkeypatch.context() as patched:
            owner, name = PLACES[place]
            patched.setattr(owner, name, killing(getattr(owner, name), last, itertools.count()))
            try:
                shards(root, second)
            except RuntimeError as error:
                if "Killed" not in repr(error):
                    raise
                kills += 1
            else:
                break
        assert shards(root, second).digest == wanted.digest
        assert tree(root / "shard") == contents
    assert kills >= 2


def test_what_a_kill_left_of_other_shards_is_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A --reshard that was killed, then a build without it: a round, and no new order of all."""
    root, whole = crawl(tmp_path / "root"), crawl(tmp_path / "whole")
    for each in (root, whole):
        shards(each, PAIRS[:6])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killing(Path.rename, 1, itertools.count()))
        with pytest.raises(Killed):
            shards(root, PAIRS, reshard=True)
    assert not (root / "shard").exists()
    assert shards(root, PAIRS).digest == shards(whole, PAIRS).digest


@pytest.mark.parametrize(
    "last", [-1, 13, *(pytest.param(last, marks=pytest.mark.slow) for last in (3, 8, 18, 23, 28))]
)
def test_rounds_in_a_store_are_those_of_a_disk_whatever_is_killed(
    tmp_path: Path, s3_root: Callable[[], Path], last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is renamed there: shards are written over where they lie, and what left them is noted first."""
    root, there = crawl(tmp_path / "root"), s3_root()
    second = [replace(PAIRS[0], texts=("more",)), *PAIRS[2:]]
    for number, pairs in enumerate([PAIRS[:7], second]):
        made = shards(root, pairs)
        for stage in ("crawl", "balance"):
            for path in sorted((root / stage).iterdir()):
                with manifest.aside(there / stage / path.name) as temporary:
                    temporary.write_bytes(path.read_bytes())
        recipe = Recipe(shard=ShardConfig(samples=SAMPLES))
        engine = Engine(workers=Workers(1, ()))
        with monkeypatch.context() as patched:
            if number and last >= 0:
                killed = killing(manifest._uploaded, last, itertools.count())
                patched.setattr(manifest, "_uploaded", killed)
                with pytest.raises(RuntimeError, match="Killed"):
                    build.run_stage(shard.STAGE, recipe, there, engine)
        found = build.run_stage(shard.STAGE, recipe, there, engine)
        assert found.digest == made.digest
        for file in found.files:
            assert manifest.reread(there / "shard" / file.name).sha256 == file.sha256


def bring(root: Path, there: Path, *stages: str) -> None:
    """The files of some stages, as they lie in another root."""
    for stage in stages:
        for path in sorted((root / stage).iterdir()):
            with manifest.aside(there / stage / path.name) as temporary:
                temporary.write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    "last", [21, *(pytest.param(last, marks=pytest.mark.slow) for last in (*range(14, 21), *range(22, 35)))]
)
def test_what_a_round_took_out_is_told_by_the_next_though_it_was_killed_and_came_to_other_pairs(
    tmp_path: Path, s3_root: Callable[[], Path], last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a store shards are written over before they are signed: each key is a sample, or said to be gone."""
    root, there, engine = crawl(tmp_path / "root"), s3_root(), Engine(workers=Workers(1, ()))
    recipe = Recipe(shard=ShardConfig(samples=SAMPLES))
    bring(root, there, "crawl")
    given: dict[str, str] = {}  # pair by key, of all that was ever signed
    for number, pairs in enumerate([PAIRS[:7], PAIRS[2:9], [PAIRS[0], *PAIRS[3:8]]]):
        shutil.rmtree(root / "balance", ignore_errors=True)
        sign_pairs(root, "balance", pairs, 2)
        bring(root, there, "balance")
        with monkeypatch.context() as patched:
            if number == 1:
                patched.setattr(manifest, "_uploaded", killing(manifest._uploaded, last, itertools.count()))
                with pytest.raises(RuntimeError, match="Killed"):
                    build.run_stage(shard.STAGE, recipe, there, engine)
                continue
            found = build.run_stage(shard.STAGE, recipe, there, engine)
        for file in found.files:
            assert manifest.reread(there / "shard" / file.name).sha256 == file.sha256, file.name
        there_now = tmp_path / f"now{number}"
        bring(there, there_now, "shard")
        live = {key: row.pair_key for key, row in samples_of(there_now).items()}
        assert sorted(live.values()) == sorted(item.key for item in pairs)
        gone = left(there_now)
        assert not live.keys() & gone.keys()
        assert given.keys() <= live.keys() | gone.keys()
        assert all(live.get(key, pair_key) == pair_key for key, pair_key in given.items())
        given |= live
