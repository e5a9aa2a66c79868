import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from training.data.shards import expand, find, index
from wit_pipeline.vocabulary.errors import RunError, UserError

MakeShards = Callable[..., Path]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("a.tar", ["a.tar"]),
        ("{0..2}.tar", ["0.tar", "1.tar", "2.tar"]),
        ("{00009..00010}.tar", ["00009.tar", "00010.tar"]),
        ("{a,b}/{0..1}", ["a/0", "a/1", "b/0", "b/1"]),
    ],
)
def test_braces_are_written_out(pattern: str, paths: list[str]) -> None:
    assert expand(pattern) == paths


def test_braces_globs_and_folders_find_the_same_shards(make_shards: MakeShards) -> None:
    folder = make_shards(shards=3)
    expected = [folder / f"0000{i}.tar" for i in range(3)]
    for pattern in ("{00000..00002}.tar", "*.tar", "0000[0-2].tar", ""):
        assert find([f"{folder}/{pattern}"]) == expected
    assert find([str(path) for path in expected] * 2) == expected


def test_of_a_finished_stage_the_listed_shards_are_read(make_shards: MakeShards) -> None:
    folder = make_shards(shards=3)
    listed = {"shardlist": [{"url": "00001.tar", "nsamples": 10}]}
    (folder / "shards.json").write_text(json.dumps(listed))
    assert find([str(folder)]) == [folder / "00001.tar"]


def test_a_folder_may_have_a_colon_in_its_name(
    make_shards: MakeShards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_shards(shards=2)
    expected = index(find([str(folder)]))
    image = expected.image(0)
    monkeypatch.chdir(tmp_path)
    folder.rename("run:1")
    for pattern in ("run:1/{00000..00001}.tar", "run:1/*.tar", "run:1"):
        found = index(find([pattern]))
        assert found.digest == expected.digest
        assert found.image(0) == image


@pytest.mark.parametrize("pattern", ["http://a.test/0.tar", "S3://b/{0..1}.tar", "file:///a/*.tar"])
def test_another_store_is_refused(pattern: str) -> None:
    with pytest.raises(UserError, match=r"wants paths, s3://, gs:// or pipe:COMMAND$"):
        find([pattern])


def test_a_missing_shard_is_named(make_shards: MakeShards, tmp_path: Path) -> None:
    folder = make_shards()
    with pytest.raises(UserError, match=r"there is no .*00002\.tar"):
        find([f"{folder}/{{00000..00002}}.tar"])
    with pytest.raises(UserError, match="matches no shard"):
        find([f"{folder}/*.zip"])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="matches no shard"):
        find([str(tmp_path / "nothing")])


def test_shadows_of_macos_are_no_samples(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for name in ("._2.jpg", "2.jpg", "._2.txt", "2.txt", ".DS_Store"):
            item = tarfile.TarInfo(name)
            item.size = len(name)
            tar.addfile(item, io.BytesIO(name.encode()))
    samples = index([tmp_path / "0.tar"])
    assert (len(samples), samples.unusable, samples.caption(0)) == (1, {}, "2.txt")


def test_each_sample_is_found_and_the_unusable_counted(make_shards: MakeShards) -> None:
    samples = index(find([str(make_shards(count=12, mute=[3, 4], blind=[7]))]))
    assert len(samples) == 9
    assert samples.unusable == {"no_caption": 2, "no_image": 1}
    assert samples.caption(0) == "A red thing, number 0"
    assert [samples.caption(i)[-1] for i in range(9)] == list("012568901")
    assert samples.image(8).startswith(b"\xff\xd8")


def test_shards_without_any_caption_stop_at_once(make_shards: MakeShards) -> None:
    with pytest.raises(UserError, match=r"no pair of KEY\.jpg and KEY\.txt .*12 with no caption"):
        index(find([str(make_shards(count=12, mute=range(12)))]))


@pytest.mark.parametrize("length", [0, 300, 5_000, 10_000])
def test_of_a_truncated_shard_the_whole_samples_are_read(make_shards: MakeShards, length: int) -> None:
    path = make_shards(count=12) / "00001.tar"
    path.write_bytes(path.read_bytes()[:length])
    samples = index(find([str(path.parent)]), max_broken=0.5)
    assert samples.unusable["shard_broken"] == 1
    assert str(path) in samples.broken[0]
    whole = index([path.parent / "00000.tar"])
    assert len(whole) <= len(samples) < 12
    assert len(samples) > len(whole) or length < 10_000
    for sample in range(len(samples)):
        assert samples.image(sample).endswith(b"\xff\xd9")
        assert samples.caption(sample).endswith(f"number {sample}")
    with pytest.raises(RunError, match=r"no whole tar: .*; 1 of 2 shards, more than 0\.4"):
        index(find([str(path.parent)]), max_broken=0.4)


@pytest.mark.parametrize("length", [0, 300, 5_000])
def test_a_truncated_shard_stops_the_run(make_shards: MakeShards, length: int) -> None:
    path = make_shards() / "00001.tar"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(RunError, match=r"00001\.tar: is no whole tar"):
        index(find([str(path.parent)]))


def test_a_copy_elsewhere_has_the_same_digest_and_other_samples_another(make_shards: MakeShards) -> None:
    digests = [index(find([str(make_shards(name, count=count))])).digest for name, count in SETS]
    assert digests[0] == digests[1] != digests[2]


SETS = [("here", 12), ("there", 12), ("other", 13)]
