import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.web import encoded, picture
from tests.web.pictures import AVIF, PICTURES
from tests.web.poison import HUGE_AVIF, avif_declaring
from wit_pipeline.pictures import avif, structure
from wit_pipeline.pictures.coded import BT709, PRIMARIES, SRGB, Coded, power


@pytest.mark.parametrize("name", [name for name in PICTURES if name.startswith("avif")])
def test_an_avif_is_whole_and_no_larger_than_it_says(name: str) -> None:
    assert avif.is_avif(PICTURES[name])
    assert avif.is_whole(PICTURES[name])
    assert avif.size(PICTURES[name]) == (400, 300)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif"])
def test_other_bytes_are_none(name: str) -> None:
    assert not avif.is_avif(PICTURES[name])
    assert avif.size(PICTURES[name]) == (0, 0)


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1miaf", b"isom\0\0\0\0mp42"])
def test_boxes_of_other_brands_are_none(brands: bytes) -> None:
    assert not avif.is_avif(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"avif")


@pytest.mark.parametrize("size", [(1, 1), (16, 700), (701, 33), (1000, 999)])
@pytest.mark.parametrize("options", [{}, {"quality": 100, "subsampling": "4:4:4"}, {"speed": 10}])
def test_the_size_is_the_pixels_own_whatever_is_declared(
    size: tuple[int, int], options: dict[str, object]
) -> None:
    """AV1's header inside counts, as its reader makes room for that."""
    body = encoded(Image.new("RGB", size, (9, 99, 200)), "AVIF", **options)
    assert avif.size(body) == size
    assert avif.size(avif_declaring(1, body)) == size


def test_a_moving_one_has_a_longer_header() -> None:
    frames = [picture(64, 48).rotate(turn) for turn in (0, 90, 180)]
    body = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert avif.size(avif_declaring(1, body)) == (64, 48)


def test_a_hidden_size_is_found() -> None:
    assert avif.size(avif_declaring(64, HUGE_AVIF)) == (8_192, 8_192)


@pytest.mark.parametrize("lost", [1, 2, 100, len(AVIF) // 2, len(AVIF) - 60, len(AVIF) - 1])
def test_what_is_cut_is_not_whole(lost: int) -> None:
    assert not avif.is_whole(AVIF[: len(AVIF) - lost])


def test_junk_behind_is_no_damage() -> None:
    """A box of nobody's, or none at all."""
    assert avif.is_whole(AVIF + b"\0\0\0\x0cfreejunk")
    assert avif.is_whole(AVIF + b"\0\0\0")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((1, 13), b""),
        ((1, 1), b""),
        ((2, 2), b""),
        ((99, 99), b""),
        ((12, 13), Coded(PRIMARIES[12], SRGB)),
        ((12, 1), Coded(PRIMARIES[12], SRGB)),
        ((1, 8), Coded(BT709, power(1.0))),
        ((9, 16), Coded(PRIMARIES[9], "pq")),
    ],
)
def test_code_points(codes: tuple[int, int], expected: Coded | bytes) -> None:
    at = AVIF.index(b"colrnclx") + 8
    assert avif.space(AVIF[:at] + struct.pack(">HH", *codes) + AVIF[at + 4 :]) == expected


@settings(deadline=None)
@given(st.integers(0, len(AVIF)), st.binary(max_size=40), st.integers(0, 9))
def test_no_bytes_break_the_walk(at: int, bytes_there: bytes, lost: int) -> None:
    for body in (AVIF[:at] + bytes_there + AVIF[at + lost :], AVIF[:32] + bytes_there, bytes_there):
        avif.size(body)
        avif.is_whole(body)
        avif.space(body)
        avif.xmp(body)
        avif.c2pa(body)


def test_a_flood_of_parts_that_take_no_room_ends() -> None:
    """Offsets and lengths of no bytes at all: 65,535 parts in each six bytes."""
    flood = bytes(4) + b"\0\0\xff\xff" + b"\0\1\0\0\xff\xff" * 9_000
    iloc = struct.pack(">I", 8 + len(flood)) + b"iloc" + flood
    meta = struct.pack(">I", 12 + len(iloc)) + b"meta" + bytes(4) + iloc
    body = AVIF[:32] + meta
    assert sum(1 for _ in avif.extents(body)) == avif.MAX_PARTS
    assert structure.flood(body) == f"above {structure.MAX_ASIDE} parts of items"
