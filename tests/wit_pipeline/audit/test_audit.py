from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.factories import encoded, flip, image, pair, photograph
from wit_pipeline.audit.audit import (
    DRAWN,
    Found,
    Overlap,
    distance_by_eye,
    fair_sample,
    nearest_first,
    overlap_of,
    pairs_drawn,
    results,
    reviewed,
    sample_images,
    sheets,
    sift,
)
from wit_pipeline.audit.evidence import Prediction, Review, Verdict
from wit_pipeline.audit.overlap_tests import Tally, interval
from wit_pipeline.copies import evaluation
from wit_pipeline.copies.decoys import NOTHING, Threshold, compete
from wit_pipeline.copies.evaluation import AuditConfig, EvaluationImage
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.sightings import REACH, By, Cut
from wit_pipeline.copies.thresholds import Limits, SetLimits
from wit_pipeline.report.audit_report import audit_page
from wit_pipeline.shard import Row, row_of, write_shard
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Pair

PICTURES = {f"c/{i}.png": encoded(photograph(i), "PNG") for i in range(3)} | {"c/bad.png": b"nothing"}
CONFIG = AuditConfig(sets={"eval": "set"})
KNOWN = [evaluation.describe("eval", name, body, CrawlConfig()) for name, body in sorted(PICTURES.items())]


def copy_of(name: str, url: str, bits: int) -> Pair:
    known = next(item for item in KNOWN if item.image == name)
    return pair(url, phash=known.phash, phash16=flip(known.phash16, bits), weak=0.0)


SAMPLES = [
    row_of(copy_of("c/0.png", "http://a.test/0", 9), "000000000"),
    row_of(copy_of("c/0.png", "http://a.test/1", 3), "000000001"),
    row_of(pair("http://a.test/2"), "000000002"),
]


LIMITS = Limits(codes=48, judged=-1, learned=-1)


def set_limits(targets: int = 0, decoys: int = 0, limits: Limits = LIMITS) -> SetLimits:
    nearest = [(3, NOTHING)] * targets + [(NOTHING, 40)] * decoys
    histograms = tuple(compete(nearest if by is By.CODES else [], REACH[by]) for by in By)
    told = Threshold(distance=limits.codes, targets=targets, decoys=decoys)
    return SetLimits(limits=limits, histograms=histograms, images=told, pairs=told, stated=False)


def overlaps(samples: list[Row], config: AuditConfig) -> Found:
    index = Evaluation(KNOWN, config)
    seen = index.sightings(index.look(samples).pairs, [str(i) for i in range(len(samples))])
    return sift((overlap_of(item, samples[int(item.key)]) for item in seen), [], {"eval": LIMITS}, config)


def summary(
    found: Found, known: Sequence[EvaluationImage] = KNOWN, samples: int = 9, **brought: Any
) -> dict[str, Any]:
    made = results(known, found, {"eval": set_limits(1, 2)}, CONFIG, samples, **brought)
    assert set(made["sets"]) == {"eval"}
    return made


def copies(*items: Overlap) -> Found:
    return Found(copies=items, beyond=[], cut={})


def test_overlap_is_counted_by_evaluation_image() -> None:
    found = overlaps(SAMPLES, CONFIG)
    assert [(item.image, item.key, item.distance, item.method) for item in found.copies] == [
        ("c/0.png", "000000001", 3, "plain"),
        ("c/0.png", "000000000", 9, "plain"),
    ]
    made = summary(found, samples=len(SAMPLES))
    assert made["samples"] == 3
    assert made["sets"]["eval"] == {
        "images": 4,
        "unreadable": 1,
        "flat": 0,
        "overlap": 1,
        "overlap_share": round(1 / 3, 6),
        "overlap_interval": [0.000834, 0.970848],
        "pairs": 2,
        "pairs_cut": 0,
        "by_method": {"plain": 2},
        "threshold": 48,
        "threshold_by": "decoys",
        "own": {"codes": 80, "learned": 400},
        "closer": {"images": 0, "distances": {}},
        "fdr": 1.0,
        "targets_within": 1,
        "decoys_within": 2,
        "pairs_fdr": 1.0,
        "pairs_within": 1,
        "pairs_decoys_within": 2,
        "distances": {"3": 1},
        "decoys": {"40": 2},
        "curve": [[3, 1, 0, 0.0], [40, 1, 0, 0.0]],
        "classes": {"c": {"images": 3, "overlap": 1}},
        "most_hit": [],
    }


def test_a_detector_has_curves_of_its_own() -> None:
    limits = {"eval": set_limits(1, 2, Limits(codes=3, judged=-1, learned=127))}
    made = results(KNOWN, copies(), limits, replace(CONFIG, detector="d.onnx"), 3)["sets"]["eval"]["detector"]
    assert made["learned"] == {"cosine": 0.873, "threshold": 127, "distances": {}, "decoys": {}, "curve": []}
    assert made["judged"]["cosine"] is None


