import json
import re
from dataclasses import replace

import pytest

from wit_pipeline.balance import QueryCount
from wit_pipeline.crawl.accounts import Class, Host
from wit_pipeline.report import hosts as hosts_module
from wit_pipeline.report.build_report import build_page
from wit_pipeline.report.card import croissant, dataset_card, image_members, size_class
from wit_pipeline.report.hosts import crawl_section
from wit_pipeline.report.query_list import query_section
from wit_pipeline.report.sources import source_section
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest
from wit_pipeline.vocabulary.records import Kind, Query, Reason, Reject

CRAWL = Manifest(
    stage="crawl",
    plan="",
    inputs={},
    recipe={"crawl": {"store": "resized"}},
    counts=Counts(read=1500, kept=1200, rejected={"timeout": 100, "http_not_found": 200}),
    files=(File(name="unit-000000.tar", rows=0, bytes=5000, sha256="0" * 64),),
    started="",
    finished="2026-01-01T00:00:00+00:00",
)
COUNTS = [
    QueryCount(
        query_id=i,
        candidates=7000 // (i + 1),
        fetched=3000 // (i + 1),
        fetch_limit=SCALE if i else SCALE // 2,
        survivors=1000 // (i + 1),
        below=900 // (i + 1),
        limit=SCALE if i > 4 else SCALE // 8,
        kept=100 // (i + 1),
    )
    for i in range(50)
]


def test_the_page_holds_the_funnel_and_loads_nothing() -> None:
    page = build_page([CRAWL], None, None, COUNTS, {"sets": {}})
    assert "1,500" in page
    assert "200 http_not_found, 100 timeout" in page
    assert "Of 50 queries with candidates, 1 had more" in page
    assert "and 5 had to draw" in page
    assert page.count("<polyline") == 4
    assert "nan" not in page.lower().replace("finance", "")
    assert "http://" not in page
    assert "<script" not in page


def test_the_balance_tells_the_queries_with_the_most_candidates() -> None:
    page = build_page([CRAWL], None, None, COUNTS, None, texts={0: "dog", 1: "<b>"})
    row = page[page.index("<td>dog</td>") :].partition("</tr>")[0]
    assert re.findall(r">([^<>]+)<", row) == ["dog", "7,000", "3,000", "1,000", "12.5 %", "100"]
    assert "&lt;b&gt;" in page
    assert "query 19" in page
    assert "query 20" not in page


def test_a_root_that_is_half_built_has_a_page_too() -> None:
    page = build_page([CRAWL], None, None, [], None)
    assert "<polyline" not in page
    assert "Evaluation overlap" not in page


def test_the_sources_show_a_few_rejects_of_each_reason_and_no_markup_of_theirs() -> None:
    results = {
        "sources": [
            {"source": 0, "kind": "list", "read": 9, "kept": 3, "rejected": {"no_text": 5, "no_query": 1}},
            {"source": 1, "kind": "warc", "read": 2, "kept": 2, "rejected": {}},
        ],
        "text_kinds": {"caption": 4, "alt": 1},
    }
    rejects = [
        Reject(key="", url=f"u{i}", stage="extract", reason=Reason.NO_TEXT, where=f"f#{i}") for i in range(5)
    ]
    hostile = replace(rejects[0], reason=Reason.NO_QUERY, caption="<script>alert(1)</script>" + "x" * 500)
    section = source_section(results, [*rejects, hostile])
    assert [(sample["reason"], sample["count"], len(sample["rejects"])) for sample in section["samples"]] == [
        ("no_query", 1, 1),
        ("no_text", 5, 3),
    ]
    page = build_page([], None, section, [], None)
    assert "<script" not in page
    assert "x" * 300 not in page
    assert "5 no_text, 1 no_query" in page
    assert "4 caption, 1 alt" in page


def queries_of(kind: Kind, names: list[str], *more: str) -> list[Query]:
    return [
        Query(
            query_id=i, query=name, kind=kind, rank=i, count=1000 - i, sources=(str(kind), *more), lemma=name
        )
        for i, name in enumerate(names)
    ]


def test_the_query_list_shows_its_sources_and_the_first_of_each_kind() -> None:
    queries = [
        *queries_of(Kind.WORD, [f"word{i}" for i in range(30)], "synset"),
        *queries_of(Kind.SYNSET, ["<b>zebra</b>"]),
    ]
    kinds = {kind: {"offered": 40, "kept": 0} for kind in Kind}
    results = {"words": 12345, "budget": 500, "dropped": {"query_blocked": 3}, "kinds": kinds}
    problems = [{"where": "dump.xml", "reason": "broken_xml", "detail": f"byte {i}."} for i in range(25)]
    section = query_section(queries, results, problems)
    assert [(bar["label"], bar["first"], bar["shared"]) for bar in section["bars"]] == [
        ("words of Wikipedia", 30, 0),
        ("bigrams of Wikipedia", 0, 0),
        ("titles by page views", 0, 0),
        ("WordNet lemmas", 1, 30),
    ]
    page = build_page([], section, None, [], None)
    assert "31 queries of a budget of 500; 12,345 words" in page
    assert "3 query_blocked" in page
    assert "<td>word19</td>" in page
    assert "word20" not in page
    assert "&lt;b&gt;zebra" in page
    assert "byte 19." in page
    assert "byte 20." not in page
    assert "The first 20 of 25" in page


