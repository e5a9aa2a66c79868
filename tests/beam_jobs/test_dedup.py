"""The graph of dedup against a plain comparison of all pairs, for any split into parts."""

from pathlib import Path

import pytest

from beam_jobs import build, dedup
from beam_jobs.dedup import Fields, apart, by_band, pairs_at
from beam_jobs.engine import Engine, Workers
from beam_jobs.recipe import Recipe
from tests.beam_jobs.signed import sign_counts, sign_pairs
from tests.factories import flip, pair
from wit_pipeline import rows
from wit_pipeline.dedup import DedupConfig, code_of
from wit_pipeline.manifest import Counts
from wit_pipeline.records import Pair, Reject

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
    """URLs and captions kept, and the reason and what stays instead of each dropped key."""
    sign_counts(root, "crawl", Counts())
    sign_pairs(root, "filter", pairs(), parts)
    found = build.run_stage(dedup.STAGE, Recipe(dedup=config), root, Engine(workers=Workers(1, ())))
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


@pytest.mark.parametrize("crowded", [False, True])
def test_a_pair_that_shares_all_bands_is_emitted_once(crowded: bool) -> None:
    one, other = (code_of(pairs()[i]) for i in (0, 3))
    met: dict[int, list[Fields]] = {}
    for keyed in (*by_band(one), *by_band(other)):
        for key, fields in apart(keyed, {keyed[0]} if crowded else ()):
            met.setdefault(key, []).append(fields)
    assert len(met) == (20 if crowded else 4)
    assert sum(len(list(pairs_at(item, DedupConfig()))) for item in met.items()) == 1


@pytest.mark.parametrize("parts", [1, 3])
def test_crowds_are_divided_without_a_change(
    tmp_path: Path, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(tmp_path / "plain", parts, DedupConfig())
    monkeypatch.setattr(dedup, "CROWD", 1)
    assert run(tmp_path / "divided", parts, DedupConfig()) == plain


def test_equal_bytes_alone(tmp_path: Path) -> None:
    kept, dropped = run(tmp_path, 2, DedupConfig(near=False))
    assert len(kept) in (8, 9)  # the image that is there twice has one text or two
    assert {reason for reason, _ in dropped.values()} == {"duplicate"}