def test_the_nearest_pair_of_each_image_is_shown() -> None:
    found = overlaps(SAMPLES, CONFIG)
    assert [item.key for item in nearest_first(found.copies)] == ["000000001"]
    sheet = sheets(found, CONFIG)["eval"]
    assert ([item.key for item in sheet.sample], sheet.edge, sheet.beyond) == (["000000001"], [], [])


def test_what_lies_beyond_the_limits_is_no_copy_and_the_nearest_is_kept() -> None:
    seen = [hit(0, bits=49), hit(0, "000000009", bits=50), hit(1, bits=60), hit(2, bits=48), hit(2, bits=49)]
    found = sift(seen, [], {"eval": LIMITS}, CONFIG)
    assert [(item.image, item.distance) for item in found.copies] == [("c/2.png", 48)]
    assert [(item.image, item.distance) for item in found.beyond] == [("c/0.png", 49), ("c/1.png", 60)]


def test_what_is_cut_of_an_evaluation_image_is_counted() -> None:
    def lost(distance: int, count: int) -> Cut:
        return Cut(set="eval", image="c/0.png", distance=distance, apart=NOTHING, count=count)

    seen = [hit(0, f"{i:09d}", bits=i) for i in range(5)]
    config = replace(CONFIG, pairs_kept=3)
    found = sift(seen, [lost(48, 7), lost(49, 100)], {"eval": LIMITS}, config)
    assert [item.distance for item in found.copies] == [0, 1, 2]
    assert found.cut == {"eval": 9}


def test_the_page_shows_the_pairs_and_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "set" / "c").mkdir(parents=True)
    for name, body in PICTURES.items():
        (tmp_path / "set" / name).write_bytes(body)
    config = AuditConfig(sets={"eval": str(tmp_path / "set")})
    evil = copy_of("c/0.png", "http://a.test/<script>", 3)
    write_shard([evil], lambda _: encoded(photograph(0)), folder=tmp_path, shard=0, seed=0)
    found = overlaps([row_of(evil, "000000000")], config)
    pictures = sample_images(tmp_path, ["000000000"])
    page = audit_page(summary(found), sheets(found, config), pictures, config)
    assert page.count("data:image/webp;base64,") == 2
    assert "3 bits, plain" in page
    assert "<script>" not in page
    assert "default-src 'none'" in page
    assert 'src="http' not in page


def test_samples_are_read_in_any_format(tmp_path: Path) -> None:
    contents = [encoded(photograph(i), format) for i, format in enumerate(("JPEG", "PNG", "WEBP", "GIF"))]
    given = iter(contents)
    write_shard(
        [pair(f"http://a.test/{i}") for i in range(4)],
        lambda _: next(given),
        folder=tmp_path,
        shard=0,
        seed=0,
    )
    keys = [f"00000{i:04d}" for i in range(4)]
    assert sample_images(tmp_path, keys) == dict(zip(keys, contents, strict=True))
    assert sample_images(tmp_path, keys[1:2]) == {keys[1]: contents[1]}


def test_flat_images_are_counted() -> None:
    flat = evaluation.describe(
        "eval", "flat.png", encoded(photograph(0, (1, 1)).resize((64, 64)), "PNG"), CrawlConfig()
    )
    assert flat.weak > CONFIG.max_weak
    assert summary(copies(), [*KNOWN, flat])["sets"]["eval"]["flat"] == 1
    assert image().weak <= CONFIG.max_weak


def hit(number: int, key: str = "", bits: int | None = None) -> Overlap:
    return Overlap(
        set="eval",
        image=f"c/{number}.png",
        pair_key=f"{number:032x}",
        distance=number % 49 if bits is None else bits,
        cosine=0.0,
        method="plain",
        key=key or f"{number:09d}",
        url="",
        page_url="",
        caption="",
    )


HITS = [hit(number) for number in range(100)]


def test_a_sheet_is_a_fair_sample_and_what_lies_at_the_threshold() -> None:
    sheet = sheets(copies(*HITS), replace(CONFIG, pairs_shown=5))["eval"]
    assert [len(sheet.sample), len(sheet.edge)] == [5, 5]
    assert not {item.image for item in sheet.sample} & {item.image for item in sheet.edge}
    assert [item.distance for item in sheet.sample] == sorted(item.distance for item in sheet.sample)
    assert {item.distance for item in sheet.edge} <= {46, 47, 48}
    wider = sheets(copies(*HITS), replace(CONFIG, pairs_shown=10))["eval"]
    assert {item.image for item in sheet.sample} <= {item.image for item in wider.sample}


