import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tests.archives import answer, page
from wit_pipeline.sources.archives import http_page
from wit_pipeline.sources.archives.http_page import (
    MAX_PAGE,
    Page,
    Unreadable,
    page_of,
    response_of,
    unchunked,
)

BODY = page(1)
OTHER = b"GIF89a..."
RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(BODY) + RAW.flush()


def quick(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=1))


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "br": quick,
    "": bytes,
}


def read(message: bytes) -> Page | None:
    response = response_of(message)
    return response and page_of(response)


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("text/html", BODY, True),
        ("text/html", OTHER, True),
        ("Text/HTML; charset=utf-8", BODY, True),
        ("application/xhtml+xml", BODY, True),
        ("text/plain", OTHER, False),
        ("image/gif", OTHER, False),
        ("", BODY, True),
        ("", OTHER, False),
        ("", b"\xef\xbb\xbf <!-- a comment -->\n<HTML lang=en>", True),
        ("application/octet-stream", BODY, True),
        ("application/octet-stream", OTHER, False),
        ("", b" " * 1019 + b"<html", True),
        ("", b" " * 1020 + b"<html", False),
    ],
)
def test_what_is_a_page(kind: str, body: bytes, found: bool) -> None:
    assert (read(answer(body, kind)) is not None) == found


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("200 OK", True),
        ("200", True),
        ("200 ", True),
        ("404 Not Found", False),
        ("301 ", False),
        ("206 x", False),
    ],
)
def test_a_page_has_the_status_200(status: str, found: bool) -> None:
    assert (read(answer(BODY, status=status)) is not None) == found


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"HTTP/1.1\r\n\r\n",
        b"hello",
        b"GET / HTTP/1.1\r\n\r\n",
        b"<html>",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
)
def test_what_is_no_response(message: bytes) -> None:
    assert response_of(message) is None


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (answer(BODY).replace(b"\r\n", b"\n"), BODY),
        (answer(BODY).replace(b"1.1", b"1.0"), BODY),
        (answer(BODY).replace(b"1.1", b"2"), BODY),
        (answer(BODY).replace(b"\r\n", b"\r\r\n", 3), BODY),
        (answer(BODY, more="X: \xff\xfe\0\r\n folded\r\nno colon\r\n"), BODY),
        (answer(BODY).replace(b"Content-Type: text/html", b"content-type:\r\n text/html"), BODY),
        (answer(b""), b""),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html", b""),
    ],
)
def test_headers_may_be_odd(message: bytes, body: bytes) -> None:
    assert read(message) == Page(body, "", [])


def test_what_the_headers_say() -> None:
    more = "X-Robots-Tag: noai\r\nx-robots-tag: noindex\r\n"
    assert read(answer(BODY, "text/html;charset=Latin-1", more=more)) == Page(
        BODY, "latin-1", ["noai", "noindex"]
    )


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-GZIP", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", DEFLATED),
        ("br", brotli.compress(BODY)),
        ("zstd", zstd.compress(BODY)),
        ("identity", BODY),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
        *(
            (coding, BODY) for coding in ("gzip", "deflate", "br", "zstd", "utf-8")
        ),  # decoded before, or never coded
    ],
)
def test_content_codings(coding: str, coded: bytes) -> None:
    assert read(answer(coded, more=f"Content-Encoding: {coding}\r\n")) == Page(BODY, "", [])


def test_codings_of_two_headers() -> None:
    more = "Content-Encoding: deflate\r\nContent-Encoding: gzip\r\n"
    assert read(answer(gzip.compress(zlib.compress(BODY)), more=more)) == Page(BODY, "", [])


@pytest.mark.parametrize(
    ("coding", "coded", "detail"),
    [
        ("gzip", b"\x1f\x8b\x08" + bytes(20), "content coding gzip: Error"),
        ("gzip", gzip.compress(BODY)[:-8] + bytes(8), "content coding gzip: Error"),
        ("br", b"nonsense" * 9, "content coding br: brotli"),
        ("zstd", b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "content coding zstd: "),
        ("deflate", b"\xff" * 20, "content coding deflate: Error"),
        ("compress", b"\x1f\x9d", "content coding 'compress' is none that is known"),
    ],
)
def test_a_page_that_cannot_be_read(coding: str, coded: bytes, detail: str) -> None:
    with pytest.raises(Unreadable, match=detail):
        read(answer(coded, more=f"Content-Encoding: {coding}\r\n"))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", ""])
def test_a_cut_body_is_read_as_far_as_it_goes(coding: str) -> None:
    body = b"".join(page(number * 7919**5 % 10**9) for number in range(10_000))
    found = read(answer(PACKS[coding](body)[:-20], more=f"Content-Encoding: {coding}\r\n"))
    assert found is not None
    assert body.startswith(found.body)
    assert len(found.body) > len(body) * 0.5


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", ""])
def test_a_page_is_read_as_far_as_it_makes_sense(coding: str) -> None:
    message = answer(PACKS[coding](bytes(100 << 20)), more=f"Content-Encoding: {coding}\r\n")
    tracemalloc.start()
    try:
        found = read(message)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found is not None
    assert len(found.body) == MAX_PAGE
    assert peak < (6 * MAX_PAGE if coding else len(message) + 2 * MAX_PAGE)


@pytest.mark.parametrize("over", [0, 1])
def test_the_most_bytes_of_a_page(monkeypatch: pytest.MonkeyPatch, over: int) -> None:
    monkeypatch.setattr(http_page, "MAX_PAGE", 100)
    found = read(answer(gzip.compress(b"x" * (99 + over)), more="Content-Encoding: gzip\r\n"))
    assert found is not None
    assert len(found.body) == 99 + over
    found = read(answer(gzip.compress(b"x" * (100 + over)), more="Content-Encoding: gzip\r\n"))
    assert found is not None
    assert len(found.body) == 100


@pytest.mark.parametrize(
    ("chunked", "body"),
    [
        (b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", b"hello world"),
        (b"5\nhello\n0\n\n", b"hello"),
        (b" 5 \r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\nA\r\n world", b"hello world"),
        (b"5\r\nhello", b"hello"),
        (b"5\r\nhello\r\nnonsense", b"hellononsense"),
        (b"hello", b"hello"),
        (b"<html>", b"<html>"),
        (b"-5\r\nhello", b"-5\r\nhello"),
        (b"fffffffffffffff\r\nhello", b"hello"),
        (b"5\r\n\r\nabc\r\n0\r\n\r\n", b"\r\nabc"),
        (b"", b""),
    ],
)
def test_chunks(chunked: bytes, body: bytes) -> None:
    assert unchunked(chunked) == body
    assert read(answer(chunked, more="Transfer-Encoding: chunked\r\n")) == Page(body, "", [])


@given(st.lists(st.binary(min_size=1, max_size=30)))
def test_chunks_come_together(pieces: list[bytes]) -> None:
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    assert unchunked(chunked) == b"".join(pieces)


def test_chunks_of_a_packed_page() -> None:
    packed = gzip.compress(BODY)
    chunked = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, packed[:10], len(packed) - 10, packed[10:])
    more = "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"
    assert read(answer(chunked, more=more)) == Page(BODY, "", [])


@given(st.binary(max_size=100), st.sampled_from(["gzip", "br", "deflate", "zstd", "x", ""]))
def test_nonsense_never_raises_anything_else(body: bytes, coding: str) -> None:
    for start in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"x\x9c"):
        more = f"Transfer-Encoding: chunked\r\nContent-Encoding: {coding}\r\n"
        with suppress(Unreadable):
            read(answer(start + body, more=more))
    response_of(b"HTTP/1.1 200 " + body)
