import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import world
from tests.lists import CSV, EXPECTED, PACK, ROWS, facts, parquet, read, source
from wit_pipeline.sources import lines as line_ranges
from wit_pipeline.sources import url_list
from wit_pipeline.sources.source import WHOLE
from wit_pipeline.vocabulary.records import Raw


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV.encode()),
        ("a.csv", b"\xef\xbb\xbf" + CSV.encode()),
        ("a.CSV.gz", gzip.compress(CSV.encode())),
        ("a.tsv", CSV.replace(",", "\t").encode()),
        ("a.jsonl", "\n".join(map(json.dumps, ROWS)).encode()),
        ("a.jsonl", "\n\n".join(map(json.dumps, ROWS)).encode()),
        ("a.parquet", parquet(ROWS)),
        ("a.parquet", parquet(ROWS, row_group_size=2)),
    ],
)
def test_every_format_gives_the_rows(name: str, content: bytes) -> None:
    assert facts(read(content, name)) == EXPECTED


def test_columns_by_name_and_where_a_row_stands() -> None:
    rows = [
        {"URL": "u", "TEXT": "t", "LICENSE": "CC0", "x": 1},
        {"URL": None, "TEXT": 5, "LICENSE": "", "x": 2},
    ]
    found = read(
        ("\n".join(map(json.dumps, rows))).encode(), "d/a.jsonl", url="URL", text="TEXT", license="LICENSE"
    )
    assert found == [
        Raw(url="u", text="t", license="CC0", where="d/a.jsonl#0", text_kind="caption"),
        Raw(url="", text="5", where="d/a.jsonl#1", text_kind="caption"),
    ]


def test_text_that_is_no_utf8() -> None:
    line = b'{"url": "u\\ud800", "caption": "a \\udcff dog"}\n'
    assert facts(read(line, "a.jsonl")) == [("u?", "a ? dog")]
    assert facts(read(b"url,caption\nu,a \xff dog\n", "a.csv")) == [("u", "a \ufffd dog")]
    array = pa.array([b"a \xff dog"]).view(pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": ["u"], "caption": array}), buffer)
    assert facts(read(buffer.getvalue(), "a.parquet")) == [("u", "a \ufffd dog")]


def test_a_lone_cr_parts_no_rows() -> None:
    assert facts(read(b"url\tcap\rtion\nu\ta\rdog\n", "a.tsv", text="cap\rtion")) == [("u", "a\rdog")]


def test_a_tsv_has_no_quoting() -> None:
    assert facts(read(b'url\tcaption\nu\t"dog\nv\tcat"\n', "a.tsv")) == [("u", '"dog'), ("v", 'cat"')]


def test_a_file_without_a_header() -> None:
    found = read(b"dog\tu\n", "a.tsv", columns=("caption", "url"))
    assert facts(found) == [("u", "dog")]


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV.encode()),
        ("a.tsv", CSV.replace(",", "\t").encode()),
        ("a.txt", CSV.replace(",", "\t").encode()),
        ("a.txt", "".join(f"{url}\t{text}\n" for url, text in EXPECTED).encode()),
        ("a.tsv", "".join(f"{text} of mine\t{url}\n" for url, text in EXPECTED).encode()),
        ("a.tsv", "".join(f"{n}\t{url}\tCC BY 4.0\t{t} x\n" for n, (url, t) in enumerate(EXPECTED)).encode()),
        ("a.csv", "".join(f'"{text}, a dog",{url}\n' for url, text in EXPECTED).encode()),
        ("a.ndjson", "\n".join(map(json.dumps, ROWS)).encode()),
        ("a.json", "\n".join(map(json.dumps, ROWS)).encode()),
        ("a.json", json.dumps(ROWS).encode()),
        ("a.json", json.dumps(ROWS, indent=2).encode()),
        ("a.jsonl", json.dumps(ROWS, indent=2).encode()),
        ("a.json", json.dumps({"info": {"url": "x"}, "data": ROWS}).encode()),
        ("a.json", json.dumps([[row["url"], row["caption"]] for row in ROWS]).encode()),
        ("data", "\n".join(map(json.dumps, ROWS)).encode()),
        ("data", json.dumps(ROWS).encode()),
        ("data.part-1", json.dumps({"data": ROWS}).encode()),
    ],
)
def test_every_text_format_packed_and_plain(name: str, content: bytes, packing: str) -> None:
    found = read(PACK[packing](content), name + packing)
    assert [url for url, _ in facts(found)] == [url for url, _ in EXPECTED]
    assert all("dog" in text for _, text in facts(found))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_line_ends(name: str, end: str) -> None:
    content = "\n".join(map(json.dumps, ROWS)) if name == "a.jsonl" else CSV
    content = content.replace(",", "\t") if name == "a.tsv" else content
    half = len(content) // 2  # LF in the first half, whatever the second has
    mixed = content[:half] + content[half:].replace("\n", end)
    assert facts(read(mixed.encode(), name)) == EXPECTED
    assert facts(read(mixed.encode() + b"\n\n", name)) == EXPECTED


def test_a_field_of_csv_may_hold_line_ends_and_quotes() -> None:
    content = b'url,caption\r\nu,"a ""red""\r\ndog, asleep"\r\nv,a lone\rCR\r\n'
    assert facts(read(content, "a.csv")) == [("u", 'a "red"\ndog, asleep'), ("v", "a lone CR")]


FIELD = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n\r\x1c\x1d\x1e\x85"), max_size=12
)


@given(
    rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=30),
    size=st.integers(1, 200),
    kind=st.sampled_from(["tsv", "txt", "jsonl"]),
    bom=st.booleans(),
    crlf=st.booleans(),
    last=st.booleans(),
)
def test_the_records_do_not_depend_on_the_splits(
    rows: list[tuple[str, str]], size: int, kind: str, bom: bool, crlf: bool, last: bool
) -> None:
    if kind == "jsonl":
        text = "\n".join(json.dumps({"url": u, "caption": t}, ensure_ascii=False) for u, t in rows)
    else:
        text = "\n".join(["url\tcaption", *(f"{u}\t{t}" for u, t in rows)])
    text = text + "\n" * last
    content = b"\xef\xbb\xbf" * bom + (text.replace("\n", "\r\n") if crlf else text).encode()
    whole = read(content, f"a.{kind}")
    assert facts(whole) == [(u, t) for u, t in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_ranges, "SPLIT_BYTES", size)
        found = read(content, f"a.{kind}")
        assert len(url_list.splits(source(), f"a.{kind}", world({f"a.{kind}": content}))) == -(
            -len(content) // size
        )
    assert facts(found) == facts(whole)
    assert len({item.where for item in found}) == len(found)


def test_where_a_row_of_a_split_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_ranges, "SPLIT_BYTES", 30)
    content = CSV.replace(",", "\t").encode()
    found = read(content, "a.tsv")
    assert facts(found) == EXPECTED
    assert [item.where for item in found] == [
        "a.tsv#0",
        "a.tsv@30#0",
        "a.tsv@30#1",
        "a.tsv@60#0",
        "a.tsv@90#0",
    ]
    assert url_list.splits(source(), "a.csv", world({"a.csv": CSV.encode()})) == [WHOLE]
    assert url_list.splits(source(), "a.tsv.gz", world({"a.tsv.gz": gzip.compress(content)})) == [WHOLE]
