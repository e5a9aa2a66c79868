from wit_pipeline.balance import QueryCount
from wit_pipeline.manifest import Counts, File, Manifest
from wit_pipeline.report.build_report import build_page
from wit_pipeline.report.card import croissant, dataset_card

CRAWL = Manifest(
    stage="crawl",
    plan="",
    inputs={},
    recipe={},
    counts=Counts(read=1500, kept=1200, rejected={"timeout": 100, "http_not_found": 200}),
    files=(File(name="unit-000000.tar", rows=0, bytes=5000, sha256="0" * 64),),
    started="",
    finished="2026-01-01T00:00:00+00:00",
)
COUNTS = [QueryCount(query_id=i, before=1000 // (i + 1), limit=0, after=100 // (i + 1)) for i in range(50)]


def test_the_page_holds_the_funnel_and_loads_nothing() -> None:
    page = build_page([CRAWL], {"word": 40, "bigram": 10}, COUNTS, {"sets": {}})
    assert "1,500" in page
    assert "200 http_not_found, 100 timeout" in page
    assert "50 queries: 40 word, 10 bigram" in page
    assert page.count("<polyline") == 2
    assert "nan" not in page.lower().replace("finance", "")
    assert "http://" not in page
    assert "<script" not in page


def test_a_root_that_is_half_built_has_a_page_too() -> None:
    page = build_page([CRAWL], {}, [], None)
    assert "<polyline" not in page
    assert "Evaluation overlap" not in page


def test_the_card_holds_the_funnel_and_the_columns() -> None:
    card = dataset_card([CRAWL], [File(name="00000.tar", rows=1200, bytes=1, sha256="")])
    assert "1,200 image-text pairs in 1 WebDataset shards" in card
    assert "| crawl | 1,500 | 1,200 | 100 timeout, 200 http_not_found |" in card
    assert "| `evaluation` | string |" in card
    assert "1K<n<10K" in card


def test_croissant_names_every_shard_with_its_sum() -> None:
    tar_file, table = (File(name=f"00000.{end}", rows=2, bytes=9, sha256="ab") for end in ("tar", "parquet"))
    made = croissant([tar_file], [table])
    tar = next(item for item in made["distribution"] if item["@id"] == "00000.tar")
    assert (tar["sha256"], tar["contentSize"]) == ("ab", "9 B")
