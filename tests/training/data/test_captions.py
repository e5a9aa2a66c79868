import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.conftest import add, jpeg
from training.data.captions import text_in
from training.data.shards import Samples, index
from wit_pipeline.vocabulary.errors import UserError


def shard(path: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            add(tar, name, data)
    return path


def in_json(path: Path, key: str = "caption", count: int = 3) -> Path:
    """A shard whose captions are in JSON alone."""
    members = {}
    for i in range(count):
        members[f"{i}.jpg"] = jpeg("red", i)
        members[f"{i}.json"] = json.dumps({key: f"number {i}", "width": 3}).encode()
    return shard(path, members)


def captions(samples: Samples) -> list[str]:
    return [samples.caption(sample) for sample in range(len(samples))]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"caption": "A dog"}', "A dog"),
        ('\ufeff{"caption": "Ein Käse"}'.encode(), "Ein Käse"),
        (b'{"caption": "half \\ud83d"}', "half ?"),  # half of a pair is no text that can be encoded
        (b'{"caption": 3}', ""),
        (b'{"caption": ["A dog"]}', ""),
        (b'{"Caption": "A dog"}', ""),
        (b'["caption"]', ""),
        (b'{"caption": "\xff"}', ""),
        (b'{"caption": "A d', ""),
        (b"[" * 100_000, ""),
        (b"", ""),
    ],
)
def test_a_caption_in_json_is_a_text_or_empty(data: bytes, text: str) -> None:
    assert text_in(data, "caption") == text


@given(st.binary(max_size=60))
def test_no_bytes_are_an_error(data: bytes) -> None:
    assert text_in(data, "caption").encode() is not None


@pytest.mark.parametrize("kept", [False, True])
def test_captions_in_json_are_read_by_their_key(kept: bool, tmp_path: Path) -> None:
    path = in_json(tmp_path / "0.tar", "alt")
    folder = tmp_path / "index" if kept else None
    for _ in range(2):
        assert captions(index([path], 0.0, folder, "alt")) == ["number 0", "number 1", "number 2"]
    with pytest.raises(UserError, match=r"caption_key 'text': none of the first 3 JSONs .* the first: alt$"):
        index([path], 0.0, folder, "text")


def test_one_folder_keeps_the_index_of_texts_and_of_json(tmp_path: Path) -> None:
    members = {"1.jpg": b"x", "1.txt": b"a text", "1.json": b'{"caption": "in JSON"}'}
    path = shard(tmp_path / "0.tar", members)
    for key, caption in (("", "a text"), ("caption", "in JSON"), ("", "a text")):
        assert captions(index([path], 0.0, tmp_path / "index", key)) == [caption]


def test_what_to_set_is_said_where_captions_are_in_json_alone(tmp_path: Path) -> None:
    alone = in_json(tmp_path / "0.tar")
    hint = r'3 samples without a text have a JSON, with .caption. in the first: caption_key = "caption"'
    for _ in range(2):
        with pytest.raises(UserError, match=rf"3 with no caption.*; {hint}"):
            index([alone], 0.0, tmp_path / "index")
    both = shard(tmp_path / "1.tar", {"1.jpg": b"x", "1.txt": b"a text", "1.json": b"{}"})
    samples = index([alone, both], 0.0, tmp_path / "index")
    assert (len(samples), samples.unusable, samples.in_json) == (1, {"no_caption": 3}, 3)
    assert "3 samples without a text have a JSON" in samples.notes()[0]
    assert index([alone], caption_key="caption").notes() == []


@pytest.mark.parametrize("key", ["alt", "captions"])
def test_json_of_another_key_is_no_hint(key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        index([in_json(tmp_path / "0.tar", key)])
    assert "caption_key" not in str(told.value)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"1.png": b"", "1.cls": b"", "2.png": b"", "2.cls": b""}, "found 2 .png, 2 .cls;"),
        ({"a/1.seg.png": b"", "a/1.TXT": b"", "b": b""}, "found 1 .seg.png, 1 .txt, 1 without an ending;"),
        ({"1.txt\n": b""}, r"found 1 .txt\n;"),
        ({}, "found no member;"),
    ],
)
def test_shards_without_samples_are_told_by_their_members(
    members: dict[str, bytes], found: str, tmp_path: Path
) -> None:
    path = shard(tmp_path / "0.tar", members)
    for _ in range(2):  # the second time, from what was kept
        with pytest.raises(UserError) as told:
            index([path], 0.0, tmp_path / "index")
        assert found in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_doubled_members_are_counted_and_the_last_is_read(form: int, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w", format=form) as tar:
        for name, data in (("é.jpg", b"x"), ("é.txt", b"first"), ("é.TXT", b"last"), ("d/é.txt", b"")):
            add(tar, name, data)
    for _ in range(2):
        samples = index([tmp_path / "0.tar"], 0.0, tmp_path / "index")
        assert captions(samples) == ["last"]
        assert samples.notes() == ["doubled members, of which the last is read: 1"]
