from pathlib import Path

from tests.factories import pair
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.records import Pair, Reason, Reject, reject
from wit_pipeline.vocabulary.sift import write_sifted


def judged() -> list[Pair | Reject]:
    pairs = [pair(f"http://a.test/{i}") for i in range(5)]
    reasons = [None, Reason.IMAGE_TOO_SMALL, None, Reason.IMAGE_TOO_LONG, Reason.IMAGE_TOO_SMALL]
    return [reject(p.candidate, "filter", r) if r else p for p, r in zip(pairs, reasons, strict=True)]


def test_kept_and_rejected_lie_apart_and_add_up(tmp_path: Path) -> None:
    counts, files = write_sifted(tmp_path, "00007", Pair, judged())
    assert (counts.read, counts.kept, dict(counts.rejected)) == (
        5,
        2,
        {"image_too_long": 1, "image_too_small": 2},
    )
    assert counts.adds_up()
    assert [(file.name, file.rows) for file in files] == [
        ("part-00007.parquet", 2),
        ("rejects-00007.parquet", 3),
    ]
    assert [p.candidate.url for p in rows.read(tmp_path / "part-00007.parquet", Pair)] == [
        "http://a.test/0",
        "http://a.test/2",
    ]
    assert [r.reason for r in rows.read(tmp_path / "rejects-00007.parquet", Reject)] == [
        "image_too_small",
        "image_too_long",
        "image_too_small",
    ]


def test_what_was_kept_may_wait_elsewhere(tmp_path: Path) -> None:
    _, files = write_sifted(tmp_path, "0", Pair, judged(), parts=tmp_path / "scratch")
    assert [file.name for file in files] == ["rejects-0.parquet"]
    assert (tmp_path / "scratch" / "part-0.parquet").exists()
