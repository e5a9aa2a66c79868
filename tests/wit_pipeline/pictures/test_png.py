import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.web import PICTURES, PNG, chunk, picture
from tests.web.pictures import png, rows_of, with_chunks
from wit_pipeline.pictures.coded import BT709, PRIMARIES, SRGB, Coded, power
from wit_pipeline.pictures.png import bare, halves, key, samples, space, with_right_sum

P3 = chunk(b"cICP", bytes((12, 13, 0, 1)))
PROFILE = bytes(36) + b"acsp" + bytes(100)
ICC = chunk(b"iCCP", b"x\0\0" + zlib.compress(PROFILE))
PLAIN = chunk(b"sRGB", b"\0")
LINEAR = chunk(b"gAMA", struct.pack(">I", 100_000))
IN_ORDER: list[tuple[bytes, Coded | bytes]] = [
    (P3, Coded(PRIMARIES[12], SRGB)),
    (ICC, PROFILE),
    (PLAIN, b""),
    (LINEAR, Coded(BT709, power(1.0))),
]


@pytest.mark.parametrize("which", [*itertools.combinations(range(4), 2), (0, 1, 2, 3), (1, 2, 3)])
def test_the_first_in_the_standards_order_wins_wherever_it_stands(which: tuple[int, ...]) -> None:
    for order in itertools.permutations(which):
        assert space(with_chunks(PNG, *(IN_ORDER[i][0] for i in order))) == IN_ORDER[min(which)][1]


@pytest.mark.parametrize("kind", [0, 2, 4, 6])
@pytest.mark.parametrize("interlaced", [False, True])
def test_all_16_bits_of_every_sample(kind: int, interlaced: bool) -> None:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    wanted = np.random.default_rng(kind).integers(0, 65_536, (11, 13, channels)).astype(">u2")
    rows = rows_of(wanted)
    if interlaced:
        grids = (
            (0, 0, 8, 8),
            (0, 4, 8, 8),
            (4, 0, 8, 4),
            (0, 2, 4, 4),
            (2, 0, 4, 2),
            (0, 1, 2, 2),
            (1, 0, 2, 1),
        )
        rows = b"".join(rows_of(wanted[top::down, left::right]) for top, left, down, right in grids)
    body = png(13, 11, 16, kind, rows, interlaced=int(interlaced))
    assert (samples(halves(body), kind) == wanted).all()


@pytest.mark.parametrize("name", [name for name in PICTURES if name.startswith("png")])
def test_a_bare_png_has_the_same_pixels(name: str) -> None:
    body = bare(PICTURES[name])
    assert {body[at + 4 : at + 8] for at in starts(body)} <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
    assert bare(body) is body
    if "bomb" not in name and name not in (
        "png_bad_checksum",
        "png_short_chunk",
        "png_odd_name",
        "png_bad_sum_of_pixels",
    ):
        with Image.open(io.BytesIO(body)) as one, Image.open(io.BytesIO(PICTURES[name])) as other:
            assert one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()


def test_a_wrong_sum_of_pixels_that_are_all_there_is_put_right() -> None:
    spoilt = PICTURES["png_bad_sum_of_pixels"]
    mended = with_right_sum(spoilt)
    assert mended == png(400, 300, 8, 2, rows_of(np.asarray(picture())))
    assert with_right_sum(mended) == b""  # nothing to do
    data = spoilt.index(b"IDAT") + 4
    for damaged in (spoilt[: len(spoilt) // 2], spoilt[: data + 60] + b"?" * 20 + spoilt[data + 80 :]):
        assert with_right_sum(damaged) == b""


def starts(body: bytes) -> list[int]:
    at, found = 8, []
    while at + 8 <= len(body):
        found.append(at)
        at += 12 + int.from_bytes(body[at : at + 4], "big")
    return found


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 60))
def test_no_bytes_break_the_walk(body: bytes, at: int) -> None:
    for broken in (body, PNG[:at] + body, PNG[:33] + body + PNG[33:]):
        bare(broken)
        space(broken)
        if len(broken) > 25:
            key(broken)
