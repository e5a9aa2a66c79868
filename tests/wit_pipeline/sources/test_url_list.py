import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.factories import local_world, records_of, world
from wit_pipeline.errors import UserError
from wit_pipeline.records import Raw, Reason, Reject
from wit_pipeline.sources import url_list
from wit_pipeline.sources.lists.config import ListSource


def source(**fields: Any) -> ListSource:
    return ListSource(path=("x",), **fields)


def read(content: bytes, name: str, **fields: Any) -> list[Raw | Reject]:
    return records_of(source(**fields), name, world({name: content}))


def facts(items: list[Raw | Reject]) -> list[tuple[str, str]]:
    return [(item.url, item.text) if isinstance(item, Raw) else ("", item.reason) for item in items]


def parquet(rows: Sequence[Mapping[str, object]], **options: int) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer, **options)
    return buffer.getvalue()


ROWS = [{"url": f"http://a.test/{i}", "caption": f"dog {i}"} for i in range(5)]
EXPECTED = [(f"http://a.test/{i}", f"dog {i}") for i in range(5)]
CSV = "url,caption\n" + "".join(f"{row['url']},{row['caption']}\n" for row in ROWS)


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
        Raw(url="u", text="t", license="CC0", where="d/a.jsonl#0"),
        Raw(url="", text="5", where="d/a.jsonl#1"),
    ]


def test_a_parquet_file_is_split_by_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_list, "SPLIT_ROWS", 2)
    content = parquet(ROWS, row_group_size=1)
    assert url_list.splits(source(), "a.parquet", world({"a.parquet": content})) == [(0, 2), (2, 4), (4, 5)]
    found = read(content, "a.parquet")
    assert facts(found) == EXPECTED
    assert [item.where for item in found] == [f"a.parquet#{i}" for i in range(5)]


def test_text_that_is_no_utf8() -> None:
    line = b'{"url": "u\\ud800", "caption": "a \\udcff dog"}\n'
    assert facts(read(line, "a.jsonl")) == [("u?", "a ? dog")]
    assert facts(read(b"url,caption\nu,a \xff dog\n", "a.csv")) == [("u", "a \ufffd dog")]
    array = pa.array([b"a \xff dog"]).view(pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": ["u"], "caption": array}), buffer)
    assert facts(read(buffer.getvalue(), "a.parquet")) == [("u", "a \ufffd dog")]


def test_large_and_dictionary_strings() -> None:
    large = pa.array(["a dog"], pa.large_string())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": pa.array(["u"]).dictionary_encode(), "caption": large}), buffer)
    assert facts(read(buffer.getvalue(), "a.parquet")) == [("u", "a dog")]


def test_a_tsv_has_no_quoting() -> None:
    assert facts(read(b'url\tcaption\nu\t"dog\nv\tcat"\n', "a.tsv")) == [("u", '"dog'), ("v", 'cat"')]


def test_a_file_without_a_header() -> None:
    found = read(b"dog\tu\n", "a.tsv", columns=("caption", "url"))
    assert facts(found) == [("u", "dog")]


@pytest.mark.parametrize(
    ("name", "content", "bad"),
    [
        ("a.csv", b"url,caption\nu,t\nonly\nv,s\n", 1),
        ("a.jsonl", b'{"url":"u","caption":"t"}\n{broken\n{"url":"v","caption":"s"}\n', 1),
        ("a.jsonl", b'{"url":"u","caption":"t"}\n[1]\n{"url":"v","caption":"s"}\n', 1),
    ],
)
def test_a_bad_row_is_counted_and_the_others_go_on(name: str, content: bytes, bad: int) -> None:
    found = facts(read(content, name))
    assert found == [("u", "t"), ("", Reason.SOURCE_UNREADABLE), ("v", "s")]


def test_a_damaged_gz_gives_what_came_before() -> None:
    whole = gzip.compress(("\n".join(json.dumps(row) for row in ROWS * 500)).encode())
    found = read(whole[: len(whole) // 2], "a.jsonl.gz")
    assert isinstance(found[-1], Reject)
    assert all(isinstance(item, Raw) for item in found[:-1])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"", "is not a Parquet file"),
        ("a.parquet", b"PAR1 nonsense PAR1", "is not a Parquet file"),
        ("a.csv", b"", "is empty"),
        ("a.parquet", parquet(ROWS)[:0] or b"x", "is not a Parquet file"),
        ("a.txt", b"u\n", "a list source is .parquet"),
        ("a.csv.gz", b"\x1f\x8bnonsense", "cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"x" * 9999)[:20], "cannot be read"),
        ("a.csv", b'"' + b"x" * (2 << 20), "cannot be read: field larger"),
    ],
)
def test_a_file_that_is_no_source_is_the_users(name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(content, name)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_a_missing_column_is_said_with_those_there_are(name: str) -> None:
    lines = "\n".join(map(json.dumps, ROWS))
    content = {"a.csv": CSV.encode(), "a.parquet": parquet(ROWS), "a.jsonl": lines.encode()}[name]
    with pytest.raises(UserError, match=r"has no column 'TEXT', 'URL'; it has url, caption"):
        read(content, name, url="URL", text="TEXT")


def test_real_lists(real_data: Path) -> None:
    folder = real_data / "url_caption_lists"
    path = next(folder.rglob("test_10000.parquet"))
    found = records_of(source(url="URL", text="TEXT"), str(path), local_world())
    assert len(found) == 10_000
    odd = [item for item in found if not (isinstance(item, Raw) and item.url.startswith("http"))]
    assert [item.url for item in odd] == ["UNLIKELY"]  # the list has one row whose columns slipped
