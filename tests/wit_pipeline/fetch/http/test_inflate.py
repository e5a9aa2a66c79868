import gzip
import zlib
from collections.abc import Iterator

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.http.inflate import MEMBERS, OTHERS, STEP, coding_of, inflate
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.unpacker import zstd


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[i : i + size] for i in range(0, len(body), size))


@given(st.binary(), st.integers(1, 50))
def test_inverse_of_each_coding(body: bytes, size: int) -> None:
    half = len(body) // 2
    for stated, sent in (
        ("gzip", gzip.compress(body)),
        (" GZIP ", gzip.compress(body)),
        ("x-gzip", gzip.compress(body[:half]) + gzip.compress(body[half:])),
        ("deflate", zlib.compress(body)),
        ("Deflate", bare(body)),
        ("br", brotli.compress(body)),
        ("ZSTD", zstd.compress(body[:half]) + zstd.compress(body[half:])),
        ("", body),
        ("identity", body),
        ("none", body),
        ("aws-chunked,gzip", gzip.compress(body)),
    ):
        assert b"".join(inflate(pieces(sent, size), stated)) == body


@pytest.mark.parametrize("size", [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP + 258])
def test_what_zlib_holds_back_is_not_lost(size: int) -> None:
    for level in (0, 1, 9):
        assert b"".join(inflate([bare(bytes(size), level)], "deflate")) == bytes(size)
        assert b"".join(inflate([zstd.compress(bytes(size), level + 1)], "zstd")) == bytes(size)
        assert b"".join(inflate([brotli.compress(bytes(size), quality=level)], "br")) == bytes(size)


def bare(body: bytes, level: int = -1) -> bytes:
    """A deflate stream without header and sum."""
    zipped = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return zipped.compress(body) + zipped.flush()


def wide(window_log: int) -> bytes:
    """A frame that asks for so much memory."""
    packer = zstd.ZstdCompressor(options={int(zstd.CompressionParameter.window_log): window_log})
    return packer.compress(b"w" * 99) + packer.flush()


def test_as_much_memory_as_the_rfc_says() -> None:
    assert b"".join(inflate([wide(23)], "zstd")) == b"w" * 99


@pytest.mark.parametrize(
    ("sent", "coding"),
    [
        (brotli.compress(b"cut" * 99)[:-1], "br"),
        (zstd.compress(b"cut" * 99)[:-1], "zstd"),
        (zstd.compress(b"whole") + zstd.compress(b"cut")[:-1], "zstd"),
        (wide(24), "zstd"),
    ],
)
def test_damage_of_other_codings(sent: bytes, coding: str) -> None:
    test_damage(sent, coding)


def test_both_sides_of_the_most_members() -> None:
    assert b"".join(inflate([gzip.compress(b"a") * MEMBERS + b"junk"], "gzip")) == b"a" * MEMBERS
    with pytest.raises(FetchError, match="members"):
        list(inflate([gzip.compress(b"a") * (MEMBERS + 1)], "gzip"))


@pytest.mark.parametrize(
    ("stated", "coding", "odd"),
    [
        ("", "", False),
        ("identity", "", False),
        ("gzip", "gzip", False),
        ("gzip, identity", "gzip", False),
        ("UTF-8", "", True),
        ("none, X-GZIP", "x-gzip", True),
        (" , ,", "", False),
    ],
)
def test_what_a_content_encoding_says(stated: str, coding: str, odd: bool) -> None:
    assert coding_of(stated) == (coding, odd)


def test_a_bomb_goes_off_in_small_steps() -> None:
    bomb = inflate([gzip.compress(bytes(10_000_000))], "gzip")
    assert max(map(len, bomb)) <= STEP


CUT = [b"", b"no gzip", gzip.compress(b"cut")[:-9], gzip.compress(b"whole") + gzip.compress(b"cut")[:-9]]


@pytest.mark.parametrize("sent", CUT)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_damage(sent: bytes, coding: str) -> None:
    with pytest.raises(FetchError) as caught:
        list(inflate([sent], coding))
    assert caught.value.reason == Reason.PROTOCOL_ERROR


@pytest.mark.parametrize("stated", [*sorted(OTHERS), "gzip, gzip", "deflate, br", "utf-8, compress"])
def test_codings_nobody_asked_for(stated: str) -> None:
    with pytest.raises(FetchError, match="was not asked for"):
        coding_of(stated)
