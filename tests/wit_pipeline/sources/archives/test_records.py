import gzip
import tracemalloc
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tests.archives import PACKS, answer, arc, packed, page, pages, record, with_dictionary
from tests.factories import world
from wit_pipeline.sources.archives import members, records, tape
from wit_pipeline.sources.archives.walk import Broken, Record, Wanted
from wit_pipeline.vocabulary.errors import UserError

Found = list[tuple[str, bytes] | tuple[str, str]]
Z = "its packed data end before their end mark"


def read(data: bytes, first: int = 0, last: int = 0, most: int = 1 << 20) -> Found:
    """Where the responses of a range are and what they hold, and what is broken."""
    wanted = Wanted(kinds=frozenset(("response",)), test=lambda head, start: True, most=most)
    found = records.records(BytesIO(data), first, last, wanted)
    return [
        (item.where, item.content) if isinstance(item, Record) else (item.where, item.detail)
        for item in found
    ]


def parted(data: bytes, step: int) -> Found:
    return [item for first in range(0, len(data), step) for item in read(data, first, first + step)]


def numbers(found: Found) -> list[int | str]:
    """The numbers of the pages that were found, and what is broken."""
    return [
        int(content.partition(b'src="/')[2].partition(b".")[0]) if isinstance(content, bytes) else content
        for _, content in found
    ]


def torn(data: bytes, way: str) -> list[bytes]:
    """Some bytes packed in pieces that part anywhere."""
    return [PACKS[way](data[at : at + 300]) for at in range(0, len(data), 300)]


def bare(item: bytes) -> bytes:
    """A record whose head's lines end without a carriage return."""
    head, between, rest = item.partition(b"\r\n\r\n")
    return (head + between).replace(b"\r\n", b"\n") + rest


MADE = {
    **{f"warc {way}": packed(pages(4), way) for way in PACKS},
    **{f"arc {way}": packed(arc(4), way) for way in PACKS},
    "lf": b"".join(map(bare, pages(4))),
    "one gz": gzip.compress(b"".join(pages(4))),
    "one zst": zstd.compress(b"".join(pages(4))),
    "one arc gz": gzip.compress(b"".join(arc(4))),
    "two a gz": packed([b"".join(pages(4)[at : at + 2]) for at in range(0, 8, 2)], "gz"),
    "torn gz": b"".join(torn(b"".join(pages(4)), "gz")),
    "torn zst": b"".join(torn(b"".join(pages(4)), "zst")),
    "dictionary": with_dictionary(pages(4), compress=False),
    "packed dictionary": with_dictionary(pages(4), compress=True),
    "skippable": zstd.compress(b"") + b"\x50\x2a\x4d\x18\3\0\0\0abc".join(map(zstd.compress, pages(4))),
    "padding": b"\0\0\0".join(map(gzip.compress, pages(4))) + bytes(99),
    "no line ends": packed([item[:-4] for item in pages(4)], "plain"),
    "no line ends gz": packed([item[:-4] for item in pages(4)], "gz"),
    "line ends before": packed([b"\r\n\r\n" + item[:-4] for item in pages(4)], "gz"),
    "line ends apart": b"".join(gzip.compress(item[:-4]) + gzip.compress(item[-4:]) for item in pages(4)),
}


