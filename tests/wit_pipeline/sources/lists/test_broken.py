import gzip
import io
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import local_world, records_of
from tests.lists import CSV, PACK, ROWS, facts, hash_of, parquet, read, source
from wit_pipeline.sources.source import World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject


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
        ("a.xlsx", b"u\n", "a list source is .parquet"),
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


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        # half a row, ragged rows, a row of nothing but tabs
        ("a.tsv", b"url\tcaption\nu\tt\nv", [("u", "t"), ("", Reason.SOURCE_UNREADABLE)]),
        ("a.tsv", b"url\tcaption\nu\tt\tx\nv\ts\n", [("", Reason.SOURCE_UNREADABLE), ("v", "s")]),
        ("a.tsv", b"url\tcaption\n\t\n", [("", "")]),
        ("a.csv", b'url,caption\nu,t\nv,"s', [("u", "t"), ("", Reason.SOURCE_UNREADABLE)]),
        # quotation marks as Spark writes them, as RFC 4180 does, and as nobody does
        ("a.csv", b'url,caption\nu,"a \\"b\\", c"\nv,"\\\\s"\n', [("u", 'a "b", c'), ("v", "\\s")]),
        ("a.csv", b'url,caption\nu,"a ""b"", c"\nv,"\\s"\n', [("u", 'a "b", c'), ("v", "\\s")]),
        ("a.csv", b'url,text\nu,"a "b" c"\nv,s\n', [("", Reason.SOURCE_UNREADABLE), ("v", "s")]),
        ("a.csv", b'url,caption\nu,a "b" c\n', [("u", 'a "b" c')]),  # a field that is not quoted
        ("a.csv", b'url,caption\nu,"C:\\"\nv,"s"\n', [("u", "C:\\"), ("v", "s")]),  # no mark of Spark's
        (
            "a.jsonl",
            b'{"url":"u","caption":"t"}\n{"url":"v","ca',
            [("u", "t"), ("", Reason.SOURCE_UNREADABLE)],
        ),
        # what is no text
        ("a.tsv", b"url\tcaption\nu\ta\0b \xff\n", [("u", "a\0b \ufffd")]),
        ("a.csv", b"url,caption\nu,a\0b \xff\n", [("u", "a\0b \ufffd")]),
        (
            "a.jsonl",
            b'{"url":"u","caption":{"a":1}}\n{"url":"v","caption":1}\n',
            [("", Reason.SOURCE_UNREADABLE), ("v", "1")],
        ),
        ("a.jsonl", b'{"url":"u","caption":NaN}\n{"caption":"s"}\n', [("u", ""), ("", "s")]),
        (
            "a.jsonl",
            b'{"url":"u","caption":"t"}\n' + b"[" * 100_000 + b"\n",
            [("u", "t"), ("", Reason.SOURCE_UNREADABLE)],
        ),
        (
            "a.jsonl",
            b'{"url":"u","caption":"t"}\n{"url":' + b"1" * 5000 + b"}\n",
            [("u", "t"), ("", Reason.SOURCE_UNREADABLE)],
        ),
        # a text file of URLs, some of them with a text
        (
            "a.txt",
            b"http://a.test/1\nhttp://a.test/2\ta dog\tof mine\n",
            [("http://a.test/1", ""), ("http://a.test/2", "a dog\tof mine")],
        ),
        ("a.txt", b"http://a.test/1\n\nUNLIKELY\n", [("http://a.test/1", ""), ("UNLIKELY", "")]),
    ],
)
def test_odd_rows(name: str, content: bytes, expected: list[tuple[str, str]]) -> None:
    if name == "a.txt" and b"\t" in content:
        content = b"http://a.test/0\ta cat\n" + content
        expected = [("http://a.test/0", "a cat"), *expected]
    assert facts(read(content, name)) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_a_line_that_is_too_long_is_counted_and_the_others_go_on(name: str) -> None:
    long = b"x" * (3 << 20)
    content = b"url\tcaption\nu\tt\n" + long + b"\nv\ts\n"
    if "csv" in name:
        content = content.replace(b"\t", b",")
    if name == "a.jsonl":
        content = b'{"url":"u","caption":"t"}\n"' + long + b'"\n{"url":"v","caption":"s"}\n'
    content = gzip.compress(content) if name.endswith(".gz") else content
    assert facts(read(content, name)) == [("u", "t"), ("", Reason.SOURCE_UNREADABLE), ("v", "s")]


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_what_is_packed_and_torn_gives_what_came_before(name: str, packing: str) -> None:
    count = 5000  # some blocks of bzip2
    rows = [(f"http://a.test/{hash_of(i)}", f"dog {hash_of(i)}") for i in range(count)]
    text = "".join(f"{url}\t{caption}\n" for url, caption in rows)
    content = {
        "a.csv": "url,caption\n" + text.replace("\t", ","),
        "a.tsv": "url\tcaption\n" + text,
        "a.jsonl": "".join(json.dumps({"url": url, "caption": caption}) + "\n" for url, caption in rows),
        "a.json": json.dumps([{"url": url, "caption": caption} for url, caption in rows]),
    }[name]
    packed = PACK[packing](content.encode())
    *before, last = read(packed[: len(packed) * 2 // 3], name + packing)
    assert isinstance(last, Reject)
    assert last.reason is Reason.SOURCE_UNREADABLE
    assert last.where == f"{name}{packing}#{len(before)}"
    assert 0 < len(before) < count
    assert facts(before) == rows[: len(before)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"url,caption\n", "holds no row below its header"),
        ("a.csv", b"\n\n \n", "holds nothing but blanks"),
        (
            "a.csv",
            b"url;text\nhttps://a.test/1;dog\n",
            r"look parted by ';' and not by ','.*delimiter = \";\"",
        ),
        ("a.csv", b'https://a.test/1;"dog, red"\nhttps://a.test/2;"cat, blue"\n', "look parted by ';'"),
        ("a.csv", b"https://a.test/1|a dog\nhttps://a.test/2|a, b, c\n", r"look parted by '\|'"),
        ("a.csv", b"url,text,text\nu,t,s\n", "has 2 columns called 'text'"),
        ("a.tsv", b"url\tcaption\n\n", "holds no row below its header"),
        ("a.jsonl", b"\n \n", "holds nothing but blanks"),
        ("a.jsonl", b"hello\n", "none of its first lines is a JSON object"),
        ("a.json", b"", "is empty"),
        ("a.json", b"[]", "holds no array of objects with a URL and a text"),
        ("a.json", b"{}", "holds no array of objects"),
        ("a.json", b'["http://a.test/1"]', "it holds an array without records"),
        ("a.json", b'{"images": [{"id": 1}], "x": [1]}', "it holds images, x"),
        ("a.json", b"hello", "cannot be read: broken JSON: an array or an object is wanted, found 'h'"),
        ("a.json", b"[{", "cannot be read: broken JSON"),
        ("a.json", b'[{"url"', "cannot be read: broken JSON"),
        ("a.parquet", parquet(ROWS)[:-9], "is not a Parquet file"),
        ("a.parquet", CSV.encode(), "begins with b'url,'; name it after what it is"),
        (
            "a.parquet",
            parquet([{"url": "u", "caption": "t"}])[:4] + b"x" * 100 + b"PAR1",
            "is not a Parquet file",
        ),
        ("a.csv", parquet(ROWS), "is a Parquet file by its first bytes"),
        ("a.parquet.gz", gzip.compress(parquet(ROWS)), "begins with"),
        ("a.csv", b"PK\x03\x04...", "is packed with zip"),
        ("a.csv", "url,caption\nu,t\n".encode("utf-16"), "is UTF-16"),
        ("a.csv", b"url,caption\ru,t\r", "its lines end in CR alone"),
        ("a.csv", b"image,beschreibung\nu,t\n", r"hold the url or the text.*it has image, beschreibung"),
        ("a.csv", b"url,beschreibung\nu,t\n", r"hold the text.*it has url, beschreibung"),
        ("a.tsv", b"http://a.test/1\t17\n", r"hold the text.*it has url, column 2"),
        ("a.txt", b"hello\nhello\n", "hold the url"),
        ("a.tsv", b"\0" * 5000, "hold the url"),
        ("a.tsv", b"x" * (3 << 20), "a line longer than"),
        ("a.jsonl", b'{"bild": "u", "caption": "t"}\n', r"hold the url.*it has bild, caption"),
        ("a", b"hello\n", "a list source is .parquet"),
        ("a.csv.bz2", b"BZh9nonsense", "cannot be read: the packing is broken"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfdnonsense", "cannot be read: the packing is broken"),
    ],
)
def test_what_is_no_list_is_the_users(name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(content, name)
    assert "\n" not in f"{caught.value}"


def test_columns_of_the_recipe_that_no_row_fits() -> None:
    with pytest.raises(UserError, match="columns names 2, and its rows have 3 fields"):
        read(b"u,t,x\nv,s,x\n", "a.csv", columns=("url", "text"))
    assert len(read(b"u,t,x\nv,s\n", "a.csv", columns=("url", "text"))) == 2


def test_a_disk_that_fails_is_no_broken_file() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 0:
                raise OSError(5, "Input/output error")
            return super().read(size)

    failing = World(open=lambda path: Failing(parquet(ROWS)), size=lambda path: 1000)
    with pytest.raises(OSError, match="Input/output error"):
        records_of(source(), "a.parquet", failing)


def test_a_directory_is_the_users(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet", "a.json", "a"):
        (tmp_path / name).mkdir()
        with pytest.raises(UserError, match="is a directory; name the files in it"):
            records_of(source(), str(tmp_path / name), local_world())


@given(
    content=st.binary(max_size=300),
    name=st.sampled_from(["a.csv", "a.tsv", "a.txt", "a.jsonl", "a.json", "a.parquet", "a"]),
    head=st.sampled_from(
        [
            b"",
            b"url,caption\n",
            b"url\tcaption\n",
            b'{"url":"u","caption":"t"}\n',
            b'[{"url":"u","caption":"t"},',
            b"\x1f\x8b\x08\x00",
            b"BZh9",
            b"\x28\xb5\x2f\xfd",
        ]
    ),
)
def test_nonsense_is_said_or_counted(content: bytes, name: str, head: bytes) -> None:
    with suppress(UserError):
        found = read(head + content, name)
        assert all(isinstance(item, Raw | Reject) for item in found)


def test_a_delimiter_that_the_recipe_names() -> None:
    content = b'https://a.test/1;"dog; red"\nhttps://a.test/2;cat, blue\n'
    wanted = [("https://a.test/1", "dog; red"), ("https://a.test/2", "cat, blue")]
    assert facts(read(content, "a.csv", delimiter=";")) == wanted
    assert facts(read(b"url|text\nu|t\n", "a.tsv", delimiter="|")) == [("u", "t")]
    with pytest.raises(ValueError, match="delimiter is one character"):
        source(delimiter="||")
