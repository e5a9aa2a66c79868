import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.http.head import Head, HeadReader
from wit_pipeline.vocabulary.records import Reason


def read(block: bytes, limit: int = 1000) -> Head:
    """The head in `block`, fed line by line as libcurl does."""
    reader = HeadReader(limit)
    for line in block.splitlines(keepends=True):
        reader.feed(line)
    return reader.whole()


@pytest.mark.parametrize(
    ("block", "status", "headers"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200, ()),
        (b"HTTP/1.0 404\r\n\r\n", 404, ()),
        (b"HTTP/1.1 200 \r\nA: b\r\n\r\n", 200, (("a", "b"),)),
        (b"HTTP/1.1 200 OK\nA:b\n\n", 200, (("a", "b"),)),
        (b"HTTP/1.1 200 OK\r\nA:\r\nB: c : d \t\r\n\r\n", 200, (("a", ""), ("b", "c : d"))),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n\r\n", 200, (("a", "1"), ("a", "2"))),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\n\r\n", 200, (("a", "b c d"),)),
        (b"HTTP/1.1 200 OK\r\nA: \xe4\r\n\r\n", 200, (("a", "\xe4"),)),
        (b"HTTP/1.1 100 Continue\r\nX: noai\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n", 200, (("a", "b"),)),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nTrailer: c\r\n", 200, (("a", "b"),)),
    ],
)
def test_heads(block: bytes, status: int, headers: tuple[tuple[str, str], ...]) -> None:
    assert read(block) == Head(status, headers)


@pytest.mark.parametrize(
    "block",
    [
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded first\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rX-Robots-Tag: noai\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"",
    ],
)
def test_what_two_readers_could_read_in_two_ways(block: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        read(block)
    assert caught.value.reason is Reason.PROTOCOL_ERROR


def test_both_sides_of_the_limit() -> None:
    block = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
    assert read(block, len(block)).status == 200
    with pytest.raises(FetchError, match="above"):
        read(block, len(block) - 1)


def test_answers_before_the_answer_count_too() -> None:
    with pytest.raises(FetchError, match="above"):
        read(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 1000)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_head_or_refused(block: bytes, proper: bool) -> None:
    try:
        head = read(b"HTTP/1.1 200 OK\r\n" + block + b"\r\n\r\n" if proper else block)
    except FetchError:
        return
    assert 200 <= head.status <= 999
    assert all(name and name == name.lower() and "\r" not in value + name for name, value in head.headers)