def test_a_page_is_bounded_however_many_sets_it_shows() -> None:
    many = AuditConfig(sets={f"s{i}": "set" for i in range(200)}, pairs_shown=5000)
    assert pairs_drawn(many) * 3 * 200 <= DRAWN
    assert pairs_drawn(AuditConfig(sets={"eval": "set"}, pairs_shown=5000)) == DRAWN // 3
    assert pairs_drawn(AuditConfig()) == 50


def verdict(item: Overlap, said: Verdict) -> Review:
    return Review(set="eval", image=item.image, pair_key=item.pair_key, verdict=said)


def test_precision_is_of_the_fair_sample_alone() -> None:
    fair = fair_sample(nearest_first(HITS), 4)
    said = (Verdict.SAME, Verdict.SAME, Verdict.DIFFERENT, Verdict.UNSURE)
    reviews = [verdict(item, what) for item, what in zip(fair, said, strict=True)]
    others = [verdict(item, Verdict.DIFFERENT) for item in HITS if item not in fair][:20]
    found = reviewed(HITS, [*reviews, *others], 4)
    assert found["verdicts"] == 24
    assert found["of_the_sample"] == {"same": 2, "different": 1, "unsure": 1}
    assert found["precision"] == round(2 / 3, 6)
    assert found["interval"] == [round(bound, 6) for bound in interval(Tally(right=2, total=3))]
    assert reviewed(HITS, others, 4)["precision"] is None


def test_verdicts_tell_a_new_distance() -> None:
    pairs = [hit(i, bits=bits) for i, bits in enumerate([4] * 90 + [20] * 8 + [40, 41])]
    judged = [
        verdict(pairs[0], Verdict.SAME),
        verdict(pairs[90], Verdict.SAME),
        verdict(pairs[98], Verdict.DIFFERENT),
    ]
    assert distance_by_eye(pairs, judged, 0.01) == 23  # 2 of 100 are false beyond, as both of that bin count
    assert distance_by_eye(pairs, judged, 0.02) == 47
    assert distance_by_eye(pairs, [verdict(pairs[0], Verdict.UNSURE)], 0.02) is None
    assert distance_by_eye(pairs, [verdict(pairs[0], Verdict.DIFFERENT)], 0.02) is None


def test_a_training_image_that_copies_several_is_named() -> None:
    found = [hit(0, "000000007"), hit(1, "000000007"), hit(2, "000000008")]
    assert summary(copies(*found))["sets"]["eval"]["most_hit"] == [{"key": "000000007", "images": 2}]


FLAT = evaluation.describe(
    "eval", "flat.png", encoded(photograph(0, (1, 1)).resize((64, 64)), "PNG"), CrawlConfig()
)


def answers(**correct: bool) -> list[Prediction]:
    return [
        Prediction(
            set="eval", image=f"c/{name}.png" if name != "flat" else "flat.png", correct=yes, group="c"
        )
        for name, yes in correct.items()
    ]


def test_scores_are_of_overlap_and_clean_and_what_cannot_be_compared_is_aside() -> None:
    given = answers(**{"0": True, "1": False, "flat": False, "bad": True})
    made = summary(copies(hit(0)), [*KNOWN, FLAT], predictions=given)["sets"]["eval"]["scores"]
    parts = {
        name: (made[name]["correct"], made[name]["images"]) for name in ("all", "overlap", "clean", "gated")
    }
    assert parts == {"all": (1, 2), "overlap": (1, 1), "clean": (0, 1), "gated": (1, 2)}
    assert made["unscored"] == 1
    assert made["tests"]["all_minus_clean"] == 0.5
    assert "scores" not in summary(copies(hit(0)))["sets"]["eval"]
    other = [replace(given[0], set="gone")]  # a set that the recipe names no more
    assert "gone" not in summary(copies(hit(0)), predictions=other)["sets"]


def test_accuracy_on_overlap_is_corrected_for_false_matches() -> None:
    found = [hit(0), hit(1)]
    fair = fair_sample(found, 25)
    reviews = [verdict(fair[0], Verdict.SAME), verdict(fair[1], Verdict.DIFFERENT)]
    given = answers(**{"0": True, "1": True, "2": False})
    made = summary(copies(*found), predictions=given, reviews=reviews)["sets"]["eval"]["scores"]
    assert made["overlap_corrected"] == (1.0 - 0.5 * 0.0) / 0.5


def test_predictions_of_other_images_are_refused() -> None:
    with pytest.raises(UserError, match=r"--predictions eval: 'c/9.png' is not in the set"):
        summary(copies(), predictions=answers(**{"9": True}))
