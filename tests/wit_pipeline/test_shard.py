import hashlib
import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import encoded, pair, photograph
from wit_pipeline.shard import (
    Row,
    ShardConfig,
    cut,
    position,
    range_of,
    read_bytes,
    wids_index,
    write_shard,
)
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Image, Pair

JPEG = encoded(photograph(0, (64, 48)))
PAIRS = [pair(f"http://a.test/{i}.jpg", f"a dog, no. {i}\u2019s “étoile”", queries=(i, 7)) for i in range(12)]


def jpeg_of(image: Image) -> bytes:
    return JPEG


def write(folder: Path, pairs: list[Pair]) -> str:
    counts, files = write_shard(pairs, jpeg_of, folder=folder, shard=3, seed=0)
    assert counts.read == counts.kept == len(pairs)
    assert [file.name for file in files] == ["00003.tar", "00003.parquet", "00003_stats.json"]
    return files[0].sha256


def test_members_keys_and_order(tmp_path: Path) -> None:
    write(tmp_path, PAIRS)
    ordered = sorted(PAIRS, key=lambda item: position(item.key, 0))
    with tarfile.open(tmp_path / "00003.tar") as archive:
        names = archive.getnames()
        assert names == [f"00003{i:04d}.{end}" for i in range(12) for end in ("jpg", "txt", "json")]
        for i, expected in enumerate(ordered):
            text = archive.extractfile(f"00003{i:04d}.txt")
            assert text is not None
            assert text.read().decode() == expected.candidate.caption


def test_json_and_parquet_say_the_same_and_nothing_is_null(tmp_path: Path) -> None:
    write(tmp_path, PAIRS)
    table = list(rows.read(tmp_path / "00003.parquet", Row))
    with tarfile.open(tmp_path / "00003.tar") as archive:
        for row in table:
            member = archive.extractfile(f"{row.key}.json")
            assert member is not None
            said = json.loads(member.read())
            assert {**said, "stored_sha256": row.stored_sha256} == {
                **rows.to_row(row),
                "queries": list(row.queries),
            }
            assert "stored_sha256" not in said  # which the table alone has
            assert None not in said.values()
    contract = "key url caption status error_message width height original_width original_height exif sha256"
    assert rows.schema_of(Row).names[:11] == contract.split()
    assert {"pair_key", "page_url", "source", "license", "queries", "phash", "final_url"} <= set(
        rows.schema_of(Row).names
    )


def test_the_bytes_do_not_depend_on_the_order_of_the_pairs(tmp_path: Path) -> None:
    assert write(tmp_path / "a", PAIRS) == write(tmp_path / "b", PAIRS[::-1])


def test_a_shard_is_what_it_was(tmp_path: Path) -> None:
    """Golden: the format is published, so another value needs another FORMAT."""
    _, files = write_shard(PAIRS[:2], lambda image: b"\xff\xd8jpeg", folder=tmp_path, shard=0, seed=0)
    assert files[0].sha256 == "c1794713ab30eacfdb2163fb1cd8dcf6ce3e720b68445dd2f3b237d18a999b84"


def test_plain_tar_extracts_a_sample(tmp_path: Path) -> None:
    write(tmp_path, PAIRS)
    subprocess.run(["tar", "-xf", "00003.tar", "000030000.jpg"], cwd=tmp_path, check=True)
    assert (tmp_path / "000030000.jpg").read_bytes() == JPEG


@pytest.mark.parametrize(
    ("format", "ending"), [("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("AVIF", "avif")]
)
def test_raw_images_have_their_own_extension(tmp_path: Path, format: str, ending: str) -> None:
    content = encoded(photograph(0, (64, 48)), format)
    write_shard(PAIRS[:1], lambda image: content, folder=tmp_path, shard=0, seed=0)
    with tarfile.open(tmp_path / "00000.tar") as archive:
        assert archive.getnames()[0] == f"000000000.{ending}"
    (tmp_path / "unit-000000.tar").write_bytes(bytes(512) + content)
    there = replace(PAIRS[0].image, offset=512, length=len(content))
    assert read_bytes(there, tmp_path) == content


@pytest.mark.parametrize("content", [b"", b"x" * 2000])
def test_bytes_that_are_not_where_they_were_signed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "unit-000000.tar").write_bytes(content)
    with pytest.raises(RunError, match="no image lies at 512"):
        read_bytes(PAIRS[0].image, tmp_path)


def test_the_wids_index(tmp_path: Path) -> None:
    _, files = write_shard(PAIRS, jpeg_of, folder=tmp_path, shard=0, seed=0)
    (entry,) = wids_index(tmp_path, files[:1])["shardlist"]
    whole = (tmp_path / "00000.tar").read_bytes()
    assert entry == {
        "url": "00000.tar",
        "nsamples": 12,
        "filesize": len(whole),
        "md5sum": hashlib.md5(whole, usedforsecurity=False).hexdigest(),
    }


@pytest.mark.parametrize(("samples", "fine"), [(0, False), (1, True), (10_000, True), (10_001, False)])
def test_keys_have_four_digits_for_a_sample(samples: int, fine: bool) -> None:
    if fine:
        assert ShardConfig(samples=samples).samples == samples
    else:
        with pytest.raises(ValueError, match="samples is 1 to 10000"):
            ShardConfig(samples=samples)


@given(st.lists(st.integers(0, SCALE - 1), min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 7))
def test_shards_cut_from_ranges_are_those_of_one_sorted_list(
    draws: list[int], ranges: int, samples: int
) -> None:
    """However uneven the ranges are, and wherever a shard begins and ends in them."""
    held: list[list[int]] = [[] for _ in range(ranges)]
    for order in draws:
        held[range_of(order, ranges)].append(order)
    assert [order for some in held for order in sorted(some)] == sorted(draws)
    counts, found = np.array([len(some) for some in held]), list[int]()
    for shard in range(-(-len(draws) // samples)):
        among, before = cut(counts, shard, samples)
        there = sorted(order for number in among for order in held[number])
        made = there[before : before + samples]
        assert len(made) == samples or len(found) + len(made) == len(draws)
        assert counts[among.start] > 0 < counts[among.stop - 1]  # nothing is read for nothing
        found += made
    assert found == sorted(draws)
