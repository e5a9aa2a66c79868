"""The parts of a dump hold each of its pages once, wherever they are cut and whatever is broken."""

import bz2
import gzip
import io
import lzma
import pickle
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.dumps.splits import Split, index_of, is_index, offsets, pages_of, split
from queries.dumps.wikipedia import DumpError, Page, Problem, pages
from wit_pipeline.vocabulary.errors import UserError

DUMPS = Path(__file__).parents[4] / "shared/data/wiki_dumps"
ROOT = '<mediawiki><siteinfo><namespaces><namespace key="14">Категория</namespace></namespaces></siteinfo>'
END = "</mediawiki>"
HARMED = [" & ", " < ", "<b>", "<page>", "</page>", "&nbsp;"]


def page(number: int, text: str) -> str:
    inside = f"<id>{number}</id><revision><text>{text}</text></revision>"
    return f"<page><title>Категория:P{number}</title>{inside}</page>\n"


def opener(files: dict[str, bytes]) -> Callable[[str], io.BytesIO]:
    return lambda path: io.BytesIO(files[path])


def seen(item: Page | DumpError) -> object:
    return item if isinstance(item, Page) else item.reason  # places and counts differ from part to part


def whole(data: bytes) -> list[object]:
    return [seen(item) for item in pages(io.BytesIO(data), "dump")]


def parts(data: bytes, target: int, index: bytes = b"") -> list[list[object]]:
    open_ = opener({"dump": data, "index": index})
    found = split("dump", len(data), open_, "index" if index else "", target)
    assert found[0].start == found[-1].end == 0
    assert all(one.end == other.start for one, other in pairwise(found))
    return [[seen(item) for item in pages_of(pickle.loads(pickle.dumps(one)), open_)] for one in found]


def joined(found: list[list[object]]) -> list[object]:
    return [item for part in found for item in part]


texts = st.lists(
    st.one_of(
        st.integers(0, 400).map("x".__mul__),
        st.integers(0, 40).map("ж\n".__mul__),
        st.sampled_from(HARMED),
        st.just("#REDIRECT [[Dog]]"),
    ),
    min_size=1,
    max_size=12,
)


@given(texts, st.integers(1, 600), st.booleans())
def test_parts_of_a_plain_dump_are_the_dump(bodies: list[str], target: int, ended: bool) -> None:
    inside = "".join(page(number, text) for number, text in enumerate(bodies))
    data = f"{ROOT}{inside}{END if ended else ''}".encode()
    assert joined(parts(data, target)) == whole(data)


@given(st.data())
def test_parts_of_a_cut_plain_dump_are_the_cut_dump(data: st.DataObject) -> None:
    inside = "".join(page(number, "x" * 50) for number in range(6))
    dump = f"{ROOT}{inside}{END}".encode()
    dump = dump[: data.draw(st.integers(30, len(dump)))]
    assert joined(parts(dump, data.draw(st.integers(1, 100)))) == whole(dump)


@given(st.data())
def test_parts_of_a_bz2_dump_are_the_dump(data: st.DataObject) -> None:
    bodies = data.draw(texts)
    text = (ROOT + "".join(page(number, body) for number, body in enumerate(bodies)) + END).encode()
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))  # also within pages, as pbzip2 cuts
    streams = [bz2.compress(text[a:b]) for a, b in pairwise([0, *sorted(cuts), len(text)])]
    for harmed in data.draw(st.sets(st.integers(0, len(streams) - 1), max_size=3)):
        place = data.draw(st.integers(10, len(streams[harmed]) - 1))
        streams[harmed] = data.draw(
            st.sampled_from(
                [streams[harmed][:place], streams[harmed][:place] + b"?" + streams[harmed][place + 1 :]]
            )
        )
    dump = b"".join(streams)
    target = data.draw(st.integers(20, 400))
    assert joined(parts(dump, target)) == whole(dump)


def multistream(count: int, each: int = 3) -> tuple[bytes, bytes]:
    """A dump as Wikipedia packs it, and its index."""
    packed, index = bz2.compress(ROOT.encode()), b""
    for first in range(0, count, each):
        numbers = range(first, min(first + each, count))
        index += b"".join(f"{len(packed)}:{n}:Категория:P{n}\n".encode() for n in numbers)
        packed += bz2.compress("".join(page(n, f"{n} " * n) for n in numbers).encode())
    return packed + bz2.compress(END.encode()), index


@given(st.integers(1, 60), st.integers(50, 2000), st.integers(0, 60), st.sampled_from([bytes, bz2.compress]))
def test_an_index_parts_a_dump_at_its_streams(
    count: int, target: int, missing: int, pack: Callable[[bytes], bytes]
) -> None:
    dump, index = multistream(count)
    stale = b"".join(index.splitlines(keepends=True)[: max(1, count - missing)])
    found = parts(dump, target, pack(stale))
    assert joined(found) == joined(parts(dump, target)) == whole(dump)
    assert len(whole(dump)) == count
    starts = set(offsets(io.BytesIO(index)))
    bounds = [
        one.start for one in split("dump", len(dump), opener({"dump": dump, "index": index}), "index", target)
    ]
    assert starts.issuperset(bounds[1:])
    assert all(b - a >= target for a, b in pairwise(bounds))


