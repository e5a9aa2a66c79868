import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources import lines, packed
from wit_pipeline.sources.lines import lines_of, ranges, split_lines
from wit_pipeline.sources.source import WHOLE, Split

CONTENT = st.lists(st.sampled_from([b"\n", b"\r\n", b"a", b"bc", b"\r", b"\xc3\xa9", b"dddddddddddd"])).map(
    b"".join
)


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def measured(content: bytes, limit: int) -> list[tuple[bytes, bool]]:
    """Each line, and whether it is longer than `limit`, a CR before its end included."""
    found = content.split(b"\n")
    ended = found if found[-1] else found[:-1]
    return [(line.removesuffix(b"\r"), len(line) > limit) for line in ended]


@given(content=CONTENT, size=st.integers(1, 9))
def test_lines_do_not_depend_on_the_pieces(content: bytes, size: int) -> None:
    assert list(lines_of(cut(content, size))) == [line for line, _ in measured(content, 99)]


@given(content=CONTENT.filter(bool), size=st.integers(1, 9), limit=st.integers(1, 12))
def test_ranges_share_the_lines_out(content: bytes, size: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "SPLIT_BYTES", size)
        patch.setattr(lines, "MAX_LINE", limit)
        patch.setattr(packed, "CHUNK", 3)
        found = ranges(io.BytesIO(content), len(content))
        splits = [Split(source=0, path="x", first=first, last=last) for first, last in found]
        assert [line for split in splits for line in split_lines(io.BytesIO(content), split)] == [
            None if too_long else line for line, too_long in measured(content, limit)
        ]


@given(content=CONTENT, size=st.integers(1, 9), limit=st.integers(1, 12))
def test_a_line_beyond_the_limit_is_none_and_the_others_stay(content: bytes, size: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "MAX_LINE", limit)
        found = list(lines_of(cut(content, size)))
    assert found == [None if too_long else line for line, too_long in measured(content, limit)]


@pytest.mark.parametrize(("size", "found"), [(64, [WHOLE]), (65, [(0, 64), (64, 65)])])
def test_both_sides_of_a_split(
    monkeypatch: pytest.MonkeyPatch, size: int, found: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(lines, "SPLIT_BYTES", 64)
    assert ranges(io.BytesIO(b"x" * size), size) == found


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"BZh9", b"\x28\xb5\x2f\xfd"])
def test_a_packed_file_is_one_range(monkeypatch: pytest.MonkeyPatch, magic: bytes) -> None:
    monkeypatch.setattr(lines, "SPLIT_BYTES", 1)
    assert ranges(io.BytesIO(magic + b"x" * 9), 13) == [WHOLE]
