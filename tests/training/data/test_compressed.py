import bz2
import gzip
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.conftest import MakeShards
from training.data.compressed import KINDS, by_name, by_start
from training.data.shards import find, index
from wit_pipeline.vocabulary.errors import RunError, UserError

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("0.tar.gz", "gzip"),
        ("0.tgz", "gzip"),
        ("s3://b/0.TAR.GZ?scheme=http", "gzip"),
        ("0.tar.bz2", "bzip2"),
        ("0.txz", "xz"),
        ("0.tar.zst", "zstd"),
        ("0.tar", ""),
        ("tar.gz/0.tar", ""),
        ("0.gz.tar", ""),
    ],
)
def test_a_compressed_shard_is_known_by_its_name(name: str, kind: str) -> None:
    assert by_name(name) == kind


@pytest.mark.parametrize("kind", PACKED)
def test_and_by_its_first_bytes(kind: str, make_shards: MakeShards) -> None:
    path = make_shards(shards=1) / "00000.tar"
    path.write_bytes(PACKED[kind](path.read_bytes()))
    assert by_start(path.read_bytes()) == kind
    with pytest.raises(RunError, match=rf"00000\.tar: .*it is compressed \({kind}\).*; unpack it, or give"):
        index([path])


def test_every_kind_has_a_command() -> None:
    assert len({kind for kind, _ in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("ending", ["tar.gz", "tgz"])
@pytest.mark.parametrize("pattern", ["{folder}", "{folder}/*.{ending}", "{folder}/00000.{ending}"])
def test_compressed_shards_are_refused_in_a_line_that_says_what_to_give(
    pattern: str, ending: str, make_shards: MakeShards, tmp_path: Path
) -> None:
    folder = make_shards(shards=1)
    expected = [index(find([str(folder)])).image(i) for i in range(3)]
    plain = folder / "00000.tar"
    packed = folder / f"00000.{ending}"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    with pytest.raises(UserError, match=r"compressed \(gzip\)") as told:
        find([pattern.format(folder=folder, ending=ending)])
    assert str(packed) in str(told.value)
    if shutil.which("gzip"):
        instead = str(told.value).split('"')[1]
        samples = index(find([instead], tmp_path / "cache"))
        assert [samples.image(i) for i in range(3)] == expected
