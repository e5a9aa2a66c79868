import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_pipeline.copies.picture_sets import pictures, read, survey
from wit_pipeline.vocabulary.errors import UserError

BODIES = {"b/2.PNG": b"two", "a/1.jpg": b"one"}


def tarred(path: Path, members: dict[str, bytes], mode: Any = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, body in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def found(place: Path) -> dict[str, bytes]:
    return {item.name: body for item, body in read(pictures("[audit.sets] eval", place))}


def test_a_folder_with_folders(tmp_path: Path) -> None:
    for name, body in {**BODIES, "readme.txt": b"", "a/._1.jpg": b"a shadow"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    assert [item.name for item in pictures("[audit.sets] eval", tmp_path)] == ["a/1.jpg", "b/2.PNG"]
    assert found(tmp_path) == BODIES


@pytest.mark.parametrize(("name", "mode"), [("x.tar", "w"), ("x.tar.gz", "w:gz"), ("x.TGZ", "w:gz")])
def test_a_tar(tmp_path: Path, name: str, mode: str) -> None:
    more = {"readme.txt": b"", "a/1.cls": b"3", "._1.jpg": b"a shadow"}
    assert found(tarred(tmp_path / name, {**BODIES, **more}, mode)) == BODIES


def test_a_zip(tmp_path: Path) -> None:
    assert found(zipped(tmp_path / "x.zip", {**BODIES, "__MACOSX/._1.jpg": b"a shadow"})) == BODIES


def test_no_name_is_taken_for_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s:1").mkdir()
    rows = [{"bytes": body, "path": name} for name, body in BODIES.items()]
    pq.write_table(pa.table({"image": rows}), tmp_path / "s:1" / "x.parquet")
    for place in ("s:1/x.parquet", "s:1", "s:?/*.parquet"):
        assert sorted(found(Path(place)).values()) == sorted(BODIES.values())


def test_a_damaged_member_is_an_image_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.jpg", b"some bytes")
        archive.writestr("2.jpg", b"others")
    path.write_bytes(path.read_bytes().replace(b"some bytes", b"SOME bytes"))
    assert found(path) == {"1.jpg": b"", "2.jpg": b"others"}


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (pa.array([b"one", b"two"]), ["000000000", "000000001"]),
        (
            pa.array([{"bytes": b"one", "path": "a.jpg"}, {"bytes": b"two", "path": "b.jpg"}]),
            ["a.jpg", "b.jpg"],
        ),
        (
            pa.array([{"bytes": b"one", "path": None}, {"bytes": b"two", "path": "b.jpg"}]),
            ["000000000", "000000001"],
        ),
        (
            pa.array([{"bytes": b"one", "path": "a.jpg"}, {"bytes": b"two", "path": "a.jpg"}]),
            ["000000000", "000000001"],
        ),
    ],
)
def test_a_table(tmp_path: Path, column: pa.Array, names: list[str]) -> None:
    pq.write_table(pa.table({"label": [1, 2], "image": column}), tmp_path / "x.parquet", row_group_size=1)
    assert found(tmp_path / "x.parquet") == dict(zip(names, [b"one", b"two"], strict=True))


def test_a_table_without_images_is_refused_unless_it_lies_beside_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"label": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match="has no column of images; wants bytes in one of image"):
        pictures("[audit.sets] eval", tmp_path / "x.parquet")
    (tmp_path / "1.jpg").write_bytes(b"one")
    assert found(tmp_path) == {"1.jpg": b"one"}


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"image.bytes": [b"one", b"two"]}, ["000000000", "000000001"]),
        ({"image.bytes": [b"one", b"two"], "image.path": ["a.ppm", "b.ppm"]}, ["a.ppm", "b.ppm"]),
        ({"bytes": [b"one", b"two"], "path": ["a.ppm", "b.ppm"]}, ["a.ppm", "b.ppm"]),
    ],
)
def test_a_table_whose_structs_were_laid_flat(tmp_path: Path, columns: Any, names: list[str]) -> None:
    pq.write_table(pa.table({"label": [1, 2], **columns}), tmp_path / "x.parquet")
    assert found(tmp_path / "x.parquet") == dict(zip(names, [b"one", b"two"], strict=True))