def test_parts_know_the_namespaces_of_the_head() -> None:
    dump, _ = multistream(60)
    found = parts(dump, 100)
    assert len(found) > 5
    assert {item.namespace for item in joined(found) if isinstance(item, Page)} == {14}


def test_an_index_of_another_dump_is_refused() -> None:
    dump, index = multistream(60)
    other = b"".join(b"1" + line + b"\n" for line in index.splitlines())
    with pytest.raises(UserError, match=r"^index does not belong to dump: no bz2 stream begins at byte \d+$"):
        split("dump", len(dump), opener({"dump": dump, "index": other}), "index", 100)
    with pytest.raises(UserError, match="index is no index of a multistream dump: line 1 is not"):
        split("dump", len(dump), opener({"dump": dump, "index": b"<html>"}), "index", 100)


PLAIN = (ROOT + "".join(page(number, "x" * 99) for number in range(60)) + END).encode()


@pytest.mark.parametrize(
    ("data", "several"),
    [
        (PLAIN, True),
        (b"\xef\xbb\xbf\n" + PLAIN, True),
        (
            re.sub(rb"<(/?)", rb"<\1m:", PLAIN),
            True,
        ),
        (PLAIN.decode().encode("utf-16"), False),
        (bz2.compress(PLAIN), True),  # one stream: the first part has it all
        (bz2.compress(PLAIN.decode().encode("utf-16")), False),
        (gzip.compress(PLAIN), False),
        (lzma.compress(PLAIN), False),
        (b'{"title": "A", "text": "x"}\n' * 50, False),
        (bz2.compress(b'{"title": "A", "text": "x"}\n' * 50), False),
        (b"<!DOCTYPE x>" + PLAIN, False),
        (b"no dump " * 50, False),
        (b"", False),
    ],
)
def test_only_xml_in_utf_8_is_parted(data: bytes, several: bool) -> None:
    found = parts(data, 10)
    assert joined(found) == whole(data)
    assert (len(found) > 1) is several


def test_a_dump_in_one_stream_is_read_by_the_first_part() -> None:
    first, *others = parts(bz2.compress(PLAIN), 50)
    assert len(first) == 60
    assert others
    assert not any(others)


def test_a_doctype_refuses_the_whole_file() -> None:
    assert joined(parts(b"<!DOCTYPE x>" + PLAIN, 10)) == [Problem.FORBIDDEN_XML]


@pytest.mark.parametrize(("size", "count"), [(199, 1), (200, 2), (299, 2), (300, 3)])
def test_parts_have_about_the_size_asked_for(size: int, count: int) -> None:
    found = split("dump", size, opener({"dump": PLAIN}), target=100)
    assert len(found) == count
    assert found[0].start == found[-1].end == 0


def test_a_split_is_its_path_and_range() -> None:
    assert split("dump", 10, opener({})) == [Split(path="dump")]


@pytest.mark.parametrize(
    ("dump", "index"),
    [
        (
            "a/enwiki-20240101-pages-articles-multistream.xml.bz2",
            "a/enwiki-20240101-pages-articles-multistream-index.txt.bz2",
        ),
        (
            "gs://x/enwiki-20240101-pages-articles-multistream12.xml-p1p41242.bz2",
            "gs://x/enwiki-20240101-pages-articles-multistream-index12.txt-p1p41242.bz2",
        ),
        ("enwiki-20240101-pages-articles.xml.bz2", ""),
        ("enwiki-20240101-pages-articles-multistream.xml", ""),
        ("enwiki-20240101-cirrussearch-content.json.gz", ""),
    ],
)
def test_an_index_is_known_by_its_name(dump: str, index: str) -> None:
    assert index_of(dump) == index
    assert not is_index(dump)
    assert is_index(index) is bool(index)


@pytest.mark.parametrize("pack", [bytes, bz2.compress, gzip.compress])
def test_offsets_are_told_once_each(pack: Callable[[bytes], bytes]) -> None:
    lines = b"600:1:A\n600:2:B: c:d\n700:3:\xd0\x96\n900:4:E"
    assert list(offsets(io.BytesIO(pack(lines)))) == [600, 700, 900]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"600:1:A\nx:2:B\n", "line 2 "),
        (b"600:1:A\n\n", "line 2 "),
        (b"600:1\n", "line 1 "),
        (b"600:1:A\n700:2:B\n600:3:C\n", "line 3 "),
        (b"600:1:" + b"A" * (1 << 15), "line 1 is longer"),
        (bz2.compress(b"600:1:A\n")[:-4], "after line 1"),
        (b"", "after line 0: is empty"),
    ],
)
def test_a_line_that_is_none_of_an_index_is_told(lines: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(offsets(io.BytesIO(lines)))


@pytest.mark.parametrize("target", [1 << 12, 100_001])
def test_parts_of_real_dumps_are_the_dumps(target: int) -> None:
    paths = sorted(DUMPS.glob("*/*.xml")) + sorted(DUMPS.glob("*/*.bz2"))
    if not paths:
        pytest.skip(f"needs the real dumps in {DUMPS}")
    for path in paths:
        data = path.read_bytes()
        assert joined(parts(data, max(target, len(data) // 20))) == whole(data), path
