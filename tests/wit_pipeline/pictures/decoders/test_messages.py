import json
import math
from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web import JPEG
from wit_pipeline.pictures.decoders.messages import (
    FACTS_BYTES,
    NonsenseError,
    packed,
    packed_error,
    unpacked,
    unpacked_error,
)
from wit_pipeline.pictures.image import Decoded, ImageError, decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

PICTURE = decode(JPEG, CrawlConfig())
FACTS = json.loads(packed(PICTURE)[1])
KINDS = {
    str: st.text(),
    int: st.integers(0, 1 << 40),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(),
}
DECODED = st.builds(Decoded, **{field.name: KINDS[field.type] for field in fields(Decoded)})  # type: ignore[index]


@given(DECODED)
def test_a_picture_is_said_and_understood(decoded: Decoded) -> None:
    assert unpacked(*packed(decoded)) == decoded


@given(st.sampled_from(Reason), st.text())
def test_a_refusal_is_said_and_understood(reason: Reason, detail: str) -> None:
    error = unpacked_error(packed_error(ImageError(reason, detail)))
    assert (error.reason, error.detail) == (reason, detail)


@pytest.mark.parametrize(
    "facts",
    [
        b"", b"{", b"{}", b"[]", b"null", b"\xff", b"[" * FACTS_BYTES, b"[" + b"9" * 5000 + b"]",
        json.dumps(FACTS[:-1]).encode(), json.dumps([*FACTS, ""]).encode(),
        *(json.dumps([*FACTS[:at], None, *FACTS[at + 1 :]]).encode() for at in range(len(FACTS))),
        *(
            json.dumps([bad if type(value) is float else value for value in FACTS]).encode()
            for bad in (math.nan, math.inf, True, 1)
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [lambda facts: unpacked(b"", facts), unpacked_error])
def test_nonsense(read: Callable[[bytes], object], facts: bytes) -> None:
    with pytest.raises(NonsenseError):
        read(facts)


@pytest.mark.parametrize(
    "facts", [["no_such_reason", ""], ["too_large"], ["too_large", 1], ["too_large", "", ""]]
)
def test_a_refusal_for_no_known_reason(facts: list[object]) -> None:
    with pytest.raises(NonsenseError):
        unpacked_error(json.dumps(facts).encode())


@given(st.binary(max_size=200))
def test_no_bytes_break_it(facts: bytes) -> None:
    for read in (lambda: unpacked(b"", facts), lambda: unpacked_error(facts)):
        with pytest.raises(NonsenseError):
            read()