def test_the_card_holds_the_funnel_and_the_columns() -> None:
    card = dataset_card([CRAWL], [File(name="00000.tar", rows=1200, bytes=1, sha256="")])
    assert "1,200 image-text pairs in 1 WebDataset shards" in card
    assert "| crawl | 1,500 | 1,200 | 100 timeout, 200 http_not_found |" in card
    assert "| `evaluation` | string |" in card
    assert "1K<n<10K" in card
    assert "sample in load_dataset(FOLDER" in card
    assert 'image = sample["jpg"]\n' in card


@pytest.mark.parametrize(("store", "images"), [("resized", ["jpg"]), ("raw", ["jpg", "gif"])])
def test_images_have_the_formats_that_the_crawl_stored(store: str, images: list[str]) -> None:
    crawl = replace(CRAWL, recipe={"crawl": {"store": store, "formats": ["GIF", "JPEG"]}})
    assert image_members([crawl]) == images
    card = dataset_card([crawl], [])
    assert ('image = sample["jpg"] or sample["gif"]\n' in card) is (store == "raw")
    assert ("`KEY.jpg` or `KEY.gif`, `KEY.txt`" in card) is (store == "raw")


@pytest.mark.parametrize(
    ("samples", "size"),
    [
        (0, "n<1K"),
        (10**3 - 1, "n<1K"),
        (10**3, "1K<n<10K"),
        (10**4 - 1, "1K<n<10K"),
        (10**4, "10K<n<100K"),
        (10**5, "100K<n<1M"),
        (10**6 - 1, "100K<n<1M"),
        (10**6, "1M<n<10M"),
        (10**7 - 1, "1M<n<10M"),
        (10**7, "10M<n<100M"),
        (10**8, "100M<n<1B"),
        (10**9 - 1, "100M<n<1B"),
        (10**9, "1B<n<10B"),
        (10**10, "10B<n<100B"),
        (10**11, "100B<n<1T"),
        (10**12 - 1, "100B<n<1T"),
        (10**12, "n>1T"),
        (10**15, "n>1T"),
    ],
)
def test_the_size_is_a_class_of_the_hub(samples: int, size: str) -> None:
    assert size_class(samples) == size


def test_croissant_names_every_shard_with_its_sum() -> None:
    tar_file, table = (File(name=f"00000.{end}", rows=2, bytes=9, sha256="ab") for end in ("tar", "parquet"))
    made = croissant([tar_file], [table])
    tar = next(item for item in made["distribution"] if item["@id"] == "00000.tar")
    assert (tar["sha256"], tar["contentSize"]) == ("ab", "9 B")


def test_nothing_leads_to_a_page_that_is_not_there() -> None:
    assert "example.org" not in json.dumps(croissant([], [])) + dataset_card([CRAWL], [])


def host(name: str, urls: int, success: int) -> Host:
    return Host(
        host=name,
        urls=urls,
        success=success,
        statuses=("success", "timeout") if success < urls else ("success",),
        counts=(success, urls - success) if success < urls else (success,),
        bytes=1000 * success,
        attempts=urls,
        seconds=0.0,
    )


def kind(status: str, urls: int, *messages: str) -> Class:
    counts = tuple(range(len(messages), 0, -1))
    return Class(
        status=status,
        urls=urls,
        candidates=2 * urls,
        bytes=7,
        attempts=urls,
        messages=messages,
        counts=counts,
    )


@pytest.mark.parametrize("at_once", [7, 1000])
def test_the_crawl_shows_statuses_and_the_hosts_that_matter_and_no_markup_of_theirs(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_module, "AT_ONCE", at_once)
    hosts = [host(f"h{i:03d}.test", 10 + i, 10 + i) for i in range(50)]
    hosts += [host("<script>bad.test", 8, 1), host("worse.test", 9, 0)]
    classes = [kind("success", 1500), kind("timeout", 500, "<script>read", "x" * 500)]
    section = crawl_section(iter(hosts), iter(classes), {"2 (a)": 1400, "1": 100})
    assert (section["urls"], section["hosts"], section["bytes"]) == (2000, 52, 14)
    assert [shown["host"] for shown in section["largest"]] == [f"h{i:03d}.test" for i in range(49, 29, -1)]
    assert [shown["host"] for shown in section["failing"]] == ["worse.test", "<script>bad.test"]
    page = build_page([], None, None, [], None, section)
    assert "2,000 URLs of 52 hosts" in page
    assert "Stored by decoder 2 (a): 1,400 pictures; 1: 100 pictures." in page
    assert "75.00 %" in page
    assert "2 × &lt;script&gt;read; 1 × xxx" in page
    assert "x" * 300 not in page
    assert "<script" not in page
    assert "&lt;script&gt;bad.test" in page
    assert "7 timeout" in page


def test_a_crawl_without_failures_has_no_table_of_them() -> None:
    section = crawl_section([host("a.test", 3, 3)], [kind("success", 3)], {})
    assert section["failing"] == []
    page = build_page([], None, None, [], None, section)
    assert "Hosts with the most URLs" in page
    assert "most failures" not in page
