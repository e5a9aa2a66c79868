import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.http.inflate import STEP, inflate
from wit_pipeline.vocabulary.records import Reason


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[i : i + size] for i in range(0, len(body), size))


@given(st.binary(), st.integers(1, 50))
def test_inverse_of_each_coding(body: bytes, size: int) -> None:
    for coding, sent in {
        "gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "deflate": zlib.compress(body),
        "": body, "identity": body, " GZIP ": gzip.compress(body),
    }.items():  # fmt: skip
        assert b"".join(inflate(pieces(sent, size), coding)) == body


def test_a_bomb_goes_off_in_small_steps() -> None:
    bomb = inflate([gzip.compress(bytes(10_000_000))], "gzip")
    assert max(map(len, bomb)) <= STEP


@pytest.mark.parametrize("sent", [b"", b"no gzip", gzip.compress(b"cut")[:-9]])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_damage(sent: bytes, coding: str) -> None:
    with pytest.raises(FetchError) as caught:
        list(inflate([sent], coding))
    assert caught.value.reason == Reason.PROTOCOL_ERROR


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate, br"])
def test_codings_nobody_asked_for(coding: str) -> None:
    with pytest.raises(FetchError):
        list(inflate([b"x"], coding))
