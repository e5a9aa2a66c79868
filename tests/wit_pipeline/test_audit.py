from pathlib import Path

from tests.factories import encoded, flip, image, pair, photograph
from wit_pipeline import evaluation
from wit_pipeline.audit import nearest_first, overlaps, results, sample_images
from wit_pipeline.evaluation import AuditConfig, Evaluation
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.records import Pair
from wit_pipeline.report.audit_report import audit_page
from wit_pipeline.shard import row_of, write_shard

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


def test_overlap_is_counted_by_evaluation_image() -> None:
    found = list(overlaps(SAMPLES, Evaluation(KNOWN, CONFIG)))
    assert [(item.image, item.key, item.distance, item.method) for item in found] == [
        ("c/0.png", "000000000", 9, "plain"),
        ("c/0.png", "000000001", 3, "plain"),
    ]
    summary = results(KNOWN, found, CONFIG, len(SAMPLES))
    assert summary["samples"] == 3
    assert summary["sets"]["eval"] == {
        "images": 4,
        "unreadable": 1,
        "flat": 0,
        "overlap": 1,
        "overlap_share": round(1 / 3, 6),
        "pairs": 2,
        "by_method": {"plain": 2},
        "threshold": 48,
    }


def test_the_nearest_pair_of_each_image_is_shown() -> None:
    found = list(overlaps(SAMPLES, Evaluation(KNOWN, CONFIG)))
    assert [item.key for item in nearest_first(found, "eval", 50)] == ["000000001"]
    assert nearest_first(found, "eval", 0) == nearest_first(found, "other", 50) == []


def test_the_page_shows_the_pairs_and_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for name, body in PICTURES.items():
        (tmp_path / name).write_bytes(body)
    config = AuditConfig(sets={"eval": str(tmp_path)})
    evil = copy_of("c/0.png", "http://a.test/<script>", 3)
    write_shard([evil], lambda _: encoded(photograph(0)), folder=tmp_path, shard=0, seed=0)
    found = list(overlaps([row_of(evil, "000000000")], Evaluation(KNOWN, config)))
    shown = {"eval": nearest_first(found, "eval", 50)}
    page = audit_page(results(KNOWN, found, config, 1), shown, sample_images(tmp_path, ["000000000"]), config)
    assert page.count("data:image/jpeg;base64,") == 2
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
    assert results([*KNOWN, flat], [], CONFIG, 0)["sets"]["eval"]["flat"] == 1
    assert image().weak <= CONFIG.max_weak
