import bz2
import gzip
import io

import pytest

from tests.lists import PACK
from wit_pipeline.sources import packed
from wit_pipeline.sources.packed import Damaged, head_of, unpacked
from wit_pipeline.vocabulary.errors import UserError

CONTENT = bytes(range(256)) * 100


@pytest.mark.parametrize("packing", PACK)
def test_every_packing(packing: str) -> None:
    assert b"".join(unpacked(io.BytesIO(PACK[packing](CONTENT)))) == CONTENT


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".zst"])
def test_members_one_behind_the_other(packing: str) -> None:
    assert b"".join(unpacked(io.BytesIO(PACK[packing](CONTENT) * 2))) == CONTENT * 2


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".zst"])
def test_a_bomb_is_unpacked_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    monkeypatch.setattr(packed, "CHUNK", 1000)
    pieces = list(unpacked(io.BytesIO(PACK[packing](bytes(100_000)))))
    assert max(map(len, pieces)) <= 1000
    assert sum(map(len, pieces)) == 100_000


@pytest.mark.parametrize(
    "content", [gzip.compress(CONTENT)[:-5], gzip.compress(CONTENT) + b"x", bz2.compress(CONTENT)[:-5]]
)
def test_where_the_packing_breaks(content: bytes) -> None:
    found: list[bytes] = []
    with pytest.raises(Damaged, match="the packing is broken"):
        found.extend(unpacked(io.BytesIO(content)))
    assert CONTENT.startswith(b"".join(found))


def test_a_disk_that_fails_is_no_broken_packing() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 0:
                raise OSError(5, "Input/output error")
            return super().read(min(size or 0, 20))

    with pytest.raises(OSError, match="Input/output error"):
        list(unpacked(Failing(gzip.compress(CONTENT))))


@pytest.mark.parametrize(
    ("content", "whole", "damage"),
    [(b"x" * 9, True, False), (b"x" * 21, False, False), (gzip.compress(CONTENT)[:-9], False, True)],
)
def test_the_beginning_of_a_file(
    monkeypatch: pytest.MonkeyPatch, content: bytes, whole: bool, damage: bool
) -> None:
    monkeypatch.setattr(packed, "HEAD", 20 if not damage else 1 << 20)
    monkeypatch.setattr(packed, "CHUNK", 10)
    head = head_of(io.BytesIO(content), "x")
    assert (head.whole, bool(head.damage)) == (whole, damage)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x: is empty"),
        (gzip.compress(b""), "x: is empty"),
        (gzip.compress(b"a" * 99)[:10], "x: cannot be read: the packing is broken"),
        (b"PK\x03\x04", "is packed with zip; unpack it, or pack it with gzip, bzip2 or zstd"),
        (b"\xfd7zXZ\0", "is packed with xz"),
        (b"\xff\xfea\0", "is UTF-16; convert it to UTF-8"),
    ],
)
def test_a_file_that_gives_no_bytes(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        head_of(io.BytesIO(content), "x")
