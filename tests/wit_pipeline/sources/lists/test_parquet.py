import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import world
from tests.lists import EXPECTED, ROWS, facts, hash_of, parquet, read, source
from wit_pipeline.sources import url_list
from wit_pipeline.sources.lists import parquet as parquet_format
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject


def test_a_parquet_file_is_split_by_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_format, "SPLIT_ROWS", 2)
    content = parquet(ROWS, row_group_size=1)
    assert url_list.splits(source(), "a.parquet", world({"a.parquet": content})) == [(0, 2), (2, 4), (4, 5)]
    found = read(content, "a.parquet")
    assert facts(found) == EXPECTED
    assert [item.where for item in found] == [f"a.parquet#{i}" for i in range(5)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 400)), min_size=1, max_size=6))
def test_ranges_are_all_rows_once_and_a_large_group_is_several(groups: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_format, "SPLIT_ROWS", 4)
        patch.setattr(parquet_format, "SPLIT_BYTES", 20)
        ranges = parquet_format._ranges(groups)
    rows = sum(count for count, _ in groups)
    assert [row for first, last in ranges for row in range(first, last)] == list(range(rows))
    assert all(last - first < 16 + 4 for first, last in ranges)


def test_pieces_of_a_row_group_are_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_format, "SPLIT_ROWS", 25)
    monkeypatch.setattr(parquet_format, "BATCH_ROWS", 7)
    rows = [{"url": f"u{number}", "caption": f"t{number}"} for number in range(1000)]
    content = parquet(rows, row_group_size=600)
    splits = url_list.splits(source(), "a.parquet", world({"a.parquet": content}))
    assert len(splits) == 6 + 4
    found = read(content, "a.parquet")
    assert facts(found) == [(row["url"], row["caption"]) for row in rows]
    assert [item.where for item in found] == [f"a.parquet#{number}" for number in range(1000)]


@pytest.mark.parametrize("named", [{}, {"url": "url"}])
def test_two_columns_of_one_name_are_refused(named: dict[str, str]) -> None:
    buffer = io.BytesIO()
    columns = [pa.array(["u"]), pa.array(["v"]), pa.array(["t"])]
    pq.write_table(pa.table(columns, names=["url", "url", "caption"]), buffer)
    with pytest.raises(UserError, match="has 2 columns called 'url'"):
        read(buffer.getvalue(), "a.parquet", **named)
    buffer = io.BytesIO()  # nobody asks for the one that stands twice
    pq.write_table(pa.table(columns, names=["x", "x", "caption"]).append_column("url", [["u"]]), buffer)
    assert facts(read(buffer.getvalue(), "a.parquet")) == [("u", "t")]


def test_large_and_dictionary_strings() -> None:
    large = pa.array(["a dog"], pa.large_string())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": pa.array(["u"]).dictionary_encode(), "caption": large}), buffer)
    assert facts(read(buffer.getvalue(), "a.parquet")) == [("u", "a dog")]


def test_a_parquet_file_without_a_suffix_is_one() -> None:
    assert facts(read(parquet(ROWS), "data")) == EXPECTED


TYPES: list[tuple[pa.Array, list[str]]] = [
    (pa.array([b"a dog", b"\xff", None]), ["a dog", "\ufffd", ""]),
    (pa.array(["a dog", None, ""], pa.large_string()), ["a dog", "", ""]),
    (pa.array(["a dog", None, "b"], pa.string_view()), ["a dog", "", "b"]),
    (pa.array([b"a dog", None, b"\xff"]).view(pa.string()).dictionary_encode(), ["a dog", "", "\ufffd"]),
    (pa.array([17, None, 3]), ["17", "", "3"]),
    (pa.array([1.5, None, float("nan")]), ["1.5", "", ""]),
    (pa.array([True, None, False]), ["True", "", "False"]),
    (pa.nulls(3), ["", "", ""]),
]


@pytest.mark.parametrize(("texts", "expected"), TYPES)
def test_the_types_of_parquet(texts: pa.Array, expected: list[str]) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": [b"u", b"v", b"w"], "caption": texts}), buffer)
    assert facts(read(buffer.getvalue(), "a.parquet")) == list(zip("uvw", expected, strict=True))


def test_a_column_that_is_no_text_is_passed_over_or_said() -> None:
    rows = [{"url": {"path": "x", "bytes": b""}, "image_url": "u", "caption": "t"}]
    assert facts(read(parquet(rows), "a.parquet")) == [("u", "t")]
    with pytest.raises(UserError, match=r"column 'url' holds struct<.*name one that holds text"):
        read(parquet(rows), "a.parquet", url="url")
    with pytest.raises(UserError, match="has no column 'nix'"):
        read(parquet(rows), "a.parquet", text="nix")


def test_a_row_group_that_breaks_costs_no_other() -> None:
    rows = [{"url": f"http://a.test/{hash_of(i)}", "caption": f"dog {hash_of(i)}"} for i in range(900)]
    content = bytearray(parquet(rows, row_group_size=300))
    middle = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1).column(1)
    begin = middle.dictionary_page_offset or middle.data_page_offset
    content[begin : begin + middle.total_compressed_size] = bytes(middle.total_compressed_size)
    found = read(bytes(content), "a.parquet")
    (broken,) = [item for item in found if isinstance(item, Reject)]
    assert broken.where == "a.parquet#300"
    assert "row group 1 of 300 rows breaks here" in broken.detail
    raws = [item for item in found if isinstance(item, Raw)]
    assert facts(list(raws)) == [(row["url"], row["caption"]) for row in rows[:300] + rows[600:]]
    assert [raw.where for raw in raws[298:302]] == [f"a.parquet#{n}" for n in (298, 299, 600, 601)]


def test_a_page_whose_checksum_is_wrong_is_not_believed() -> None:
    rows = [{"url": f"u{i}", "caption": hash_of(i)} for i in range(9)]
    content = parquet(rows, compression="none", use_dictionary=False, write_page_checksum=True)
    found = read(content.replace(hash_of(3).encode(), hash_of(33).encode(), 1), "a.parquet")
    assert facts(found) == [("", Reason.SOURCE_UNREADABLE)]


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_no_bit_flip_of_a_parquet_file_ends_the_run(at: int) -> None:
    content = bytearray(parquet(ROWS * 20, row_group_size=40))
    content[len(content) * at // 100] ^= 0x41
    with suppress(UserError):
        found = read(bytes(content), "a.parquet")
        assert len(found) >= 1


def test_parquet_splits_by_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    content = parquet(ROWS * 100, row_group_size=100)
    assert url_list.splits(source(), "a.parquet", world({"a.parquet": content})) == [(0, 500)]
    size = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).total_byte_size
    monkeypatch.setattr(parquet_format, "SPLIT_BYTES", 2 * size)
    splits = url_list.splits(source(), "a.parquet", world({"a.parquet": content}))
    assert splits == [(0, 200), (200, 400), (400, 500)]
