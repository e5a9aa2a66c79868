import re
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources.archives import tape
from wit_pipeline.sources.archives.tape import Stored

ACTS = st.lists(st.tuples(st.sampled_from(["peek", "take", "skip", "blank", "seek"]), st.integers(0, 40)))


@given(st.text("ab\r\n", max_size=60), ACTS, st.integers(1, 20))
def test_a_tape_reads_what_the_bytes_are(text: str, acts: list[tuple[str, int]], chunk: int) -> None:
    content, at = text.encode(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "CHUNK", chunk)
        stored = Stored(BytesIO(content))
        for act, size in acts:
            rest = content[at:]
            if act == "peek":
                assert stored.peek(size) == rest[:size]
            elif act == "take":
                piece = stored.take(size)
                assert rest.startswith(piece)
                assert len(piece) <= size
                assert piece or not rest or not size
                at += len(piece)
            elif act == "skip":
                passed = stored.skip(size)
                if passed < size:
                    assert len(rest) < size
                    stored.seek(at)
                    passed = 0
                at += passed
            elif act == "blank":
                assert stored.skip_blank() == bool(rest.lstrip(b"\r\n"))
                at = len(content) - len(rest.lstrip(b"\r\n"))
            else:
                at = min(size, len(content))
                stored.seek(at)
            assert stored.offset == at


@given(st.text("xy", max_size=80), st.integers(0, 90), st.integers(0, 90), st.integers(1, 20))
def test_a_match_is_found_wherever_the_pieces_part(text: str, start: int, end: int, chunk: int) -> None:
    content = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape, "CHUNK", chunk)
        stored = Stored(BytesIO(content))
        stored.seek(min(start, len(content)))
        found = re.compile(b"xyyx").search(content, start)
        expected = found is not None and found.start() < end
        assert stored.skip_to(re.compile(b"xyyx"), 4, end) == expected
        if found and expected:
            assert stored.offset == found.start()


def test_what_is_far_is_not_read() -> None:
    class Counted(BytesIO):
        count = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    stream = Counted(bytes(10 << 20))
    stored = Stored(stream)
    assert stored.skip(9 << 20) == 9 << 20
    assert stored.offset == 9 << 20
    assert stored.skip(2 << 20) < 2 << 20
    assert stream.count < 2 << 20