@pytest.mark.parametrize("name", MADE)
def test_records_are_the_same_wherever_ranges_part(name: str) -> None:
    data = MADE[name]
    whole = read(data)
    assert numbers(whole) == [0, 1, 2, 3]
    assert [content for _, content in whole] == [answer(page(number)) for number in range(4)]
    assert len({where for where, _ in whole}) == 4
    for step in (1, 2, 3, 7, 64, 100, 101, 333, 1000, len(data) - 1, len(data), len(data) + 1):
        if step > len(data) / 700:
            assert parted(data, step) == whole


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(("chunk", "step"), [(1, 1), (5, 2), (100, 64)])
def test_records_are_the_same_whatever_is_read_at_a_time(
    name: str, chunk: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(MADE[name])
    for module in (tape, members):
        monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(members, "STEP", step)
    assert read(MADE[name]) == whole
    assert parted(MADE[name], len(MADE[name]) // 3) == whole


QUOTES = [
    pages(1, 7)[1].decode(),
    pages(1, 7)[1].decode() + "and so on",
    "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 5\r\n\r\nhello\r\n\r\nand so on",
    "\nhttp://a.test/7 10.0.0.1 20140216050221 text/html 5\nhello and so on",
]


@pytest.mark.parametrize("quote", QUOTES[1:])
@pytest.mark.parametrize("way", PACKS)
def test_a_page_may_quote_an_archive(quote: str, way: str) -> None:
    inner = record(answer(page(1, f"<pre>\r\n\r\n{quote}\r\n\r\n</pre>")))
    data = packed([*pages(1), inner, *pages(1, 2)], way)
    whole = read(data)
    assert numbers(whole) == [0, 1, 2]
    for step in range(1, len(data), 13):
        if step > len(data) / 100:
            assert parted(data, step) == whole


def test_a_member_may_hold_a_packed_archive_as_it_is() -> None:
    inner = packed(pages(2, 7), "gz")
    stored = gzip.compress(record(inner, kind="resource", content_type="application/gzip"), compresslevel=0)
    data = packed(pages(1), "gz") + stored + packed(pages(1, 2), "gz")
    assert numbers(read(data)) == [0, 2]  # a range that begins inside takes the inner one for its own


def broken(change: Callable[[list[bytes]], object], way: str = "plain", made: Sequence[bytes] = ()) -> bytes:
    items = [PACKS[way](item) for item in made or pages(4)]
    change(items)
    return b"".join(items)


def flipped(item: bytes, at: int) -> bytes:
    return item[:at] + bytes([item[at] ^ 0xFF]) + item[at + 1 :]


LONG, SHORT = (record(answer(page(1)), "http://a.test/1", length=size) for size in (500, 100))
CASES: dict[str, tuple[Callable[[list[bytes]], object], str, list[int | str]]] = {
    "garbage": (
        lambda i: i.insert(4, b"garbage\r\n"),
        "plain",
        [0, 1, "no record begins here: b'garbage", 2, 3],
    ),
    "garbage gz": (
        lambda i: i.insert(4, b"garbage\r\n"),
        "gz",
        [0, 1, "no packed record begins here: b'garbage", 2, 3],
    ),
    "a record that is not packed": (
        lambda i: i.__setitem__(3, pages(4)[3]),
        "gz",
        [0, "no packed record begins here: b'WARC/1.0", 2, 3],
    ),
    "a member that is no record": (
        lambda i: i.insert(4, gzip.compress(b"hello")),
        "gz",
        [0, 1, "no record begins here: b'hello'", 2, 3],
    ),
    "too long": (
        lambda i: i.__setitem__(3, LONG),
        "plain",
        [0, 1, "no record begins here: b'", 2, 3],
    ),
    "too long gz": (
        lambda i: i.__setitem__(3, gzip.compress(LONG)),
        "gz",
        [0, 1, "the record ends before its Content-Length", 2, 3],
    ),
    "too long at the end": (
        lambda i: i.__setitem__(7, record(answer(page(3)), length=99999)),
        "plain",
        [0, 1, 2, 3, "the record ends before its Content-Length"],
    ),
    "too short": (
        lambda i: i.__setitem__(3, SHORT),
        "plain",
        [0, 1, "no record begins here: b'g 1\"></html>", 2, 3],
    ),
    "too short gz": (
        lambda i: i.__setitem__(3, gzip.compress(SHORT)),
        "gz",
        [0, 1, "no record begins here: b'g 1\"></html>", 2, 3],
    ),
    "no length": (
        lambda i: i.__setitem__(3, record(answer(page(1)), length="many")),
        "plain",
        [0, "no record begins here: b'WARC/1.0", 2, 3],
    ),
    "cut": (
        lambda i: i.__setitem__(7, i[7][:-12]),
        "plain",
        [0, 1, 2, 3, "the record ends before its Content-Length"],
    ),
    "cut gz": (lambda i: i.__setitem__(7, i[7][:-12]), "gz", [0, 1, 2, 3, Z]),
    "cut zst": (lambda i: i.__setitem__(7, i[7][:-2]), "zst", [0, 1, 2, Z]),
    "cut and gone on with": (lambda i: i.__setitem__(3, i[3][:-30]), "gz", [0, "Error -", 2, 3]),
    "bits": (lambda i: i.__setitem__(3, flipped(i[3], 60)), "gz", [0, "Error -", 2, 3]),
    "bits zst": (lambda i: i.__setitem__(3, flipped(i[3], 60)), "zst", [0, "", 2, 3]),
    "checksum": (lambda i: i.__setitem__(3, flipped(i[3], -6)), "gz", [0, "Error -", 2, 3]),
    "of a record that is not wanted": (
        lambda i: i.__setitem__(2, flipped(i[2], -6)),
        "gz",
        [0, "Error -", 1, 2, 3],
    ),
    "the first": (lambda i: i.__setitem__(0, flipped(i[0], 30)), "gz", ["Error -", 0, 1, 2, 3]),
    "before the first": (lambda i: i.insert(0, b"hello\n"), "plain", ["no record begins here", 0, 1, 2, 3]),
    "nothing": (
        lambda i: i.__setitem__(slice(None), [b"hello\n" * 99]),
        "plain",
        ["no record begins here: b'hello"],
    ),
    "a frame to be skipped that has a wrong length": (
        lambda i: i.insert(4, b"\x50\x2a\x4d\x18\xff\xff\xff\0"),
        "zst",
        [0, 1, "no packed record begins here: b'P*M", 2, 3],
    ),
    "a dictionary that is none": (
        lambda i: i.insert(0, b"\x5d\x2a\x4d\x18\x20\0\0\0\x37\xa4\x30\xec" + b"\xff" * 28),
        "zst",
        ["its zstd dictionary cannot be read: "],
    ),
    "a broken dictionary": (
        lambda i: i.insert(0, b"\x5d\x2a\x4d\x18\4\0\0\0\x28\xb5\x2f\xfd"),
        "zst",
        ["its zstd dictionary is empty"],
    ),
    "a dictionary beyond the end": (
        lambda i: i.insert(0, b"\x5d\x2a\x4d\x18\xff\xff\xff\xff"),
        "zst",
        ["its zstd dictionary is empty, or above 8388608 bytes"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_said_and_the_others_go_on(name: str) -> None:
    change, way, expected = CASES[name]
    data = broken(change, way)
    whole = read(data)
    found = numbers(whole)
    assert len(found) == len(expected), found
    for item, wanted in zip(found, expected, strict=True):
        assert item == wanted or (isinstance(wanted, str) and wanted in str(item)), found
    for step in range(1, len(data) + 1, 17):
        assert parted(data, step) == whole, step


def test_a_content_does_not_reach_into_the_next_record() -> None:
    data = broken(lambda items: items.__setitem__(3, LONG))
    assert [content for _, content in read(data)][1] == (answer(page(1)) + b"\r\n\r\n")


@given(
    st.sampled_from(sorted(MADE)),
    st.sampled_from(["flip", "cut", "insert", "delete"]),
    st.integers(0, 10_000),
    st.integers(1, 200),
    st.integers(60, 700),
)
def test_damaged_archives_are_the_same_wherever_ranges_part(
    name: str, act: str, at: int, size: int, step: int
) -> None:
    data = MADE[name]
    at %= len(data)
    data = {
        "flip": flipped(data, at),
        "cut": data[:at],
        "insert": data[:at] + b"\x1f\x8b\x08\n\nWARC/1.0 "[: size % 15] + data[at:],
        "delete": data[:at] + data[at + size :],
    }[act]
    whole = read(data)
    assert len([content for _, content in whole if isinstance(content, bytes)]) <= 5
    if data:
        assert parted(data, step) == whole


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"WARC/1.0\r\n"]))
def test_nonsense_never_raises(data: bytes, magic: bytes) -> None:
    read(magic + data)
    read(magic + data, 1, 200)


@pytest.mark.parametrize("over", [0, 1])
def test_as_much_of_a_content_as_is_asked_for(over: int) -> None:
    for way in PACKS:
        data = packed([record(b"x" * (100 + over)), *pages(1)], way)
        found = [content for _, content in read(data, most=100)]
        assert found[0] == b"x" * 100
        assert len(found) == 2


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("way", PACKS)
def test_a_large_record_does_not_fill_the_memory(way: str, wanted: bool) -> None:
    data = packed([record(bytes(60 << 20), kind="response" if wanted else "resource"), *pages(1)], way)
    tracemalloc.start()
    try:
        found = read(data, most=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 1 + wanted
    assert peak < 8 << 20


def test_ranges_follow_from_the_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SPLIT_BYTES", 10)
    for size, expected in (
        (1, [(0, 0)]),
        (19, [(0, 0)]),
        (20, [(0, 10), (10, 20)]),
        (35, [(0, 11), (11, 23), (23, 35)]),
    ):
        assert records.ranges("a", world({"a": bytes(size)})) == expected
    with pytest.raises(UserError, match="is empty"):
        records.ranges("a", world({"a": b""}))


def test_real_archives_are_the_same_wherever_ranges_part(real_data: Path) -> None:
    for path in sorted((real_data / "warc_samples").rglob("*.*")):
        data = path.read_bytes()
        if path.name == "SOURCE.txt" or len(data) > 200_000:
            continue
        whole = read(data)
        for step in (len(data) // 40 + 1, len(data) // 7 + 1):
            assert parted(data, step) == whole, path
        assert not any(isinstance(item, Broken) for item in whole)
