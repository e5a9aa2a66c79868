"""The graph of dedup against its definition, for any split into parts, order and number of workers."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beam_jobs.engine import build, passes, tables
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.stages import dedup
from beam_jobs.stages.copies import comparing
from beam_jobs.stages.copies.comparing import Rooted
from tests.beam_jobs.signed import sign_counts, sign_pairs
from tests.dedup_reference import DISTANCE, Item, crowd, verdicts
from tests.factories import flip, pair
from wit_pipeline.copies.self_join import LINK, Rows, rooted
from wit_pipeline.dedup import DedupConfig
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import Counts
from wit_pipeline.vocabulary.records import Pair, Reject, pair_key

A8, A16 = "0123456789abcdef", "0123456789abcdef" * 4
B8, B16 = "f0e1d2c3b4a59687", "f0e1d2c3b4a59687" * 4


def pairs() -> list[Pair]:
    """One picture in seven guises, another once, and two flat frames with one code."""
    return [
        pair("http://a.test/big", sha256="1" * 64, phash=A8, phash16=A16, original_width=900),
        pair("http://a.test/big", "another text", sha256="1" * 64, phash=A8, phash16=A16, original_width=900),
        pair("http://b.test/same", sha256="1" * 64, phash=A8, phash16=A16, original_width=900, weak=0.1),
        pair("http://c.test/recoded", sha256="2" * 64, phash=A8, phash16=A16),
        pair("http://d.test/near", sha256="3" * 64, phash=flip(A8, 2), phash16=flip(A16, 20)),
        pair("http://e.test/edge", sha256="4" * 64, phash=flip(A8, 3), phash16=flip(A16, 32)),
        pair("http://f.test/beyond", sha256="5" * 64, phash=flip(A8, 3), phash16=flip(A16, 33)),
        pair("http://g.test/other", sha256="6" * 64, phash=B8, phash16=B16),
        pair("http://h.test/flat1", sha256="7" * 64, phash="8" + "0" * 15, phash16="8" + "0" * 63, weak=0.9),
        pair("http://h.test/flat2", sha256="8" * 64, phash="8" + "0" * 15, phash16="8" + "0" * 63, weak=0.9),
    ]


def run(root: Path, parts: int, config: DedupConfig) -> tuple[set[str], dict[str, tuple[str, str]]]:
    """What becomes of `pairs`."""
    sign_counts(root, "crawl", Counts())
    sign_pairs(root, "filter", pairs(), parts)
    return built(root, config, 1)


def built(root: Path, config: DedupConfig, workers: int) -> tuple[set[str], dict[str, tuple[str, str]]]:
    """The keys kept, and the reason and what stays instead of each dropped key."""
    engine = Engine(workers=Workers(workers, ()))
    try:
        found = build.run_stage(dedup.STAGE, Recipe(dedup=config), root, engine)
    finally:
        engine.workers.close()
    out = root / "dedup"
    kept = {item.key for file in found.named("part-") for item in rows.read(out / file.name, Pair)}
    dropped = {
        item.key: (str(item.reason), item.detail)
        for file in found.named("rejects-")
        for item in rows.read(out / file.name, Reject)
    }
    return kept, dropped


@pytest.mark.parametrize("parts", [1, 3])
def test_every_copy_goes_and_names_what_stays(tmp_path: Path, parts: int) -> None:
    big, text, same, recoded, near, edge, beyond, other, flat1, flat2 = pairs()
    kept, dropped = run(tmp_path, parts, DedupConfig())
    caption = min(big.key, text.key)  # of the image at big.test, which has two texts
    stays = min(caption, same.key)
    texts = {same.key} if stays == same.key else {big.key, text.key}
    assert kept == {*texts, *(item.key for item in (beyond, other, flat1, flat2))}
    reasons = {key: reason for key, (reason, _) in dropped.items()}
    assert reasons[recoded.key] == reasons[near.key] == reasons[edge.key] == "near_duplicate"
    assert {reasons[item.key] for item in (big, text, same) if item.key not in texts} == {"duplicate"}
    assert all(detail.startswith(f"kept {stays}, ") for _, detail in dropped.values())
    assert dropped[near.key][1].endswith("20 of 256 bits away")


def drawn(count: int) -> list[Item]:
    """Images, each with a key that a pair can have."""
    return [
        replace(item, key=pair_key(f"http://h.test/{number}", "a red dog"))
        for number, item in enumerate(crowd(count))
    ]


def as_pairs(items: Sequence[Item]) -> list[Pair]:
    return [
        pair(
            f"http://h.test/{number}",
            queries=tuple(range(item.queries)),
            sha256=f"{item.sha256:016x}" * 4,
            phash16=f"{item.phash16:064x}",
            trim_phash16="" if item.inside is None else f"{item.inside:064x}",
            entropy=7.0 if item.reach == DISTANCE else 3.0,
            weak=0.1 if item.coded else 0.9,
            original_width=item.pixels,
            original_height=1,
        )
        for number, item in enumerate(items)
    ]


@pytest.mark.parametrize(
    ("workers", "parts", "bucket", "turns"),
    [
        (1, 1, 1 << 18, 1),
        pytest.param(2, 7, 1 << 18, 1, marks=pytest.mark.slow),
        (4, 13, 500, 3),
        pytest.param(1, 40, 100, 7, marks=pytest.mark.slow),
    ],
)
def test_five_thousand_images_by_the_definition(
    tmp_path: Path, workers: int, parts: int, bucket: int, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many workers, parts, buckets and passes there are, and in whatever order images come."""
    monkeypatch.setattr(comparing, "BUCKET", bucket)
    monkeypatch.setattr(passes, "KEYS", -(-5000 // turns))
    if workers == 1:  # others are processes of their own
        monkeypatch.setattr(tables, "TABLES", 5)
    items = drawn(5000)
    expected = {
        gone.key: (gone.reason, f"kept {gone.kept}, {gone.distance} of 256 bits away")
        for gone in verdicts(items)
    }
    given = as_pairs(items)
    random.Random(parts).shuffle(given)  # noqa: S311
    sign_counts(tmp_path, "crawl", Counts())
    sign_pairs(tmp_path, "filter", given, parts)
    kept, dropped = built(tmp_path, DedupConfig(per_caption=0), workers)
    assert dropped == expected
    assert kept == {item.key for item in items} - set(expected)


def test_the_links_of_a_graph_are_made_fewer_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "LINKS", 10)
    draws = np.random.default_rng(0)
    some = [np.zeros(7, LINK) for _ in range(40)]
    for links in some:
        links["node"]["low"], links["root"]["low"] = draws.integers(0, 100, (2, 7))
    found, held = Rooted(), list[Rows]()  # type: ignore[no-untyped-call]
    for links in some:
        held = found.add_input(held, links)
        assert sum(map(len, held)) <= 300
    merged = found.merge_accumulators([held, found.create_accumulator(), some[:1]])
    assert (found.extract_output(merged) == rooted(np.concatenate(some))).all()
    assert len(found.extract_output(found.create_accumulator())) == 0


@pytest.mark.parametrize(
    ("most", "left"), [(3, 3), (12, 12), pytest.param(13, 12, marks=pytest.mark.slow), (0, 12)]
)
def test_of_images_with_one_caption_some_stay(tmp_path: Path, most: int, left: int) -> None:
    """Copies are gone before they are counted; which stay depends on no order."""
    captions = ("Image for  post", "image for post")
    given = [
        pair(
            f"http://h.test/{i}", captions[i % 2], sha256=f"{i % 12:x}" * 64, phash=f"{i % 12:016x}", weak=0.9
        )
        for i in range(20)
    ]
    given += [pair("http://h.test/0", "a text of its own", sha256="0" * 64, weak=0.9)]
    outcomes = []
    for name, parts in (("one", 1), ("three", 3)):
        sign_counts(tmp_path / name, "crawl", Counts())
        sign_pairs(tmp_path / name, "filter", given[:: 1 if parts == 1 else -1], parts)
        outcomes.append(built(tmp_path / name, DedupConfig(per_caption=most), 1))
    assert outcomes[0] == outcomes[1]
    kept, dropped = outcomes[0]
    assert len(kept & {item.key for item in given[:20]}) == left
    told = {detail for reason, detail in dropped.values() if reason == "repeated_caption"}
    assert told == ({f"one of 12 images with this caption, of which {most} stay"} if left < 12 else set())


@pytest.mark.parametrize("keys", [passes.KEYS, 2])
def test_several_captions_may_be_of_too_many_images(
    tmp_path: Path, keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their limits are in an order: a second one in a table had ended every build that met it."""
    monkeypatch.setattr(passes, "KEYS", keys)
    monkeypatch.setattr(comparing, "BUCKET", 7)
    given = [
        pair(f"http://h.test/{i}", f"a post no. {i % 3}", sha256=f"{i:02x}" * 32, weak=0.9) for i in range(18)
    ]
    sign_counts(tmp_path, "crawl", Counts())
    sign_pairs(tmp_path, "filter", given, 2)
    kept, dropped = built(tmp_path, DedupConfig(per_caption=2), 1)
    assert len(kept) == 6
    assert {reason for reason, _ in dropped.values()} == {"repeated_caption"}


def test_equal_bytes_alone(tmp_path: Path) -> None:
    kept, dropped = run(tmp_path, 2, DedupConfig(near=False))
    assert len(kept) in (8, 9)  # the image that is there twice has one text or two
    assert {reason for reason, _ in dropped.values()} == {"duplicate"}