def test_a_table_that_says_which_column_is_of_images(tmp_path: Path) -> None:
    features = {"sign": {"_type": "Image"}, "blob": {"dtype": "binary", "_type": "Value"}}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    signs = [{"bytes": b"one", "path": "a.ppm"}, {"bytes": b"two", "path": "b.ppm"}]
    table = pa.table({"blob": [b"", b""], "sign": signs}).replace_schema_metadata(told)
    pq.write_table(table, tmp_path / "x.parquet")
    assert found(tmp_path / "x.parquet") == {"a.ppm": b"one", "b.ppm": b"two"}


def test_what_is_not_read_is_counted_by_its_ending(tmp_path: Path) -> None:
    """A folder as Hugging Face has it, with all that people leave in one."""
    for name in ("train/stop/1.ppm", "train/stop/2.PPM", "test/yield/1.jp2", "test/yield/2.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in ("metadata.csv", "train/stop/GT.csv", "3.heic", "notes", ".DS_Store", "Thumbs.db", "._1.ppm"):
        (tmp_path / name).write_bytes(b"x")
    tarred(tmp_path / "more.tar", {"a.pgm": b"", "a.cls": b"", "a.json": b""})
    zipped(tmp_path / "more.zip", {"a/b.tif": b"", "a/b.svg": b"", "__MACOSX/._b.tif": b""})
    pq.write_table(pa.table({"label": [1]}), tmp_path / "labels.parquet")
    told = survey("[audit.sets] eval", tmp_path)
    assert told.images == len(pictures("[audit.sets] eval", tmp_path)) == 6
    assert dict(told.others) == {
        ".csv": 2, ".heic": 1, "": 1, ".cls": 1, ".json": 1, ".svg": 1, ".parquet": 1,
    }  # fmt: skip
    said = "6 images; not read: 2 .csv, 1 without an ending, 1 .cls, 1 .heic, 1 .json, 2 others"
    assert told.told() == said
    tarred(tmp_path / "pressed.tar.gz", {"b.pgm": b"", "b.cls": b""}, "w:gz")
    assert survey("[audit.sets] eval", tmp_path).told().startswith("6 images beside 1 archives; not read: ")


def test_a_folder_that_is_read_whole_needs_no_word(tmp_path: Path) -> None:
    (tmp_path / "1.ppm").write_bytes(b"x")
    assert survey("[audit.sets] eval", tmp_path).told() == ""


def test_a_folder_of_which_nothing_is_read_says_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "1.heic").write_bytes(b"x")
    for look in (survey, pictures):
        with pytest.raises(UserError, match=r"no image lies in .* that Pillow reads, .*; not read: 1 \.heic"):
            look("[audit.sets] eval", tmp_path)


def test_several_archives_name_their_members_apart(tmp_path: Path) -> None:
    tarred(tmp_path / "00000.tar", {"1.jpg": b"one"})
    tarred(tmp_path / "00001.tar", {"1.jpg": b"two", "2.jpg": b"three"})
    apart = {"00000.tar/1.jpg": b"one", "00001.tar/1.jpg": b"two", "00001.tar/2.jpg": b"three"}
    assert found(tmp_path) == apart
    assert found(tmp_path / "*.tar") == apart


def test_some_of_an_archive_are_read(tmp_path: Path) -> None:
    for place in (tarred(tmp_path / "x.tar", BODIES), zipped(tmp_path / "x.zip", BODIES)):
        some = [item for item in pictures("[audit.sets] eval", place) if item.name == "a/1.jpg"]
        assert [(item.name, body) for item, body in read(some)] == [("a/1.jpg", b"one")]


def test_what_is_no_set_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    (tmp_path / "x.txt").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    whole = tarred(tmp_path / "whole.tar", {"1.jpg": b"1" * 5000}).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:2000])
    two = tarred(tmp_path / "two.tar", {"1.jpg": b"1" * 512, "2.jpg": b"2"}).read_bytes()
    (tmp_path / "header.tar").write_bytes(two[:1300])
    for name, said in {
        "x.tar": "cannot be read",
        "x.zip": "cannot be read",
        "cut.tar": "cannot be read",
        "header.tar": "cannot be read: unexpected end of data",
        "x.txt": "is no folder and no archive",
        "none": "is not there; wants a folder, an archive or a pattern",
        "*.parquet": "is not there",
        "empty": "no image lies in",
    }.items():
        with pytest.raises(UserError, match=rf"^\[audit.sets\] eval: .*{said}"):
            pictures("[audit.sets] eval", tmp_path / name)
