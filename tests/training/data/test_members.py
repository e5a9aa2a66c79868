import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import MakeShards, add
from training.data import members
from training.data.members import plain_members, tarfile_members
from training.data.shards import index

FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "name", ["1.jpg", "a/b/1.jpg", "é.JPG", "._1.jpg", "no_kind", "a" * 120 + ".jpg", "d/" * 70 + "1.jpg"]
)
def test_plain_headers_are_read_as_tarfile_reads_them(form: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w", format=FORMATS[form]) as tar:
        for size, one in enumerate((name, "2.jpg", "2.txt")):
            try:
                add(tar, one, bytes(500 * size))
            except ValueError:
                pytest.skip("too long for this format")
    expected, wrong = tarfile_members(path)
    assert not wrong
    assert members.members_of(path) == (expected, "")
    try:
        assert plain_members(path) == expected
    except ValueError:
        assert len(name.encode()) > 100 or not name.isascii()


@pytest.mark.parametrize("kind", ["txt", "caption", "text", "TXT"])
def test_a_caption_has_several_names(kind: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        add(tar, "1.jpg", b"x")
        add(tar, f"1.{kind}", b"A caption")
    assert index([tmp_path / "0.tar"]).caption(0) == "A caption"


@pytest.mark.parametrize("length", [0, 100, 511, 512, 700, 1024, 1500])
def test_what_breaks_off_is_tarfiles_to_judge(length: int, make_shards: MakeShards) -> None:
    path = make_shards(shards=1) / "00000.tar"
    os.truncate(path, length)
    assert members.members_of(path) == tarfile_members(path)
    with pytest.raises(ValueError, match=r".*"):
        plain_members(path)


@pytest.mark.parametrize("many", [0, 64])
def test_an_index_is_read_once_and_again_when_a_shard_changes(
    many: int, make_shards: MakeShards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By several processes, or by this one; and never one that is damaged."""
    monkeypatch.setattr(members, "MANY", many)
    paths = sorted(make_shards(shards=3, mute={1}, blind={2}).glob("*.tar"))
    expected = index(paths)
    kept = tmp_path / "index"
    first = index(paths, kept=kept)
    assert len(list(kept.iterdir())) == 3
    with monkeypatch.context() as patch:
        patch.setattr(members, "members_of", None)  # nothing is read again
        second = index(paths, kept=kept)
    for found in (first, second):
        assert np.array_equal(found.rows, expected.rows)
        assert (found.digest, found.unusable) == (expected.digest, expected.unusable)
        assert found.image(5) == expected.image(5)
    assert expected.rows.nbytes == 16 * len(expected)
    next(kept.iterdir()).write_bytes(b"damaged")
    assert index(paths, kept=kept).digest == expected.digest
    with tarfile.open(paths[0], "w") as tar:
        add(tar, "9.jpg", b"x")
        add(tar, "9.txt", b"y")
    assert len(index(paths, kept=kept)) < len(expected)
