from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources.archives import heads
from wit_pipeline.sources.archives.heads import START, content_type, fields, head_of, target
from wit_pipeline.sources.archives.tape import Stored

WARC = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: <http://a.test/>\r\nContent-Length: 12\r\n\r\n"
ARC = b"http://a.test/a b 10.0.0.1 20140216050221 text/html 34\n"


@pytest.mark.parametrize(
    ("data", "kind", "length"),
    [
        (WARC, "response", 12),
        (WARC.replace(b"\r\n", b"\n"), "response", 12),
        (WARC.replace(b"\r\n", b"\r\r\n"), "response", 12),
        (WARC.replace(b"1.0", b"0.17"), "response", 12),
        (WARC.replace(b"WARC-Type: response", b"warc-type:METADATA"), "metadata", 12),
        (ARC, "response", 34),
        (ARC.replace(b"\n", b"\r\n"), "response", 34),
        (ARC.replace(b"text/html", b"text/html 200 checksum - 17 a.arc"), "response", 34),
        (ARC.replace(b"text/html ", b""), "response", 34),
        (ARC.replace(b"10.0.0.1", b"2001:db8::1"), "response", 34),
        (b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain 76\n", "filedesc", 76),
    ],
)
def test_heads(data: bytes, kind: str, length: int) -> None:
    head = head_of(data + b"content")
    assert head is not None
    assert (head.kind, head.length, head.size) == (kind, length, len(data))
    assert START.fullmatch(b"\n" + data.partition(b"\n")[0][:7]) or START.match(b"\n" + data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WARC[:-3],
        WARC.replace(b"Content-Length: 12\r\n", b""),
        WARC.replace(b"12", b"-1"),
        WARC.replace(b"12", b"abc"),
        WARC.replace(b"12", b"1" * 19),
        WARC.replace(b"WARC-Type: response\r\n", b""),
        WARC.replace(b"WARC/1.0", b"WARC/one"),
        b" " + WARC,
        ARC.replace(b" 34", b" -1"),
        ARC.replace(b"20140216050221", b"null"),
        ARC.replace(b"20140216050221", b"201404010000000000"),
        ARC.replace(b"10.0.0.1", b"host"),
        ARC.strip(),
        b"a { color: red; margin: 10 }\n",
    ],
)
def test_what_is_no_head(data: bytes) -> None:
    assert head_of(data) is None


def test_where_a_record_is_from_and_what_it_holds() -> None:
    warc, arc = head_of(WARC), head_of(ARC)
    assert warc is not None
    assert arc is not None
    assert (target(warc), content_type(warc)) == ("http://a.test/", "")
    assert (target(arc), content_type(arc)) == ("http://a.test/a b", "text/html")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"first: x\r\nA: b: c\r\nnonsense\r\nA:d\r\n", [("a", "b: c"), ("a", "d")]),
        (b"first\nA: b\n  c\n\td\nE:\n", [("a", "b c d"), ("e", "")]),
        ("first\nA: é".encode(), [("a", "é")]),
        ("first\nA: é".encode("latin-1"), [("a", "é")]),
        (b"first\nA: \xff\xfe\0", [("a", "ÿþ\0")]),
    ],
)
def test_fields(block: bytes, expected: list[tuple[str, str]]) -> None:
    assert fields(block) == expected


@given(st.binary(max_size=200), st.sampled_from([b"", WARC[:20], ARC[:20], WARC, ARC]))
def test_nonsense_never_raises(data: bytes, before: bytes) -> None:
    head = head_of(before + data)
    fields(data)
    if head:
        target(head)
        content_type(head)


def test_a_head_may_be_long_but_not_endless() -> None:
    for size, found in ((heads.USUAL_HEAD, True), (heads.MAX_HEAD - 200, True), (heads.MAX_HEAD, False)):
        data = WARC.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * size + b"\r\n\r\n")
        assert (heads.head_at(Stored(BytesIO(data))) is not None) == found
